"""The inbox of an account: commands that were asked for, in the order in which its actor carries them out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, RowMapping, case, insert, select, update

from tradewright.database.engine import Database
from tradewright.ledger.command_evidence import CommandEvidence
from tradewright.ledger.errors import IdempotencyConflict
from tradewright.ledger.events import Events
from tradewright.ledger.idempotency import MAX_KEY
from tradewright.ledger.row_evidence import parsing
from tradewright.ledger.schema import commands
from tradewright.model.command import Command, CommandKind, CommandState
from tradewright.model.errors import LedgerError
from tradewright.model.hashing import content_hash
from tradewright.model.topic import Topic

_URGENT = [kind.value for kind in CommandKind if kind.is_urgent]
_ORDER = (case((commands.c.kind.in_(_URGENT), 0), else_=1), commands.c.id)


class Commands:
    """Enqueue, take, finish. Each step is an event."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database, self._events = database, events
        self._evidence = CommandEvidence(database, events.seals)

    def enqueue(
        self,
        kind: CommandKind,
        account: str,
        payload: Mapping[str, object],
        actor: str,
        reason: str,
        key: str = "",
    ) -> Command:
        """Put a command into the inbox of an account.

        Args:
            payload: plain values that canonical JSON can hold.
            key: the idempotency key: a second request under it gets the first one's command. Made up when empty.

        Raises:
            IdempotencyConflict: when the key was used for another request.
            LedgerError: without an account, an actor or a reason.
        """
        if not account.strip() or not actor.strip() or not reason.strip():
            what, remedy = "a command needs an account, an actor and a reason", "give each of them"
            raise LedgerError(what, where=f"command {kind}", remedy=remedy)
        if len(key) > MAX_KEY:
            raise LedgerError(f"a key has at most {MAX_KEY} characters, not {len(key)}", where=f"command {kind}")
        request = {"kind": kind.value, "mode": self._events.mode.value, "account": account, "payload": dict(payload)}
        digest, name = content_hash(request), key or secrets.token_hex(12)
        with self._database.write() as connection:
            row = connection.execute(select(commands).where(commands.c.key == name)).mappings().one_or_none()
            if row is None:
                now = self._database.clock.now()
                values: dict[str, object] = {**request, "key": name, "payload_hash": digest, "created_at": now}
                values |= {"actor": actor, "reason": reason, "state": CommandState.QUEUED.value, "holder": ""}
                connection.execute(insert(commands).values(**values))
                row = connection.execute(select(commands).where(commands.c.key == name)).mappings().one()
                queued = {"request": request, "reason": reason, "created_at": now}
                self._events.append(Topic.COMMAND_QUEUED, name, queued, actor, account)
            else:
                self._evidence.check(connection, [name])
        if row["payload_hash"] != digest:
            raise IdempotencyConflict(
                "the key was used for another command", where=f"idempotency key {name}", remedy="use a new key"
            )
        return _command(row)

    def next(self, account: str, *, urgent_only: bool = False) -> Command | None:
        """The command to carry out now: cancels first, then the oldest; None when the inbox is empty.

        Raises:
            LedgerTampered: when one of the inbox is not what was queued, was put in by another hand, or is gone.
        """
        query = select(commands).where(
            commands.c.account == account,
            commands.c.mode == self._events.mode.value,
            commands.c.state == CommandState.QUEUED.value,
        )
        if urgent_only:
            query = query.where(commands.c.kind.in_(_URGENT))
        with self._database.read() as connection:
            self._evidence.check_waiting(connection, account, self._events.mode.value)
            row = connection.execute(query.order_by(*_ORDER).limit(1)).mappings().one_or_none()
        return None if row is None else _command(row)

    def begin(self, command_id: int, holder: str) -> bool:
        """Take a queued command; False when it is no longer queued.

        Raises:
            LedgerTampered: when it is not what was queued.
        """
        taken = {"state": CommandState.RUNNING.value, "holder": holder, "started_at": self._database.clock.now()}
        with self._database.write() as connection:
            self._check(connection, commands.c.id == command_id)
            if not self._change(command_id, CommandState.QUEUED, taken):
                return False
            command = self._get(connection, command_id)
            self._events.append(Topic.COMMAND_STARTED, command.key, {"kind": command.kind}, holder, command.account)
        return True

    def finish(self, command_id: int, state: CommandState, result: Mapping[str, object]) -> None:
        """Write down the outcome of a running command.

        Raises:
            LedgerError: when it is not running.
        """
        done = {"state": state.value, "result": dict(result), "finished_at": self._database.clock.now()}
        with self._database.write() as connection:
            self._check(connection, commands.c.id == command_id)
            if not self._change(command_id, CommandState.RUNNING, done):
                raise LedgerError("it is not running", where=f"command {command_id}", remedy="tradewright commands")
            command = self._get(connection, command_id)
            finished = {"kind": command.kind, "state": state, "result": dict(result)}
            self._events.append(Topic.COMMAND_FINISHED, command.key, finished, command.holder, command.account)

    def requeue_abandoned(self, account: str, holder: str) -> list[Command]:
        """Put the running commands of other holders back into the inbox; to be called by whoever holds the lease.

        Their holders are gone. Each kind may be carried out again, because none of them sends an order by itself: the
        claim in the outbox decides that, and it is given once.
        """
        left = (
            commands.c.account == account,
            commands.c.mode == self._events.mode.value,
            commands.c.state == CommandState.RUNNING.value,
            commands.c.holder != holder,
        )
        with self._database.write() as connection:
            self._evidence.check_waiting(connection, account, self._events.mode.value)
            rows = connection.execute(select(commands).where(*left)).mappings().all()
            if rows:
                values = {"state": CommandState.QUEUED.value, "holder": ""}
                connection.execute(update(commands).where(*left).values(**values))
        return [_command(row) for row in rows]

    def get(self, command_id: int) -> Command:
        """The command of an id.

        Raises:
            LedgerError: when there is none.
        """
        with self._database.read() as connection:
            self._check(connection, commands.c.id == command_id)
            return self._get(connection, command_id)

    def newest(self, most: int) -> list[Command]:
        """The newest commands of this mode, newest first."""
        query = (
            select(commands)
            .where(commands.c.mode == self._events.mode.value)
            .order_by(commands.c.id.desc())
            .limit(most)
        )
        with self._database.read() as connection:
            return [_command(row) for row in connection.execute(query).mappings()]

    def unfinished(self, account: str) -> list[Command]:
        """The commands of an account that are queued or running, oldest first."""
        states = (CommandState.QUEUED.value, CommandState.RUNNING.value)
        query = select(commands).where(
            commands.c.account == account, commands.c.mode == self._events.mode.value, commands.c.state.in_(states)
        )
        with self._database.read() as connection:
            self._evidence.check_waiting(connection, account, self._events.mode.value)
            return [_command(row) for row in connection.execute(query.order_by(commands.c.id)).mappings()]

    def _get(self, connection: Connection, command_id: int) -> Command:
        row = connection.execute(select(commands).where(commands.c.id == command_id)).mappings().one_or_none()
        if row is None:
            raise LedgerError("no such command", where=f"command {command_id}", remedy="tradewright commands")
        return _command(row)

    def _check(self, connection: Connection, *conditions: ColumnElement[bool]) -> None:
        self._evidence.check(connection, connection.execute(select(commands.c.key).where(*conditions)).scalars().all())

    def _change(self, command_id: int, present: CommandState, values: Mapping[str, object]) -> bool:
        query = update(commands).where(commands.c.id == command_id, commands.c.state == present.value)
        with self._database.write() as connection:
            return connection.execute(query.values(**values)).rowcount == 1


def _command(row: RowMapping) -> Command:
    with parsing(commands, row):
        fields = {str(name): value for name, value in row.items() if name != "payload_hash"}
        return Command.model_validate(fields | {"command_id": fields.pop("id")})
