"""Look-ahead evidence on disk: made once per strategy, code and bars, and read by everything that claims anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import cast

from tradewright.backtest.lookahead_evidence import LookAheadEvidence, tested_code
from tradewright.backtest.panel.rows import rows_hash, rows_of
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.allocation import Allocation, is_allocation
from tradewright.model.errors import StoreError
from tradewright.model.hashing import content_hash
from tradewright.model.strategy import Strategy
from tradewright.research.bars import InstrumentBars
from tradewright.store.artefacts import Artefacts


def evidence_of(strategy: Strategy, item: InstrumentBars, kept: Artefacts) -> LookAheadEvidence:
    """The stored evidence for exactly this strategy and these bars, or a new one, which is stored.

    Args:
        kept: where evidence is stored, under a hash of code and data. A damaged entry counts as absent.

    Raises:
        StrategyError: the strategy's own code failed.
        StoreError: the evidence cannot be written.
    """
    code, data = tested_code(strategy), item.data_hash
    key = (content_hash([code, data]),)
    found = _stored(kept, key)
    if found is not None and (found.code, found.data) == (code, data):
        return found
    from tradewright.backtest.lookahead import look_ahead_evidence  # the compiler is loaded only where it is needed

    made = look_ahead_evidence(strategy, item.bars, secondary=item.secondary, data=data)
    kept.write_json(key, asdict(made))
    return made


def look_ahead_of(
    strategy: Strategy | Allocation,
    tables: Mapping[str, InstrumentBars],
    terms: Mapping[str, BacktestSpec],
    kept: Artefacts,
) -> dict[str, LookAheadEvidence]:
    """The evidence on each instrument: :func:`evidence_of`, or :func:`allocation_evidence` of an allocation.

    Raises:
        ConfigError, DataError, StoreError, StrategyError: as they do.
    """
    if is_allocation(strategy):
        return allocation_evidence(strategy, tables, terms, kept)
    decides = cast("Strategy", strategy)
    return {symbol: evidence_of(decides, item, kept) for symbol, item in tables.items()}


def allocation_evidence(
    strategy: Allocation,
    tables: Mapping[str, InstrumentBars],
    terms: Mapping[str, BacktestSpec],
    kept: Artefacts,
) -> dict[str, LookAheadEvidence]:
    """The look-ahead test of an allocation on all its instruments together, as evidence on each; read where it is kept.

    It is bound to the code and to the bars of all instruments, in their order, those of other series included, and to
    their rows where these do not follow from the starts of the bars alone.

    Raises:
        StrategyError: the strategy's own code failed.
        ConfigError, DataError: the bars cannot share an account.
        StoreError: the evidence cannot be written.
    """
    code, data = tested_code(strategy), [[name, item.data_hash] for name, item in tables.items()]
    starts = {name: item.bars.ts for name, item in tables.items()}
    rows = rows_of(starts, {name: terms[name].sessions for name in tables})
    beside = rows_hash(rows.ts, rows.places, starts.values())
    together = content_hash([*data, beside] if beside else data)
    key, bars = (content_hash([code, together]),), {symbol: len(item.bars.ts) for symbol, item in tables.items()}
    found = _stored(kept, key)
    if found is None or (found.code, found.data) != (code, together):
        from tradewright.backtest.panel.allocation_lookahead import allocation_look_ahead  # the compiler is loaded here
        from tradewright.backtest.panel.panel import panel_of

        panel = panel_of({symbol: item.bars for symbol, item in tables.items()}, terms)
        found = LookAheadEvidence(code, together, len(panel.ts), allocation_look_ahead(strategy, panel))
        kept.write_json(key, asdict(found))
    return {
        symbol: LookAheadEvidence(code, item.data_hash, bars[symbol], found.findings) for symbol, item in tables.items()
    }


def _stored(kept: Artefacts, key: tuple[str, ...]) -> LookAheadEvidence | None:
    try:
        read = kept.read_json(key)
        return LookAheadEvidence(read["code"], read["data"], read["bars"], tuple(read["findings"]))
    except (StoreError, KeyError, TypeError):
        return None
