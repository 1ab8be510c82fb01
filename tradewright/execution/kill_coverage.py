"""What a stop covers: the open orders that a kill cancels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tradewright.ledger.attempt import Attempt
from tradewright.ledger.kill_switches import account_scope, strategy_scope
from tradewright.ledger.ledger import Ledger
from tradewright.model.errors import TradewrightError


@dataclass(frozen=True)
class KillCoverage:
    """The open orders of an account that its kill switches cover.

    Args:
        starts_stopped: whether trading that was never resumed counts as stopped, as in live mode.
    """

    ledger: Ledger
    account: str
    starts_stopped: bool

    def covers(self, attempt: Attempt) -> bool:
        """Whether a switch of everything, of the account or of the order's strategy is on."""
        return self._stopped(attempt.strategy)

    @property
    def whole_account(self) -> bool:
        """Whether every order of the account is covered, whose ever it is."""
        return self._stopped("")

    def _stopped(self, strategy: str) -> bool:
        switches = self.ledger.kill_switches
        return bool(switches.stopping(strategy, self.account, starts_stopped=self.starts_stopped))


def covered_by(scope: str, find: Callable[[str], Attempt | None]) -> Callable[[str], bool]:
    """Whether a scope of the kill switch covers the order of a reference, for a ledger that may be damaged.

    An order whose row cannot be read counts as covered; one that is not on record is of no strategy.

    Args:
        find: the order on record. It opens the ledger itself: a stop of everything must not need one.
    """
    kind, _, strategy = scope.partition(":")

    def covers(ref: str) -> bool:
        if kind != "strategy":
            return True
        try:
            found = find(ref)
        except TradewrightError:
            return True
        return found is not None and found.strategy == strategy

    return covers


def open_elsewhere(ledger: Ledger, account: str, scope: str) -> tuple[str, ...]:
    """The open orders of this mode's other accounts that a stop covers, and that a kill on ``account`` cannot reach."""
    others = (other for other in ledger.outbox.accounts() if other != account)
    covered = (other for other in others if not scope.startswith("account:") or scope == account_scope(other))
    return tuple(ref for other in covered for ref in open_under(ledger, other, scope))


def open_under(ledger: Ledger, account: str, scope: str) -> list[str]:
    """The open orders that a stop covers: a kill cancels them, unless it broke off or the venue was away."""
    of_one = scope.startswith("strategy:")
    live = ledger.attempts.live(account)
    return [row.ref for row in live if not of_one or scope == strategy_scope(row.strategy)]
