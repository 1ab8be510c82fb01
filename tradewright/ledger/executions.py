"""Executions and fees: what really happened, each once, and the positions that follow from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    RowMapping,
    String,
    Table,
    and_,
    bindparam,
    func,
    select,
    type_coerce,
)

from tradewright.database.engine import Database
from tradewright.ledger.attempt_evidence import AttemptEvidence
from tradewright.ledger.damage import damaged_rows
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.events import Events
from tradewright.ledger.execution import Execution, Recorded
from tradewright.ledger.facts import CHUNK, Scope, names, of_subject, since
from tradewright.ledger.ownership import Ownership, Trade, shared_out
from tradewright.ledger.schema import adjustments, attempts, events, executions, fees, rulings
from tradewright.model.order import Fill, Position, Side
from tradewright.model.topic import Topic

_ZERO = Decimal(0)
CLOCKS_DIFFER = timedelta(days=1)
"""An execution is recorded at most so long before the moment that the venue gives it."""
_NEWEST = select(func.max(rulings.c.id)).group_by(rulings.c.exec_id)
_RULED = executions.outerjoin(rulings, (rulings.c.exec_id == executions.c.exec_id) & rulings.c.id.in_(_NEWEST))
_NEWEST_FEE = select(func.max(fees.c.id)).group_by(fees.c.exec_id)
_COUNTS = func.coalesce(rulings.c.counts, ~executions.c.quarantined)
"""Whether an execution is part of the position: by the newest ruling on it, else unless it is in quarantine."""
_STORED = [column for column in executions.c if column.name != "event_seq"]
_REPORTED_CONTENT = ("account", "instrument", "side", "quantity", "price")
"""Equal in every report of one execution; reference and permanent id may become known later."""
_REPORTED = executions.c.recorded_at, executions.c.exec_id
_RECORDED_AT, _ADJUSTED_AT = (type_coerce(column, String) for column in (executions.c.recorded_at, adjustments.c.at))
"""Moments as their texts, whose order is that of time."""
_ALL_RULINGS = Scope(rulings)


class Executions:
    """The table of executions, fees, rulings on corrections, and adjustments of positions."""

    def __init__(self, database: Database, events: Events, evidence: AttemptEvidence) -> None:
        self._database, self._events, self._evidence = database, events, evidence
        self._known_positions: dict[str, tuple[tuple[tuple[int, int], ...], list[Position]]] = {}

    def record(self, fill: Fill, ref: str | None) -> Recorded:
        """Store an execution under its venue id; the same id again changes nothing (fault 14)."""
        row: dict[str, object] = fill.model_dump(exclude={"fee", "fee_currency", "ref"})
        row |= {"side": fill.side.value, "base_id": fill.base_id, "ref": ref}
        if (known := self._recorded(row)) is not None:
            return known
        with self._database.write() as connection:
            if (known := self._recorded(row)) is not None:
                return known
            of_base = select(executions.c.exec_id).where(executions.c.base_id == fill.base_id)
            corrects = connection.execute(of_base).first() is not None
            row |= {"quarantined": corrects, "recorded_at": self._database.clock.now()}
            topic = Topic.FILL_CORRECTED if corrects else Topic.FILL_RECORDED
            self._events.record(executions, row, topic, fill.exec_id, account=fill.account)
            return Recorded.QUARANTINED if corrects else Recorded.NEW

    def record_fee(self, exec_id: str, fee: Decimal, currency: str = "") -> bool:
        """Store the fee of an execution, which may come before it; False when the newest one is equal.

        A fee that differs is a new fact, and counts from then on (A7). A report without a currency keeps the known one.
        """
        if self._is_newest_fee(exec_id, fee, currency):
            return False
        with self._database.write():
            newest = self._newest_fee(exec_id)
            if self._is_newest_fee(exec_id, fee, currency):
                return False
            known = currency or (newest[1] if newest else "")
            row = {"exec_id": exec_id, "fee": fee, "currency": known, "at": self._database.clock.now()}
            self._events.record(fees, row, Topic.FEE_RECORDED, exec_id)
            return True

    def known(self, exec_ids: Iterable[str]) -> set[str]:
        """Those of some execution ids that are stored; one query for every 500 ids (F1)."""
        wanted = sorted(set(exec_ids))
        found: set[str] = set()
        with self._database.read() as connection:
            for start in range(0, len(wanted), CHUNK):
                query = select(executions.c.exec_id).where(executions.c.exec_id.in_(wanted[start : start + CHUNK]))
                found.update(connection.execute(query).scalars())
        return found

    def news(self, fills: Sequence[Fill]) -> list[Fill]:
        """The reports that are not on record with this content and this fee, in their order (F1).

        A venue tells every execution again in each snapshot, so those that are on record are found by a few queries
        for every 500 of them.

        Raises:
            LedgerTampered: when a row of one of them is not what its event says, or is gone.
        """
        found: list[Fill] = []
        with self._database.read() as connection:
            for start in range(0, len(fills), CHUNK):
                part = fills[start : start + CHUNK]
                ids = sorted({fill.exec_id for fill in part})
                for table in (executions, fees):
                    self._events.facts.check(connection, of_subject(table, "exec_id", ids))
                stored = select(executions).where(executions.c.exec_id.in_(ids))
                rows = {row["exec_id"]: row for row in connection.execute(stored).mappings().all()}
                charged = select(fees.c.exec_id, fees.c.fee, fees.c.currency).where(fees.c.exec_id.in_(ids))
                newest = {row[0]: (row[1], row[2]) for row in connection.execute(charged.order_by(fees.c.id)).all()}
                found += [fill for fill in part if not _is_on_record(fill, rows, newest)]
        return found

    def rule(self, exec_id: str, counts: bool, reason: str) -> None:
        """Decide whether an execution is part of the position; the newest ruling holds."""
        row = {"exec_id": exec_id, "counts": counts, "reason": reason, "at": self._database.clock.now()}
        self._events.record(rulings, row, Topic.FILL_RULED, exec_id)

    def unruled(self, account: str) -> list[Execution]:
        """The corrections of an account that nothing was decided about, oldest first."""
        corrections = (executions.c.account == account, executions.c.quarantined.is_(True))
        told = (events.c.account == account, events.c.topic == Topic.FILL_CORRECTED.value)
        unruled = executions.c.exec_id.not_in(select(rulings.c.exec_id))
        found = self._select(Scope(executions, corrections, told), *corrections, unruled)
        return [execution for execution in found if not execution.counts]

    def find(self, exec_id: str) -> Execution | None:
        """The execution of a venue id, or None."""
        scope = of_subject(executions, "exec_id", [exec_id])
        found = self._select(scope, executions.c.exec_id == exec_id)
        return found[0] if found else None

    def of_base(self, base_id: str) -> list[Execution]:
        """An execution and its corrections, in the order they were reported."""
        of_base = executions.c.base_id == base_id
        return self._select(Scope(executions, (of_base,), (names("base_id", base_id),)), of_base)

    def of_attempt(self, ref: str) -> list[Execution]:
        """The executions of an attempt, in the order they were reported. They are recorded after its claim."""
        with self._database.read() as connection:
            first = select(func.min(events.c.seq)).where(events.c.subject == ref)
            told = (events.c.seq >= (connection.execute(first).scalar() or 0), names("ref", ref))
            return self._select(Scope(executions, (executions.c.ref == ref,), told), executions.c.ref == ref)

    def all(self, account: str | None = None) -> list[Execution]:
        """Every execution, in the order they were reported; of one account where one is given."""
        if account is None:
            return self._select(Scope(executions))
        return self._select(_of(executions, account), executions.c.account == account)

    def traded_since(self, account: str, moment: datetime) -> list[Execution]:
        """The executions of an account that happened at a moment or after it, by the venue's clock."""
        happened = (executions.c.account == account, executions.c.time >= moment)
        return self._select_since(account, moment - CLOCKS_DIFFER, *happened)

    def recorded_since(self, account: str, moment: datetime) -> list[Execution]:
        """The executions of an account that we came to know at a moment or after it."""
        known = (executions.c.account == account, executions.c.recorded_at >= moment)
        return self._select_since(account, moment, *known)

    def units_of(self, account: str, strategy: str) -> dict[str, Decimal]:
        """Signed units that a strategy holds, by instrument; flat ones are left out.

        They are those that its own orders brought it, less what other hands have closed: a person's order, a
        flattening, an order that is not ours and an adjustment close what the same hand had opened, then the oldest
        holdings on that side.
        """
        held = ((name, owners.get(strategy, _ZERO)) for name, owners in self.holders(account).items())
        return {name: units for name, units in held if units}

    def holders(self, account: str) -> dict[str, dict[str, Decimal]]:
        """Who holds how many units of each instrument, as :meth:`units_of` says it, for every strategy at once.

        The oldest holding comes first; the name of an unknown owner is empty.
        """
        ownership = Ownership()
        for _at, instrument, owner, quantity in self._owned_moves(account):
            ownership.take(instrument, owner, quantity)
        return ownership.holders

    def trades(self, account: str) -> list[Trade]:
        """All that moved the holdings of an account, shared out among its owners as :meth:`holders` says it."""
        by_hand = select(adjustments).where(adjustments.c.account == account).order_by("id")
        of_ref = select(attempts.c.ref, attempts.c.strategy).where(attempts.c.account == account)
        with self._events.facts.read(*_of_positions(account)) as connection:
            counted = [row for row in self.all(account) if row.counts]
            self._evidence.check(connection, {row.ref for row in counted if row.ref is not None})
            owners = {row.ref: row.strategy for row in connection.execute(of_ref).all()}
            adjusted = connection.execute(by_hand).mappings().all()
        executed = [Trade.of(row, owners.get(row.ref, "")) for row in counted]
        return shared_out(
            sorted([*executed, *(Trade.by_hand(dict(row)) for row in adjusted)], key=lambda trade: trade.recorded_at)
        )

    def _owned_moves(self, account: str) -> list[tuple[datetime, str, str, Decimal]]:
        """Moment, instrument, strategy and signed quantity of every change of a position, as they were recorded."""
        columns = (executions.c.recorded_at, executions.c.instrument, executions.c.side, executions.c.quantity)
        rows = _RULED.outerjoin(attempts, attempts.c.ref == executions.c.ref)
        query = select(*columns, attempts.c.strategy).select_from(rows)
        query = query.where(_COUNTS, executions.c.account == account).order_by(*_REPORTED)
        by_hand = select(adjustments).where(adjustments.c.account == account).order_by("id")
        with self._events.facts.read(*_of_positions(account)) as connection:
            refs = select(executions.c.ref).where(executions.c.account == account, executions.c.ref.is_not(None))
            self._evidence.check(connection, connection.execute(refs.distinct()).scalars())
            moves = [
                (row.recorded_at, row.instrument, row.strategy or "", Side(row.side).sign * row.quantity)
                for row in connection.execute(query).all()
            ]
            moves += [(row.at, row.instrument, "", row.quantity) for row in connection.execute(by_hand).all()]
        return sorted(moves, key=lambda move: move[0])

    def filled(self, ref: str) -> Decimal:
        """How much of an attempt is filled, by executions alone."""
        return sum((execution.quantity for execution in self.of_attempt(ref) if execution.counts), _ZERO)

    def adjust(self, account: str, instrument: str, quantity: Decimal, price: Decimal, actor: str, reason: str) -> None:
        """Move a position by hand, or when the account is first taken over: signed units, and what one of them cost."""
        row = {"account": account, "instrument": instrument, "quantity": quantity, "price": price, "actor": actor}
        full = row | {"reason": reason, "at": self._database.clock.now()}
        self._events.record(adjustments, full, Topic.POSITION_ADJUSTED, instrument, actor=actor, account=account)

    def position(self, account: str, instrument: str) -> Decimal:
        """The signed holding of one instrument."""
        held = [position.quantity for position in self.positions(account) if position.instrument == instrument]
        return held[0] if held else _ZERO

    def positions(self, account: str) -> list[Position]:
        """The holdings that follow from executions and adjustments, without the flat ones, by name.

        The average price is the average cost of what is still held; reducing a position does not change it, and
        crossing zero starts it anew. Adjustments and executions take effect in the order of their recording.
        """
        with self._database.read() as connection:
            content = tuple(self._events.facts.check(connection, scope) for scope in _of_positions(account))
            known = self._known_positions.get(account)
            if known is None or known[0] != content:  # computed again only from other rows
                self._known_positions[account] = known = (content, self._held(account))
            return list(known[1])

    def readable_positions(self, account: str) -> tuple[list[Position], list[tuple[LedgerTampered, list[str]]]]:
        """The holdings in a ledger with damaged rows: of the instruments that no damaged row is about.

        Returns:
            The holdings, and each damaged row of executions, rulings and adjustments with the instruments that it is
            about, by itself and by its event.

        Raises:
            LedgerError: when a damaged row does not tell its instrument, so that no holding is known.
        """
        with self._database.read() as connection:
            key, tables = self._events.seals.key(connection), (executions, adjustments, rulings)
            damaged = [found for table in tables for found in damaged_rows(connection, table, key)]
            unknown = {name for _error, names in damaged for name in names}
            if any(not names for _error, names in damaged):
                raise next(error for error, names in damaged if not names)
            return self._held(account, unknown), damaged

    def _held(self, account: str, without: Collection[str] = ()) -> list[Position]:
        own = (executions.c.account == account, executions.c.instrument.not_in(without))
        columns = (_ADJUSTED_AT, adjustments.c.instrument, adjustments.c.quantity, adjustments.c.price)
        query = select(*columns).where(adjustments.c.account == account, adjustments.c.instrument.not_in(without))
        with self._database.read() as connection:
            moves = self._moves(*own)
            adjusted = [tuple(row) for row in connection.execute(query.order_by("id")).all()]
        held: dict[str, tuple[Decimal, Decimal]] = {}
        for _at, instrument, quantity, price in sorted([*adjusted, *moves], key=itemgetter(0)):
            held[instrument] = _moved(*held.get(instrument, (_ZERO, _ZERO)), quantity, price)
        return [
            Position(account=account, instrument=name, quantity=quantity, average_price=price)
            for name, (quantity, price) in sorted(held.items())
            if quantity
        ]

    def _recorded(self, row: dict[str, object]) -> Recorded | None:
        """Whether an execution id is there, with this content or another; None when it is new."""
        with self._events.facts.read(of_subject(executions, "exec_id", [str(row["exec_id"])])) as connection:
            query = select(executions).where(executions.c.exec_id == row["exec_id"])
            present = connection.execute(query).mappings().one_or_none()
        if present is None:
            return None
        return Recorded.SEEN if all(present[name] == row[name] for name in _REPORTED_CONTENT) else Recorded.DIFFERS

    def _is_newest_fee(self, exec_id: str, fee: Decimal, currency: str) -> bool:
        return _is_same_fee(self._newest_fee(exec_id), fee, currency)

    def _newest_fee(self, exec_id: str) -> tuple[Decimal, str] | None:
        query = select(fees.c.fee, fees.c.currency).where(fees.c.exec_id == exec_id).order_by(fees.c.id.desc())
        with self._events.facts.read(of_subject(fees, "exec_id", [exec_id])) as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else (row.fee, row.currency)

    def _select_since(self, account: str, moment: datetime, *conditions: ColumnElement[bool]) -> list[Execution]:
        """Some executions of an account, all of which were recorded since a moment, or happened so late."""
        own = executions.c.account == account
        with self._database.read() as connection:
            seq = since(connection, executions, "recorded_at", moment, own)
            window = (own, (executions.c.event_seq >= seq) | and_(*conditions))
            told = (events.c.account == account, events.c.seq >= seq)
            return self._select(Scope(executions, window, told), *conditions)

    def _select(self, scope: Scope, *conditions: ColumnElement[bool]) -> list[Execution]:
        """The executions that meet some conditions, when they, their rulings and fees are as they were recorded."""
        of_fee = (fees.c.exec_id == executions.c.exec_id) & fees.c.id.in_(_NEWEST_FEE)
        source = _RULED.outerjoin(fees, of_fee)
        charged = fees.c.fee, func.coalesce(fees.c.currency, "").label("fee_currency")
        query = select(*_STORED, *charged, _COUNTS.label("counts")).select_from(source).where(*conditions)
        with self._events.facts.read(scope, _ALL_RULINGS) as connection:
            rows: Iterable[RowMapping] = connection.execute(query.order_by(*_REPORTED)).mappings().all()
            found = [Execution(**{**row, "side": Side(row["side"])}) for row in rows]
            if found:
                self._events.facts.check(connection, _fees_of([execution.exec_id for execution in found]))
        return found

    def _moves(self, *conditions: Any) -> list[tuple[str, str, Decimal, Decimal]]:
        """Moment, instrument, signed quantity and price of the executions that count, as they were reported."""
        columns = (
            _RECORDED_AT,
            executions.c.instrument,
            executions.c.side,
            executions.c.quantity,
            executions.c.price,
        )
        query = select(*columns).select_from(_RULED).where(_COUNTS, *conditions).order_by(*_REPORTED)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        signs = {side.value: side.sign for side in Side}
        return [(at, instrument, signs[side] * quantity, price) for at, instrument, side, quantity, price in rows]


def _is_on_record(fill: Fill, rows: Mapping[str, RowMapping], newest_fees: Mapping[str, tuple[Decimal, str]]) -> bool:
    row, content = rows.get(fill.exec_id), fill.model_dump(include=set(_REPORTED_CONTENT)) | {"side": fill.side.value}
    if row is None or any(row[name] != content[name] for name in _REPORTED_CONTENT):
        return False
    return fill.fee is None or _is_same_fee(newest_fees.get(fill.exec_id), fill.fee, fill.fee_currency)


def _is_same_fee(newest: tuple[Decimal, str] | None, fee: Decimal, currency: str) -> bool:
    return newest is not None and newest[0] == fee and currency in ("", newest[1])


def _of(table: Table, account: str) -> Scope:
    return _of_accounts(table).of(account=account)


@cache
def _of_accounts(table: Table) -> Scope:
    account: BindParameter[str] = bindparam("account")
    noted = table is executions
    return Scope(table, (table.c.account == account,), (events.c.account == account,), noted=noted)


def _of_positions(account: str) -> tuple[Scope, ...]:
    """All that moves a position of an account."""
    return _of(executions, account), _of(adjustments, account), _ALL_RULINGS


def _fees_of(exec_ids: list[str]) -> Scope:
    """The fees of some executions; all fees where they are many."""
    return of_subject(fees, "exec_id", exec_ids) if len(exec_ids) <= CHUNK else Scope(fees)


def _moved(held: Decimal, average: Decimal, quantity: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
    after = held + quantity
    if after == 0:
        return _ZERO, _ZERO
    if held * quantity >= 0:
        return after, (held * average + quantity * price) / after
    return after, average if held * after > 0 else price
