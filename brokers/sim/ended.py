"""The file of a venue's ended orders of long ago: appended to when the venue is opened, read when somebody asks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from brokers.sim.state import BookOrder, EndedOrder, Execution, VenueState

KEPT = 10
"""Connections before the present one whose ended orders stay in the venue's own file."""


def set_aside(path: Path, state: VenueState) -> None:
    """Move the orders that ended long ago, with their executions, from a state to the file of ended orders.

    They are appended and synced before the state is written without them. The state tells how many bytes of the file
    belong to it: a crash between the two leaves more of them, which are not read, and cut off by the next appending.
    The file is named after the venue's seed, so that no other venue of this place appends to it.

    Raises:
        OSError: when it cannot be written.
        ValueError: when it is shorter than the state tells.
    """
    _demand_whole(path, state)
    oldest = state.connections - KEPT
    moved = _long_over(state, oldest)
    if not moved:
        return
    content = b"".join(line.model_dump_json().encode() + b"\n" for line in _lines(state, moved))
    with ended_file(path, state).open("ab") as file:
        file.truncate(state.ended_bytes)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)
    state.orders = {key: order for key, order in state.orders.items() if key not in moved}
    state.executions = [execution for execution in state.executions if execution.order.perm_id not in moved]
    state.ended_bytes += len(content)
    state.ended_before = oldest


def ended_orders(path: Path, state: VenueState) -> list[EndedOrder]:
    """The orders that were set aside, the oldest first; one that changed and was set aside again is joined.

    Raises:
        OSError, ValueError: when the file cannot be read, or is shorter than the state tells.
    """
    if not state.ended_bytes:
        return []
    _demand_whole(path, state)
    with ended_file(path, state).open("rb") as file:
        lines = file.read(state.ended_bytes).split(b"\n")[:-1]
    found: dict[int, EndedOrder] = {}
    for line in lines:
        ended = EndedOrder.model_validate_json(line)
        earlier = found.get(ended.order.perm_id)
        executions = ended.executions if earlier is None else earlier.executions + ended.executions
        found[ended.order.perm_id] = ended.model_copy(update={"executions": executions})
    return list(found.values())


def ended_file(path: Path, state: VenueState) -> Path:
    """The file of the ended orders of the venue that is kept in ``path``."""
    return path.with_name(f"{path.name}.ended-{state.seed:08x}")


def _demand_whole(path: Path, state: VenueState) -> None:
    """Refuse a file of ended orders that lacks some of them.

    Raises:
        ValueError: when it is missing or too short.
    """
    place = ended_file(path, state)
    length = place.stat().st_size if place.exists() else 0
    if length < state.ended_bytes:
        raise ValueError(f"{place.name} beside it has {length} of {state.ended_bytes} bytes; restore both files")


def _lines(state: VenueState, moved: Mapping[int, BookOrder]) -> Iterable[EndedOrder]:
    executions: dict[int, list[Execution]] = {perm_id: [] for perm_id in moved}
    for execution in state.executions:
        if execution.order.perm_id in moved:
            executions[execution.order.perm_id].append(execution)
    return (EndedOrder(order=order, executions=tuple(executions[key])) for key, order in moved.items())


def _long_over(state: VenueState, oldest: int) -> dict[int, BookOrder]:
    """The orders that ended before a connection began, with all to which they belong as parent or child."""
    families: dict[int, list[BookOrder]] = {}
    for order in state.orders.values():
        families.setdefault(order.placement.parent or order.perm_id, []).append(order)
    over = (family for family in families.values() if all(_is_over(order, oldest) for order in family))
    return {order.perm_id: order for order in sorted(_joined(over), key=lambda order: order.perm_id)}


def _joined(families: Iterable[list[BookOrder]]) -> Iterable[BookOrder]:
    return (order for family in families for order in family)


def _is_over(order: BookOrder, oldest: int) -> bool:
    return not order.live and order.connection is not None and order.connection < oldest


def _sync_folder(folder: Path) -> None:
    """Let the entry of a new file last, where folders can be synced."""
    if hasattr(os, "O_DIRECTORY"):
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(place)
        finally:
            os.close(place)
