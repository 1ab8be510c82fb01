"""Minutes alone are stored, and everything reads hours: backtests, signals, checks, the gate, and what is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.operations import trading
from app.operations.research import backtest
from assets.research.bars import make_features
from conf.compose import compose
from conf.schema.market import ScenarioFeedSettings
from conf.schema.settings import Settings
from runtime import research, signals
from runtime.bar_checks import judge
from runtime.container import Container
from runtime.feeds import scenario, timeframes_judged
from runtime.job_progress import bars_due, not_judged, signals_due
from tests.app.conftest import say
from tradewright.model.bar_rules import bars_of, frame_of
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.decision import Verdict
from tradewright.model.order import OrderTerms, Side
from tradewright.research.look_ahead import evidence_of
from tradewright.store.artefacts import Artefacts

M1, H1, D1 = Timeframe.M1, Timeframe.H1, Timeframe.D1
HOURS = 420
WORDS = (
    "universe.instruments=[BTC]",
    "universe.timeframe=1h",
    "universe.base_timeframe=1m",
    "backtest.cash=1000000",
    "execution.settle=0.01",
    "strategy=sma_crossover",
)


@pytest.fixture(scope="module")
def minutes() -> pd.DataFrame:
    """Minutes of 24 hours a day up to the end of the scenario that ships, made once."""
    settings = compose((*WORDS, f"feed.days_1m={HOURS // 24 + 1}"))
    assert isinstance(settings.feed, ScenarioFeedSettings)
    assert settings.feed.end is not None
    return scenario(settings, settings.feed.end).fetch(settings.instruments["BTC"], M1, None)


@pytest.fixture
def settings(tmp_path: Path, minutes: pd.DataFrame) -> Settings:
    """A project that imported its minutes, and whose universe decides on hours."""
    made = compose((*WORDS, f"storage.root={tmp_path}"))
    with Container(made) as house:
        house.bar_store.upsert("BTC", M1, BarKind.TRADE, minutes)
    return made


def store(settings: Settings, frame: pd.DataFrame) -> None:
    with Container(settings) as house:
        house.bar_store.upsert("BTC", M1, BarKind.TRADE, frame)


def prepare(settings: Settings) -> None:
    """What a round of the loop makes: the checks of bars and features."""
    with Container(settings) as house:
        assert set(judge(house, "BTC")) == {H1, M1}
    make_features(settings, "BTC")


def decided(settings: Settings, key: str) -> set[str]:
    """The codes of the gate's refusals of a small order; empty for an approval."""
    terms = OrderTerms(instrument="BTC", side=Side.BUY, quantity=Decimal("0.01"))
    made = trading.submit_intent(settings, terms, key)
    return {reason.code for reason in made.reasons if reason.verdict is Verdict.REJECT}


def test_a_backtest_on_hours_equals_one_on_hours_that_pandas_made(settings: Settings, minutes: pd.DataFrame) -> None:
    made = backtest(settings)
    assert made.made_of == {"BTC": "1m"}
    assert made.orders > 10
    groups = minutes.set_index("ts").resample("1h")
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "mean"}
    whole = groups["close"].count() == 60
    hours = groups.agg(rules)[(whole | (np.arange(len(whole)) > 0)).to_numpy()]
    ended = minutes["ts"].iloc[-1] + pd.Timedelta(minutes=1)
    hours = hours[hours.index + pd.Timedelta(hours=1) <= ended].reset_index()
    with Container(settings) as house:
        pd.testing.assert_frame_equal(house.bars.read("BTC", H1), hours, check_freq=False, rtol=1e-12)
        house.bar_store.upsert("BTC", H1, BarKind.TRADE, house.bars.read("BTC", H1))
    stored = backtest(settings)
    assert stored.made_of == {}
    assert (stored.final_equity, stored.fills, stored.data_hash) == (made.final_equity, made.fills, made.data_hash)


def test_the_gate_approves_on_hours_of_checked_minutes_and_on_no_others(
    settings: Settings, minutes: pd.DataFrame
) -> None:
    trading.reconcile(settings)
    prepare(settings)
    store(settings, minutes.iloc[[100]].assign(volume=7.0))
    assert decided(settings, "first") == {"CHECK_OTHER_DATA"}
    with Container(settings) as house:
        results = house.ledger.checks.newest()
        assert set(not_judged(house, "BTC", results)) == {"bars.BTC.1h", "bars.BTC.1m", "features.BTC"}
        assert "BTC" in bars_due(house, [])
    prepare(settings)
    assert decided(settings, "second") == set()


def test_a_bad_print_among_the_minutes_blocks_the_hours_until_it_is_accepted(
    settings: Settings, minutes: pd.DataFrame
) -> None:
    """Hours hide it: a wick of one minute is a wick of the hour. It is judged where it is stored."""
    bad = minutes.iloc[[-4000]].copy()
    bad["high"] = bad["high"] * 3
    store(settings, bad)
    trading.reconcile(settings)
    prepare(settings)
    with Container(settings) as house:
        told = house.ledger.checks.newest()["bars.BTC.1h"]
        assert not told.passed
        rows = [row for row in told.listed("findings") if isinstance(row, dict) and row["severity"] == "BLOCK"]
        assert any("of the 1m bars that they are made of: " in row["message"] for row in rows)
    assert "CHECK_FAILED" in decided(settings, "first")


def test_a_hole_in_the_minutes_is_a_gap_for_the_gate_and_a_finding_of_the_backtest(
    tmp_path: Path, minutes: pd.DataFrame
) -> None:
    """No hour is missing, and one of the newest is made of twenty minutes."""
    settings = compose((*WORDS, f"storage.root={tmp_path}"))
    store(settings, minutes.drop(minutes.index[-700:-660]))
    with Container(settings) as house:
        hours = house.bars.read_bars("BTC", H1)
        assert (np.diff(hours.ts) == 3_600_000_000_000).all()
    trading.reconcile(settings)
    prepare(settings)
    assert decided(settings, "first") == {"BARS_GAP"}
    texts = [row["message"] for row in backtest(settings).findings]
    assert any(text.startswith("BTC, of the 1m bars it is made of: 40 of") and "GAPS" in str(text) for text in texts)


def test_signals_and_look_ahead_evidence_are_of_the_made_bars(settings: Settings, minutes: pd.DataFrame) -> None:
    with Container(settings) as house:
        (signal,) = signals.newest_signals(house)
        item = research.tables(house, signals.signal_selection(house))["BTC"]
        kept = Artefacts(house.root / "evidence")
        before = evidence_of(house.strategy, item, kept)
        assert signal.timeframe is H1
        assert signal.data_hash == item.data_hash == before.data
        assert signals_due(house) == "there are no signals yet"
    store(settings, minutes.iloc[[3000]].assign(high=minutes["high"].max() * 1.01))
    with Container(settings) as house:
        item = research.tables(house, signals.signal_selection(house))["BTC"]
        assert evidence_of(house.strategy, item, kept).data != before.data


def test_minutes_alone_need_no_check_of_days(settings: Settings) -> None:
    """The close of the day before is read from the bars of the universe where no days are stored, as it was."""
    with Container(settings) as house:
        assert timeframes_judged(house, "BTC") == (H1, M1)
        assert timeframes_judged(house, "BTC", [D1]) == (H1, M1, D1)
        assert timeframes_judged(house, "BTC", [Timeframe.MO1]) == (H1, M1), "no month is whole"


def test_it_is_told_what_hours_are_made_of(settings: Settings) -> None:
    words = (*WORDS, f"storage.root={settings.storage.root}")
    assert "bars of BTC are made of the stored 1m bars" in say("backtest", *words).out
    shown = say("data", "show", "BTC", *words).out
    assert "can be read too: 5m, 15m, 30m, 1h, 2h, 4h, 1d, 1w made of 1m" in shown, (
        "the minutes reach over no whole month"
    )
    rows = {row["what"]: row["detail"] for row in say("doctor", *words, "--json").json["findings"]}
    assert "bars made of 1m, the newest starts" in rows["bars BTC"]
    series = say("data", "findings", *words, "--json").json["series"]
    assert [row["timeframe"] for row in series] == ["1m", "1h"]


def test_what_cannot_be_made_is_refused_with_what_to_do(tmp_path: Path) -> None:
    words = (*WORDS, "feed=files", f"storage.root={tmp_path}", "backtest.timeframe=1h")
    with Container(compose(words)) as house:
        ts = pd.date_range("2024-01-01", periods=30, tz="UTC")
        flat = pd.DataFrame({"ts": ts, **dict.fromkeys(("open", "high", "low", "close", "volume"), 100.0)})
        house.bar_store.upsert("BTC", D1, BarKind.TRADE, frame_of(bars_of(flat.assign(spread=1.0))))
    refused = say("backtest", *words)
    assert refused.status == 1
    assert "no trade bars of BTC at 1h; stored: BTC 1d trade" in refused.err
    assert "import bars of 1h or of a shorter timeframe" in refused.err
