"""What a sender is told: which account, by whom, in which mode, how fast."""

from __future__ import annotations

from dataclasses import dataclass

from tradewright.execution.errors import SendRefused
from tradewright.model.mode import Mode


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

    def check(self) -> None:
        """Refuse to start where mode and account contradict each other (control 22).

        Raises:
            SendRefused: without an account or holder, for a live mode that is not confirmed, and for every problem that
                the broker found.
        """
        if not self.account or not self.holder:
            raise SendRefused("a sender needs an account and a holder", where="broker", remedy="set broker.account")
        if self.mode is Mode.LIVE and self.live_account != self.account:
            raise SendRefused(
                f"live trading on {self.account!r} is not confirmed: live_account is {self.live_account!r}",
                where="broker.live_account",
                remedy="repeat the account id there, by hand",
            )
        if self.problems:
            raise SendRefused("; ".join(self.problems), where="broker", remedy="correct conf/broker, or the mode")
