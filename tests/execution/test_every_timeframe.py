"""Every shipped timeframe trades on every shipped calendar: the gate's facts are counted in bars, not in days (B18)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from app.operations import trading
from assets.research.bars import make_features
from conf.compose import compose
from conf.schema.settings import Settings
from runtime.bar_checks import judge
from runtime.container import Container
from runtime.feeds import scenario
from runtime.research import refreshed
from tradewright.model.bars import Timeframe
from tradewright.model.decision import Verdict
from tradewright.model.order import OrderTerms, Side
from tradewright.scenarios.scenario import PROFILES, Profile, Scenario

SYMBOLS = {"24/7": "BTC", "24/5": "EURUSD", "XNYS": "AAPL", "CMES": "ES"}
"""One shipped instrument of every shipped calendar."""

MORE = {
    "EURUSD": Profile(price=1.1, volatility=0.08, common=0.1, volume=50_000.0),
    "ES": Profile(price=100.0, volatility=0.2, common=0.5, volume=900.0),  # so that one contract is no fortune
}
"""Instruments that the scenario does not make."""


@cache
def shipped() -> Settings:
    """As it ships, with an account that can afford a lot of anything."""
    return compose(("backtest.cash=1000000", "execution.settle=0.01"))


MONTHS = {"rank": 60, "usual_volume": 60}
"""Windows of five years. The shipped ones of a year of days are 21 years of months, which few instruments have."""


@cache
def scenario_of(_symbol: str, end: datetime) -> Scenario:
    """The scenario of an instrument as it stands at its end, whose days are made once for weeks and months."""
    source = scenario(shipped(), end)
    source.profiles = {**PROFILES, **MORE}
    return source


def settings_for(symbol: str, timeframe: Timeframe, root: Path) -> Settings:
    plain = shipped()
    universe = {"instruments": (symbol,), "timeframe": timeframe, "base_timeframe": timeframe}
    return plain.model_copy(
        update={
            "storage": plain.storage.model_copy(update={"root": str(root)}),
            "universe": plain.universe.model_copy(update=universe),
            "features": plain.features.model_copy(update=MONTHS if timeframe is Timeframe.MO1 else {}),
        }
    )


def test_every_shipped_calendar_is_here() -> None:
    assert {one.calendar for one in shipped().instruments.values()} == set(SYMBOLS)
    assert {shipped().instruments[symbol].calendar: symbol for symbol in SYMBOLS.values()} == SYMBOLS


@pytest.mark.parametrize("market", SYMBOLS)
@pytest.mark.parametrize("timeframe", Timeframe)
def test_the_gate_knows_enough_to_approve(tmp_path: Path, timeframe: Timeframe, market: str) -> None:
    """With the scenario's own span of bars, its own features and checks, and the limits that ship."""
    symbol = SYMBOLS[market]
    settings = settings_for(symbol, timeframe, tmp_path)
    with Container(settings) as house:
        refreshed(house, scenario_of(symbol, house.clock.now()), symbol)
        judge(house, symbol)
    make_features(settings, symbol)
    trading.reconcile(settings)
    wanted = OrderTerms(instrument=symbol, side=Side.BUY, quantity=Decimal("0.01") if symbol == "BTC" else Decimal(1))
    made = trading.submit_intent(settings, wanted, "first")
    assert made.verdict is Verdict.APPROVE, [reason for reason in made.reasons if reason.verdict is Verdict.REJECT]
    assert {reason.code for reason in made.reasons} <= {"DATA_AGE_RELAXED"}
