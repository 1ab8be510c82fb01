"""What each strategy earned in trading, by day, against figures that were reckoned by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.ledger.ownership import Trade, shared_out
from tradewright.oversight.performance import UNKNOWN_BEFORE, Known, MarkedMarket, PerformanceDay, Terms, performance

TERMS = {"AAPL": Terms("USD", Decimal(1)), "SAP": Terms("EUR", Decimal(1)), "ES": Terms("USD", Decimal(50))}
MARKS = {
    "AAPL": {2: "102", 3: "105", 4: "103"},
    "SAP": {2: "198", 3: "204", 4: "204"},
    "ES": {2: "5001", 3: "4990.5", 4: "5000"},
}
RATES = {2: "1.1", 3: "1.2", 4: "1.25"}
NOW = datetime(2026, 3, 4, 23, 59, tzinfo=UTC)
"""On the last of three days of March, 2 to 4."""


def trade(
    owner: str, symbol: str, quantity: str, price: str, day: int, fee: str | None = "0", of: str = "USD"
) -> Trade:
    at = datetime(2026, 3, day, 15, tzinfo=UTC)
    charged = None if fee is None else Decimal(fee)
    return Trade(owner, symbol, Decimal(quantity), Decimal(price), at, at, charged, of)


def mark(symbol: str, moment: datetime) -> Known:
    found = MARKS[symbol].get((moment - datetime(2026, 3, 1, 0, 0, 1, tzinfo=UTC)).days + 1)
    return f"{symbol} has no mark" if found is None else Decimal(found)


def rate(_currency: str, moment: datetime) -> Known:
    return Decimal(RATES[(moment - datetime(2026, 3, 1, 0, 0, 1, tzinfo=UTC)).days + 1])


def days(*trades: Trade, now: datetime = NOW, splits: dict[str, list[datetime]] | None = None) -> list[PerformanceDay]:
    return performance(shared_out(trades), TERMS, "USD", MarkedMarket(mark, rate, splits or {}), now)


def figures(rows: list[PerformanceDay]) -> list[tuple[str, int, Decimal | None, Decimal | None, Decimal | None]]:
    return [(row.strategy, row.day.day, row.fees, row.net, row.total) for row in rows]


def test_by_hand() -> None:
    """Ten AAPL at 100, of which a person sells four at 104; five SAP at 200 EUR; a future sold short and bought back.

    trend, day 2: 10 x 102 - 1000 - 1.00; day 3: 6 x 105 + 416 - 1000 = 46, less 1.40; day 4: 6 x 103 + 416 - 1000 = 34.
    mean, day 2: (5 x 198 - 1000 - 2) EUR = -12 at 1.1; day 3: (1020 - 1000 - 2) EUR = 18 at 1.2; day 4: 18 at 1.25.
    futures, day 3: sold at 5000, bought at 4990, 50 USD a point: 500, less two fees of 2.25; then flat, with no row.
    """
    rows = days(
        trade("trend", "AAPL", "10", "100", 2, "1"),
        trade("mean", "SAP", "5", "200", 2, "2", "EUR"),
        trade("manual", "AAPL", "-4", "104", 3, "0.4"),
        trade("futures", "ES", "-1", "5000", 3, "2.25"),
        trade("futures", "ES", "1", "4990", 3, "2.25"),
    )
    assert figures(rows) == [
        ("futures", 3, Decimal("4.5"), Decimal("495.5"), Decimal("495.5")),
        ("mean", 2, Decimal("2.2"), Decimal("-13.2"), Decimal("-13.2")),
        ("mean", 3, 0, Decimal("34.8"), Decimal("21.6")),
        ("mean", 4, 0, Decimal("0.9"), Decimal("22.5")),
        ("trend", 2, 1, 19, 19),
        ("trend", 3, Decimal("0.4"), Decimal("25.6"), Decimal("44.6")),
        ("trend", 4, 0, -12, Decimal("32.6")),
    ]
    held = [(float(row.held["AAPL"]), row.fills) for row in rows[-3:]]
    assert held == [(10, 1), (6, 1), (6, 0)]
    assert not any(row.remarks for row in rows)


def test_what_is_not_known_is_never_zero() -> None:
    """A fee that was not told, a day without a mark, an instrument without terms, a rate that is not there."""
    first, second, third = days(trade("trend", "AAPL", "10", "100", 2, None))
    assert (first.fees, first.net, first.total) == (None, None, None)
    assert (second.fees, second.net, second.total) == (Decimal(0), Decimal(30), None)
    assert third.remarks == ("a fee in AAPL of 2026-03-02 is not known",)

    early, bought = datetime(2026, 2, 28, 15, tzinfo=UTC), trade("trend", "AAPL", "10", "100", 2)
    nothing, still, known, *_ = days(replace(bought, at=early))
    assert (nothing.net, nothing.total, nothing.remarks) == (None, None, ("AAPL has no mark",))
    assert (still.day, still.net) == (date(2026, 3, 1), None)
    assert (known.net, known.total, known.remarks) == (None, Decimal(20), (UNKNOWN_BEFORE,))

    unknown = days(trade("trend", "XYZ", "1", "100", 2))[0]
    assert (unknown.net, unknown.total, unknown.remarks) == (None, None, ("XYZ is not in conf/instruments",))

    trades = [trade("mean", "SAP", "5", "200", 2, "2", "EUR")]
    (no_rate, *_) = performance(trades, TERMS, "USD", MarkedMarket(mark, lambda *_asked: "no rate of EUR"), NOW)
    assert (no_rate.fees, no_rate.net, no_rate.total, no_rate.remarks) == (None, None, None, ("no rate of EUR",))


def test_a_missing_fee_in_another_currency_leaves_every_later_day_unknown() -> None:
    """What it is worth changes with the rate, so no later change is known either."""
    assert [row.net for row in days(trade("mean", "SAP", "5", "200", 2, None))] == [None, None, None]


def test_a_flat_balance_of_another_currency_is_exchanged_anew_each_day() -> None:
    """Ten EUR were earned on the first day: 11 USD, then 12, then 12.50."""
    rows = days(trade("mean", "SAP", "5", "200", 2), trade("mean", "SAP", "-5", "202", 2))
    assert [(row.net, row.total) for row in rows] == [(11, 11), (1, 12), (Decimal("0.5"), Decimal("12.5"))]


def test_today_is_marked_now_and_a_later_trade_is_left_out() -> None:
    now = datetime(2026, 3, 3, 16, tzinfo=UTC)
    rows = days(trade("trend", "AAPL", "10", "100", 2), trade("trend", "AAPL", "-10", "1", 4), now=now)
    assert [(row.day.day, row.at) for row in rows] == [(2, datetime(2026, 3, 3, tzinfo=UTC)), (3, now)]
    assert rows[-1].total == 50


def test_what_was_moved_by_hand_is_said() -> None:
    by_hand = replace(trade("", "AAPL", "-10", "101", 3), adjusted=True)
    rows = days(trade("trend", "AAPL", "10", "100", 2), by_hand)
    assert [(row.strategy, row.total, row.fills) for row in rows] == [
        ("trend", Decimal(20), 1),
        ("trend", Decimal(10), 0),
    ]
    assert rows[-1].remarks == ("AAPL was moved by hand, at 101",)


def test_nothing_is_known_across_a_split() -> None:
    """The ledger holds the units before it; what was flat at the time is not concerned."""
    split = {"AAPL": [datetime(2026, 3, 3, 5, tzinfo=UTC)], "SAP": [datetime(2026, 3, 2, 5, tzinfo=UTC)]}
    rows = days(trade("trend", "AAPL", "10", "100", 2), trade("other", "SAP", "1", "200", 2), splits=split)
    assert [row.total is None for row in rows if row.strategy == "other"] == [False, False, False]
    assert [(row.net, row.total) for row in rows if row.strategy == "trend"] == [(20, 20), (None, None), (None, None)]
    assert rows[-1].remarks == ("AAPL was split on 2026-03-03 while it was held",)


_TRADES = st.builds(
    trade,
    st.sampled_from(["trend", "mean", "manual", "flatten", ""]),
    st.sampled_from(sorted(TERMS)),
    st.integers(-9, 9).filter(bool).map(str),
    st.decimals(90, 110, places=2).map(str),
    st.integers(2, 4),
    st.decimals(0, 3, places=2).map(str),
    st.sampled_from(["USD", "EUR"]),
)


@settings(max_examples=60)
@given(st.lists(_TRADES, min_size=1, max_size=12))
def test_the_strategies_add_up_to_the_account(trades: list[Trade]) -> None:
    """Whatever hand closed what: the totals are the money that all trades moved, at the last marks and rates."""
    ordered = sorted(trades, key=lambda each: each.recorded_at)
    rows, account = days(*ordered), Decimal(0)
    for each in ordered:
        terms = TERMS[each.instrument]
        points = Decimal(MARKS[each.instrument][4]) - each.price
        exchange = Decimal(RATES[4]) if terms.currency == "EUR" else 1
        account += each.quantity * points * terms.multiplier * exchange
        account -= (each.fee or 0) * (Decimal(RATES[4]) if each.fee_currency == "EUR" else 1)
    newest = {row.strategy: row.total or Decimal(0) for row in rows}
    assert abs(sum(newest.values()) - account) < Decimal("1e-18")
    by_owner = {name: [row for row in rows if row.strategy == name] for name in newest}
    for own in by_owner.values():
        changes = sum((row.net or Decimal(0) for row in own), Decimal(0))
        assert abs(changes - (own[-1].total or Decimal(0))) < Decimal("1e-18")
