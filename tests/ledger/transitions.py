"""The life of an attempt, written down once more by hand from the protocol, as a witness of the ledger's own table."""

from __future__ import annotations

from tradewright.model.order import AttemptState

S = AttemptState

MATRIX = """
CLAIMED SENDING UNKNOWN ACKED WORKING PARTIAL CANCEL_REQUESTED FILLED CANCELLED REJECTED EXPIRED NOT_SENT
CLAIMED          .  x  s  s  s  s  s  s  s  s  x  x
SENDING          -  .  x  x  a  a  a  a  x  x  -  x
UNKNOWN          -  -  .  x  a  a  a  a  x  x  -  x
ACKED            -  -  -  .  x  x  x  x  x  x  -  -
WORKING          -  -  -  -  .  x  x  x  x  x  -  -
PARTIAL          -  -  -  -  -  .  x  x  x  -  -  -
CANCEL_REQUESTED -  -  -  -  x  x  .  x  x  -  -  -
FILLED           -  -  -  -  -  -  -  .  -  -  -  -
CANCELLED        -  -  -  -  -  -  -  -  .  -  -  -
REJECTED         -  -  -  -  -  -  -  -  -  .  -  -
EXPIRED          -  -  -  -  -  -  -  -  -  -  .  -
NOT_SENT         -  -  -  x  a  a  a  a  a  a  -  .
"""
"""From a row to a column, named in the first line: ``.`` is there already, ``x`` one step, ``a`` by way of ACKED, ``s``
by way of SENDING (an order that the venue knows although our write-ahead is lost), ``-`` no way. Out of NOT_SENT there
is a way only by evidence of the venue: the order was sent after all (H0)."""


def cells() -> dict[tuple[AttemptState, AttemptState], str]:
    """The matrix by pair."""
    head, *rows = (line.split() for line in MATRIX.strip().splitlines())
    return {(S(row[0]), S(name)): cell for row in rows for name, cell in zip(head, row[1:], strict=True)}


CELLS = cells()


def way(present: AttemptState, wanted: AttemptState) -> tuple[AttemptState, ...] | None:
    """The states to pass through, or None where there is no way."""
    cell = CELLS[present, wanted]
    if cell == "s":
        return (S.SENDING, *(way(S.SENDING, wanted) or ()))
    return {".": (), "x": (wanted,), "a": (S.ACKED, wanted), "-": None}[cell]
