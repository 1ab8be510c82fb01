"""Tables of the configuration under Pandera: rules between rows."""

from __future__ import annotations

from conf.compose import compose
from conf.tables import instruments_table, table_problems


def test_the_shipped_tables_hold() -> None:
    settings = compose()
    assert table_problems(settings) == []
    assert len(instruments_table(settings)) == len(settings.instruments) >= 20


def test_two_instruments_with_one_venue_name_are_refused() -> None:
    settings = compose(["+instruments.BTC2={asset_class: crypto, venue_symbols: {ibkr: BTC}}"])
    rows = {problem.key for problem in table_problems(settings)}
    assert rows == {"instruments.BTC", "instruments.BTC2"}


def test_an_event_given_twice_is_refused() -> None:
    window = "{instrument: AAPL, start: '2026-01-29T21:00:00Z', end: '2026-01-30T14:30:00Z', reason: earnings}"
    problems = table_problems(compose([f"events.windows=[{window},{window}]"]))
    assert {problem.key for problem in problems} == {"events.windows.AAPL"}


def test_caps_that_fall_are_refused() -> None:
    problems = table_problems(compose(["risk.max_position=0.6", "risk.max_gross=0.5"]))
    assert [problem.rule for problem in problems] == [
        "the caps of an order, a position and the account must not fall in this order"
    ]
