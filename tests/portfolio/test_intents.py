"""From a signal to what has to be traded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.model.errors import ConfigError, DataError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.intent import Intent
from tradewright.model.order import OrderTerms, Side
from tradewright.model.signal import SignalCandidate
from tradewright.portfolio.identity import Leg, intent_id, signal_id
from tradewright.portfolio.intents import intents_of, manual_intent, propose
from tradewright.portfolio.position_size import quantity_of, size_pct_of
from tradewright.portfolio.state import PortfolioState

BAR = datetime(2026, 1, 5, 14, 59, tzinfo=UTC)
CLOSED = BAR + timedelta(minutes=1)
AAPL = Instrument(symbol="AAPL", asset_class=AssetClass.STOCK)
BTC = Instrument(symbol="BTC", asset_class=AssetClass.CRYPTO, lot_size="0.0001")
ACCOUNT = "DU1"
DAX = Instrument(symbol="DAX", asset_class=AssetClass.INDEX, currency="EUR", multiplier=5)


def portfolio(equity: object = 100_000, rates: dict[str, Decimal] | None = None, **held: object) -> PortfolioState:
    positions = {symbol: Decimal(str(units)) for symbol, units in held.items()}
    return PortfolioState(
        Decimal(str(equity)), positions, {i.symbol: i for i in (AAPL, BTC, DAX)}, ACCOUNT, rates=rates or {}
    )


def signal(**changes: Any) -> SignalCandidate:
    fields = {
        "signal_id": "sig-1",
        "strategy": "sma_crossover",
        "instrument": "AAPL",
        "candidate_action": "BUY",
        "target": 1,
        "confidence": 0.71,
        "size_pct": 0.02,
        "bar_ts": BAR,
        "price": 150,
        "stop": 140,
        "take_profit": 170,
        "config_hash": "c1",
        "strategy_hash": "s1",
        "data_hash": "d1",
    }
    return SignalCandidate.model_validate(fields | changes)


SELL = {"candidate_action": "SELL", "target": -1}
CLOSE = {"candidate_action": "CLOSE", "target": 0}


def legs(intents: tuple[Intent, ...]) -> list[tuple[str, int, bool]]:
    return [(intent.terms.side.value, int(intent.terms.quantity), intent.reduce_only) for intent in intents]


@pytest.mark.parametrize(
    ("changes", "held", "expected"),
    [
        ({}, 0, [("BUY", 13, False)]),
        ({}, 7, []),
        ({}, -7, [("BUY", 7, True), ("BUY", 13, False)]),
        (SELL, 0, [("SELL", 13, False)]),
        (SELL, -7, []),
        (SELL, 7, [("SELL", 7, True), ("SELL", 13, False)]),
        (CLOSE, 0, []),
        (CLOSE, 7, [("SELL", 7, True)]),
        (CLOSE, -7, [("BUY", 7, True)]),
        (CLOSE | {"target": 1}, 7, [("SELL", 7, True)]),
        ({"target": 0}, 7, [("SELL", 7, True)]),
        ({"candidate_action": "SELL", "target": 0}, 7, [("SELL", 7, True)]),
        ({"candidate_action": "SELL", "target": 0}, 0, []),
        ({"candidate_action": "HOLD"}, 7, []),
        ({"candidate_action": "HOLD", "target": 0}, 7, []),
        ({"size_pct": 0}, 0, []),
        ({"size_pct": 0}, -7, [("BUY", 7, True)]),
    ],
)
def test_what_a_signal_asks_for(changes: dict[str, Any], held: int, expected: list[tuple[str, int, bool]]) -> None:
    assert legs(intents_of(signal(**changes), portfolio(AAPL=held), CLOSED)) == expected


@pytest.mark.parametrize("changes", [{"target": -0.1}, {"candidate_action": "SELL", "target": 0.1}])
def test_a_signal_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="sig-1"):
        intents_of(signal(**changes), portfolio(), CLOSED)


def test_an_opening_carries_all_that_the_gate_and_explain_need() -> None:
    (intent,) = intents_of(signal(feature_hash="f1"), portfolio(), CLOSED)
    assert (intent.strategy, intent.signal_id, intent.account) == ("sma_crossover", "sig-1", "DU1")
    assert (intent.size_pct, intent.reference_price, intent.confidence) == (0.02, 150, 0.71)
    assert (intent.stop, intent.take_profit, intent.decided_at) == (140, 170, CLOSED)
    made_from = {"data_hash": "d1", "feature_hash": "f1", "config_hash": "c1", "strategy_hash": "s1"}
    assert intent.provenance == {"bar": BAR.isoformat(), **made_from}


def test_an_intent_tells_the_features_that_the_strategy_saw() -> None:
    features = {"ema(12)": 101.25, "rsi(14)": None, "close": 1 / 3}
    (intent,) = intents_of(signal(features=features), portfolio(), CLOSED)
    assert intent.provenance["features"] == "ema(12) 101.25, rsi(14) none, close 0.3333333333"


def test_a_closing_has_no_guards_and_states_the_share_that_it_frees() -> None:
    (intent,) = intents_of(signal(**CLOSE), portfolio(AAPL=10), CLOSED)
    assert (intent.stop, intent.take_profit, intent.size_pct) == (None, None, 0.015)


def test_a_rest_smaller_than_a_lot_is_closed_in_lots_or_left_to_the_gate() -> None:
    (intent,) = intents_of(signal(**CLOSE), portfolio(AAPL="10.5"), CLOSED)
    assert intent.terms.quantity == 10
    (rest,) = intents_of(signal(**CLOSE), portfolio(AAPL="0.5"), CLOSED)
    assert rest.terms.quantity == Decimal("0.5")


def test_the_quantity_follows_lot_multiplier_and_currency() -> None:
    assert quantity_of(portfolio(), "BTC", Decimal("0.02"), Decimal(61_234)) == Decimal("0.0326")
    euro = portfolio(rates={"EUR": Decimal("1.25")})
    assert quantity_of(euro, "DAX", Decimal("0.5"), Decimal(100)) == 80
    assert size_pct_of(euro, "DAX", Decimal(80), Decimal(100)) == 0.5


def test_a_quantity_smaller_than_a_lot_is_passed_on_for_the_gate_to_refuse() -> None:
    assert quantity_of(portfolio(), "AAPL", Decimal("0.001"), Decimal(300)) == Decimal("0.333333333333")


@pytest.mark.parametrize(
    ("owned", "symbol", "price"),
    [(portfolio(0), "BTC", 1), (portfolio(-1), "BTC", 1), (portfolio(), "BTC", 0), (portfolio(), "DAX", 1)],
)
def test_what_cannot_be_computed_is_asked_as_one_lot(owned: PortfolioState, symbol: str, price: int) -> None:
    assert quantity_of(owned, symbol, Decimal("0.02"), Decimal(price)) == owned.instruments[symbol].lot_size


def test_a_share_that_cannot_be_computed_is_zero() -> None:
    assert (
        size_pct_of(portfolio(0), "AAPL", Decimal(1), Decimal(1))
        == size_pct_of(portfolio(), "DAX", Decimal(1), Decimal(1))
        == 0
    )


@settings(max_examples=200)
@given(
    st.decimals(min_value="0.01", max_value=10**7, places=2),
    st.decimals(min_value="0.0001", max_value=1, places=4),
    st.decimals(min_value="0.0001", max_value=10**5, places=4),
    st.sampled_from(["AAPL", "BTC"]),
)
def test_rounding_never_exceeds_what_was_asked(equity: Decimal, share: Decimal, price: Decimal, symbol: str) -> None:
    quantity, lot = quantity_of(portfolio(equity), symbol, share, price), portfolio().instruments[symbol].lot_size
    assert 0 < quantity * price <= equity * share
    assert quantity < lot or (quantity % lot == 0 and (quantity + lot) * price > equity * share)


def test_an_unknown_instrument_is_refused() -> None:
    with pytest.raises(ConfigError, match="MSFT"):
        intents_of(signal(instrument="MSFT"), portfolio(), CLOSED)


def test_the_same_signal_is_the_same_intent_whatever_happened_meanwhile() -> None:
    (first,) = intents_of(signal(), portfolio(), CLOSED)
    (later,) = intents_of(
        signal(data_hash="d2", config_hash="c2", feature_hash="f2", price=151, confidence=0.9),
        portfolio(90_000, BTC=1),
        CLOSED,
    )
    assert intent_id(signal(), Leg.OPEN, "DU2") != intent_id(signal(), Leg.OPEN, ACCOUNT), "each account trades it"
    assert later.intent_id == first.intent_id == intent_id(signal(), Leg.OPEN, ACCOUNT)
    assert len(first.intent_id) == 24


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": "macd_trend"},
        {"instrument": "BTC"},
        {"bar_ts": BAR + timedelta(minutes=1)},
        {"strategy_hash": "s2"},
    ],
)
def test_another_signal_is_another_intent(changes: dict[str, Any]) -> None:
    assert intent_id(signal(**changes), Leg.OPEN, ACCOUNT) != intent_id(signal(), Leg.OPEN, ACCOUNT)
    assert intent_id(signal(**changes), Leg.OPEN, ACCOUNT) != intent_id(signal(**changes), Leg.CLOSE, ACCOUNT)


def test_a_signals_id_follows_all_that_it_was_made_from() -> None:
    base = ("sma_crossover", "AAPL", BAR, "s1", "d1")
    others = [
        ("macd_trend", *base[1:]),
        (*base[:1], "BTC", *base[2:]),
        (*base[:2], CLOSED, *base[3:]),
        (*base[:3], "s2", "d1"),
        (*base[:4], "d2"),
    ]
    assert len({signal_id(*parts) for parts in (base, *others)}) == 6
    assert signal_id(*base) == signal_id(*base)
    assert signal(signal_id=signal_id(*base)).signal_id.startswith("sig-")


def test_exits_come_before_entries() -> None:
    signals = [(signal(instrument="BTC"), CLOSED), (signal(**SELL), CLOSED)]
    proposed = propose(signals, portfolio(AAPL=7))
    assert [(intent.terms.instrument, intent.reduce_only) for intent in proposed] == [
        ("AAPL", True),
        ("BTC", False),
        ("AAPL", False),
    ]
    assert propose([], portfolio()) == ()


TERMS = OrderTerms(instrument="AAPL", side=Side.BUY, quantity=Decimal(10))


def test_a_manual_intent_is_one_per_key() -> None:
    first = manual_intent("k-1", TERMS, portfolio(), Decimal(150), CLOSED, stop=Decimal(140), reduce_only=True)
    again = manual_intent("k-1", TERMS, portfolio(5), Decimal(151), CLOSED + timedelta(hours=1))
    other = manual_intent("k-2", TERMS, portfolio(), Decimal(150), CLOSED)
    assert first.intent_id == again.intent_id != other.intent_id
    assert (first.strategy, first.signal_id, first.size_pct) == ("manual", "manual:k-1", 0.015)
    assert (first.stop, first.reduce_only, first.account, first.confidence) == (140, True, "DU1", 1)
    assert not again.reduce_only


def test_a_manual_intent_needs_a_key_and_a_known_instrument() -> None:
    with pytest.raises(DataError, match="key"):
        manual_intent(" ", TERMS, portfolio(), Decimal(150), CLOSED)
    with pytest.raises(ConfigError, match="MSFT"):
        manual_intent("k", TERMS.model_copy(update={"instrument": "MSFT"}), portfolio(), Decimal(1), CLOSED)
