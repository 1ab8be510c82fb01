"""Rebalances in the daily loop: what was proposed, and what waits for its reductions. Loads no kernels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.execution.rebalancing import Waiting, is_unsettled
from tradewright.model.base import FrozenModel
from tradewright.model.errors import StoreError
from tradewright.model.signal import SignalCandidate
from tradewright.store.artefacts import Key, NoArtefact
from tradewright.store.progress import Progress, read_progress, write_progress


class RebalanceMark(NamedTuple):
    """A rebalance of one instrument that was proposed: the start of its bar in nanoseconds, the strategy's identity."""

    strategy: str
    instrument: str
    bar: int
    identity: str


class HeldBack(FrozenModel):
    """The increases of a strategy that wait for its reductions.

    Args:
        bars: the newest bar of each instrument whose increase waits, as the signals were made on it.
        identity: of the settings of these signals.
        reductions: the instruments of the reductions, by the ids of their intents.
    """

    strategy: str
    bars: dict[str, int]
    identity: str
    reductions: dict[str, str]

    @property
    def orders(self) -> Waiting:
        """What waits for what."""
        return Waiting(self.strategy, tuple(sorted(self.bars)), self.reductions)

    @property
    def text(self) -> str:
        """All of it in words."""
        return self.orders.text


_STORED = TypeAdapter(HeldBack | None)


def desk_of(settings: Settings) -> str:
    """Mode, venue and account: one of them never counts as done for another."""
    return f"{settings.mode.name}-{settings.broker.kind}-{settings.broker.account or 'any'}"


def rebalance_marks(signals: Iterable[SignalCandidate]) -> list[RebalanceMark]:
    """The marks of those of the signals that rebalance."""
    return [
        RebalanceMark(row.strategy, row.instrument, pd.Timestamp(row.bar_ts).value, row.strategy_hash)
        for row in signals
        if row.rebalances
    ]


def proposed_before(house: Container, marks: Iterable[RebalanceMark]) -> set[tuple[str, str]]:
    """Strategy and instrument of the rebalances that were proposed in this mode and account.

    Raises:
        StoreError: when the record is damaged.
    """
    known = {name: _proposed(house, name) for name in {mark.strategy for mark in marks}}
    return {(mark.strategy, mark.instrument) for mark in marks if _is_known(known[mark.strategy], mark)}


def finish_rebalances(house: Container, marks: Sequence[RebalanceMark], held_back: Sequence[HeldBack]) -> None:
    """Note that these rebalances were proposed, and what of them waits.

    Raises:
        StoreError: when it cannot be written.
    """
    waiting = {row.strategy: row for row in held_back}
    for name in {mark.strategy for mark in marks} | waiting.keys():
        mine = [mark for mark in marks if mark.strategy == name]
        if mine:
            before, identity = _proposed(house, name), mine[-1].identity
            kept = before.bars if before is not None and before.identity == identity else {}
            bars = {**kept, **{mark.instrument: mark.bar for mark in mine}}
            write_progress(
                house.progress, _proposed_of(house.settings, name), Progress(house.clock.now(), bars, identity)
            )
        house.progress.write_json(
            _waiting_of(house.settings, name), _STORED.dump_python(waiting.get(name), mode="json")
        )


def held_back(house: Container, strategy: str) -> HeldBack | None:
    """The increases of a strategy that waited when its rebalance was proposed last; None where none did.

    Raises:
        StoreError: when the record is damaged.
    """
    place = _waiting_of(house.settings, strategy)
    try:
        return _STORED.validate_python(house.progress.read_json(place))
    except NoArtefact:
        return None
    except ValidationError as error:
        where, remedy = str(house.progress.folder(place)), "remove it: the next round finds it out anew"
        raise StoreError("holds no orders that wait", where=where, remedy=remedy) from error


def waits_still(house: Container, held: HeldBack) -> bool:
    """Whether a reduction that increases wait for is unsettled.

    Raises:
        LedgerError: when the ledger cannot be used.
    """
    return any(is_unsettled(house.ledger, intent_id) for intent_id in held.reductions)


def waiting_orders(house: Container, strategies: Iterable[str]) -> list[Waiting]:
    """What of the rebalances of some strategies waits for reductions that are unsettled.

    A strategy whose record is damaged is told as broken, and has none here.

    Raises:
        LedgerError: when the ledger cannot be used.
    """
    found = []
    for name in strategies:
        with suppress(StoreError):
            held = held_back(house, name)
            if held is not None and waits_still(house, held):
                found.append(held.orders)
    return found


def are_held_back(house: Container, strategy: str, due: Collection[str], bars: Mapping[str, int], identity: str) -> str:
    """Why signals that could be decided on wait, in words; empty where one of them does not.

    Args:
        due: the instruments of the signals.
        bars, identity: the newest bar of each and the settings of the signals.

    Raises:
        StoreError, LedgerError: as :func:`held_back` and :func:`waits_still`.
    """
    found = held_back(house, strategy) if due else None
    if found is None or found.identity != identity:
        return ""
    if any(found.bars.get(symbol) != bars[symbol] for symbol in due):
        return ""
    return found.text if waits_still(house, found) else ""


def _is_known(done: Progress | None, mark: RebalanceMark) -> bool:
    return done is not None and done.identity == mark.identity and done.bars.get(mark.instrument) == mark.bar


def _proposed(house: Container, strategy: str) -> Progress | None:
    return read_progress(house.progress, _proposed_of(house.settings, strategy))


def _proposed_of(settings: Settings, strategy: str) -> Key:
    return "rebalanced", desk_of(settings), strategy


def _waiting_of(settings: Settings, strategy: str) -> Key:
    return "waiting", desk_of(settings), strategy
