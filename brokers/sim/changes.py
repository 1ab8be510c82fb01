"""The changes of a venue's state: each is applied at once and written down before a client hears of it."""

from __future__ import annotations

from brokers.sim.state import AccountBook, BookOrder, Change, Execution, VenueState
from brokers.sim.storage import VenueCopy, VenueFile


class Changes:
    """A venue's state with its index of live orders, and the change that is not written down yet."""

    def __init__(self, state: VenueState, storage: VenueFile | VenueCopy | None) -> None:
        self.state = state
        self._storage, self._recalled = storage, False
        self._live = {perm_id: None for perm_id, order in state.orders.items() if order.live}
        self._children: dict[int, list[int]] = {}
        for order in state.orders.values():
            self._index(order)
        self._unwritten = Change()

    def live(self) -> list[BookOrder]:
        """Orders to which something may still happen, oldest first."""
        return [self.state.orders[perm_id] for perm_id in self._live]

    def children(self, parent: int) -> list[BookOrder]:
        """The child orders of an order, ended ones included."""
        return [self.state.orders[perm_id] for perm_id in self._children.get(parent, ())]

    def order(self, order: BookOrder) -> None:
        """A new order, or the new value of one."""
        if order.perm_id not in self.state.orders:
            self._index(order)
        if order.live:
            self._live[order.perm_id] = None
        else:
            self._live.pop(order.perm_id, None)
        self._take(Change(orders=(order,)))

    def execution(self, execution: Execution) -> None:
        """One more execution."""
        self._take(Change(executions=(execution,)))

    def account(self, book: AccountBook) -> None:
        """The new value of an account."""
        self._take(Change(accounts=(book,)))

    def order_id(self, client_id: int, lowest: int) -> None:
        """The lowest order id of a client that was never used."""
        self._take(Change(next_order_id={client_id: lowest}))

    def bar_until(self, symbol: str, end: object) -> None:
        """The end of the newest bar that an instrument's orders have met."""
        self._take(Change.model_validate({"bars_until": {symbol: end}}))

    def connected(self) -> None:
        """One more connection."""
        self._take(Change(connections=self.state.connections + 1))

    def next_perm_id(self) -> int:
        """A permanent id that was never given."""
        self._take(Change(sequence=self.state.sequence + 1))
        return 1_000_000 + (self.state.seed % 16_384) * 100_000 + self.state.sequence

    def next_exec_id(self) -> str:
        """An execution id that was never given; ids ascend."""
        self._take(Change(sequence=self.state.sequence + 1))
        return f"{self.state.seed:08x}.{self.state.sequence:08x}.01.01"

    def recall(self) -> None:
        """Take the ended orders of long ago in again, from their file; once."""
        if self._storage is not None and not self._recalled:
            ended = self._storage.ended(self.state)
            self.state.recall(ended)
            for line in ended:
                self._index(line.order)
        self._recalled = True

    def commit(self) -> None:
        """Write down what is not written yet, durably.

        Raises:
            BrokerError: when the disk refuses; the change stays unwritten and is tried again with the next one.
        """
        if self._storage is not None and self._unwritten != Change():
            self._storage.append(self._unwritten)
        self._unwritten = Change()

    def _take(self, change: Change) -> None:
        self.state.apply(change)
        if self._storage is not None:
            self._unwritten = _joined(self._unwritten, change)

    def _index(self, order: BookOrder) -> None:
        if order.placement.parent:
            self._children.setdefault(order.placement.parent, []).append(order.perm_id)


def _joined(first: Change, second: Change) -> Change:
    """Both changes as one; the later value of a thing wins when they are applied."""
    return Change(
        sequence=first.sequence if second.sequence is None else second.sequence,
        connections=first.connections if second.connections is None else second.connections,
        accounts=first.accounts + second.accounts,
        orders=first.orders + second.orders,
        executions=first.executions + second.executions,
        next_order_id=first.next_order_id | second.next_order_id,
        bars_until=first.bars_until | second.bars_until,
    )
