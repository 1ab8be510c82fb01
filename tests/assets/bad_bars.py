"""A desk whose bars a test spoils: tables of sound bars, and the desk's day."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from assets.research import bars as market
from conf.compose import compose
from conf.schema.settings import Settings
from runtime import feeds, fresh_bars, trading
from runtime.container import Container
from runtime.signals import identity_in_force
from tradewright.ledger.seal import VARIABLE
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Decision, Verdict
from tradewright.model.errors import DataError, StoreError
from tradewright.model.instrument import Instrument
from tradewright.model.order import OrderTerms, Side
from tradewright.model.signal import SignalAction, SignalCandidate

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
        self.patch.setattr(fresh_bars, "suite_on", lambda _house, _symbol: None)
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
        self.patch.setattr(feeds, "feed", lambda _house, _symbol="": TableFeed(tables))

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
                (intent,) = (await decider.propose([(signal, NOW)])).intents
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
