"""A rehearsal of a strategy on stored bars, in a folder of its own: the whole road from signals to fills."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from app.operations.scratch_folder import scratch_folder
from conf.compose import compose
from conf.problems import ConfigProblems
from runtime.container import Container
from runtime.rehearsal import run_rehearsal
from runtime.shared_account import shared_account
from tradewright.oversight.parity import ParityRow

Progress = Callable[[int, int], None]
_OPTIONS = {"backtest.start": "--from", "backtest.end": "--to"}


@dataclass(frozen=True)
class RehearsalReply:
    """The result of a rehearsal.

    Args:
        folder: its storage folder, which every command can look into.
        first, last: the starts of the first and the last bar that passed.
        decisions: the number of decisions by verdict.
        orders, fills: the number of orders that were sent, and of their executions.
        matched: the fills that the backtest made in the same bar on the same side.
        median_difference_bps: by how much worse than the backtest the rehearsal traded, in hundredths of a percent.
        refusals: how often gate or sender refused an order, by code.
        reasons: how often each reason kept one side from a fill.
        unexplained: the number of fills of one side alone without a reason.
        differences: what reconciliations found between ledger and venue.
        problems: what is not well on the account at the end.
    """

    strategy: str
    folder: str
    first: datetime
    last: datetime
    bars: int
    decisions: Mapping[str, int]
    orders: int
    fills: int
    matched: int
    median_difference_bps: float | None
    refusals: Mapping[str, int]
    reasons: Mapping[str, int]
    unexplained: int
    differences: tuple[str, ...]
    problems: tuple[str, ...]
    rows: tuple[ParityRow, ...]

    @property
    def failed(self) -> bool:
        """Whether ledger and venue differed, a difference has no reason, or the account is not well at the end."""
        return bool(self.unexplained or self.differences or self.problems)


def rehearse(overrides: tuple[str, ...], begin: str, end: str, progress: Progress) -> RehearsalReply:
    """Rehearse the strategy in force in ``mode=sim broker=sim``; an earlier rehearsal of the same span is replaced.

    Args:
        begin, end: the first and last day or moment; empty for the first with enough history, and for the newest.
        progress: called with the number of moments that have passed, and of all.

    Raises:
        ConfigProblems: when the configuration or a date is wrong.
        ConfigError, StoreError, DataError: for bars that are missing or damaged, and a span without a bar.
    """
    span = [f"backtest.{key}={value}" for key, value in (("start", begin), ("end", end)) if value]
    compose(overrides)  # what a person said has to be right, also where the rehearsal is always simulated
    try:
        settings = compose((*overrides, "mode=sim", "broker=sim", *span))
    except ConfigProblems as error:  # of the two options by their names, for the settings were right without them
        raise ConfigProblems([replace(row, key=_OPTIONS.get(row.key, row.key)) for row in error.problems]) from error
    house = Container(settings)
    shared_account(house)  # an allocation without one is refused before anything is made
    chosen = settings.backtest
    name = "-".join(filter(None, (settings.strategy.name, begin, end)))
    place = house.root / "rehearsals" / re.sub(r"[^A-Za-z0-9_.-]", "-", name)
    folder = scratch_folder(place, "rehearse", "move it away")
    done = run_rehearsal(house, folder, chosen.start, chosen.end, progress)
    rows = done.parity.rows
    return RehearsalReply(
        strategy=settings.strategy.name,
        folder=str(folder),
        first=done.first,
        last=done.last,
        bars=done.log.bars,
        decisions={verdict.value: count for verdict, count in done.log.decisions.items()},
        orders=done.orders,
        fills=sum(row.rehearsed is not None for row in rows),
        matched=done.parity.matched,
        median_difference_bps=done.parity.median_difference_bps,
        refusals=dict(Counter(code for codes in done.log.refusals.values() for code in codes).most_common()),
        reasons=done.parity.reasons(),
        unexplained=done.parity.unexplained,
        differences=tuple(done.log.differences),
        problems=done.problems,
        rows=rows,
    )
