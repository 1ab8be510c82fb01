"""How to reach Interactive Brokers."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tradewright.model.base import FrozenModel
from tradewright.model.mode import LIVE_PORTS


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
        live_port = self.port in LIVE_PORTS or self.port == self.live_port
        if self.mode == "live":
            if not self.account:
                raise ValueError("live trading needs the account to be named")
            if not live_port:
                raise ValueError(f"live trading on port {self.port}, which is not a live port; repeat it as live_port")
        elif live_port:
            raise ValueError(f"paper trading on port {self.port}, which is a live port")
        if problem := self.account_problem(self.account):
            raise ValueError(problem)
        return self

    @property
    def where(self) -> str:
        """The address, for messages."""
        return f"{self.host}:{self.port}"

    def account_problem(self, account: str) -> str:
        """Why ``account`` does not fit the mode; empty when it does, or when no account is given."""
        if account and (self.mode == "paper") != account.startswith("D"):
            return f"{account} is not a {self.mode} account"
        return ""
