"""What used bars that were corrected afterwards: research by its records, and what was decided by the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tradewright.execution.operator_actions import orders
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Decision
from tradewright.model.intent import Intent
from tradewright.store.dataset import Revision
from tradewright.store.series import Series
from tradewright.store.uses import Use

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class DecidedOn:
    """An intent that was made before a revision, and what followed from it.

    Args:
        decisions: of the gate, made before the revision too.
        orders: references of its orders, each with its state, whenever they were sent.
    """

    intent: Intent
    decisions: tuple[Decision, ...]
    orders: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Impact:
    """One revision of a stored series, and everything that used the values before it."""

    series: Series
    revision: Revision
    uses: tuple[Use, ...]
    decided: tuple[DecidedOn, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing used the old values."""
        return not self.uses and not self.decided


def impact_of(series: Series, revision: Revision, uses: Iterable[Use], ledger: Ledger) -> Impact:
    """Everything that used the values before a revision, on the safe side.

    Research read them where it read the series in an earlier revision, over a time that shares a moment with the bars
    that changed. Indicators remember without end, and gate and sizes read several timeframes; so every intent on the
    instrument counts that was written between the start of the first changed bar and the revision.

    Raises:
        LedgerError: when the ledger cannot be read.
    """
    used = tuple(use for use in uses if _read_before(use, series, revision))
    found = ledger.decisions.intents_between(series.instrument, _moment(revision.first), revision.recorded_at)
    return Impact(series, revision, used, tuple(_followed(ledger, intent, revision) for intent in found))


def _read_before(use: Use, series: Series, revision: Revision) -> bool:
    return any(
        (each.instrument, each.timeframe, each.kind) == series
        and each.revision < revision.number
        and each.first <= revision.last
        and each.last >= revision.first
        for each in use.series
    )


def _followed(ledger: Ledger, intent: Intent, revision: Revision) -> DecidedOn:
    made: Sequence[Decision] = ledger.decisions.of_intent(intent.intent_id)
    return DecidedOn(
        intent,
        tuple(decision for decision in made if decision.decided_at < revision.recorded_at),
        tuple((view.attempt.ref, view.state.value) for view in orders(ledger, intent.intent_id)),
    )


def _moment(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)
