"""Listings of a ledger in which a row is damaged: the good rows are listed, and the others are named (D8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from app.operations.replies import Listing
from runtime.container import Container
from runtime.trading import account_in_force
from tradewright.model.errors import LedgerError, StoreError

Row = TypeVar("Row")


def set_aside(whole: Callable[[], Listing[Row]], single: Callable[[], Listing[Row]]) -> Listing[Row]:
    """A listing in one reading or, where a row of it is damaged, of row after row.

    Args:
        single: reads one row at a time and names the damaged ones.

    Raises:
        LedgerError: when the ledger cannot be opened at all.
    """
    try:
        return whole()
    except (LedgerError, StoreError) as error:
        first = f"{error.where}: {error.what}"
    try:
        found = single()
    except LedgerError as error:
        return Listing((), "", damaged=tuple(dict.fromkeys((first, f"{error.where}: {error.what}"))))
    named = found.damaged if any(first.partition(":")[0] in text for text in found.damaged) else (first, *found.damaged)
    return Listing(found.rows, found.account, found.remark, tuple(named))


def apart(noun: str, names: Iterable[str], read: Callable[[str], Row]) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """The rows of some names that can be read, and of each other one where and why not.

    Args:
        noun: the kind of the rows, for the text.
    """
    rows, damaged = [], []
    for name in names:
        try:
            rows.append(read(name))
        except LedgerError as error:
            damaged.append(f"{noun} {name}: {error.where}: {error.what}")
    return tuple(rows), tuple(damaged)


def account_named(house: Container) -> str:
    """The account in force; empty where the ledger's record of it is damaged."""
    try:
        return account_in_force(house.settings, house.ledger)
    except LedgerError:
        return ""
