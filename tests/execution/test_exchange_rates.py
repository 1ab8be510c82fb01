"""Other currencies at the counter: held, ordered, traded and lost in them, at rates that are new, old or unknown."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.execution.counter import INSTRUMENTS, Counter, ask, money
from tests.execution.test_actor import decided, intent, sent, signal
from tests.execution.venue import ACCOUNT
from tests.execution.world import World
from tests.support.ledgers import START
from tradewright.execution.exchange_rates import ExchangeRates
from tradewright.model.currency import RateSeries
from tradewright.model.decision import Decision, Verdict
from tradewright.model.errors import DataError
from tradewright.model.order import OrderTerms, Side

BOUND = timedelta(days=4)
JPY = 0.0078125
"""Of two to a power, so that decimals are exact."""


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    made = Counter(world, tmp_path / "store")
    made.ready()
    return made


@pytest.fixture
def yen(counter: Counter) -> Counter:
    """A counter at which shares in yen may be bought: 1,000 yen each, at a rate of a minute ago."""
    counter.stock("SONY")
    counter.feature("SONY", 0.5)
    counter.checked("bars.SONY.1m", "bars.SONY.1d")
    counter.prices["SONY"] = Decimal(100)
    counter.rate("JPY", JPY)
    return counter


def buy(counter: Counter, key: str = "one", quantity: int = 10, symbol: str = "SONY", **more: bool) -> Decision:
    side = Side.SELL if more.get("reduce_only") else Side.BUY
    terms = OrderTerms(instrument=symbol, side=side, quantity=Decimal(quantity))
    return ask(counter, lambda decider: decider.submit_intent(key, terms, stop=None, **more))


def told(decision: Decision) -> dict[str, str]:
    return {reason.code: reason.text for reason in decision.reasons}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.integers(1, 4000), units=st.integers(-500, 500).filter(bool), price=st.integers(1, 10_000))
def test_a_holding_in_yen_is_one_in_dollars_at_converted_prices(
    yen: Counter, steps: int, units: int, price: int
) -> None:
    """The law of conversion over the whole account: exposures of a position and of an order that waits."""
    rate = Decimal(steps) / 1024
    if not yen.ledger.attempts.all():
        yen.send_without_fill(yen.world.proposer.order("SONY", "10"))
    yen.rate("JPY", float(rate))
    yen.prices["SONY"] = Decimal(price)
    held = {"SONY": units, "AAPL": 5}
    foreign = yen.snapshot(yen.view(held), instrument="SONY")
    domestic = INSTRUMENTS | {"SONY": INSTRUMENTS["SONY"].model_copy(update={"currency": "USD"})}
    yen.prices["SONY"] = price * rate
    converted = yen.snapshot(yen.view(held), instrument="SONY", instruments=domestic)
    assert foreign.holdings == converted.holdings
    assert None not in foreign.holdings.model_dump().values()
    assert foreign.holdings.gross_exposure == max(abs(units), abs(units + 10)) * price * rate + 500
    assert [each.pair for each in foreign.rates] == ["JPY to USD"]
    assert converted.rates == ()


def test_an_order_in_yen_is_valued_capped_and_told_with_its_rate(yen: Counter) -> None:
    """1,000 dollars, 1 % of the equity, buy 1,280 shares of 100 yen; the far end of the collar leaves them."""
    decision = buy(yen, quantity=5000)
    assert decision.verdict is Verdict.APPROVE, told(decision)
    assert decision.approved_quantity == Decimal(1000) / (100 * Decimal(repr(JPY)))
    assert told(decision)["CONVERTED"] == "JPY to USD at 0.0078125 (JPYUSD 1m, 60 s old)"


def test_what_was_filled_and_what_waits_is_counted_in_dollars(yen: Counter) -> None:
    order = yen.world.proposer.order("SONY", "10")
    yen.send_without_fill(order, filled="4")
    found = yen.snapshot(yen.view()).holdings
    assert found.traded_today == 10 * 100 * Decimal(repr(JPY))
    assert found.committed_cash == 6 * 100 * Decimal(repr(JPY)) * Decimal("1.1")


@pytest.mark.parametrize("age", [BOUND + timedelta(seconds=1), timedelta(days=300)])
def test_a_stale_rate_refuses_the_entry_and_lets_the_exit_pass(yen: Counter, age: timedelta) -> None:
    yen.world.venue.set(opening={"SONY": "7"})
    yen.rate("JPY", JPY, age=BOUND)
    assert buy(yen).verdict is Verdict.APPROVE
    yen.rate("JPY", JPY, age=age)
    refused = buy(yen, "two", 11)
    assert (refused.verdict, refused.approved_quantity) == (Verdict.REJECT, 0)
    assert "JPY to USD (JPYUSD 1m)" in told(refused)["FX_RATE_STALE"]
    assert "no value is known of SONY" in told(refused)["GROSS_EXPOSURE_UNKNOWN"]
    assert buy(yen, "three", 7, reduce_only=True).verdict is Verdict.APPROVE


def test_a_stale_rate_of_a_holding_stops_entries_elsewhere(yen: Counter) -> None:
    yen.world.venue.set(opening={"SONY": "7"})
    yen.rate("JPY", JPY, age=2 * BOUND)
    assert "FX_RATE_STALE" in told(buy(yen, symbol="AAPL"))
    yen.rate("JPY", JPY)
    assert told(buy(yen, "two", symbol="AAPL"))["CONVERTED"].startswith("JPY to USD at 0.0078125")


def test_without_a_rate_the_refusal_says_what_to_bring(yen: Counter) -> None:
    yen.rates.clear()
    assert told(buy(yen))["FX_RATE_UNKNOWN"] == (
        "no rate from JPY to USD is known: there is no pair and no file (import bars of JPYUSD)"
    )


def test_the_sender_judges_by_the_rate_of_the_moment_of_sending(yen: Counter) -> None:
    """The yen doubles between approval and sending: what was within the caps is beyond them."""
    approved = buy(yen, quantity=5000)
    assert approved.verdict is Verdict.APPROVE
    yen.rate("JPY", 2 * JPY)
    (outcome,) = sent(yen)
    assert outcome.status == "REFUSED"
    assert "MAX_SIZE" in {reason.code for reason in outcome.reasons}


@pytest.mark.parametrize("age", [BOUND, timedelta(0)])
def test_the_sender_refuses_a_rate_that_has_become_too_old(yen: Counter, age: timedelta) -> None:
    yen.rate("JPY", JPY, age=age)
    assert buy(yen).verdict is Verdict.APPROVE
    yen.clock.advance(1)
    (outcome,) = sent(yen)
    assert ("FX_RATE_STALE" in {reason.code for reason in outcome.reasons}) is bool(age)
    assert outcome.status == ("REFUSED" if age else "SENT")


def test_a_signal_is_sized_by_the_rate(yen: Counter) -> None:
    """1 % of 100,000 dollars at 100 yen."""
    wanted = signal(instrument="SONY", size_pct=0.01)
    (proposed,) = ask(yen, lambda decider: decider.propose([(wanted, START)])).intents
    assert proposed.terms.quantity == 1280
    yen.rates.clear()
    (unsized,) = ask(
        yen, lambda decider: decider.propose([(signal(instrument="SONY", signal_id="two"), START)])
    ).intents
    assert unsized.terms.quantity == 1, "one lot, which the gate refuses by its code"


def test_money_of_a_venue_in_another_currency_is_converted(counter: Counter) -> None:
    """Equity, cash, and the day's loss in money, at which the circuit breaker trips."""
    counter.limits = counter.limits.model_copy(update={"max_daily_loss": Decimal(1_000)})
    counter.money = money(10_000_000, "JPY")
    refused = decided(counter, intent(counter))[0]
    assert {"FX_RATE_UNKNOWN", "EQUITY_UNKNOWN", "CASH_UNKNOWN", "LOSS_TODAY_UNKNOWN"} <= set(told(refused))
    counter.rate("JPY", JPY)
    found = counter.snapshot().holdings
    assert (found.equity, found.cash, found.committed_cash, found.loss_today) == (78_125, 78_125, 0, 0)
    counter.money = money(9_872_000, "JPY")
    assert counter.snapshot().holdings.loss_today == 1_000
    ask(counter, lambda decider: decider.propose([]))
    (trip,) = counter.ledger.breaker.present(ACCOUNT, counter.clock.now())
    assert (trip.limit, trip.loss) == ("max_daily_loss", 1_000)


def test_money_without_a_rate_trips_nothing_and_sizes_nothing(counter: Counter) -> None:
    counter.limits = counter.limits.model_copy(update={"max_daily_loss": Decimal(1)})
    for equity in (10_000_000, 9_990_000):
        counter.money = money(equity, "JPY")
        (proposed,) = ask(counter, lambda decider: decider.propose([(signal(), START)])).intents
    assert not counter.ledger.breaker.present(ACCOUNT, counter.clock.now())
    assert proposed.terms.quantity == 1


def test_a_rate_is_read_once_until_it_is_asked_for_anew_and_no_later_one_is_told() -> None:
    reads = []

    def source(currency: str) -> RateSeries:
        reads.append(currency)
        if currency == "GBP":
            raise DataError("is no text in UTF-8", where="gbp.csv")
        known = np.array([int((START + timedelta(hours=hour)).timestamp()) * 10**9 for hour in range(3)])
        return RateSeries(currency, "USD", known, np.array([1.0, 2.0, 3.0]), "eur.csv")

    rates = ExchangeRates("USD", source)
    found = [rates.of("EUR", START + timedelta(minutes=minutes)) for minutes in (-1, 0, 90)]
    assert [(each.rate, each.age_seconds, each.origin) for each in found] == [
        (None, None, "eur.csv begins later"), (1, 0, "eur.csv"), (2, 1800, "eur.csv"),
    ]  # fmt: skip
    assert reads == ["EUR"]
    assert rates.of("GBP", START).why_unknown() == "no rate from GBP to USD is known: gbp.csv: is no text in UTF-8"
    rates.refresh()
    rates.of("EUR", START)
    assert reads == ["EUR", "GBP", "EUR"]
