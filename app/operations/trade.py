"""The daily loop as one command: bars, signals, intents, decisions, sending, comparison with the venue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.operations import trading
from app.operations.replies import IntentView
from assets.daily_loop import Round, run_round
from conf.compose import compose_without_strategy
from conf.environment import options
from conf.overrides import named_options
from conf.problems import ConfigProblems, Problem, nearest
from conf.strategy_kinds import is_allocation_file, tradable
from runtime.alerts import tell_alerts
from runtime.container import Container
from runtime.rebalances import waiting_orders
from runtime.traded_strategies import BrokenStrategy
from runtime.trading import account_in_force, not_well
from tradewright.execution.health import Problem as NotWell
from tradewright.execution.operator_actions import OrderView
from tradewright.execution.rebalancing import Waiting
from tradewright.model.allocation import needs_shared_account
from tradewright.model.errors import TradewrightError

Say = Callable[[str], None]


@dataclass(frozen=True)
class TradeReply:
    """The outcome of one round of the loop.

    Args:
        strategies: those that were traded.
        intents: the intents that were decided on in the round, each with its decision, newest first.
        orders: the orders of these intents.
        open_orders: the references of all orders of the account that have not ended.
        waiting: the orders of rebalances that wait until those that reduce holdings have ended.
        failures: the steps that failed, each with its reasons.
        broken: the strategies for which nothing was entered, because their files, their code or their data are wrong.
        problems: everything that is not well on the account.
    """

    strategies: tuple[str, ...]
    worked: tuple[str, ...]
    intents: tuple[IntentView, ...]
    orders: tuple[OrderView, ...]
    open_orders: tuple[str, ...]
    waiting: tuple[Waiting, ...]
    failures: tuple[str, ...]
    broken: tuple[BrokenStrategy, ...]
    problems: tuple[NotWell, ...]

    @property
    def failed(self) -> bool:
        """Whether a step failed, a strategy is broken, or the account is not well. A decision of the gate is none."""
        return bool(self.failures or self.broken or self.problems)


def strategies_of(overrides: Sequence[str]) -> tuple[str, ...]:
    """The strategies that are traded: the one that ``strategy=NAME`` names, else every one that makes signals.

    Raises:
        ConfigProblems: for a name that no file has, and when the configuration is wrong in anything but a strategy's
            file.
        ConfigError: for an allocation without one account for all instruments.
    """
    account = compose_without_strategy(tuple(overrides)).backtest.account
    known = options("strategy")
    named = named_options("strategy", overrides)
    if not named:
        return tuple(tradable(account))
    if named[-1] not in known:
        rule = f"must be one of {', '.join(known)}"
        raise ConfigProblems([Problem("command line", 0, "strategy", named[-1], rule, nearest(named[-1], known))])
    if account != "shared" and is_allocation_file(named[-1]):
        raise needs_shared_account(named[-1])
    return (named[-1],)


def trade_once(overrides: tuple[str, ...], say: Say) -> TradeReply:
    """One round of the loop, which does what is due and compares the account with the venue at its end.

    Raises:
        ConfigProblems: when the configuration is wrong in anything but a strategy's file.
        StoreError, LedgerError: when the ledger cannot be used.
    """
    names, settings = strategies_of(overrides), compose_without_strategy(overrides)
    began = Container(settings).clock.now()
    try:
        return _reply(overrides, names, run_round(overrides, names, say), began)
    finally:
        tell_alerts(settings)


def trade(overrides: tuple[str, ...], every: float, say: Say) -> Iterator[TradeReply]:
    """Rounds without end, each after so many seconds; one that did nothing and finds the same strategies broken as the
    one before gives no reply.

    A round that fails as a whole is told, and the next one tries again: a file that is being edited, a venue that
    restarts at night.

    Args:
        every: seconds between two rounds.

    Raises:
        ConfigProblems: for a strategy that no file has, before the first round.
    """
    names, settings = strategies_of(overrides), compose_without_strategy(overrides)
    clock = Container(settings).clock

    def dated(line: str) -> None:
        say(f"{clock.now():%Y-%m-%d %H:%M:%S} UTC: {line}")

    broken: list[BrokenStrategy] = []
    while True:
        began = clock.now()
        try:
            done = run_round(overrides, names, dated, upkeep=True)
            if done.worked or done.broken != broken:
                yield _reply(overrides, names, done, began)
            broken = done.broken
        except TradewrightError as error:
            dated(f"the round broke off, tried again in {every:g} s: {error}")
        tell_alerts(settings)
        asyncio.run(clock.sleep(every))


def _reply(overrides: tuple[str, ...], names: Sequence[str], done: Round, began: datetime) -> TradeReply:
    settings = compose_without_strategy(overrides)
    views = [row for row in trading.intents(settings).rows if row.decision and row.decision.decided_at >= began]
    made = {row.intent.intent_id for row in views}
    with Container(settings) as house:
        account = account_in_force(settings, house.ledger)
        return TradeReply(
            strategies=tuple(names),
            worked=tuple(done.worked),
            intents=tuple(views),
            orders=tuple(row for row in trading.orders(settings).rows if row.attempt.intent_id in made),
            open_orders=tuple(attempt.ref for attempt in house.ledger.attempts.live(account)),
            waiting=tuple(waiting_orders(house, names)),
            failures=tuple(done.problems),
            broken=tuple(done.broken),
            problems=not_well(house),
        )
