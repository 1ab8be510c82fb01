"""The one account for all instruments, where the settings ask for one."""

from __future__ import annotations

from conf.strategy_kinds import kinds
from runtime.container import Container
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.model.allocation import needs_shared_account


def shared_account(house: Container) -> SharedAccount | None:
    """The terms of the one account for all instruments; None where each has its own.

    Raises:
        ConfigError: an allocation without such an account.
    """
    chosen = house.settings.backtest
    if chosen.account == "shared":
        return chosen.shared
    if kinds().is_allocation(house.settings.strategy.kind):
        raise needs_shared_account(house.settings.strategy.kind)
    return None


def account_of_weights(house: Container) -> SharedAccount:
    """The terms of the account that the allocation in force decides in.

    Raises:
        ConfigError: without such an account.
    """
    shared = shared_account(house)
    if shared is None:
        raise needs_shared_account(house.settings.strategy.kind)
    return shared


def divided(shared: SharedAccount | None) -> str:
    """How the cash is divided, in words."""
    return "an equal part for each instrument" if shared is None else "shared by all instruments"
