"""A resting order through the whole desk, without Dagster: it fills by the bars that come in, or its day ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from app.operations import trading, watch
from app.operations.replies import ReconcileReply
from conf.compose import compose
from conf.schema.settings import Settings
from runtime.container import Container
from tests.app.conftest import say
from tests.support.houses import House, copied_house, stocked_house
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError
from tradewright.model.order import LimitOrder, OrderTerms, Side
from tradewright.store.bars import BarStore

END = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house in which BTC can be traded at once, by checks of the moment at which the tests begin, however slow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Container, "clock", ManualClock(END))
        return stocked_house(tmp_path_factory.mktemp("stocked"))


@pytest.fixture
def house(stocked: House, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    return copied_house(stocked, tmp_path_factory.mktemp("watched"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[ManualClock]:
    made = ManualClock(END + timedelta(seconds=5))
    monkeypatch.setattr(Container, "clock", made)
    return made


@pytest.fixture
def resting(house: House, clock: ManualClock) -> tuple[Settings, float]:
    """An order of the day for BTC that rests 2 % below the market, and its limit."""
    assert clock.now() > END
    settings = compose(house.overrides)
    store = BarStore(Container(settings).root)
    limit = round(float(store.read_bars("BTC", Timeframe.M1).close[-1]) * 0.98, 2)
    order = LimitOrder.model_validate({"limit_price": str(limit)})
    terms = OrderTerms.model_validate({"instrument": "BTC", "side": Side.BUY, "quantity": "0.01", "order": order})
    made = trading.submit_intent(settings, terms, "k")
    assert made.verdict == "APPROVE", made.reasons
    (sent,) = trading.send(settings)
    assert sent.state == "WORKING", sent
    return settings, limit


def states(settings: Settings) -> list[str]:
    return [str(view.state) for view in trading.orders(settings).rows]


def test_an_order_of_the_day_that_nothing_touches_ends_with_its_day(
    resting: tuple[Settings, float], clock: ManualClock
) -> None:
    """BTC trades round the clock: its day ends at midnight UTC."""
    settings, _ = resting
    told: list[str] = []
    reply = watch.watch(settings, 1800, told.append)
    assert states(settings) == ["CANCELLED"]
    assert clock.now() - END <= timedelta(hours=9, minutes=31)
    assert reply.positions == {}
    assert told[-1].endswith("problems 0")


def test_a_bar_that_touches_the_limit_fills_it_also_after_a_restart(
    resting: tuple[Settings, float], clock: ManualClock
) -> None:
    settings, limit = resting
    prices = {"open": limit * 1.01, "high": limit * 1.01, "low": limit * 0.999, "close": limit * 1.005}
    dip = pd.DataFrame([{"ts": pd.Timestamp(END + timedelta(minutes=3)), **prices, "volume": 5.0, "spread": 1.0}])
    BarStore(Container(settings).root).upsert("BTC", Timeframe.M1, BarKind.TRADE, dip, source="t")
    assert trading.reconcile(settings).positions == {}, "the bar is not complete yet"
    clock.advance(240)
    assert {name: float(units) for name, units in trading.reconcile(settings).positions.items()} == {"BTC": 0.01}
    trading.reconcile(settings)
    (view,) = trading.orders(settings).rows
    assert (str(view.state), float(view.average_price or 0), len(view.executions)) == ("FILLED", limit, 1)
    assert watch.watch(settings, 60, lambda _line: None).problems == ()


def test_a_venue_that_is_away_is_asked_again_also_for_the_end_of_its_day(
    resting: tuple[Settings, float], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gateways restart every night, an hour before the day of the simulated account ends."""
    settings, _ = resting
    told: list[str] = []
    asked = trading.reconcile

    def away(settings: Settings) -> ReconcileReply:
        if END + timedelta(hours=1) < clock.now() < END + timedelta(hours=8, minutes=10):
            raise BrokerError("connection refused", where="the gateway", remedy="start it")
        return asked(settings)

    monkeypatch.setattr(trading, "reconcile", away)
    watch.watch(settings, 1500, told.append)
    failed = [line for line in told if "not compared, asked again: the gateway: connection refused" in line]
    assert len({line[:19] for line in failed}) == len(failed) > 10, "a look is never followed by another at once"
    assert not [line for line in told if ": open " in line and line[:19] in {each[:19] for each in failed}]
    assert states(settings) == ["CANCELLED"], told
    assert "open none; problems 0" in told[-1]


def test_a_venue_that_cannot_be_asked_at_first_ends_the_watch(
    resting: tuple[Settings, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_settings: Settings) -> ReconcileReply:
        raise BrokerError("connection refused", where="the gateway", remedy="start it")

    monkeypatch.setattr(trading, "reconcile", away)
    with pytest.raises(BrokerError):
        watch.watch(resting[0], 60, lambda _line: None)


def test_the_command_ends_at_once_where_nothing_is_open(house: House) -> None:
    said = say("watch", *house.overrides, "--every", "1", "--json")
    assert said.status == 0, said.err
    assert said.json["positions"] == {}
    assert "open none" in said.err


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-20T04:29:59+00:00", None),
        ("2026-11-20T04:30:00+00:00", date(2026, 11, 19)),
        ("2026-11-20T04:59:59+00:00", date(2026, 11, 19)),
        ("2026-11-20T05:00:00+00:00", None),
        ("2026-07-20T03:45:00+00:00", date(2026, 7, 19)),
    ],
)
def test_the_day_ends_half_an_hour_before_the_venues_midnight(now: str, day: date | None) -> None:
    assert watch.day_to_end(datetime.fromisoformat(now), "America/New_York") == day
