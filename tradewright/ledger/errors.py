"""The ledger's own refusals."""

from __future__ import annotations

from tradewright.model.errors import LedgerError


class IdempotencyConflict(LedgerError):
    """A key that was already used came back with another payload (R-EXEC-04)."""


class IllegalTransition(LedgerError):
    """An attempt was asked to move where the state machine has no way (R-EXEC-06)."""


class LedgerKeyMissing(LedgerError):
    """The key of the ledger, or its anchored end, is not to be had: nothing may be sent. A stop needs neither."""


class LedgerTampered(LedgerError):
    """A row is not what was recorded: it was edited, inserted or removed outside this program."""
