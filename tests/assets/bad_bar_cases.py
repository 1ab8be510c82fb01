"""One way to spoil the bars of a desk for each finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from runtime import fresh_bars
from runtime.container import Container
from tests.assets.bad_bars import D1, M1, Desk, sound
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.instrument import TickerSpan
from tradewright.quality.expectations import run_suite
from tradewright.quality.report import Code
from tradewright.quality.suites import Expectation, Suite

Spoil = Callable[[pd.DataFrame], pd.DataFrame]
AT = 500
"""The row of minutes that is spoiled: among the newest 250, and before the newest 60."""


def at(row: int = AT, timeframe: Timeframe = M1) -> str:
    """When a bar starts, as findings write it."""
    return str(sound(timeframe)["ts"].iloc[row].isoformat())


def cell(column: str, value: Callable[[float], float], rows: slice = slice(AT, AT + 1)) -> Spoil:
    """Change a column in some rows."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        changed = frame.copy()
        place = changed.index[rows], column
        changed.loc[place] = changed.loc[place].map(value)
        return changed

    return spoil


def scaled(times: float) -> Spoil:
    """Prices of before a row in another scale, at volumes that stay."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        changed = frame.copy()
        changed.loc[: AT - 1, list(PRICES)] *= times
        return changed

    return spoil


def more(start: str) -> Spoil:
    """A bar that should not be there, like the last one."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        extra = frame.iloc[[-1]].assign(ts=pd.DatetimeIndex([start]).as_unit("ns"))
        return pd.concat([frame, extra]).sort_values("ts", ignore_index=True)

    return spoil


def repeated(frame: pd.DataFrame) -> pd.DataFrame:
    """A feed that stands still for seventy minutes."""
    changed = frame.copy()
    changed.loc[AT - 70 : AT, list(PRICES)] = changed.loc[AT, "close"]
    return changed


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """A bar of one price."""
    changed = frame.copy()
    changed.loc[AT, list(PRICES)] = changed.loc[AT, "close"]
    return changed


def damage(desk: Desk) -> None:
    """Turn one bit of the daily bars' file."""
    (path,) = desk.series(D1).rglob("*.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def of_another_security(desk: Desk) -> None:
    """A symbol map by which the first hundred days are another company's."""
    last = sound(D1)["ts"].iloc[99].date()
    spans = [TickerSpan(last, "OLD", "X"), TickerSpan(date(2050, 1, 1), "BTC", "X")]
    with Container(desk.settings) as house:
        house.bars.actions.write_map("BTC", spans)


def hours_of_a_day(desk: Desk) -> None:
    """The hours of the day before the last, which reached two percent higher than the daily bar says."""
    day = sound(D1).iloc[-2]
    ts = pd.date_range(day["ts"], periods=24, freq="h").as_unit("ns")
    hours = pd.DataFrame({name: day[name] for name in (*PRICES, "volume", "spread")}, index=range(24))
    hours.loc[7, "high"] *= 1.02
    desk.stores(hours.assign(ts=ts)[list(sound(D1))], Timeframe.H1)


def a_second_source(desk: Desk) -> None:
    """Another venue, at which one minute reached two percent higher."""
    with Container(desk.settings) as house:
        house.bar_store.upsert("ETH", M1, BarKind.TRADE, cell("high", lambda price: price * 1.02)(sound(M1)))
    desk.lives_under("instruments.BTC.second_source=ETH")


def alone(desk: Desk) -> None:
    """A symbol map by which it always was itself."""
    with Container(desk.settings) as house:
        house.bars.actions.write_map("BTC", [TickerSpan(date(2050, 1, 1), "BTC", "X")])


PRICES = ("open", "high", "low", "close")
TWICE = "{instrument: BTC, start: '2020-01-01T00:00:00Z', end: '2020-01-02T00:00:00Z', reason: x}"
CONTRADICTION = f"events.windows=[{TWICE},{TWICE}]"
TOO_MUCH = 1e9
SUITE = Suite(
    name="bars",
    expectations=(
        Expectation(type="expect_column_values_to_be_between", kwargs={"column": "volume", "max_value": 1e6}),
    ),
)


def expects(desk: Desk) -> None:
    """Let the rounds run a suite that great volumes break."""
    desk.patch.setattr(fresh_bars, "suite_on", lambda house, symbol: run_suite(house.bars.read(symbol, M1), SUITE))


@dataclass(frozen=True)
class Case:
    """One way to spoil the bars of the desk.

    Args:
        place: what a refusal shows of the bar.
        spoil: the bars as a feed or a file would bring them; None where no bar is spoiled, but what ``act`` does.
        act: done beside it.
        mend: takes everything back; None where sound bars do.
        setting: makes the finding keep orders back.
        changes_bars: whether the fingerprint of the stored bars is another afterwards.
    """

    code: Code
    place: str
    spoil: Spoil | None = None
    timeframe: Timeframe = M1
    act: Callable[[Desk], None] | None = None
    mend: Callable[[Desk], None] | None = None
    setting: str = ""
    changes_bars: bool = True

    @property
    def check(self) -> str:
        """The name of the check that fails."""
        return f"bars.BTC.{self.timeframe}"

    def inject(self, desk: Desk) -> None:
        """Spoil the stored bars."""
        if self.spoil is not None:
            desk.stores(self.spoil(sound(self.timeframe)), self.timeframe)
        if self.act is not None:
            self.act(desk)

    def correct(self, desk: Desk) -> None:
        """Make them sound again."""
        if self.mend is not None:
            self.mend(desk)
        else:
            desk.stores(sound(self.timeframe), self.timeframe)


def graded(code: Code, place: str, spoil: Spoil | None = None, **other: Any) -> Case:
    """A finding that states a fact, with the severity that keeps orders back."""
    return Case(code, place, spoil, setting=f"quality.severities.{code.lower()}=BLOCK", **other)


TOMORROW, NOON = "2026-11-21T00:00:00+00:00", "2026-11-18T12:00:00+00:00"
BLOCKING = (
    Case(
        Code.NO_BARS,
        "there are no bars",
        act=lambda desk: desk.sets_aside(M1),
        mend=lambda desk: desk.releases(M1),
    ),
    Case(Code.CONTRACT, f"row {AT}, {at().replace('T', ' ')}", cell("low", lambda _price: -1.0)),
    Case(Code.FUTURE, TOMORROW.replace("T", " "), more(TOMORROW), D1, mend=lambda desk: desk.sets_aside(D1, TOMORROW)),
    Case(Code.NOT_READABLE, "truncated or altered", None, D1, damage, changes_bars=False),
    Case(
        Code.CONFIGURATION,
        "events.windows.1",
        act=lambda desk: desk.lives_under(CONTRADICTION),
        mend=lambda desk: desk.lives_under(),
        changes_bars=False,
    ),
    Case(Code.EXPECTATION, f"such as {TOO_MUCH}", cell("volume", lambda _volume: TOO_MUCH), act=expects),
    Case(Code.BAD_PRINT, f"{at()}: high", cell("high", lambda price: price * 1.5)),
    Case(Code.POSSIBLE_SPLIT, at(), scaled(20)),
    Case(Code.UNIT_CHANGE, at(), scaled(100)),
)
"""Findings that keep orders back whatever the settings say."""
GRADED = (
    graded(Code.GAPS, at(300), lambda frame: frame.drop(index=300)),
    graded(Code.QUARANTINED, at(300), act=lambda desk: desk.sets_aside(M1, at(300), at(302))),
    graded(Code.OUTSIDE_SESSION, NOON, more(NOON), timeframe=D1),
    graded(Code.ZERO_VOLUME, at(), cell("volume", lambda _volume: 0.0)),
    graded(Code.UNKNOWN_VOLUME, at(), cell("volume", lambda _volume: np.nan)),
    graded(Code.FLAT_BARS, at(), flat),
    graded(Code.STALE_RUN, at(AT - 69), repeated),
    graded(Code.NO_SPREAD, at(), cell("spread", lambda _spread: np.nan)),
    graded(Code.CROSSED_QUOTES, at(), cell("spread", lambda _spread: -1.0)),
    graded(Code.JUMPS, at(), scaled(1.3)),
    graded(
        Code.TIMEFRAMES_DISAGREE,
        f"{at(-2, D1)}: high",
        timeframe=D1,
        act=hours_of_a_day,
    ),
    graded(Code.SOURCES_DISAGREE, f"{at()}: high", act=a_second_source),
    graded(Code.SECURITY_CHANGED, "another security", timeframe=D1, act=of_another_security, mend=alone),
)
"""Findings that keep orders back where ``quality.severities`` says so."""
NOT_INJECTED: dict[Code, str] = {}
"""Codes that no case injects, each with its reason."""
