"""Sealing a ledger: keyed hashes of its events, and the comparison of its end with the one that is anchored outside."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table, bindparam, func, select, update

from tradewright.database.engine import Database
from tradewright.ledger.errors import LedgerKeyMissing, LedgerTampered
from tradewright.ledger.row_evidence import EVENT_COLUMNS, checked_payload, tampered
from tradewright.ledger.schema import event_head, events
from tradewright.ledger.seal import REKEY, START, Anchor, Keyring, is_sealed, keyed_hash, new_id
from tradewright.model.errors import LedgerError

_ANOTHER = "another ledger was sealed at this place"


class Seals:
    """The seal of one ledger.

    Reading without the key compares plain hashes; what sends demands the key (:meth:`check_end`).
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keyring = Keyring()
        self._walked = START

    def key(self, connection: Connection) -> bytes | None:
        """The key, where it is there and can be used."""
        with suppress(LedgerKeyMissing):
            return self._keyring.key(_id(connection))
        return None

    def key_file(self, connection: Connection) -> str:
        """The file of the key, whether it can be used or not; empty for a ledger that has no name yet."""
        ledger_id = _id(connection)
        return str(self._keyring.path(ledger_id)) if ledger_id else ""

    def mac(self, ledger_id: str, digest: str) -> str:
        """The keyed hash of a new event; empty without the key: a stop is written all the same."""
        with suppress(LedgerKeyMissing):
            key = self._keyring.key(ledger_id)
            return "" if key is None else keyed_hash(key, digest)
        return ""

    def begin(self, connection: Connection) -> str:
        """Give the ledger a new name, which is returned, and a new key.

        Raises:
            LedgerError: when it cannot be written.
        """
        ledger_id = new_id()
        self._keyring.make(ledger_id)
        connection.execute(update(event_head).values(ledger_id=ledger_id))
        self._database.after_commit("place", lambda: self._keyring.note_place(self._database.place, ledger_id))
        return ledger_id

    def anchor_later(self, ledger_id: str, before: Anchor, end: Anchor) -> None:
        """Note the end of the chain outside, as soon as it is committed.

        Args:
            before: the end before the newest event; where that is the noted one, nothing needs to be read.
        """

        def holds(noted: Anchor) -> bool:
            return noted in (before, START) or self._hash_of(noted.seq) == noted.hash

        if ledger_id:
            self._database.after_commit("anchor", lambda: self._keyring.move_anchor(ledger_id, end, holds))

    def _hash_of(self, seq: int) -> str:
        """The hash of an event; empty where it is not there, or cannot be read."""
        with suppress(LedgerError), self._database.read() as connection:
            return str(connection.execute(select(events.c.hash).where(events.c.seq == seq)).scalar() or "")
        return ""

    def anchored(self) -> Anchor | None:
        """The end that is noted outside; to be asked before the reading that it is compared with."""
        with self._database.read() as connection:
            return self._keyring.anchor(_id(connection))

    def compared(self, connection: Connection, name: str) -> Anchor | None:
        """Up to which event the rows of some name were compared by an earlier process, and their digest."""
        return self._keyring.compared(_id(connection), name)

    def note_compared(self, connection: Connection, name: str, upto: Anchor) -> None:
        """Note that the rows of some name were compared, each with an event whose keyed hash is right."""
        self._keyring.note_compared(_id(connection), name, upto)

    def demand_key(self, connection: Connection) -> bytes:
        """The key.

        Raises:
            LedgerKeyMissing: when it is not there or cannot be used; how to come back is told.
        """
        ledger_id = _id(connection)
        key = self._keyring.key(ledger_id)
        if key is None:
            what = "the ledger has no key of its own" if not ledger_id else "the ledger's key is missing"
            remedy = f"restore its file; else compare the ledger with the venue, then: {REKEY}"
            where = str(self._keyring.path(ledger_id) if ledger_id else self._database.where)
            raise LedgerKeyMissing(f"{what}; nothing is sent", where=where, remedy=remedy)
        return key

    def check_end(self, connection: Connection, *, anew: bool = False) -> None:
        """Demand that the chain is whole and sealed, and ends where it should; with the write lock held.

        The links of all events are walked once, later those that came since. What an event says is compared with its
        hashes from the anchored end on, and of an older one whenever its row is read.

        Args:
            anew: walk from the first event, as at the beginning of a batch.

        Raises:
            LedgerTampered: when an event was not written by a holder of the key, was removed, or the chain was cut.
            LedgerKeyMissing: without the key or the anchored end. Nothing may be sent then.
        """
        head = connection.execute(select(event_head.c.seq, event_head.c.hash)).one_or_none()
        if head is not None and head.seq == 0 and connection.execute(select(events.c.seq).limit(1)).first() is None:
            return
        key, end = self.demand_key(connection), self._anchored_here(connection)
        self._walked = START if anew else self._walked
        last = self._walk_links(connection, key, end)
        for row in connection.execute(select(*EVENT_COLUMNS).where(events.c.seq >= end.seq)).mappings().all():
            checked_payload(row, key)
        if last.seq < end.seq:
            raise _unsealed(event_head, {"id": 1}, "seq", last.seq, f"{end.seq}, anchored outside")
        if head is None or (head.seq, head.hash) != (last.seq, last.hash):
            raise _unsealed(event_head, {"id": 1}, "seq, hash", head and tuple(head), (last.seq, last.hash))
        count = connection.execute(select(func.count()).select_from(events)).scalar_one()
        if count != last.seq:
            raise _unsealed(events, {"seq": "1 ff."}, "number", count, last.seq)
        self._walked = last

    def _walk_links(self, connection: Connection, key: bytes, end: Anchor) -> Anchor:
        """Follow the chain from the event that was reached last; its newest event.

        A row and its event that were removed together, an old stop for instance, leave a gap here.
        """
        first = self._walked
        names = (events.c.seq, events.c.hash, events.c.previous, events.c.mac)
        rows = connection.execute(select(*names).where(events.c.seq >= first.seq).order_by(events.c.seq))
        last = START
        for seq, digest, previous, mac in chain.from_iterable(rows.partitions(10_000)):  # many at once: half the time
            row = {"seq": seq}
            if first.seq and last == START:
                if (seq, digest) != (first.seq, first.hash):
                    raise _unsealed(events, row, "hash", digest, f"{first.hash} at {first.seq}")
            elif (seq, previous) != (last.seq + 1, last.hash):
                raise _unsealed(events, row, "previous", previous, f"{last.hash} at {last.seq}")
            if not is_sealed(key, digest, mac):
                raise _unsealed(events, row, "mac", mac, "the keyed hash of its content")
            if seq == end.seq and digest != end.hash:
                raise _unsealed(events, row, "hash", digest, f"{end.hash}, anchored outside")
            last = Anchor(seq, digest)
        return last

    def _anchored_here(self, connection: Connection) -> Anchor:
        """The anchored end of the ledger that belongs to this place; a ledger that was moved is noted at its new one.

        Raises:
            LedgerKeyMissing: when none is anchored, or another ledger was put into the place of the one sealed here.
        """
        ledger_id, where, place = _id(connection), self._database.where, self._database.place
        end, known = self._keyring.anchor(ledger_id), self._keyring.known_at(place)
        if end is not None and known in ("", ledger_id):
            if not known:
                self._keyring.note_place(place, ledger_id)
            return end
        what = _ANOTHER if end is not None else "the end of the ledger is anchored nowhere"
        remedy = f"compare the ledger with the venue, then: {REKEY}"
        raise LedgerKeyMissing(f"{what}; nothing is sent", where=where, remedy=remedy)

    def doubts(self, connection: Connection) -> list[str]:
        """What stands against the ledger that a new key would cover up, as texts; empty when its seal holds."""
        ledger_id, found = _id(connection), []
        place = self._keyring.known_at(self._database.place)
        if place not in ("", ledger_id):
            found.append(_ANOTHER)
        try:
            key: bytes | None = self.demand_key(connection)
        except LedgerKeyMissing as error:
            key, found = None, [*found, error.what]
        end = self._keyring.anchor(ledger_id)
        if end is None and ledger_id:
            found.append("its end is anchored nowhere")
        query = select(events.c.seq, events.c.topic, events.c.actor, events.c.hash, events.c.mac)
        rows = connection.execute(query.order_by(events.c.seq)).all()
        hashes = {row.seq: row.hash for row in rows}
        if end is not None and end.seq and hashes.get(end.seq) != end.hash:
            found.append(f"event {end.seq}, which is anchored as the newest, is not in it as it was")
        unsealed = [] if key is None else [row for row in rows if not is_sealed(key, row.hash, row.mac)]
        if unsealed:
            named = ", ".join(f"{row.seq} {row.topic} by {row.actor}" for row in unsealed[:5])
            found.append(f"{len(unsealed)} events were not written with its key: {named}")
        return found

    def seal_all(self, connection: Connection) -> None:
        """Compute the keyed hash of every event under the present key, and anchor the end."""
        key, self._walked = self.demand_key(connection), START
        rows = connection.execute(select(events.c.seq, events.c.hash).order_by(events.c.seq)).all()
        statement = update(events).where(events.c.seq == bindparam("number")).values(mac=bindparam("sealed"))
        if rows:
            connection.execute(statement, [{"number": r.seq, "sealed": keyed_hash(key, r.hash)} for r in rows])
            self.anchor_later(_id(connection), START, Anchor(rows[-1].seq, rows[-1].hash))

    def is_new_here(self) -> bool:
        """Whether no ledger was ever sealed at this place, so that one of an older version may be sealed unasked."""
        return not self._keyring.known_at(self._database.place)


def _unsealed(table: Table, row: Mapping[str, Any], field: str, found: object, expected: object) -> LedgerTampered:
    """The error of a chain that does not lead to the end that is known outside: an altered one, a backup, a copy."""
    told = tampered(table, row, field, found, expected)
    remedy = f"{told.remedy} and the venue; a restored backup, or one of two copies, is sealed anew: {REKEY}"
    return LedgerTampered(told.what, where=told.where, remedy=remedy)


_LEDGER_ID = select(event_head.c.ledger_id)


def _id(connection: Connection) -> str:
    return str(connection.execute(_LEDGER_ID).scalar() or "")
