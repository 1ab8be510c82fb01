"""The limits of the gate: what is configured, what is in force, and making one tighter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.operations.actors import actor_name, checked_reason
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.trading import UNKNOWN_ACCOUNT, account_in_force
from tradewright.execution.risk_snapshot import limits_in_force
from tradewright.ledger.circuit_breaker import BreakerTrip
from tradewright.model.errors import ConfigError
from tradewright.model.tightening import Tightening
from tradewright.policy.tightening import TIGHTER, NotTighter, plain_value, tightened_value


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit, with its value in the configuration and the one in force; ``tightened`` where a person made it so."""

    name: str
    configured: Any
    in_force: Any
    can_be_tightened: bool
    tightened: Tightening | None


@dataclass(frozen=True, slots=True)
class LimitsReply:
    """All limits of an account.

    Args:
        lapsed: tightenings of numbers that the configuration has changed since.
        tripped: the trips of the daily circuit breaker that stop entries now.
    """

    account: str
    limits: tuple[LimitRow, ...]
    lapsed: tuple[Tightening, ...]
    tripped: tuple[BreakerTrip, ...]


def limits(settings: Settings) -> LimitsReply:
    """Every limit of the account in force."""
    with Container(settings) as house:
        account, configured = account_in_force(settings, house.ledger), house.limits
        changes = house.ledger.limits.tightenings(account)
        present = limits_in_force(house.ledger, account, configured)
        tripped = house.ledger.breaker.present(account, house.clock.now())
    by_name = {one.name: one for one in present.tightened}
    rows = tuple(
        LimitRow(name, plain_value(configured, name), plain_value(present, name), name in TIGHTER, by_name.get(name))
        for name in type(configured).model_fields
        if name not in ("tightened", "allowlist")
    )
    return LimitsReply(account, rows, tuple(one for one in changes if one not in present.tightened), tripped)


def tighten(settings: Settings, name: str, text: str, reason: str, actor: str = "") -> Tightening:
    """Make a limit of the account in force tighter; from now on, and until the configuration has another value.

    Raises:
        NotTighter: for what is no limit, no value, no instrument, or not tighter than what is in force.
        ConfigError: without a reason, and where no account is known.
    """
    reason = checked_reason(reason)
    with Container(settings) as house:
        ledger, configured = house.ledger, house.limits
        account = account_in_force(settings, ledger)
        if not account:
            raise ConfigError(UNKNOWN_ACCOUNT, where="broker.account", remedy="name it, or reconcile once")
        with ledger.transaction():
            present = limits_in_force(ledger, account, configured)
            value = tightened_value(present, name, text)
            strange = set(value) - {*house.instruments, *present.restricted} if name == "restricted" else set()
            if strange:
                told = f"there is no instrument {', '.join(sorted(strange))}"
                raise NotTighter(told, where="limit restricted", remedy="conf/instruments names them")
            return ledger.limits.tighten(account, name, value, plain_value(configured, name), actor_name(actor), reason)
