"""The newest event of each subject among some topics, read once and then followed: what must be there now.

Attempts and commands change their state, so that their present rows are compared with their newest events: a row that
was put back to an older state equals an older event.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select

from tradewright.database.engine import Database
from tradewright.ledger.row_evidence import EVENT_COLUMNS
from tradewright.ledger.schema import events
from tradewright.model.topic import Topic


@dataclass(frozen=True)
class SubjectHistory:
    """What the events tell of one subject. Most of the histories that are read are never looked into.

    Args:
        rows: subject, account, mode, number, topic and moment of each of its events, as the database holds them, oldest
            first.
    """

    rows: Sequence[Row[*tuple[Any, ...]]]

    @property
    def subject(self) -> str:
        """The key of what the events are about."""
        return str(self.rows[0][0])

    @property
    def account(self) -> str:
        """The account of its first event."""
        return str(self.rows[0][1])

    @property
    def mode(self) -> str:
        """The mode of its first event."""
        return str(self.rows[0][2])

    @cached_property
    def seqs(self) -> tuple[int, ...]:
        """The numbers of its events."""
        return tuple(row[3] for row in self.rows)

    @cached_property
    def topics(self) -> tuple[Topic, ...]:
        """Their topics."""
        return tuple(_TOPICS[row[4]] for row in self.rows)

    @cached_property
    def times(self) -> tuple[str, ...]:
        """Their moments, as the database holds them."""
        return tuple(row[5] for row in self.rows)

    @property
    def newest(self) -> Topic:
        """The topic of its newest event."""
        return _TOPICS[self.rows[-1][4]]


_TOPICS = {topic.value: topic for topic in Topic}
FAR = 200
"""Events behind the present one beyond which what was committed is remembered first."""


class SubjectHistories:
    """The histories of all subjects of some topics, by subject.

    Only committed events are remembered: those of a transaction that is under way are read anew each time.

    Args:
        ended: topics after which a subject is not at work any more.
    """

    def __init__(self, database: Database, topics: Collection[Topic], ended: Collection[Topic]) -> None:
        self._database, self._behind = database, _behind([topic.value for topic in topics])
        self._ended, self._ended_names = frozenset(ended), frozenset(topic.value for topic in ended)
        self._known: dict[str, SubjectHistory] = {}
        self._at_work: set[str] = set()
        self._upto, self._lock = 0, Lock()

    def read(self, connection: Connection) -> HistoriesNow:
        """The histories as a connection sees them."""
        with self._lock:
            if not self._database.is_writing:
                return HistoriesNow(self._known, self._at_work, {}, self._ended, self._remember(connection))
            last = _newest(connection)
            if last - self._upto > FAR:  # each message would read all of this anew, with the write lock held
                with self._database.read_fresh() as committed:
                    self._remember(committed)
            changed = _added(self._known, self._between(connection, last))
            return HistoriesNow(self._known, self._at_work, changed, self._ended, last)

    def _remember(self, connection: Connection) -> int:
        """Learn what was committed since the last time; the number of the newest event."""
        last = _newest(connection)
        for subject, history in _added(self._known, self._between(connection, last)).items():
            self._known[subject] = history
            (self._at_work.discard if history.rows[-1][4] in self._ended_names else self._at_work.add)(subject)
        self._upto = max(self._upto, last)
        return last

    def _between(self, connection: Connection, last: int) -> dict[str, SubjectHistory]:
        """What the events behind those that are remembered tell of each subject.

        Args:
            last: the newest event that the connection sees; nothing is read when that is remembered.
        """
        if last <= self._upto:
            return {}
        found: dict[str, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
        for row in connection.execute(self._behind, {"seen": self._upto}).all():
            found[row[0]].append(row)
        return {subject: SubjectHistory(rows) for subject, rows in found.items()}


@dataclass(frozen=True)
class HistoriesNow:
    """The histories at one moment.

    Args:
        last: the newest event of the reading transaction; another thread may have learned of newer ones since.
    """

    known: dict[str, SubjectHistory]
    remembered: set[str]
    changed: dict[str, SubjectHistory]
    ended: frozenset[Topic]
    last: int

    def get(self, subject: str) -> SubjectHistory | None:
        """The history of a subject; None when no event is about it."""
        found = self.changed.get(subject) or self.known.get(subject)
        return None if found is None else _until(found, self.last)

    def at_work(self) -> list[SubjectHistory]:
        """The histories that have not ended."""
        begun = [each.subject for each in self.changed.values() if each.newest not in self.ended]
        kept = [name for name in list(self.remembered) if name not in self.changed]
        return [history for name in (*kept, *begun) if (history := self.get(name)) is not None]

    def all(self) -> Iterator[SubjectHistory]:
        """Every history."""
        for history in (self.known | self.changed).values():
            if (found := _until(history, self.last)) is not None:
                yield found


_NEWEST = select(func.max(events.c.seq))


def _newest(connection: Connection) -> int:
    return connection.execute(_NEWEST).scalar() or 0


def _behind(topics: Sequence[str]) -> Select[Any]:
    """The events of some topics behind a number, oldest first."""
    names = {column.name: column for column in EVENT_COLUMNS}
    columns = [names[name] for name in ("subject", "account", "mode", "seq", "topic", "at")]
    behind = events.c.seq > bindparam("seen")
    return select(*columns).where(behind, events.c.topic.in_(topics)).order_by(events.c.seq)


def _added(known: Mapping[str, SubjectHistory], fresh: Mapping[str, SubjectHistory]) -> dict[str, SubjectHistory]:
    """The histories to which something was added, with what was known of them before."""
    old = ((subject, known.get(subject), history) for subject, history in fresh.items())
    return {subject: history if before is None else _longer(before, history) for subject, before, history in old}


def _until(history: SubjectHistory, last: int) -> SubjectHistory | None:
    """The part of a history up to an event; None when nothing is left of it."""
    if history.rows[-1][3] <= last:
        return history
    size = bisect_right(history.seqs, last)
    return SubjectHistory(history.rows[:size]) if size else None


def _longer(old: SubjectHistory, new: SubjectHistory) -> SubjectHistory:
    return SubjectHistory((*old.rows, *new.rows))
