"""The trial ledger for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.catalog.trials import RatesUsed, TrialLine, Trials
from tradewright.model.errors import ConfigError


@dataclass(frozen=True)
class EvaluationLine:
    """One evaluation.

    Args:
        at: when it was recorded, in UTC.
        source: what evaluated: ``backtest``, ``sweep`` or ``walkforward``.
        bars: instruments, timeframe and days.
        rates: the exchange rates with the beginning of their fingerprints; empty without any.
        trials: the parameter sets that it evaluated.
        added: how many of them were new on these bars.
        effective: how many independent trials those count for.
        so_far: all trials on these bars, this evaluation included.
    """

    at: str
    source: str
    strategy: str
    bars: str
    rates: str
    trials: int
    added: int
    effective: float
    so_far: int


def evaluations(settings: Settings, top: int) -> list[EvaluationLine]:
    """The newest evaluations, oldest first.

    Args:
        top: how many; 0 for all.

    Raises:
        ConfigError: for a negative number.
        StoreError: the trial ledger is damaged.
    """
    if top < 0:
        raise ConfigError(f"{top} evaluations cannot be shown", where="--top", remedy="say --top 20; 0 shows all")
    ledger = Trials(Container(settings).root)
    lines = ledger.all()
    return [_told(line, ledger.family(line, lines)) for line in lines[-top:]]


def _told(line: TrialLine, family: Iterable[TrialLine]) -> EvaluationLine:
    facts = line.facts
    days = " to ".join(f"{datetime.fromtimestamp(each // 10**9, UTC):%Y-%m-%d}" for each in (facts.first, facts.last))
    return EvaluationLine(
        at=f"{line.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        source=facts.source,
        strategy=facts.strategy,
        bars=f"{', '.join(facts.instruments)} {facts.timeframe}, {days}",
        rates=", ".join(dict.fromkeys(map(_rates, facts.rates))),
        trials=line.trials,
        added=line.added,
        effective=line.effective,
        so_far=sum(each.added for each in family if each.number <= line.number),
    )


def _rates(used: RatesUsed) -> str:
    return f"{used.source} to {used.target} by {used.origin} [{used.fingerprint[:8]}]"
