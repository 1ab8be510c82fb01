"""The evidence of attempts: each row equals its newest event, its steps are a legal walk, and none is missing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, func, select

from tradewright.database.column_types import Moment
from tradewright.database.engine import Database
from tradewright.ledger.attempt import replay
from tradewright.ledger.errors import IllegalTransition
from tradewright.ledger.facts import CHUNK, STEP_TOPICS, Facts, Scope, names, of_subject, removed
from tradewright.ledger.newest_events import HistoriesNow, SubjectHistories, SubjectHistory
from tradewright.ledger.row_evidence import tampered
from tradewright.ledger.schema import attempt_events, attempts, events, executions, perm_ids
from tradewright.model.order import AttemptState
from tradewright.model.topic import Topic

TOPIC_OF_STATE = {
    AttemptState.CLAIMED: Topic.ORDER_CLAIMED,
    AttemptState.SENDING: Topic.ORDER_SENDING,
    AttemptState.UNKNOWN: Topic.ORDER_UNKNOWN,
    AttemptState.ACKED: Topic.ORDER_SUBMITTED,
    AttemptState.WORKING: Topic.ORDER_WORKING,
    AttemptState.PARTIAL: Topic.ORDER_PARTIALLY_FILLED,
    AttemptState.CANCEL_REQUESTED: Topic.ORDER_CANCEL_REQUESTED,
    AttemptState.FILLED: Topic.ORDER_FILLED,
    AttemptState.CANCELLED: Topic.ORDER_CANCELLED,
    AttemptState.REJECTED: Topic.ORDER_REJECTED,
    AttemptState.EXPIRED: Topic.ORDER_EXPIRED,
    AttemptState.NOT_SENT: Topic.ORDER_NOT_SENT,
}
_STATE_OF_TOPIC = {topic: state for state, topic in TOPIC_OF_STATE.items()}
_ENDS = tuple(topic for state, topic in TOPIC_OF_STATE.items() if state.terminal)


class AttemptEvidence:
    """Compares attempts, and what is known of their orders at the venue, with the events."""

    def __init__(self, database: Database, facts: Facts) -> None:
        self._facts, self._histories = facts, SubjectHistories(database, STEP_TOPICS, _ENDS)

    def check(self, connection: Connection, refs: Iterable[str]) -> set[str]:
        """Compare some attempts with their events.

        Returns:
            The references that were compared, as from every method here.

        Raises:
            LedgerTampered: for an attempt that differs from its newest event, has none, or is gone.
        """
        return self._check(connection, self._histories.read(connection), refs)

    def check_live(self, connection: Connection, account: str) -> set[str]:
        """Compare the attempts of an account that the events know as not ended."""
        now = self._histories.read(connection)
        live = [history.subject for history in now.at_work() if history.account == account]
        return self._check(connection, now, live)

    def check_sent(self, connection: Connection, account: str, moment: datetime | None = None) -> set[str]:
        """Compare the attempts of an account that were written down for the venue, or those after a moment."""
        now = self._histories.read(connection)
        after = "" if moment is None else str(Moment().process_bind_param(moment, connection.dialect))
        histories = (history for history in now.all() if history.account == account)
        return self._check(connection, now, [history.subject for history in histories if _sent_at(history) > after])

    def check_intents(self, connection: Connection, intent_ids: Iterable[str]) -> set[str]:
        """Compare all attempts of some intents."""
        return self._check(connection, *self._of_intents(connection, intent_ids))

    def check_reached(self, connection: Connection, intent_id: str) -> None:
        """Compare all attempts of an intent with their steps, permanent ids and executions: what a claim relies on.

        Raises:
            LedgerTampered: when one of them was edited, put in or removed.
        """
        now, refs = self._of_intents(connection, [intent_id])
        self._check(connection, now, refs)
        for scope in venue_evidence(connection, sorted(refs)):
            self._facts.check(connection, scope)

    def _of_intents(self, connection: Connection, intent_ids: Iterable[str]) -> tuple[HistoriesNow, set[str]]:
        """The attempts of intents by their events and by their rows; a reference begins with its intent's id."""
        now, wanted = self._histories.read(connection), set(intent_ids)
        refs = {history.subject for history in now.all() if history.subject.partition(".")[0] in wanted}
        ids = sorted(wanted)
        for start in range(0, len(ids), CHUNK):
            chosen = attempts.c.intent_id.in_(ids[start : start + CHUNK])
            refs |= set(connection.execute(select(attempts.c.ref).where(chosen)).scalars())
        return now, refs

    def _check(self, connection: Connection, now: HistoriesNow, refs: Iterable[str]) -> set[str]:
        wanted = set(refs)
        rows = {row["ref"]: row for row in self._facts.check_rows(connection, attempts, "ref", wanted)}
        for ref in sorted(wanted):
            history, row = now.get(ref), rows.get(ref)
            if row is None:
                if history is not None:
                    raise removed(connection, attempts, history.seqs[-1])
                continue
            if history is None or history.seqs[-1] != row["event_seq"]:
                raise tampered(attempts, row, "event_seq", row["event_seq"], history and history.seqs[-1])
            _check_walk(history)
        return wanted


def venue_evidence(connection: Connection, refs: list[str]) -> list[Scope]:
    """Steps, permanent ids and executions of some attempts. An execution is recorded after the claim of its order."""
    if not refs:
        return []
    first = select(func.min(events.c.seq)).where(events.c.subject.in_(refs))
    claimed = connection.execute(first).scalar() or 0
    found = [of_subject(attempt_events, "ref", refs), of_subject(perm_ids, "ref", refs)]
    later = events.c.seq >= claimed
    return found + [Scope(executions, (executions.c.ref == ref,), (later, names("ref", ref))) for ref in refs]


def _sent_at(history: SubjectHistory) -> str:
    """When its event says that it was written down for the venue; empty when it never was."""
    if Topic.ORDER_SENDING not in history.topics:
        return ""
    return history.times[history.topics.index(Topic.ORDER_SENDING)]


def _check_walk(history: SubjectHistory) -> None:
    try:
        _replay(history.topics)
    except IllegalTransition as error:
        raise tampered(attempt_events, {"id": history.subject}, "state", error.what, "a legal walk") from error


@lru_cache(maxsize=1_000)
def _replay(topics: tuple[Topic, ...]) -> None:
    """Walk the steps; most orders take one of a few walks."""
    replay([_STATE_OF_TOPIC[topic] for topic in topics])
