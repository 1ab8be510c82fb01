"""``tradewright rehearse``: stored bars replayed on the whole road, beside the backtest, in a ledger of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.app.conftest import say
from tests.support.houses import KEPT, House, conf_copy


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("replayed")
    conf = conf_copy(folder, (*KEPT, "ema_crossover", "trailing_breakout"))
    return House(conf, folder / "data", ("universe.instruments=[BTC]",))


@pytest.fixture
def house(replayed: House, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(replayed.conf))
    return replayed


def test_every_fill_is_the_backtests_half_a_spread_away(house: House) -> None:
    span = ("--from", "2026-11-20", "--to", "2026-11-20T02:00:00Z")
    said = say("rehearse", "strategy=ema_crossover", *house.overrides, *span, "--json")
    assert said.status == 0, said
    reply = said.json
    assert (reply["bars"], reply["unexplained"], reply["differences"], reply["problems"]) == (121, 0, [], [])
    assert reply["matched"] >= 4
    assert set(reply["reasons"]) <= {"TAKEN_OVER"}
    for row in reply["rows"]:
        if row["backtest"] and row["rehearsed"]:
            assert -0.1 <= row["difference_bps"] <= 1.1, "half a spread, a stop nothing"
    assert not (house.root / "ledger.sqlite3").exists(), "the ledger of the house was not touched"
    again = say("rehearse", "strategy=ema_crossover", *house.overrides, *span, "--json").json
    assert again["rows"] == reply["rows"], "the same bars give the same rehearsal"

    at = f"storage.root={reply['folder']}"
    orders = say("orders", at, "--newest", "0", "--json").json["orders"]
    assert len(orders) == reply["orders"]
    assert sum(order["filled"] > 0 for order in orders) == reply["fills"]
    assert say("ledger", "verify", at).status == 0


def test_a_trailing_stop_fills_at_the_venue_where_the_backtest_says(house: House) -> None:
    """From the signal over gate, ledger and sender to the venue, which trails bar by bar as the engine does."""
    span = ("--from", "2026-11-20", "--to", "2026-11-20T02:30:00Z")
    chosen = ("strategy=trailing_breakout", "strategy.channel=5", "strategy.trail_atr=2.0", *house.overrides)
    reply = say("rehearse", *chosen, *span, "--json").json
    assert (reply["unexplained"], reply["differences"], reply["problems"]) == (0, [], [])
    assert set(reply["reasons"]) <= {"TAKEN_OVER"}
    sales = [row for row in reply["rows"] if row["backtest"] and row["rehearsed"] and row["backtest"]["side"] < 0]
    assert len(sales) >= 3
    assert all(abs(row["difference_bps"]) <= 1.1 for row in sales)

    at = f"storage.root={reply['folder']}"
    orders = say("orders", at, "--newest", "0", "--json").json["orders"]
    stops = [order for order in orders if order["attempt"]["leg"] == "sl"]
    entries = [order for order in orders if order["attempt"]["side"] == "BUY"]
    assert len(stops) == len(entries), "no entry goes out without its stop"
    assert sum(order["filled"] > 0 for order in stops) == len(sales), "each sale is the trailing stop's"
    (working,) = (order for order in stops if order["order_state"] == "ACCEPTED")
    assert re.fullmatch(r"trailing stop [\d.]+ behind the best price", working["terms"])
    (position,) = say("positions", at, "--json").json["positions"]
    assert position["protection"] == f"{position['quantity']}: {working['terms']}"
    told = say("explain", working["attempt"]["ref"], at).out
    assert f"{working['terms']}: protective orders at the venue" in told


def test_a_refusal_of_the_gate_is_the_reason(house: House) -> None:
    span = ("--from", "2026-11-20", "--to", "2026-11-20T00:30:00Z")
    chosen = ("strategy=ema_crossover", *house.overrides, "policy.restricted=[BTC]")
    reply = say("rehearse", *chosen, *span, "--json").json
    assert (reply["fills"], reply["orders"], reply["unexplained"]) == (0, 0, 0)
    assert reply["decisions"]["REJECT"] > 1, "the signal stands, so that each bar asks again"
    assert set(reply["refusals"]) == {"RESTRICTED"}
    assert set(reply["reasons"]) <= {"RESTRICTED", "NOTHING_HELD"}


def test_daily_bars_of_an_exchange_trade_at_its_opening(house: House) -> None:
    daily = ("universe.instruments=[AAPL]", "universe.timeframe=1d", "universe.base_timeframe=1d", "feed.days_1d=400")
    chosen = (
        "strategy=ema_crossover",
        *house.overrides,
        *daily,
        "--from",
        "2026-10-01",
        "--to",
        "2026-11-19",
        "--json",
    )
    reply = say("rehearse", *chosen).json
    assert (reply["unexplained"], reply["differences"]) == (0, [])
    made = [row["rehearsed"]["bar"] for row in reply["rows"] if row["rehearsed"]]
    assert len(made) >= 3
    assert {bar[11:16] for bar in made} == {"13:30", "14:30"}, "the opening of New York in summer and in winter"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("strategy=ema_crossover", "--from", "2031-01-01"), "no bar of BTC lies in the period"),
        (("strategy=ema_crossover", "--from", "yesterday"), "--from"),
        (("strategy=nothing",), "must be one of buy_and_hold, ema_crossover, sma_crossover, trailing_breakout"),
    ],
)
def test_a_rehearsal_that_makes_no_sense_is_refused(house: House, words: tuple[str, ...], told: str) -> None:
    said = say("rehearse", *house.overrides, *words)
    assert said.status == 1
    assert told in said.err


def test_a_folder_that_no_rehearsal_made_is_left_alone(house: House) -> None:
    kept = house.root / "rehearsals" / "buy_and_hold-2026-11-20"
    kept.mkdir(parents=True)
    (kept / "mine.txt").write_text("mine")
    said = say("rehearse", "strategy=buy_and_hold", *house.overrides, "--from", "2026-11-20")
    assert said.status == 1
    assert "no rehearse made it" in said.err
    assert [path.name for path in kept.iterdir()] == ["mine.txt"]


def test_a_name_of_a_folder_holds_no_odd_character(house: House) -> None:
    say(
        "rehearse",
        "strategy=buy_and_hold",
        *house.overrides,
        "--from",
        "2026-11-20T00:00:00Z",
        "--to",
        "2026-11-20T00:02:00Z",
    )
    assert Path(house.root / "rehearsals" / "buy_and_hold-2026-11-20T00-00-00Z-2026-11-20T00-02-00Z").is_dir()


def test_a_wrong_day_is_told_by_the_option_that_was_written() -> None:
    said = say("rehearse", "--from", "2026-02-30", "--to", "today")
    assert said.status == 1
    assert "command line: --from: must be a day or a moment" in said.err
    assert "command line: --to: must be a day or a moment" in said.err
