"""Events: every fact of the ledger in one append-only sequence, chained by hashes and compared with the tables.

A fact is one row of a table and one event with the same content, written in one transaction. The hash of an event
covers its content and the hash of the event before it. A row is compared with its event whenever it is acted on
(``facts``), and all of them by an audit (``verify_chain``). The reading that acts on rows finds edited, inserted and
removed ones; an event rewritten with a fitting hash, or removed together with its row, is found by the audit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    bindparam,
    exists,
    insert,
    select,
    update,
)

from tradewright.database.column_types import Moment
from tradewright.database.engine import Database
from tradewright.ledger.chain_audit import GENESIS, ChainAudit, altered_rows
from tradewright.ledger.errors import LedgerKeyMissing, LedgerTampered
from tradewright.ledger.facts import Facts
from tradewright.ledger.row_evidence import (
    EVENT_COLUMNS,
    checked_payload,
    content_of,
    event_hash,
    parsing,
    raw_row,
    sha256,
    tampered,
)
from tradewright.ledger.schema import event_head, events
from tradewright.ledger.seal import Anchor
from tradewright.ledger.sealing import Seals
from tradewright.model.errors import LedgerError
from tradewright.model.hashing import canonical_json
from tradewright.model.mode import Mode
from tradewright.model.topic import Topic

_INSERT = insert(events)
_HEAD = select(event_head.c.seq, event_head.c.hash, event_head.c.ledger_id)
_MOVE_HEAD = update(event_head).values(seq=bindparam("newest_seq"), hash=bindparam("newest_hash"))


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Args:
        seq: 1, 2, 3 ... without gaps.
        subject: the key of what it is about: an id, a reference, a scope, an instrument.
        actor: the person or the part of the program that acted.
        payload: ``table`` and ``row`` for a fact with a row; a step of an attempt has also ``state``, the attempt's row
            after it; an act without a table has ``action`` and ``detail``.
        previous: the hash of the event before.
    """

    seq: int
    at: datetime
    topic: Topic
    subject: str
    mode: str
    account: str
    actor: str
    payload: dict[str, Any]
    payload_hash: str
    previous: str
    hash: str


class Events:
    """The sequence of all facts.

    Args:
        mode: written into every event.
    """

    def __init__(self, database: Database, mode: Mode) -> None:
        self._database, self.mode = database, mode
        self.seals = Seals(database)
        self.facts = Facts(database, self.seals)

    def append(
        self, topic: Topic, subject: str, payload: object, actor: str, account: str = "", *, damaged: bool = False
    ) -> Event:
        """Append one event, in the caller's transaction where there is one.

        Args:
            damaged: True appends behind the newest event that is there, whatever the end of the chain says, which stays
                as it is: for a stop, which must be written down in a ledger on which nothing may be sent.

        Raises:
            LedgerTampered: when the end of the chain is damaged.
            LedgerError: when it cannot be committed.
            TypeError, ValueError: when ``payload`` has no canonical form.
        """
        about = {"topic": topic.value, "subject": subject, "account": account, "actor": actor}
        with self._database.write() as connection:
            return self._append(connection, self._last(connection, damaged), about, payload, damaged)

    def _append(
        self,
        connection: Connection,
        last: tuple[int, str, str],
        about: Mapping[str, str],
        payload: object,
        damaged: bool,
    ) -> Event:
        """Append one event behind the last one: its number, its hash, and the ledger's name."""
        last_seq, last_hash, ledger_id = last
        text = canonical_json(payload)
        if last_seq == 0 and not damaged and not ledger_id:  # one that has a name keeps its key
            ledger_id = self.seals.begin(connection)
        at = self._database.clock.now()
        row: dict[str, Any] = {"seq": last_seq + 1, "at": at, "mode": self.mode.value, **about, "payload": text}
        row |= {"payload_hash": sha256(text), "previous": last_hash}
        row["hash"] = event_hash(row | {"at": Moment().process_bind_param(at, connection.dialect)})
        connection.execute(_INSERT, row | {"mac": self.seals.mac(ledger_id, row["hash"])})
        if not damaged:
            connection.execute(_MOVE_HEAD, {"newest_seq": row["seq"], "newest_hash": row["hash"]})
            before, end = Anchor(last_seq, last_hash), Anchor(row["seq"], row["hash"])
            self.seals.anchor_later(ledger_id, before, end)
        return Event(**row | {"topic": Topic(row["topic"]), "payload": json.loads(text)})

    def record(
        self,
        table: Table,
        row: Mapping[str, object],
        topic: Topic,
        subject: str,
        *,
        actor: str = "program",
        account: str = "",
        state: tuple[Table, ColumnElement[bool]] | None = None,
        damaged: bool = False,
    ) -> Event:
        """Insert a row of a fact and append the event that says the same.

        Args:
            damaged: as for :meth:`append`.
            state: the row of a mutable table that this fact changed, as a table and a condition; it goes into the
                event as well, and points to it.
        """
        with self._database.write() as connection:
            last = self._last(connection, damaged)
            seq = last[0] + 1
            connection.execute(insert(table), dict(row) | {"event_seq": seq})
            payload = {"table": table.name, "row": content_of(table, raw_row(connection, table, seq))}
            if state is not None:
                connection.execute(update(state[0]).where(state[1]).values(event_seq=seq))
                payload["state"] = content_of(state[0], raw_row(connection, state[0], seq))
            about = {"topic": topic.value, "subject": subject, "account": account, "actor": actor}
            return self._append(connection, last, about, payload, damaged)

    def _last(self, connection: Connection, damaged: bool) -> tuple[int, str, str]:
        """Number and hash of the event before the next one, and the ledger's name.

        By the end of the chain, or by the events themselves; then without the name, so that nothing is sealed.
        """
        if damaged:
            newest = connection.execute(select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1))
            row = newest.one_or_none()
            return (0, GENESIS, "") if row is None else (row.seq, str(row.hash), "")
        head = connection.execute(_HEAD).one_or_none()
        if head is None or not isinstance(head.seq, int):
            raise tampered(event_head, {"id": 1}, "seq", head and head.seq, "the number of the newest event")
        return head.seq, str(head.hash), str(head.ledger_id)

    def after(self, seq: int, topics: Sequence[Topic] = (), limit: int | None = 1000) -> list[Event]:
        """The events behind number ``seq``, oldest first; only of some topics, and at most ``limit``, where given."""
        query = select(events).where(events.c.seq > seq).order_by(events.c.seq).limit(limit)
        if topics:
            query = query.where(events.c.topic.in_([topic.value for topic in topics]))
        return self._select(query)

    def about(self, subject: str) -> list[Event]:
        """The events about one subject, oldest first."""
        return self._select(select(events).where(events.c.subject == subject).order_by(events.c.seq))

    def newest(self, topic: Topic, subject: str) -> Event | None:
        """The newest event of a topic about a subject, its hashes checked; None when there is none.

        Raises:
            LedgerTampered: when it was altered.
        """
        found = self._checked(self._of(topic, subject).order_by(events.c.seq.desc()).limit(1))
        return found[0] if found else None

    def of(self, topic: Topic, subject: str) -> list[Event]:
        """The events of a topic about a subject, oldest first, the hashes of each checked.

        Raises:
            LedgerTampered: when one of them was altered.
        """
        return self._checked(self._of(topic, subject).order_by(events.c.seq))

    def last_seq(self) -> int:
        """The number of the newest event; 0 before the first."""
        with self._database.read() as connection:
            return int(connection.execute(select(event_head.c.seq)).scalar_one())

    def own(self, table: Table) -> ColumnElement[bool]:
        """Whether a row of a table of facts was last written in this mode, as a condition of a statement."""
        seq = table.c.event_seq
        return exists(select(events.c.seq).where(events.c.seq == seq, events.c.mode == self.mode.value))

    def verify_chain(self, *, sealed: bool = True) -> int:
        """Audit the whole ledger in one reading transaction, and return the number of events.

        Args:
            sealed: False for a copy that is older than the anchored end, or lies where its key is not.

        Raises:
            LedgerKeyMissing: without the key, where nothing else was found.
            LedgerTampered: at the first event that was edited, removed, moved or inserted, when the tail was cut, at
                the first row that differs from its event, has none, or was removed, and for an attempt whose state does
                not follow from its steps.
        """
        end = self.seals.anchored() if sealed else None
        with self._database.read() as connection:
            audit = ChainAudit(connection, self.seals.key(connection), end)
            try:
                count = audit.run()
            finally:
                audit.close()  # an open result would keep the snapshot of this connection for its next user
            if sealed and count:
                self.seals.demand_key(connection)
        return count

    def alterations(self, most: int) -> tuple[int, list[LedgerError]]:
        """Audit the whole ledger in one reading transaction: the number of the newest event, and what was altered.

        The first alteration is that of ``verify_chain``; after it come the rows that differ from their events, at
        ``most`` so many in all. Nothing else can be concluded behind a broken chain.
        """
        found: dict[str, LedgerError] = {}
        end = self.seals.anchored()
        with self._database.read() as connection:
            audit = ChainAudit(connection, key := self.seals.key(connection), end)
            try:
                count = audit.run()
                if count:
                    self.seals.demand_key(connection)
                return count, []
            except (LedgerTampered, LedgerKeyMissing) as error:
                found[error.where] = error
            finally:
                audit.close()
            for altered in altered_rows(connection, key):
                if len(found) >= most:
                    break
                found.setdefault(altered.where, altered)
            head = connection.execute(select(event_head.c.seq)).scalar_one_or_none()
        return head if isinstance(head, int) else 0, list(found.values())

    def key_file(self) -> str:
        """Where the ledger's key is kept, outside of it; empty where it has none."""
        with self._database.read() as connection:
            return self.seals.key_file(connection)

    def check_end(self) -> None:
        """Walk the chain from its first event to the end that is anchored outside, before anything is sent.

        Raises:
            LedgerTampered, LedgerKeyMissing: as :meth:`Seals.check_end`.
        """
        with self._database.write() as connection:
            self.seals.check_end(connection, anew=True)

    def adopt(self) -> None:
        """Seal a ledger that an older version left, once it was found to be as recorded.

        It is done unasked only where no ledger was ever sealed: else a person must say so (:meth:`rekey`).

        Raises:
            LedgerTampered: when it was altered.
            LedgerError: when the key cannot be written.
        """
        if not self.seals.is_new_here():
            return
        with self._database.write() as connection:
            head = connection.execute(select(event_head.c.seq, event_head.c.ledger_id)).one()
            if head.seq and not head.ledger_id:
                self._audit_plain(connection)
                self.seals.begin(connection)
                self.seals.seal_all(connection)

    def rekey(self, actor: str, reason: str, *, accept: bool = False) -> tuple[int, list[str]]:
        """Give the ledger a new key and seal every event with it: the way back to sending after a person has looked.

        Args:
            accept: whether what the new key would cover up is accepted; it is written into the audit log.

        Returns:
            The number of events, and what was accepted.

        Raises:
            LedgerTampered: when plain hashes or rows are not as recorded: a new key mends no damage.
            LedgerError: when something stands against it that is not accepted, or nothing can be written.
        """
        with self._database.write() as connection:
            doubts = self.seals.doubts(connection)
            if doubts and not accept:
                remedy = "compare the ledger with the last backup and the venue; then the same with --accept"
                raise LedgerError("; ".join(doubts), where=self._database.where, remedy=remedy, code="SEAL_IN_DOUBT")
            self._audit_plain(connection)
            self.seals.begin(connection)
            payload = {"action": "REKEY", "detail": {"reason": reason, "accepted": doubts}}
            event = self.append(Topic.AUDIT_ENTRY, "ledger", payload, actor)
            self.seals.seal_all(connection)
        return event.seq, doubts

    def _audit_plain(self, connection: Connection) -> None:
        audit = ChainAudit(connection)
        try:
            audit.run()
        finally:
            audit.close()

    def _of(self, topic: Topic, subject: str) -> Select[Any]:
        return select(*EVENT_COLUMNS).where(events.c.topic == topic.value, events.c.subject == subject)

    def _checked(self, query: Select[Any]) -> list[Event]:
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
            key = self.seals.key(connection) if rows else None
        for row in rows:
            checked_payload(row, key)
        chosen = select(events).where(events.c.seq.in_([row["seq"] for row in rows])).order_by(events.c.seq)
        return self._select(chosen) if rows else []

    def _select(self, query: Any) -> list[Event]:
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [_event({str(name): value for name, value in row.items() if name != "mac"}) for row in rows]


def _event(row: dict[str, Any]) -> Event:
    with parsing(events, row):
        return Event(**row | {"topic": Topic(row["topic"]), "payload": json.loads(row["payload"])})
