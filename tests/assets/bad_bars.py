"""A desk whose bars a test spoils: a table of sound bars, one way to spoil it for each finding, and the desk's day."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from assets.research import bars as market
from conf.compose import compose
from conf.schema.settings import Settings
from runtime import feeds, trading
from runtime.container import Container
from runtime.research import identity_in_force
from tradewright.ledger.seal import VARIABLE
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Decision, Verdict
from tradewright.model.errors import DataError, StoreError
from tradewright.model.instrument import Instrument, TickerSpan
from tradewright.model.order import OrderTerms, Side
from tradewright.model.signal import SignalAction, SignalCandidate
from tradewright.quality.expectations import Expectation, Suite, run_suite
from tradewright.quality.report import Code

NOW = datetime(2026, 11, 20, 15, 0, 5, tzinfo=UTC)
M1, D1 = Timeframe.M1, Timeframe.D1
ROWS = {M1: 640, D1: 300}
NEWEST = {M1: datetime(2026, 11, 20, 14, 59, tzinfo=UTC), D1: datetime(2026, 11, 19, tzinfo=UTC)}
HELD = Decimal("0.02")


def sound(timeframe: Timeframe) -> pd.DataFrame:
    """Bars that no check has anything to say about."""
    rows, random = ROWS[timeframe], np.random.default_rng(5)
    step = timedelta(seconds=timeframe.seconds)
    ts = pd.date_range(end=NEWEST[timeframe], periods=rows, freq=step, tz="UTC").as_unit("ns")
    close = 50_000 * np.exp(np.cumsum(random.normal(0, 2e-4, rows)))
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opened, close) * 1.0002, np.minimum(opened, close) * 0.9998
    volume = random.integers(90, 110, rows).astype(float)
    return pd.DataFrame(
        {"ts": ts, "open": opened, "high": high, "low": low, "close": close, "volume": volume, "spread": 1.0}
    )


class TableFeed:
    """A feed that gives tables as they are, whatever is stored already."""

    name = "test"

    def __init__(self, tables: dict[Timeframe, pd.DataFrame]) -> None:
        self.tables = tables

    def kind_of(self, _instrument: Instrument) -> None:
        """Of none."""

    def fetch(self, _instrument: Instrument, timeframe: Timeframe, _after: pd.Timestamp | None) -> pd.DataFrame:
        """The table of a timeframe."""
        return self.tables[timeframe]


@dataclass
class Desk:
    """A project that holds bitcoin, and whose strategy wants more."""

    folder: Path
    patch: pytest.MonkeyPatch
    more: tuple[str, ...] = ()
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))

    def __post_init__(self) -> None:
        self.patch.setattr(Container, "clock", self.clock)
        self.patch.setattr(market, "suite_on", lambda _house, _symbol: None)
        self.settings = self.rounds = self.compose()

    def compose(self, *more: str) -> Settings:
        """The settings of the desk, with others."""
        return compose((*WORDS, f"storage.root={self.folder}", *self.more, *more))

    def stores(self, frame: pd.DataFrame, timeframe: Timeframe) -> None:
        """Put bars into the store, in the place of those that are there."""
        shutil.rmtree(self.series(timeframe), ignore_errors=True)
        with Container(self.settings) as house:
            house.bar_store.upsert("BTC", timeframe, BarKind.TRADE, frame, source="test", negative_prices=True)

    def series(self, timeframe: Timeframe) -> Path:
        """The folder of a stored series."""
        return self.folder / "bars" / "kind=trade" / f"timeframe={timeframe}" / "instrument=BTC"

    def sets_aside(self, timeframe: Timeframe, start: str | None = None, end: str | None = None) -> None:
        """Put bars into quarantine."""
        with Container(self.settings) as house:
            house.quarantines.set_aside("BTC", timeframe, start, end, actor="ann", reason="a test")

    def releases(self, timeframe: Timeframe) -> None:
        """Bring back all that is in quarantine."""
        with Container(self.settings) as house:
            house.quarantines.release("BTC", timeframe, None, None, actor="ann", reason="a test")

    def lives_under(self, *more: str) -> None:
        """Change the settings of the rounds to come; the gate's stay."""
        self.rounds = self.compose(*more)

    def judges(self) -> None:
        """The bars' part of a round of the loop; a refusal is on record afterwards, as after a failed run."""
        try:
            market.make_bars(self.rounds, "BTC")
        except (DataError, StoreError):
            return

    def computes_features(self) -> None:
        """The features' part of the round."""
        try:
            market.make_features(self.settings, "BTC")
        except (DataError, StoreError):
            return

    def feed_gives(self, tables: dict[Timeframe, pd.DataFrame]) -> None:
        """Let the next rounds refresh from a feed."""
        self.patch.setattr(feeds, "feed", lambda _house: TableFeed(tables))

    def proves_its_strategy(self) -> None:
        """The look-ahead test of the strategy in force, passed."""
        with Container(self.settings) as house:
            house.ledger.checks.record("lookahead.buy_and_hold", True, {"strategy": identity_in_force(house)})

    def decides(self) -> Decision:
        """The gate on the strategy's entry: the same intent every time, until it has become an order.

        The decision before has ended by then.
        """
        self.clock.advance(61)
        with Container(self.settings) as house:
            signal = SignalCandidate(
                signal_id="s1", strategy="buy_and_hold", instrument="BTC", candidate_action=SignalAction.BUY,
                target=1.0, confidence=0.9, size_pct=0.01, bar_ts=NEWEST[M1], price=Decimal(50_000),
                strategy_hash=identity_in_force(house),
            )  # fmt: skip

            async def act(decider: Any) -> Decision:
                (intent,) = await decider.propose([(signal, NOW)])
                (decision,) = await decider.decide([intent])
                return decision  # type: ignore[no-any-return]

            return trading.deciding(house, act)

    def exits(self, key: str) -> Decision:
        """The gate on a person's sale of a part of what is held."""
        terms = OrderTerms(instrument="BTC", side=Side.SELL, quantity=Decimal("0.001"))
        with Container(self.settings) as house:
            return trading.deciding(house, lambda decider: decider.submit_intent(key, terms, reduce_only=True))

    def buys(self, quantity: Decimal) -> Decision:
        """The gate on a person's purchase."""
        terms = OrderTerms(instrument="BTC", side=Side.BUY, quantity=quantity)
        with Container(self.settings) as house:
            return trading.deciding(house, lambda decider: decider.submit_intent("held", terms))

    def sends(self) -> list[tuple[str, str]]:
        """What became of each approved order, with the reasons against it."""
        with Container(self.settings) as house:
            done = trading.asking(house, lambda inbox: inbox.send("ann", "test"))
        return [(row.status, "; ".join(f"{reason.code}: {reason.text}" for reason in row.reasons)) for row in done]


WORDS = (
    "universe.instruments=[BTC]",
    "strategy=buy_and_hold",
    "feed=files",
    "execution.settle=0.01",
    "execution.absence=0.1",
    "execution.poll=0.1",
    "backtest.cash=100000",
    "policy.max_data_age_seconds=3000",
    "policy.max_orders_per_second=40",
    "policy.max_orders_per_minute=240",
)


def opened(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Make the folder of a desk that holds bitcoin on sound and judged bars, with the key of its ledger."""
    patch.setenv(VARIABLE, str(folder / "keys"))
    desk = Desk(folder / "data", patch)
    for timeframe in (M1, D1):
        desk.stores(sound(timeframe), timeframe)
    desk.judges()
    desk.computes_features()
    desk.proves_its_strategy()
    made = desk.buys(HELD)
    assert made.verdict is Verdict.APPROVE, made.reasons
    assert [status for status, _why in desk.sends()] == ["SENT"]


def refusals(decision: Decision) -> dict[str, str]:
    """The reasons that reject, by code."""
    return {row.code: row.text for row in decision.reasons if row.verdict is Verdict.REJECT}


def copied(project: Path, folder: Path, patch: pytest.MonkeyPatch, *more: str) -> Desk:
    """The desk of a folder in another one, under more settings."""
    shutil.copytree(project, folder)
    patch.setenv(VARIABLE, str(folder / "keys"))
    return Desk(folder / "data", patch, more)


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
    desk.patch.setattr(market, "suite_on", lambda house, symbol: run_suite(house.bars.read(symbol, M1), SUITE))


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
