"""What used bars that were corrected afterwards: research by its records, and what was decided by the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tradewright.execution.operator_actions import orders
from tradewright.ledger.ledger import Ledger
from tradewright.model.intent import Intent
from tradewright.store.dataset import Revision
from tradewright.store.series import Series
from tradewright.store.uses import Use

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHOWN = 12
"""Digits of a hash that are shown."""


@dataclass(frozen=True)
class Touched:
    """One thing that used the values before a revision.

    Args:
        kind: backtest, sweep, features, signals, intent, decision or order.
        name: of the strategy or the instrument, or the id.
        at: when it began to read, in its newest run, or was decided; None for an order.
        detail: what tells it from others: parameters and settings, side and quantity, a verdict, a state.
    """

    kind: str
    name: str
    at: datetime | None
    detail: str


@dataclass(frozen=True)
class Impact:
    """One revision of a stored series, and everything that used the values before it.

    Args:
        touched: research first, then each intent with the decisions on it that were made before the revision and its
            orders, whenever they were sent.
    """

    series: Series
    revision: Revision
    touched: tuple[Touched, ...]

    @property
    def first(self) -> datetime:
        """Start of the first bar that changed."""
        return _moment(self.revision.first)

    @property
    def last(self) -> datetime:
        """Start of the last bar that changed."""
        return _moment(self.revision.last)

    @property
    def known_before(self) -> datetime:
        """The last moment at which the old values were the newest, for ``backtest.known_at``."""
        return self.revision.recorded_at - timedelta(microseconds=1)

    @property
    def text(self) -> str:
        """The revision in one line."""
        row, span = self.revision, f"{self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M}"
        name = f"{self.series.instrument} {self.series.timeframe} {self.series.kind} revision {row.number}"
        return f"{name}: {row.told}, {span}, recorded {row.recorded_at:%Y-%m-%d %H:%M:%S} UTC, by {row.source}"


def impact_of(series: Series, revision: Revision, uses: Iterable[Use], ledger: Ledger) -> Impact:
    """Everything that used the values before a revision, on the safe side.

    Research read them where it read the series in an earlier revision, over a time that shares a moment with the bars
    that changed. Indicators remember without end, and gate and sizes read several timeframes; so every intent on the
    instrument counts that was written between the start of the first changed bar and the revision.

    Raises:
        LedgerError: when the ledger cannot be read.
    """
    used = [_of_use(use) for use in uses if _read_before(use, series, revision)]
    found = ledger.decisions.intents_between(series.instrument, _moment(revision.first), revision.recorded_at)
    return Impact(series, revision, (*used, *(row for intent in found for row in _of_intent(ledger, intent, revision))))


def _read_before(use: Use, series: Series, revision: Revision) -> bool:
    return any(
        (each.instrument, each.timeframe, each.kind) == series
        and each.revision < revision.number
        and each.first <= revision.last
        and each.last >= revision.first
        for each in use.series
    )


def _of_use(use: Use) -> Touched:
    detail = (f"{name} {value[:SHOWN] if name.endswith('hash') else value}" for name, value in use.detail.items())
    return Touched(str(use.kind), use.name, use.at, ", ".join(detail))


def _of_intent(ledger: Ledger, intent: Intent, revision: Revision) -> Iterator[Touched]:
    terms, bar = intent.terms, intent.provenance.get("bar", "")
    what = f"{intent.strategy}: {terms.side} {terms.quantity} {terms.instrument}{f', bar {bar}' if bar else ''}"
    yield Touched("intent", intent.intent_id, intent.decided_at, what)
    for decision in ledger.decisions.of_intent(intent.intent_id):
        if decision.decided_at < revision.recorded_at:
            yield Touched("decision", decision.decision_id, decision.decided_at, str(decision.verdict))
    for view in orders(ledger, intent.intent_id):
        yield Touched("order", view.attempt.ref, None, view.state.value)


def _moment(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)
