"""How to reach Interactive Brokers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from tradewright.model.base import FrozenModel

LIVE_PORTS = frozenset({4001, 7496})
PAPER_PORTS = frozenset({4002, 7497})
"""The ports of Interactive Brokers' own programs; any other port says nothing about the mode."""


class Contradiction(NamedTuple):
    """A setting that does not fit the mode: its key, its value, the rule."""

    key: str
    value: object
    rule: str


def account_problems(live: bool, port: int, account: str) -> Iterator[Contradiction]:
    """The account rules of Interactive Brokers (control 22); paper accounts begin with ``D``."""
    if live and not account:
        yield Contradiction("account", None, "is missing: live mode needs the account spelled out")
    if account and live == account.startswith("D"):
        yield Contradiction("account", account, f"is not a {'live' if live else 'paper'} account")
    if live and port in PAPER_PORTS:
        yield Contradiction("port", port, "is a port of paper accounts, and mode is live")
    if not live and port in LIVE_PORTS:
        yield Contradiction("port", port, "is a port of live accounts, and mode is paper")


class IbkrSettings(FrozenModel):
    """Where the gateway is, who we are there, and how long we wait.

    Live trading needs an explicit account and a live port; paper refuses both kinds of live setting, so that no single
    wrong value can turn one into the other. Paper accounts begin with ``D``.

    Args:
        client_id: fixed for the sender: a second sender gets error 326.
        account: empty takes the only account there is (paper only).
        live_port: a live port other than the two usual ones, repeated here on purpose.
        timeout: seconds for connecting and for each query.
        quote_timeout: seconds for a price; the venue ends a snapshot of a quiet instrument after eleven.
        market_data_type: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=4002, gt=0, lt=65_536)
    client_id: int = Field(default=21, ge=1)
    account: str = ""
    mode: Literal["paper", "live"] = "paper"
    live_port: int | None = None
    readonly: bool = False
    timeout: float = Field(default=10.0, gt=0)
    quote_timeout: float = Field(default=12.0, gt=0)
    market_data_type: Literal[1, 2, 3, 4] = 1

    @model_validator(mode="after")
    def _paper_and_live_never_mix(self) -> Self:
        live = self.mode == "live"
        for key, value, rule in account_problems(live, self.port, self.account):
            raise ValueError(f"{key} {rule}" + (f" (got {value})" if value else ""))
        is_repeated = self.port == self.live_port
        if live and self.port not in LIVE_PORTS and not is_repeated:
            raise ValueError(f"port {self.port} is not a usual live port; repeat it as live_port")
        if not live and is_repeated:
            raise ValueError(f"port {self.port} is named as a live port, and mode is paper")
        return self

    @property
    def where(self) -> str:
        """The address, for messages."""
        return f"{self.host}:{self.port}"

    def account_problem(self, account: str) -> str:
        """Why ``account`` does not fit the mode; empty when it does, or when no account is given."""
        problems = account_problems(self.mode == "live", self.port, account)
        return next((f"{account} {rule}" for key, _, rule in problems if key == "account" and account), "")
