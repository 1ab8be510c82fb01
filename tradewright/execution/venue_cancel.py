"""Cancels by the venue's own list of orders: for a stop whose ledger is damaged and can tell nothing (D8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tradewright.execution.cancellation import Cancelled
from tradewright.execution.execution_reports import LIVE, OUR_FORM
from tradewright.execution.types import ProtocolTimes
from tradewright.model.broker import Broker, VenueOrder
from tradewright.model.clock import Clock
from tradewright.model.errors import BrokerError


async def cancel_listed(
    broker: Broker, account: str, covers: Callable[[str], bool], clock: Clock, times: ProtocolTimes, *, whole: bool
) -> Cancelled:
    """Ask the venue to cancel each of our open orders that it lists, and wait until it lists them no longer.

    Nothing is read from a ledger and nothing is written: the next reconciliation finds out what became of the orders.
    When the venue cannot be read to its end, it is asked to end every order of the account, where that is meant.

    Args:
        account: only orders of this account; of every account that the venue lists when empty.
        covers: whether the order of a reference is meant.
        whole: whether all orders of the account are meant.

    Raises:
        BrokerError: when the venue cannot be reached.
    """
    try:
        await broker.connect(lambda _event: None)
        meant = await _open(broker, account, covers)
    except BrokerError as error:
        if not whole:
            raise
        return await _cancel_everything(broker, error)
    problems = []
    try:
        for order in meant:
            problems += await _request(broker, order)
        left = await _left(broker, account, meant, clock, times)
    except BrokerError as error:
        return Cancelled(open=tuple(order.ref for order in meant), problem=str(error))
    finally:
        await broker.disconnect()
    ended = tuple(order.ref for order in meant if order.ref not in left)
    return Cancelled(ended, left, "; ".join(dict.fromkeys(problems)))


async def _open(broker: Broker, account: str, covers: Callable[[str], bool]) -> list[VenueOrder]:
    listed = (await broker.snapshot()).open_orders
    own = [order for order in listed if order.status in LIVE and (not account or order.account in ("", account))]
    return [order for order in own if OUR_FORM.fullmatch(order.ref) and covers(order.ref)]


async def _request(broker: Broker, order: VenueOrder) -> list[str]:
    try:
        await broker.cancel(order.ref, order.order_id or 0)
    except BrokerError as error:
        return [str(error)]
    return []


async def _left(
    broker: Broker, account: str, meant: Sequence[VenueOrder], clock: Clock, times: ProtocolTimes
) -> tuple[str, ...]:
    """The references that the venue still lists as open after at most ``acknowledge`` seconds."""
    refs = tuple(order.ref for order in meant)
    left, deadline = refs, clock.monotonic() + times.acknowledge
    while left and (remaining := deadline - clock.monotonic()) > 0:
        await clock.sleep(min(times.pause, remaining))
        listed = {order.ref for order in await _open(broker, account, lambda ref: ref in refs)}
        left = tuple(ref for ref in refs if ref in listed)
    return left


async def _cancel_everything(broker: Broker, error: BrokerError) -> Cancelled:
    """Over a connection that asks for nothing else, end every order of the account; nothing is concluded on it."""
    await broker.disconnect()
    await broker.connect(lambda _event: None, complete=False)
    try:
        await broker.cancel_all()
    finally:
        await broker.disconnect()
    told = "every order of the account was asked to end, those of other programs included"
    return Cancelled(problem=f"the venue could not be read to the end ({error}); {told}")
