"""Idempotency keys: a request that comes twice is answered twice and done once (R-EXEC-04)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, insert, select

from tradewright.database.engine import Database
from tradewright.ledger.errors import IdempotencyConflict
from tradewright.ledger.schema import idempotency_keys
from tradewright.model.errors import LedgerError
from tradewright.model.hashing import content_hash

MAX_KEY = 128


class IdempotencyKeys:
    """Keys with the hash of what was asked and the first answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def once(self, key: str, payload: object, act: Callable[[], object]) -> object:
        """Do something once per key and give its first answer ever after.

        ``act`` runs inside one transaction with the key: what it writes to the ledger and the key are there together or
        not at all. Of two requests at once the second waits, then gets the answer of the first.

        Args:
            payload: what was asked; compared by the hash of its canonical JSON.
            act: writes to this ledger only, and returns a value that canonical JSON can hold.

        Returns:
            The answer as plain dictionaries, lists, texts and numbers.

        Raises:
            IdempotencyConflict: when the key was used for another payload.
            LedgerError: for an empty key or one longer than 128 characters, or when nothing could be committed.
        """
        if not 0 < len(key) <= MAX_KEY:
            raise LedgerError(f"an idempotency key has 1 to {MAX_KEY} characters, not {len(key)}", where="request")
        digest = content_hash(payload)
        query = select(idempotency_keys).where(idempotency_keys.c.key == key)
        with self._database.write() as connection:
            if (row := connection.execute(query).one_or_none()) is None:
                answer = {"key": key, "payload_hash": digest, "response": act()}
                connection.execute(insert(idempotency_keys).values(**answer, created_at=self._database.clock.now()))
                row = connection.execute(query).one()
        if row.payload_hash != digest:
            raise IdempotencyConflict(
                "the key was used for another request", where=f"idempotency key {key}", remedy="use a new key"
            )
        return row.response

    def prune(self, before: datetime) -> int:
        """Forget the keys made before a moment, and return how many."""
        with self._database.write() as connection:
            return connection.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at < before)).rowcount
