"""Money in another currency at the gate: the law of conversion, and what happens where the rate is not known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.make import Changes, judge, limits
from tradewright.model.decision import Decision, Verdict
from tradewright.policy.gate import PRECEDENCE

OLDEST = 345_600
EUROS: Changes = {"s.instrument.currency": "EUR"}
RATES = st.integers(1, 40_000).map(lambda steps: Decimal(steps) / 4000)
PRICES = st.integers(1, 2_000).map(Decimal)


def euro(rate: object = "1.25", age: object = 60, source: str = "EUR", origin: str = "EURUSD 1m") -> dict[str, Any]:
    return {"source": source, "target": "USD", "rate": rate, "age_seconds": age, "origin": origin}


def graver(decision: Decision) -> list[tuple[str, Verdict]]:
    """The codes and effects, without the advisory that tells the rates."""
    return [(reason.code, reason.verdict) for reason in decision.reasons if reason.code != "CONVERTED"]


def texts(decision: Decision, code: str) -> list[str]:
    return [reason.text for reason in decision.reasons if reason.code == code]


@settings(max_examples=60)
@given(rate=RATES, price=PRICES, off=st.integers(-20, 20), stop=st.booleans(), kind=st.sampled_from(["BUY", "SELL"]))
def test_a_rate_is_the_same_as_prices_that_were_converted_before(
    rate: Decimal, price: Decimal, off: int, stop: bool, kind: str
) -> None:
    """The law of conversion: euros at a rate are judged as dollars at the rate's multiple of every price."""

    def judged(factor: Decimal, changes: Changes) -> Decision:
        last = price * (1 + Decimal(off) / 400)
        guard = price * Decimal("0.98" if kind == "BUY" else "1.02")
        told: Changes = {
            "i.reference_price": price * factor,
            "s.market.last_price": last * factor,
            "s.market.previous_close": price * factor,
            "s.market.atr": price * factor / 50,
            "s.instrument.tick_size": Decimal("0.0001") * factor,
            "s.instrument.shortable": True,
            "l.allow_short": True,
            "i.terms.side": kind,
        }
        return judge(told | ({"i.stop": guard * factor} if stop else {}) | changes)

    foreign = judged(Decimal(1), EUROS | {"s.rates": (euro(rate),)})
    converted = judged(rate, {})
    assert graver(foreign) == graver(converted)
    assert (foreign.verdict, foreign.approved_quantity) == (converted.verdict, converted.approved_quantity)
    assert foreign.approved_size_pct == pytest.approx(converted.approved_size_pct)


UNUSABLE = st.one_of(
    st.just(()),
    st.tuples(st.builds(euro, rate=st.none(), age=st.none())),
    st.tuples(st.builds(euro, age=st.integers(OLDEST + 1, 10**9))),
    st.tuples(st.builds(euro, age=st.none())),
    st.tuples(st.builds(euro, source=st.just("JPY"))),
    st.tuples(st.builds(euro, rate=st.sampled_from(["1e-13", "1e19"]))),
)


@settings(max_examples=60)
@given(
    rates=UNUSABLE,
    equity=st.integers(1, 10**12),
    quantity=st.integers(1, 1000),
    gross=st.one_of(st.none(), st.integers(0, 10**6)),
)
def test_without_a_usable_rate_no_entry_is_approved_and_every_exit_may_leave(
    rates: tuple[object, ...], equity: int, quantity: int, gross: int | None
) -> None:
    told: Changes = EUROS | {"s.rates": rates, "s.holdings.equity": equity, "s.holdings.gross_exposure": gross}
    entry = judge(told | {"i.terms.quantity": quantity})
    assert (entry.verdict, entry.approved_quantity) == (Verdict.REJECT, 0)
    leave = {"i.terms.side": "SELL", "i.reduce_only": True, "s.holdings.position": quantity}
    leaving = judge(told | leave | {"i.terms.quantity": quantity})
    assert (leaving.verdict, leaving.approved_quantity) == (Verdict.APPROVE, quantity)
    assert "ORDER_VALUE_UNKNOWN" in {reason.code for reason in leaving.reasons}, "told, and waived"


def test_an_old_rate_names_its_pair_its_age_the_bound_and_the_remedy() -> None:
    assert judge(EUROS | {"s.rates": (euro(age=OLDEST),)}).verdict is Verdict.APPROVE
    (told,) = texts(judge(EUROS | {"s.rates": (euro(age=OLDEST + 1),)}), "FX_RATE_STALE")
    assert told == (
        "the rate from EUR to USD (EURUSD 1m) is 4.1 days old; at most 4 days are allowed "
        "(policy.max_rate_age_seconds): bring newer rates"
    )
    tighter = EUROS | {"s.rates": (euro(age=61),), "l.max_rate_age_seconds": 60}
    assert texts(judge(tighter), "FX_RATE_STALE")


def test_a_rate_that_is_not_known_tells_why() -> None:
    why = "there is no pair and no file"
    (told,) = texts(judge(EUROS | {"s.rates": (euro(None, None, origin=why),)}), "FX_RATE_UNKNOWN")
    assert told == f"no rate from EUR to USD is known: {why}"
    assert texts(judge(EUROS), "FX_RATE_UNKNOWN") == ["no rate from EUR to USD is known"]


def test_a_rate_that_a_holding_needs_is_named_too() -> None:
    """A dollar share, beside yen whose rate is old: the exposures are not known, and this is why."""
    told = judge({"s.rates": (euro(age=10**6, source="JPY"),), "s.holdings.gross_exposure": None})
    assert texts(told, "FX_RATE_STALE")[0].startswith("the rate from JPY to USD")


def test_the_rates_that_were_used_are_told_with_the_decision() -> None:
    rates = (euro(), euro("0.0067", 5, "JPY", "1/USDJPY 1h"))
    assert texts(judge(EUROS | {"s.rates": rates}), "CONVERTED") == [
        "EUR to USD at 1.25 (EURUSD 1m, 60 s old), JPY to USD at 0.0067 (1/USDJPY 1h, 5 s old)"
    ]
    assert texts(judge(EUROS | {"s.rates": (euro(age=10**6),)}), "CONVERTED") == []
    assert texts(judge({}), "CONVERTED") == []


def test_a_rate_into_another_currency_than_the_accounts_is_none() -> None:
    assert judge(EUROS | {"s.rates": (euro() | {"target": "GBP"},)}).verdict is Verdict.REJECT


def test_an_older_rate_is_never_a_better_answer() -> None:
    ranks = [
        PRECEDENCE.index(judge(EUROS | {"s.rates": (euro(age=age),)}).verdict)
        for age in (0, OLDEST, OLDEST + 1, 10**18, None)
    ]
    assert ranks == sorted(ranks, reverse=True)


def test_the_bound_on_a_rates_age_has_a_range() -> None:
    assert limits({}).max_rate_age_seconds == OLDEST
