"""The strategy lab: its choices, controls from the bounds of a strategy, a study for their values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.operations import research
from app.operations.study_view import StudyView
from conf.compose import compose
from conf.environment import options
from conf.schema.settings import Settings
from conf.strategy_kinds import kinds, parameters_of
from runtime.container import Container
from runtime.research import symbols, tables, timeframe
from strategies.base import Parameter
from tradewright.model.bars import PriceView, Timeframe
from tradewright.model.errors import TradewrightError
from tradewright.research.study import first_and_last_day

ALL_DAYS = date(1970, 1, 1), date(2100, 1, 1)
WIDE = 4
"""A slider reaches to this multiple of the greater of default and present value."""


@dataclass(frozen=True)
class ParameterControl:
    """One parameter as a slider: where it stands, how far it reaches, how finely it moves."""

    name: str
    value: float
    least: float
    most: float
    step: float


@dataclass(frozen=True)
class Choice:
    """The choices made in the lab.

    Args:
        parameters: of the strategy; those that are not named stay as its file says.
        days: first and last day of the backtest, both included; None for all there are.
    """

    strategy: str
    instruments: tuple[str, ...]
    timeframe: str
    prices: str
    costs: str
    allow_short: bool = False
    days: tuple[date, date] | None = None
    parameters: Mapping[str, float] | None = None

    def overrides(self) -> tuple[str, ...]:
        """The same choices as overrides of the command line."""
        names = ",".join(f"'{name}'" for name in self.instruments)
        said = {
            "strategy": f"'{self.strategy}'",
            **{f"strategy.{name}": repr(value) for name, value in (self.parameters or {}).items()},
            "backtest.instruments": f"[{names}]",
            "backtest.timeframe": f"'{self.timeframe}'",
            "backtest.prices": f"'{self.prices}'",
            "backtest/costs": f"'{self.costs}'",
            "backtest.allow_short": str(self.allow_short).lower(),
            "backtest.start": f"'{self.days[0]}'" if self.days else "null",
            "backtest.end": f"'{self.days[1]}'" if self.days else "null",
        }
        return tuple(f"{key}={value}" for key, value in said.items())


@dataclass(frozen=True)
class Bars:
    """The bars that a strategy is shown on at first: instruments, and how long a bar is."""

    instruments: tuple[str, ...]
    timeframe: str


@dataclass(frozen=True)
class LabOptions:
    """The possible choices and the first one, and the folds of a walk-forward; ``problem`` says why there are none."""

    problem: str = ""
    strategies: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    costs: tuple[str, ...] = ()
    timeframes: tuple[str, ...] = ()
    prices: tuple[str, ...] = tuple(PriceView)
    first: Choice = Choice("", (), Timeframe.D1, PriceView.RAW, "")
    folds: int = 1

    def with_bars(self, bars: Bars | None) -> LabOptions:
        """The same options with other bars as the first ones, and among those that can be picked."""
        if bars is None:
            return self
        lengths = {*self.timeframes, bars.timeframe}
        return replace(
            self,
            instruments=tuple(dict.fromkeys((*self.instruments, *bars.instruments))),
            timeframes=tuple(each for each in Timeframe if each in lengths),
            first=replace(self.first, instruments=bars.instruments, timeframe=bars.timeframe),
        )


def lab_options(overrides: Sequence[str]) -> LabOptions:
    """The choices under some overrides."""
    try:
        settings = compose(overrides)
        stored = list(Container(settings).bar_store.series())
    except TradewrightError as error:
        return LabOptions(problem=str(error))
    backtest, strategies, costs = settings.backtest, tuple(options("strategy")), tuple(options("backtest/costs"))
    known = (*symbols(settings), *settings.universe.instruments, *sorted(row.instrument for row in stored))
    lengths = {timeframe(settings), Timeframe.D1, *(row.timeframe for row in stored)}
    in_order = [each for each in Timeframe if each in lengths or any(length.makes(each) for length in lengths)]
    return LabOptions(
        strategies=strategies,
        instruments=tuple(name for name in dict.fromkeys(known) if name in settings.instruments),
        timeframes=tuple(in_order),
        costs=costs,
        folds=settings.walkforward.folds,
        first=Choice(
            strategy=_among(settings.strategy.name, strategies),
            instruments=_bars(settings).instruments,
            timeframe=_bars(settings).timeframe,
            prices=backtest.prices,
            costs=_among(backtest.costs.kind, costs),
            allow_short=backtest.allow_short,
        ),
    )


def _bars(settings: Settings) -> Bars:
    """All instruments that the strategy itself names, else the first of those in force."""
    named = settings.strategy.instruments if settings.backtest.instruments is None else None
    return Bars(named or symbols(settings)[:1], timeframe(settings))


def follower(overrides: Sequence[str], began: str, show: Callable[[Bars], object]) -> Callable[[str], None]:
    """A function of the strategy that is picked: it shows the bars of that one where they are others than before.

    Bars that a person picked stay as long as strategies follow that name none. Nothing is shown for a strategy that
    cannot be read; :func:`explore` says why.

    Args:
        began: the strategy that is picked now.
        show: gets the bars.
    """
    before = _bars_of(overrides, began)

    def picked(strategy: str) -> None:
        nonlocal before
        bars = _bars_of(overrides, strategy)
        if bars is not None and bars != before:
            before = bars
            show(bars)

    return picked


def _bars_of(overrides: Sequence[str], strategy: str) -> Bars | None:
    try:
        return _bars(compose((*overrides, f"strategy='{strategy}'")))
    except TradewrightError:
        return None


def _among(name: str, names: Sequence[str]) -> str:
    """The option of that name, else the first; the name in a file may differ from the file's name."""
    return name if name in names else names[0]


def parameter_controls(overrides: Sequence[str], strategy: str) -> tuple[ParameterControl, ...]:
    """The parameters of a strategy as sliders around the values of its file; none when it has none or is wrong.

    What is wrong is said by :func:`explore`.
    """
    try:
        chosen = compose((*overrides, f"strategy='{strategy}'")).strategy
    except TradewrightError:
        return ()
    admitted = parameters_of(chosen.kind)
    return tuple(
        parameter_control(name, rule, chosen.parameters.get(name, rule.default)) for name, rule in admitted.items()
    )


def parameter_control(name: str, rule: Parameter, value: float) -> ParameterControl:
    """A slider over the useful part of a parameter's range; it always holds the present value.

    Bounds such as 1 to 10,000 admit everything that is not nonsense; a slider that wide could not be set. So it ends at
    four times the greater of default and present value, at 1 where both are 0, and never beyond the bounds.
    """
    reach = max(abs(rule.default), abs(value)) or 1.0
    step = 1.0 if rule.whole else 10.0 ** (math.floor(math.log10(reach)) - 1)
    most = min(rule.most, _tidy(WIDE * reach))
    if rule.whole:
        return ParameterControl(name, int(value), int(rule.least), int(most), 1)
    return ParameterControl(name, value, rule.least, most, _tidy(step))


def _tidy(value: float) -> float:
    """Rounded so that binary fractions leave no error: 0.1 for 0.1 + 1e-17."""
    return float(f"{value:.12g}")


def span(overrides: Sequence[str], instruments: Sequence[str], timeframe: str) -> tuple[date, date]:
    """The first and the last day with bars of these instruments, a scenario's made first; all days where none are.

    Why there are none is said by :func:`explore`.
    """
    names = ",".join(f"'{name}'" for name in instruments)
    wanted = f"backtest.instruments=[{names}]", f"backtest.timeframe='{timeframe}'"
    try:
        settings = compose((*overrides, *wanted))
        found = tables(Container(settings)).values()
    except TradewrightError:
        return ALL_DAYS
    days = [day for item in found if len(item.bars.ts) for day in first_and_last_day(item)]
    return (min(days), max(days)) if days else ALL_DAYS


def explore(overrides: Sequence[str], choice: Choice) -> StudyView:
    """Backtest the choices, an allocation in the one account that it needs; a refusal comes back as text."""
    if not choice.instruments:
        return StudyView(problem="no instrument is picked: pick at least one")
    try:
        settings = settings_of(overrides, choice)
        if kinds().is_allocation(settings.strategy.kind):
            settings = settings_of((*overrides, "backtest.account=shared"), choice)
        return StudyView(study=research.run(settings))
    except TradewrightError as error:
        return StudyView(problem=str(error))


def not_its_own(overrides: Sequence[str], choice: Choice) -> str:
    """What the strategy's file names and the choices overrule: its bars, its instruments; empty where they agree.

    A strategy that cannot be read is told of by :func:`explore`.
    """
    try:
        own = compose((*overrides, f"strategy='{choice.strategy}'")).strategy
    except TradewrightError:
        return ""
    said = []
    if own.timeframe and own.timeframe != choice.timeframe:
        said.append(f"bars of {own.timeframe}, and these are of {choice.timeframe}")
    if own.instruments and not set(choice.instruments) <= set(own.instruments):
        said.append(f"{', '.join(own.instruments)}, and these are figures of {', '.join(choice.instruments)}")
    return f"The file of {choice.strategy} names {'; it names '.join(said)}." if said else ""


def settings_of(overrides: Sequence[str], choice: Choice) -> Settings:
    """The settings of a choice.

    Raises:
        ConfigProblems: for a choice that is not admitted.
    """
    return compose((*overrides, *choice.overrides()))
