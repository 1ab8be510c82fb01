"""The settings, timeouts, checkpoints and results of the sending of orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tradewright.model.decision import Reason
from tradewright.model.errors import TradewrightError
from tradewright.model.mode import Mode
from tradewright.model.order import AttemptState


class SendRefused(TradewrightError):
    """The sender may not work: another one does, or its settings contradict each other. Nothing was sent."""


Checkpoint = Callable[[str], None]

CHECKPOINTS = (
    "S1.listed",
    "S2.before_claim",
    "S2.claimed",
    "S3.connected",
    "S3.reconciled",
    "S3.rechecked",
    "S4.before_write",
    "S4.written",
    "S4.read_back",
    "S5.before_place",
    "S5.placed",
    "S6.before_wait",
    "S6.acknowledged",
    "S7.recorded",
    "S7.applied",
    "S8.before_end",
    "S8.ended",
    "C.written",
    "C.cancelled",
)
"""In the order in which an order passes them; ``C`` is a cancel. S7 comes with every message of the venue."""


def no_checkpoint(_name: str) -> None:
    """Do nothing, as in production."""


@dataclass(frozen=True, slots=True)
class ProtocolTimes:
    """Seconds, at their production minimums: live mode refuses shorter ones, tests and the demo have them.

    Args:
        acknowledge: how long to wait for the venue's word on an order before it is in doubt (S6).
        settle: between the two snapshots of a recovery (R2).
        absence: between the two snapshots that may prove an order unsent (R5).
        poll: how old a snapshot may be when an order is sent, and how often a follower asks.
        lease: how long a silent sender keeps the account to itself.
        claim: how long a claimed order may wait for its turn; its approval ended when it was claimed.
        pause: the longest single wait while a condition is awaited.
    """

    acknowledge: float = 30.0
    settle: float = 5.0
    absence: float = 60.0
    poll: float = 5.0
    lease: float = 120.0
    claim: float = 900.0
    pause: float = 0.25


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """One sender's orders.

    Args:
        account: whose orders it sends.
        holder: this sender's own name, different at every start (host, process, a random part).
        live_account: must repeat the account in live mode (control 22).
        problems: contradictions between mode and account that the broker's plug-in found, in words.
        per_second, per_minute: the most orders that go out (control 8).
        max_skew: seconds between our clock and the venue's, beyond which nothing is sent (fault 36).
        broker_zone: whose midnight ends the venue's day; not documented by the venue, hence a setting.
    """

    account: str
    holder: str
    mode: Mode = Mode.SIM
    live_account: str = ""
    problems: tuple[str, ...] = ()
    per_second: int = 1
    per_minute: int = 20
    max_skew: float = 2.0
    broker_zone: str = "America/New_York"

    @property
    def starts_stopped(self) -> bool:
        """Whether nothing goes out until a person resumed trading once (control 22)."""
        return self.mode is Mode.LIVE

    @property
    def settles_alone(self) -> bool:
        """Whether evidence suffices to call an order unsent; with money at stake a person must confirm (R5)."""
        return self.mode is not Mode.LIVE

    def check(self, ledger: Mode) -> None:
        """Refuse to start where mode and account contradict each other (control 22).

        Args:
            ledger: the mode whose orders, switches and freezes the ledger reads and writes.

        Raises:
            SendRefused: without an account or holder, on a ledger of another mode, for a live mode that is not
                confirmed, and for every problem that the broker's plug-in found.
        """
        if not self.account or not self.holder:
            raise SendRefused("a sender needs an account and a holder", where="broker", remedy="set broker.account")
        if self.mode is not ledger:
            raise SendRefused(
                f"the sender is of mode {self.mode}, its ledger was opened for mode {ledger}",
                where="mode",
                remedy="open the ledger for the mode in which orders are sent",
            )
        if self.mode is Mode.LIVE and self.live_account != self.account:
            raise SendRefused(
                f"live trading on {self.account!r} is not confirmed: live_account is {self.live_account!r}",
                where="broker.live_account",
                remedy="repeat the account id there, by hand",
            )
        if self.problems:
            raise SendRefused("; ".join(self.problems), where="broker", remedy="correct conf/broker, or the mode")


class SendStatus(StrEnum):
    """The outcome of one approved order."""

    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    """Perhaps sent; its instrument is frozen until evidence comes. It is never sent again."""
    NOT_SENT = "NOT_SENT"
    """Proved not to have arrived: its intent may be decided again."""
    REJECTED = "REJECTED"
    """The venue refused it."""
    REFUSED = "REFUSED"
    """Our own checks refused it at send time; nothing was sent."""
    TAKEN = "TAKEN"
    """Another sender has claimed or sent it already: nothing is left to do here."""
    LOST = "LOST"
    """No such approved order may be claimed: a job must fail on this rather than look successful."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result for one approved order; ``reasons`` say why it was refused."""

    decision_id: str
    ref: str
    status: SendStatus
    state: AttemptState | None = None
    reasons: tuple[Reason, ...] = ()
