"""The daily loop in this process: the jobs that `make dev` runs by schedule, one round at a time, without a daemon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import dagster as dg

from assets.execution.definitions import DESK_JOB, execution_definitions
from assets.execution.orders import Chosen
from assets.execution.schedules import KEPT
from assets.execution.sending import point_at_approved, watch_open_orders
from assets.execution.upkeep import end_of_day_due, reconciliation_due
from assets.home import open_instance
from assets.pinned_config import PinnedConfig
from assets.research.definitions import research_definitions
from assets.research.schedules import REFRESH_JOB, SIGNALS_JOB
from assets.research.strategies import signals_key
from assets.runs import RunFailed, Say, execute
from conf.problems import ConfigProblems
from runtime.container import Container
from runtime.job_progress import bars_due, decisions_due, signals_due, without_bars
from runtime.signal_series import deciding_timeframes
from tradewright.database.engine import DatabaseFailure


@dataclass
class Round:
    """One round of the loop.

    Args:
        worked: the jobs that ran, in order; empty where nothing was due.
        problems: the jobs that failed, each with its reasons. What does not depend on them was done all the same.
    """

    worked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def run_round(overrides: tuple[str, ...], names: Sequence[str], say: Say, *, upkeep: bool = False) -> Round:
    """One round, recorded in Dagster's history of the project.

    Args:
        names, say: as for :class:`DailyLoop`.
        upkeep: whether the round is one of many: :meth:`DailyLoop.where_due` instead of :meth:`DailyLoop.once`.

    Raises:
        ConfigProblems: when the configuration is wrong, or the file of one of the strategies.
        StoreError, LedgerError: when what is due cannot be found out.
        RunFailed: when the round could not be run, or not be recorded in Dagster's history (locked, disk full).
    """
    try:
        with open_instance() as instance:
            loop = DailyLoop(overrides, names, instance, say)
            return loop.where_due() if upkeep else loop.once()
    except (dg.DagsterError, DatabaseFailure, OSError) as error:
        what = f"the round could not be run or recorded: {str(error).partition(chr(10))[0] or type(error).__name__}"
        remedy = "see whether its disk is full and its folder writable, and which other program holds it"
        raise RunFailed(what, where="DAGSTER_HOME", remedy=remedy) from error


class DailyLoop:
    """Bars, signals, intents and decisions, sending, comparison with the venue: each where it is due, in this order.

    What is due is computed as by the schedules, from the newest bars, the ledger and the record of what was done, so
    that a daemon that works beside this loop does nothing twice.

    Args:
        names: the strategies that are traded.
        instance: where the runs are recorded.
        say: told of each job that runs, on what or why, of each that failed, and why nothing is decided or sent.

    Raises:
        ConfigProblems: when the configuration is wrong, or the file of one of the strategies.
    """

    def __init__(
        self, overrides: tuple[str, ...], names: Sequence[str], instance: dg.DagsterInstance, say: Say
    ) -> None:
        self._names, self._instance, self._say = tuple(names), instance, say
        self._settings = PinnedConfig.without_strategies(overrides).settings
        self._strategies = _sound(PinnedConfig.of_strategies(overrides), names)
        self._research = research_definitions(overrides)
        self._execution = execution_definitions(overrides)
        self._round = Round()

    def once(self) -> Round:
        """One round that ends with a comparison with the venue, whatever its schedule says."""
        self._trade(self._say)
        self._run(self._execution, "reconcile", "the end of the round")
        return self._round

    def where_due(self) -> Round:
        """One round of all that is due, also of what keeps account and ledger by the times of ``conf/schedules``."""
        self._trade(lambda _reason: None)
        for job, why in self._upkeep_due().items():
            self._run(self._execution, job, why)
        return self._round

    def _trade(self, idle: Say) -> None:
        """Bars to sent orders.

        Args:
            idle: told why nothing is decided or sent.
        """
        timeframes = {each for made in self._strategies.values() for each in deciding_timeframes(made.settings)}
        with Container(self._settings) as house:
            bars = bars_due(house, sorted(timeframes))
        if bars:
            self._run(self._research, REFRESH_JOB, ", ".join(bars))
        signals = {name: signals_due(Container(made.settings)) for name, made in self._strategies.items()}
        if due := {name: why for name, why in signals.items() if why}:
            request = dg.RunRequest(asset_selection=[signals_key(name) for name in due])
            self._run(self._research, SIGNALS_JOB, "; ".join(f"{name}: {why}" for name, why in due.items()), request)
        for name, made in self._strategies.items():
            if lacking := without_bars(Container(made.settings)):
                idle(f"{name}: no bars of {', '.join(lacking)} in its timeframe; import them, or add them to universe")
        with Container(self._settings) as house:
            pending = decisions_due(house, self._names)
        if pending.pairs:
            wanted = Chosen(only_due=True, strategies=list(self._names))
            request = dg.RunRequest(run_config=dg.RunConfig(ops={"intents": wanted}))
            counts = Counter(name for name, _symbol in pending.pairs)
            shown = ", ".join(f"{name} on {count} instruments" for name, count in counts.items())
            self._run(self._execution, DESK_JOB, f"new signals of {shown}", request)
        else:
            idle(f"nothing to decide: {'; '.join(pending.reasons)}")
        approved = point_at_approved(self._settings)
        if isinstance(approved, dg.RunRequest):
            self._run(self._execution, "send_orders", "orders are approved", approved)
        else:
            idle(f"nothing to send: {approved.skip_message}")

    def _upkeep_due(self) -> dict[str, str]:
        """The jobs that keep account and ledger and are due, each with the reason."""
        jobs = {"reconcile": reconciliation_due, "end_of_day": end_of_day_due, **{row.name: row.reason for row in KEPT}}
        with Container(self._settings) as house:
            due = {job: why for job, reason in jobs.items() if (why := reason(house))}
        if isinstance(watch_open_orders(self._settings), dg.RunRequest):
            due.setdefault("reconcile", "an order is open")
        return due

    def _run(self, definitions: dg.Definitions, job: str, why: str, request: dg.RunRequest | None = None) -> None:
        """Run a job to its end; a failure is noted and told."""
        self._round.worked.append(job)
        self._say(f"{job}: {why}")
        asked = request or dg.RunRequest()
        config, tags, assets = asked.run_config, asked.tags, asked.asset_selection
        try:
            execute(definitions, job, self._instance, run_config=config, tags=tags, assets=assets)
        except RunFailed as error:
            self._round.problems.append(f"{job}: {error.what}")
            self._say(f"{job} failed: {error.what}")


def _sound(found: dict[str, PinnedConfig | ConfigProblems], names: Sequence[str]) -> dict[str, PinnedConfig]:
    """The settings of the strategies that are traded; a wrong file of one of them is refused."""
    chosen = {name: found[name] for name in names}
    if wrong := [each for made in chosen.values() if isinstance(made, ConfigProblems) for each in made.problems]:
        raise ConfigProblems(wrong)
    return {name: made for name, made in chosen.items() if isinstance(made, PinnedConfig)}
