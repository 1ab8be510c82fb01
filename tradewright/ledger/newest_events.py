"""The newest event of each subject among some topics, read once and then followed: what must be there now.

Attempts and commands change their state, so that their present rows are compared with their newest events: a row that
was put back to an older state equals an older event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from threading import Lock

from sqlalchemy import Connection, func, select

from tradewright.database.engine import Database
from tradewright.ledger.row_evidence import EVENT_COLUMNS
from tradewright.ledger.schema import events
from tradewright.model.topic import Topic


@dataclass(frozen=True, slots=True)
class Life:
    """What the events tell of one subject.

    Args:
        seqs: the numbers of its events, oldest first.
        topics: their topics.
        times: their moments, as the database holds them.
    """

    subject: str
    account: str
    mode: str
    seqs: tuple[int, ...]
    topics: tuple[Topic, ...]
    times: tuple[str, ...]

    @property
    def newest(self) -> Topic:
        """The topic of its newest event."""
        return self.topics[-1]


class Lives:
    """The lives of all subjects of some topics, by subject.

    Only committed events are remembered: those of a transaction that is under way are read anew each time.

    Args:
        ended: topics after which a subject is not at work any more.
    """

    def __init__(self, database: Database, topics: Collection[Topic], ended: Collection[Topic]) -> None:
        self._database, self._topics = database, [topic.value for topic in topics]
        self._ended = frozenset(ended)
        self._known: dict[str, Life] = {}
        self._at_work: set[str] = set()
        self._upto, self._lock = 0, Lock()

    def read(self, connection: Connection) -> Reading:
        """The lives as a connection sees them."""
        with self._lock:
            last = connection.execute(select(func.max(events.c.seq))).scalar() or 0
            fresh = list(self._after(connection, self._upto))
            changed = _added(self._known, fresh)
            if self._database.is_writing:
                return Reading(self._known, self._at_work, changed, self._ended)
            for life in changed.values():
                self._known[life.subject] = life
                (self._at_work.discard if life.newest in self._ended else self._at_work.add)(life.subject)
            self._upto = max(last, *(life.seqs[0] for life in fresh[-1:]), 0)
            return Reading(self._known, self._at_work, {}, self._ended)

    def _after(self, connection: Connection, seq: int) -> Iterator[Life]:
        names = {column.name: column for column in EVENT_COLUMNS}
        columns = [names[name] for name in ("seq", "topic", "subject", "account", "mode", "at")]
        query = select(*columns).where(events.c.seq > seq, events.c.topic.in_(self._topics)).order_by(events.c.seq)
        for row in connection.execute(query):
            yield Life(row.subject, row.account, row.mode, (row.seq,), (Topic(row.topic),), (row.at,))


@dataclass(frozen=True)
class Reading:
    """The lives at one moment."""

    known: dict[str, Life]
    remembered: set[str]
    changed: dict[str, Life]
    ended: frozenset[Topic]

    def get(self, subject: str) -> Life | None:
        """The life of a subject; None when no event is about it."""
        return self.changed.get(subject) or self.known.get(subject)

    def at_work(self) -> list[Life]:
        """The lives that have not ended."""
        found = [self.known[name] for name in list(self.remembered) if name not in self.changed]
        return found + [life for life in self.changed.values() if life.newest not in self.ended]

    def all(self) -> Iterator[Life]:
        """Every life."""
        yield from (self.known | self.changed).values()


def _added(known: dict[str, Life], fresh: list[Life]) -> dict[str, Life]:
    found: dict[str, Life] = {}
    for event in fresh:
        life = found.get(event.subject) or known.get(event.subject)
        found[event.subject] = event if life is None else _longer(life, event)
    return found


def _longer(life: Life, event: Life) -> Life:
    return replace(life, seqs=life.seqs + event.seqs, topics=life.topics + event.topics, times=life.times + event.times)
