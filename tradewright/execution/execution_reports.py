"""Execution reports: messages and snapshots of the venue, turned into facts of the ledger."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tradewright.execution.types import Checkpoint, no_checkpoint
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.execution import Recorded
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerEvent, BrokerEventKind, BrokerSnapshot, VenueOrder, VenueStatus
from tradewright.model.order import AttemptState, Fill

OUR_FORM = re.compile(r"[0-9a-f]{24}\.[1-9][0-9]{0,8}(\.[a-z]{1,4})?")
"""The form of a reference of ours. The venue stores it with the order, so that no ledger is needed to know it."""
LIVE = frozenset({VenueStatus.PENDING, VenueStatus.WORKING, VenueStatus.CANCEL_PENDING})
_UNACKNOWLEDGED = frozenset({AttemptState.CLAIMED, AttemptState.SENDING, AttemptState.UNKNOWN})


def owner(ledger: Ledger, ref: str, perm_id: int) -> Attempt | None:
    """The attempt that an order belongs to, by reference or else by permanent id; None for one of somebody else."""
    return (ledger.attempts.find(ref) if ref else None) or ledger.attempts.of_perm_id(perm_id)


def external_key(order: VenueOrder) -> str:
    """The name of an order that is not ours."""
    return f"perm:{order.perm_id}" if order.perm_id else f"order:{order.client_id}/{order.order_id}"


def external_keys(ledger: Ledger, account: str, snapshot: BrokerSnapshot) -> tuple[str, ...]:
    """The names of the orders of an account that are open at the venue and are not ours."""
    own = (order for order in snapshot.open_orders if order.status in LIVE and order.account in ("", account))
    return tuple(external_key(order) for order in own if owner(ledger, order.ref, order.perm_id) is None)


def lost_references(ledger: Ledger, account: str, snapshot: BrokerSnapshot) -> tuple[str, ...]:
    """The references of open orders that have the form of ours and that the ledger does not know.

    They were sent from another ledger, or from this one before it was lost.
    """
    own = (order for order in snapshot.open_orders if order.status in LIVE and order.account in ("", account))
    named = (order for order in own if OUR_FORM.fullmatch(order.ref or ""))
    return tuple(order.ref for order in named if owner(ledger, order.ref, order.perm_id) is None)


class ReportHandler:
    """Applies events and snapshots. Every report is idempotent: the same report twice changes nothing.

    A live message that an order has ended is not believed, because the client library invents some: the reference is
    put into ``doubts``, and the next query decides. Fills come from executions alone.

    The answers of one snapshot are given one after the other, and messages arrive between them. So an answer that
    contradicts the ledger proves nothing by itself: :mod:`reconciliation` compares two snapshots in a row before it
    freezes an instrument, and :attr:`contradicted` asks for that comparison before the next order goes out.
    """

    def __init__(self, ledger: Ledger, account: str, checkpoint: Checkpoint = no_checkpoint) -> None:
        self._ledger, self._account, self._checkpoint = ledger, account, checkpoint
        self.doubts: set[str] = set()
        self.contradicted = False

    def event(self, session: str, event: BrokerEvent) -> None:
        """Apply one message that is already kept raw."""
        if event.kind is BrokerEventKind.ORDER and event.order is not None:
            self._order(event.order, queried=False, opening=False)
        elif event.kind is BrokerEventKind.FILL and event.fill is not None:
            self._fill(event.fill, opening=False)
        elif event.kind is BrokerEventKind.FEE and event.fee is not None:
            self._ledger.executions.record_fee(event.exec_id, event.fee, event.fee_currency)
        elif event.kind is BrokerEventKind.ERROR and event.order_id is not None:
            self._error(session, event.order_id)

    def absorb(self, snapshot: BrokerSnapshot, *, opening: bool = False) -> None:
        """Apply everything that a complete query returned: fills first, then orders, the open ones last.

        The lines of a query are in no order: of fills, those that correct nothing come first, then each correction
        after what it corrects.

        Args:
            opening: True the first time an account is ever seen: what others did before is no alarm.
        """
        own = [fill for fill in snapshot.fills if fill.account == self._account]
        for fill in sorted(self._ledger.executions.news(own), key=_correction):
            self._fill(fill, opening=opening)
        open_refs = {order.ref for order in snapshot.open_orders if order.ref and order.status in LIVE}
        known = self._known_to_be_over(snapshot)
        for order in snapshot.completed_orders:
            if order.ref in open_refs:
                self._listed_twice(order)
            elif (order.ref, order.perm_id) in known:
                self.doubts.discard(order.ref)
            else:
                self._order(order, queried=True, opening=opening)
        for order in snapshot.open_orders:
            self._order(order, queried=True, opening=opening)
        self._live_twice(snapshot)

    def _known_to_be_over(self, snapshot: BrokerSnapshot) -> set[tuple[str, int]]:
        """The finished orders of a snapshot that are at their end here too: each snapshot tells them all again (F1)."""
        own = (order for order in snapshot.completed_orders if order.account in ("", self._account) and order.ref)
        return self._ledger.attempts.ended((each.ref, each.perm_id) for each in own if each.status not in LIVE)

    def statement(self, fill: Fill) -> None:
        """Apply an execution from the venue's statement (R6)."""
        self._fill(fill, opening=False)

    def _fill(self, fill: Fill, *, opening: bool) -> None:
        if fill.account != self._account:
            return
        with self._ledger.transaction():
            attempt = self._owner(fill.ref, fill.perm_id)
            recorded = self._ledger.executions.record(fill, attempt.ref if attempt else None)
            if fill.fee is not None:
                self._ledger.executions.record_fee(fill.exec_id, fill.fee, fill.fee_currency)
            if recorded is Recorded.SEEN:
                return
            if recorded is Recorded.DIFFERS:
                self._differs(fill)
                return
            if recorded is Recorded.QUARANTINED:
                text = f"{fill.exec_id} corrects {fill.base_id}; positions will show which one counts"
                self._ledger.freezes.freeze(self._account, fill.instrument, FreezeCode.CORRECTION, text, fill.base_id)
            elif attempt is not None:
                self._learn(self._reopened(attempt, f"execution {fill.exec_id}"), fill.perm_id)
                self.progress(attempt.ref)
            elif not opening:
                text = f"execution {fill.exec_id} of an order that is not ours"
                self._ledger.freezes.freeze(self._account, fill.instrument, FreezeCode.EXTERNAL_FILL, text)

    def _differs(self, fill: Fill) -> None:
        """Another content under a known execution id: an alarm once for each content, for it is told until midnight."""
        content = f"{fill.side} {fill.quantity} {fill.instrument} at {fill.price}"
        text = f"{fill.exec_id} was reported again with other content: {content}"
        self._ledger.freezes.freeze_once(self._account, fill.instrument, FreezeCode.FILL_DIFFERS, text, fill.exec_id)

    def _order(self, order: VenueOrder, *, queried: bool, opening: bool) -> None:
        if order.account and order.account != self._account:
            return
        with self._ledger.transaction():
            attempt = self._owner(order.ref, order.perm_id)
            if attempt is None:
                self._external(order, opening=opening)
                return
            if queried or order.perm_id:
                evidence, is_over = f"the venue lists it as {order.status}", order.status not in LIVE
                attempt = self._reopened(attempt, evidence, is_over=is_over)
            self._learn(attempt, order.perm_id)
            if attempt.state.terminal:
                self.doubts.discard(attempt.ref)
                self.contradicted |= queried and order.status in LIVE
            elif order.status in LIVE or not queried:
                self._acknowledge(attempt, order, queried=queried)
            else:
                self._end(attempt, order)

    def _listed_twice(self, order: VenueOrder) -> None:
        """Listed as open too, so it is not at its end; under a second permanent id it is an alarm (R4)."""
        attempt = self._ledger.attempts.find(order.ref)
        if attempt is not None and order.account in ("", self._account):
            with self._ledger.transaction():
                self._learn(attempt, order.perm_id)

    def _live_twice(self, snapshot: BrokerSnapshot) -> None:
        """Freeze our orders that work twice at the venue, also after a person has acknowledged it: each may fill."""
        live: dict[str, set[int]] = {}
        for order in snapshot.open_orders:
            if order.ref and order.perm_id and order.status in LIVE and order.account in ("", self._account):
                live.setdefault(order.ref, set()).add(order.perm_id)
        for ref, perm_ids in live.items():
            if len(perm_ids) > 1 and (attempt := self._ledger.attempts.find(ref)) is not None:
                self._freeze(attempt, FreezeCode.TWO_PERM_IDS, _times(sorted(perm_ids)))

    def _owner(self, ref: str, perm_id: int) -> Attempt | None:
        """Ours by reference, else by permanent id; never by symbol, size or time (R3)."""
        return owner(self._ledger, ref, perm_id)

    def _learn(self, attempt: Attempt, perm_id: int) -> None:
        known = self._ledger.attempts.learn_perm_id(attempt.ref, perm_id) if perm_id else ()
        if len(known) > 1:
            freeze = (self._account, attempt.instrument, FreezeCode.TWO_PERM_IDS, _times(known), attempt.ref)
            self._ledger.freezes.freeze_once(*freeze)

    def _reopened(self, attempt: Attempt, evidence: str, *, is_over: bool = False) -> Attempt:
        """An order judged not sent that the venue knows after all: it is open again, and an alarm is raised (R5).

        Args:
            is_over: whether it works no more: then the alarm is raised once, for the venue tells it until its midnight.
        """
        if attempt.state is not AttemptState.NOT_SENT or attempt.sending_at is None:
            return attempt
        freeze = self._ledger.freezes.freeze_once if is_over else self._ledger.freezes.freeze
        text = f"judged not sent, and the venue has it: {evidence}"
        freeze(self._account, attempt.instrument, FreezeCode.FILL_AFTER_END, text, attempt.ref)
        others = [other for other in self._ledger.attempts.all(attempt.intent_id) if other.leg is attempt.leg]
        if any(not other.state.terminal for other in others):
            return attempt  # one attempt of a leg is live at a time; this one's fills count all the same
        self._ledger.attempts.move(attempt.ref, AttemptState.ACKED, f"reopened by the venue: {evidence}")
        self.progress(attempt.ref)  # its fills may have been recorded while another attempt of the intent was live
        return self._ledger.attempts.get(attempt.ref)

    def progress(self, ref: str) -> None:
        """Bring an attempt to the state that follows from its executions, after a fill or a ruling on a correction."""
        attempt, filled = self._ledger.attempts.get(ref), self._ledger.executions.filled(ref)
        if filled > attempt.quantity:
            self._freeze(attempt, FreezeCode.OVERFILL, f"{filled} filled of {attempt.quantity}")
        state = attempt.state
        if state.terminal:
            if state is not AttemptState.FILLED and filled:
                self._freeze(attempt, FreezeCode.FILL_AFTER_END, f"{state}, and {filled} of it filled")
        elif filled >= attempt.quantity:
            self._ledger.attempts.move(attempt.ref, AttemptState.FILLED, f"{filled} filled by executions")
            self.doubts.discard(attempt.ref)
        elif filled and state not in (AttemptState.PARTIAL, AttemptState.CANCEL_REQUESTED):
            self._ledger.attempts.move(attempt.ref, AttemptState.PARTIAL, f"{filled} of {attempt.quantity} filled")

    def _acknowledge(self, attempt: Attempt, order: VenueOrder, *, queried: bool) -> None:
        if attempt.state in _UNACKNOWLEDGED and (order.perm_id or queried):
            attempt = self._ledger.attempts.move(attempt.ref, AttemptState.ACKED, f"permanent id {order.perm_id}")
        if attempt.state is AttemptState.ACKED and order.status is VenueStatus.WORKING:
            self._ledger.attempts.move(attempt.ref, AttemptState.WORKING, "working at the venue")
        if queried:
            self.doubts.discard(attempt.ref)
        elif order.status not in LIVE:
            self.doubts.add(attempt.ref)

    def _end(self, attempt: Attempt, order: VenueOrder) -> None:
        filled = self._ledger.executions.filled(attempt.ref)
        if order.status is VenueStatus.FILLED and attempt.is_protective and 0 < filled == order.filled:
            # The venue made the leg smaller when its counterpart, or a part of the entry, closed the rest.
            reason = f"{filled} filled, to which the venue had reduced it"
            self._ledger.attempts.move(attempt.ref, AttemptState.FILLED, reason)
            self.doubts.discard(attempt.ref)
            return
        if order.status is VenueStatus.FILLED or order.filled is None or order.filled > filled:
            self._acknowledge(attempt, order, queried=True)
            return
        rejected = order.status is VenueStatus.REJECTED and not filled
        cancelling = attempt.state is AttemptState.CANCEL_REQUESTED
        state = AttemptState.REJECTED if rejected and not cancelling else AttemptState.CANCELLED
        self._checkpoint("S8.before_end")
        self._ledger.attempts.move(
            attempt.ref, state, f"the venue lists it as {order.status}: {order.text}".rstrip(": ")
        )
        self._checkpoint("S8.ended")
        self.doubts.discard(attempt.ref)

    def _external(self, order: VenueOrder, *, opening: bool) -> None:
        key = external_key(order)
        new = self._ledger.broker_journal.adopt_external(key, order)
        if new and (order.status in LIVE or (order.filled and not opening)):
            text = f"{order.side} {order.quantity}, permanent id {order.perm_id}, reference {order.ref!r}"
            self._ledger.freezes.freeze(self._account, order.instrument, FreezeCode.EXTERNAL_ORDER, text, key)

    def _error(self, session: str, order_id: int) -> None:
        """An error about an order proves nothing (codes 103, 201, 399, 10148 ...): it only asks for a query."""
        attempt = self._ledger.attempts.of_order_id(session, order_id)
        if attempt is not None and not attempt.state.terminal:
            self.doubts.add(attempt.ref)

    def _freeze(self, attempt: Attempt, code: FreezeCode, text: str) -> None:
        self._ledger.freezes.freeze(self._account, attempt.instrument, code, text, attempt.ref)


def _times(perm_ids: Sequence[int]) -> str:
    return f"the venue has it {len(perm_ids)} times: {', '.join(map(str, sorted(perm_ids)))}"


def _correction(fill: Fill) -> tuple[int, str]:
    """The number of the correction as text, shorter ones first: ``.9`` before ``.10``."""
    number = fill.exec_id.removeprefix(fill.base_id)
    return len(number), number
