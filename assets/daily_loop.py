"""The daily loop in this process: the jobs that `make dev` runs by schedule, one round at a time, without a daemon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property

import dagster as dg

from assets.execution.definitions import DESK_JOB, execution_definitions
from assets.execution.orders import Chosen
from assets.execution.schedules import KEPT, Reason
from assets.execution.sending import point_at_approved, watch_open_orders
from assets.execution.upkeep import end_of_day_due, reconciliation_due
from assets.home import open_instance
from assets.pinned_config import PinnedConfig
from assets.research.definitions import research_definitions
from assets.research.schedules import REFRESH_JOB, SIGNALS_JOB
from assets.research.strategies import signals_key
from assets.runs import RunFailed, Say, execute
from assets.scheduling import working
from runtime.container import Container
from runtime.job_progress import bars_due, decisions_due, signals_due, signals_failed, without_bars
from runtime.rebalances import held_back, waits_still
from runtime.signal_series import deciding_timeframes
from runtime.traded_strategies import BrokenStrategy, broken_by, holdings, traded, without_file
from tradewright.database.engine import DatabaseFailure
from tradewright.model.errors import ConfigError, StoreError, TradewrightError

FOREIGN = (dg.DagsterError, DatabaseFailure, OSError)
"""Failures of Dagster, of its history and of the disk."""
RETRY = "correct its code; the next try comes after schedules.retry_minutes"


@dataclass
class Round:
    """One round of the loop.

    Args:
        worked: the jobs that ran, in order; empty where nothing was due.
        problems: the steps that failed, each with its reasons. What does not depend on them was done all the same.
        broken: the strategies for which nothing is entered. All else of the round was done all the same.
    """

    worked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    broken: list[BrokenStrategy] = field(default_factory=list)


def run_round(overrides: tuple[str, ...], names: Sequence[str], say: Say, *, upkeep: bool = False) -> Round:
    """One round, recorded in Dagster's history of the project.

    Args:
        names, say: as for :class:`DailyLoop`.
        upkeep: whether the round is one of many: :meth:`DailyLoop.where_due` instead of :meth:`DailyLoop.once`.

    Raises:
        ConfigProblems: when the configuration is wrong in anything but a strategy's file.
        RunFailed: when the round could not be run, or not be recorded in Dagster's history (locked, disk full).
    """
    try:
        with open_instance() as instance:
            loop = DailyLoop(overrides, names, instance, say)
            return loop.where_due() if upkeep else loop.once()
    except FOREIGN as error:
        what = f"the round could not be run or recorded: {_first_line(error)}"
        remedy = "see whether its disk is full and its folder writable, and which other program holds it"
        raise RunFailed(what, where="DAGSTER_HOME", remedy=remedy) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


class DailyLoop:
    """Bars, signals, intents and decisions, sending, comparison with the venue: each where it is due, in this order.

    What is due is computed as by the schedules, from the newest bars, the ledger and the record of what was done, so
    that a daemon that works beside this loop does nothing twice. A step that fails, and a strategy that is broken, are
    told; every other step, and every other strategy, goes on.

    Args:
        names: the strategies that are traded.
        instance: where the runs are recorded.
        say: told of each job that runs, on what or why, of each that failed, and why nothing is decided or sent.

    Raises:
        ConfigProblems: when the configuration is wrong in anything but a strategy's file.
    """

    def __init__(
        self, overrides: tuple[str, ...], names: Sequence[str], instance: dg.DagsterInstance, say: Say
    ) -> None:
        self._overrides, self._instance, self._say, self._round = overrides, instance, say, Round()
        self._settings = PinnedConfig.without_strategies(overrides).settings
        self._held: Mapping[str, Mapping[str, Decimal]] = {}
        self._attempt("holdings", self._look_at_holdings)
        found = traded(overrides, names)
        self._strategies = dict(found.sound)
        for row in (*found.broken, *without_file(set(self._held) - set(names))):
            self._leave_out(row)

    @cached_property
    def _research(self) -> dg.Definitions:
        """Made by the first step that needs it: where it cannot be made, those of the desk go on."""
        return research_definitions(self._overrides)

    @cached_property
    def _execution(self) -> dg.Definitions:
        return execution_definitions(self._overrides)

    def once(self) -> Round:
        """One round that ends with a comparison with the venue, whatever its schedule says."""
        self._trade(self._say)
        self._run(self._execution, "reconcile", "the end of the round")
        return self._round

    def where_due(self) -> Round:
        """One round of all that is due, also of what keeps account and ledger by the times of ``conf/schedules``."""
        self._trade(lambda _reason: None)
        self._keep()
        return self._round

    def _trade(self, idle: Say) -> None:
        """Bars to sent orders.

        Args:
            idle: told why nothing is decided or sent.
        """
        self._attempt(REFRESH_JOB, self._refresh)
        self._attempt(SIGNALS_JOB, self._make_signals, idle)
        self._attempt(DESK_JOB, self._decide, idle)
        self._attempt("send_orders", self._send, idle)
        if "send_orders" in self._round.worked:
            self._attempt(DESK_JOB, self._continue_rebalances, idle)

    def _attempt(self, step: str, act: Callable[..., None], *given: object) -> None:
        """A step, whose failure is noted and told, and stops no later one: each looks for itself at what it needs."""
        try:
            act(*given)
        except TradewrightError as error:
            self._fail(step, str(error))
        except FOREIGN as error:
            self._fail(step, _first_line(error))

    def _refresh(self) -> None:
        timeframes = {each for made in self._strategies.values() for each in deciding_timeframes(made)}
        with Container(self._settings) as house:
            bars = bars_due(house, sorted(timeframes))
        if bars:
            self._run(self._research, REFRESH_JOB, ", ".join(bars))

    def _make_signals(self, idle: Say) -> None:
        """The signals that are due; a strategy whose signals cannot be made is broken."""
        due, busy = {}, working(self._instance, SIGNALS_JOB)
        for name, made in list(self._strategies.items()):
            try:
                due[name] = signals_due(Container(made))
                if not due[name] and (failed := signals_failed(Container(made))) and not busy:
                    self._leave_out(BrokenStrategy(name, f"strategy {name}, signals", failed, RETRY))
            except (ConfigError, StoreError) as error:
                self._leave_out(broken_by(name, error))
        if why := {name: reason for name, reason in due.items() if reason}:
            self._run_signals(why)
        for name in list(self._strategies):
            if lacking := without_bars(Container(self._strategies[name])):
                idle(f"{name}: no bars of {', '.join(lacking)} in its timeframe; import them, or add them to universe")

    def _run_signals(self, why: Mapping[str, str]) -> None:
        shown = "; ".join(f"{name}: {reason}" for name, reason in why.items())
        self._begin(SIGNALS_JOB, shown)
        request = dg.RunRequest(asset_selection=[signals_key(name) for name in why])
        try:
            self._execute(self._research, SIGNALS_JOB, request)
        except RunFailed as error:
            steps = {signals_key(name).to_python_identifier(): name for name in why}
            for step, reason in error.steps.items():
                if step in steps:
                    where, _, what = reason.partition(": ")
                    self._leave_out(BrokenStrategy(steps[step], where, what, RETRY))
            if not steps.keys() >= error.steps.keys() or not error.steps:
                self._fail(SIGNALS_JOB, error.what)

    def _decide(self, idle: Say) -> None:
        with Container(self._settings) as house:
            pending = decisions_due(house, list(self._strategies))
        for name, error in pending.failed.items():
            self._leave_out(broken_by(name, error))
        if not pending.pairs:
            idle(f"nothing to decide: {'; '.join(pending.reasons) or 'no strategy can be used'}")
            return
        wanted = Chosen(only_due=True, strategies=pending.strategies)
        request = dg.RunRequest(run_config=dg.RunConfig(ops={"intents": wanted}))
        counts = Counter(name for name, _symbol in pending.pairs)
        shown = ", ".join(f"{name} on {count} instruments" for name, count in counts.items())
        self._run(self._execution, DESK_JOB, f"new signals of {shown}", request)

    def _send(self, idle: Say) -> None:
        approved = point_at_approved(self._settings)
        if isinstance(approved, dg.RunRequest):
            self._run(self._execution, "send_orders", "orders are approved", approved)
        else:
            idle(f"nothing to send: {approved.skip_message}")

    def _continue_rebalances(self, idle: Say) -> None:
        """The orders that waited for those that were sent just now, as far as these are filled."""
        with Container(self._settings) as house:
            waiting = [found for name in self._strategies if (found := held_back(house, name))]
            open_still = [found.text for found in waiting if waits_still(house, found)]
        if open_still:
            self._run(self._execution, "reconcile", "; ".join(open_still))
        if waiting:
            self._decide(idle)
            self._send(idle)

    def _keep(self) -> None:
        """The jobs that keep account and ledger, each where it is due."""
        jobs = {"reconcile": self._comparison_due, "end_of_day": end_of_day_due}
        for job, reason in (*jobs.items(), *((row.name, row.reason) for row in KEPT)):
            self._attempt(job, self._keep_one, job, reason)

    def _keep_one(self, job: str, reason: Reason) -> None:
        with Container(self._settings) as house:
            why = reason(house)
        if why:
            self._run(self._execution, job, why)

    def _comparison_due(self, house: Container) -> str:
        watched = isinstance(watch_open_orders(self._settings), dg.RunRequest)
        return reconciliation_due(house) or ("an order is open" if watched else "")

    def _look_at_holdings(self) -> None:
        with Container(self._settings) as house:
            self._held = holdings(house)

    def _leave_out(self, broken: BrokenStrategy) -> None:
        """Nothing is entered for a broken strategy in this round."""
        self._strategies.pop(broken.strategy, None)
        self._round.broken.append(replace(broken, holds=self._held.get(broken.strategy, {})))

    def _run(self, definitions: dg.Definitions, job: str, why: str, request: dg.RunRequest | None = None) -> None:
        """Run a job to its end; a failure is noted and told."""
        self._begin(job, why)
        try:
            self._execute(definitions, job, request or dg.RunRequest())
        except RunFailed as error:
            self._fail(job, error.what)

    def _begin(self, job: str, why: str) -> None:
        self._round.worked.append(job)
        self._say(f"{job}: {why}")

    def _execute(self, definitions: dg.Definitions, job: str, asked: dg.RunRequest) -> None:
        config, tags, assets = asked.run_config, asked.tags, asked.asset_selection
        execute(definitions, job, self._instance, run_config=config, tags=tags, assets=assets)

    def _fail(self, step: str, what: str) -> None:
        self._round.problems.append(f"{step}: {what}")
        self._say(f"{step} failed: {what}")
