"""One account for many instruments on the command line: the report, the trial, each setting's effect, refusals."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.app.conftest import say
from tests.support.houses import House, conf_copy

INSTRUMENTS = "backtest.instruments=[BTC,ETH,AAPL]"
ROTATION = ("strategy=momentum_rotation", "strategy.bars=5", "strategy.top=2", "strategy.least=-100.0")
SHARED = (INSTRUMENTS, "backtest.timeframe=1d", "backtest.account=shared")


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Scenario days of three instruments, and a few strategies."""
    folder = tmp_path_factory.mktemp("shared")
    kept = ("momentum_rotation", "inverse_volatility", "equal_weight", "buy_and_hold")
    made = House(conf_copy(folder, kept), folder / "data", ("universe.instruments=[BTC,ETH,AAPL]",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(made.conf))
        said = say("backtest", *made.overrides, "strategy=buy_and_hold", INSTRUMENTS, "backtest.timeframe=1d", "--json")
        assert said.status == 0, said.err
    return made


@pytest.fixture
def house(stocked: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    """The bars, without trials."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    root = Path(shutil.copytree(stocked.root, tmp_path / "data", ignore=shutil.ignore_patterns("trials")))
    return House(stocked.conf, root, stocked.more)


def test_a_rotation_reports_as_any_backtest_and_is_a_trial(house: House, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said = say("backtest", *house.overrides, *ROTATION, *SHARED, "--report", str(page), "--json")
    assert said.status == 0, said.err
    reply = said.json
    assert reply["verdict"]["figures"]["trials"] == 1
    assert {line["instrument"] for line in reply["fills"]} <= {"BTC", "ETH", "AAPL"}
    assert (reply["orders"], len(reply["fills"])) > (3, 3)
    assert reply["final_equity"] == pytest.approx(100_000 + reply["net_profit"])
    assert "shared by all instruments" in page.read_text()
    again = say("backtest", *house.overrides, *ROTATION, *SHARED, "--json").json
    assert (again["used_cache"], again["cache_key"]) == (True, reply["cache_key"])
    assert again["verdict"]["figures"]["trials"] == 1
    assert {**again, "used_cache": False} == reply
    other = say("backtest", *house.overrides, *ROTATION, *SHARED, "backtest.instruments=[AAPL,ETH,BTC]", "--json").json
    assert other["verdict"]["figures"]["trials"] == 2, "the order of the instruments decides who comes first"
    split = say("backtest", *house.overrides, "strategy=buy_and_hold", INSTRUMENTS, "backtest.timeframe=1d", "--json")
    assert set(reply) == set(split.json)


@pytest.mark.parametrize(
    "setting",
    [
        "backtest.shared.rebalance=bar",
        "backtest.shared.cash_buffer=0.2",
        "backtest.shared.max_weight=0.1",
        "backtest.shared.max_gross=0.3",
    ],
)
def test_settings_of_the_account_have_effect(house: House, setting: str) -> None:
    plain = say("backtest", *house.overrides, "strategy=buy_and_hold", "backtest/sizing=max", *SHARED, "--json")
    allocated = say("backtest", *house.overrides, "strategy=equal_weight", *SHARED, "--json")
    changed = say(
        "backtest", *house.overrides, "strategy=buy_and_hold", "backtest/sizing=max", *SHARED, setting, "--json"
    )
    other = say("backtest", *house.overrides, "strategy=equal_weight", *SHARED, setting, "--json")
    assert plain.status == changed.status == allocated.status == 0
    if "max_" in setting:
        assert "error: strategy equal_weight" in other.err
        assert "backtest.shared.max_" in other.err
        assert changed.json["fills"] != plain.json["fills"]
    else:
        assert other.json["fills"] != allocated.json["fills"]


def test_an_allocation_that_is_a_document_is_packed_and_proved(house: House, tmp_path: Path) -> None:
    file, document = tmp_path / "quiet.hsp", house.conf / "strategy" / "inverse_volatility.yaml"
    document.write_text(document.read_text().replace("window: 60", "window: 5"))
    span = ("feed.end='2026-11-20T00:00:00Z'", *SHARED)
    made = say("package", "export", "inverse_volatility", str(file), *house.overrides, *span, "--unsigned", "--json")
    assert made.status == 0, made.err
    told = made.json
    assert {row["instrument"]: row["fills"] > 0 for row in told["manifest"]["expected"]["orders"]} == {
        "BTC": True, "ETH": True, "AAPL": True
    }  # fmt: skip
    assert told["certificate"]["terms"]["size"] == "the weights that it gives"
    verified = say("package", "verify", str(file), *house.overrides, "--allow-unsigned", "--json")
    assert (verified.status, verified.json["holds"], verified.json["differences"]) == (0, True, [])
    split = say("package", "export", "inverse_volatility", str(file), *house.overrides, *span[:-1], "--unsigned")
    assert "add backtest.account=shared" in split.err


def test_an_allocation_needs_the_shared_account(house: House) -> None:
    said = say("backtest", *house.overrides, *ROTATION, INSTRUMENTS, "backtest.timeframe=1d", "--json")
    assert said.status == 1
    assert "momentum_rotation is an allocation" in said.err
    assert "add backtest.account=shared" in said.err


@pytest.mark.parametrize(
    "command",
    [
        ("sweep", "strategy.top=1,2"),
        ("sweep",),
        ("walkforward", "strategy.top=1,2"),
        ("montecarlo",),
        ("rehearse",),
        ("trade", "--once"),
    ],
)
def test_what_needs_signals_refuses_an_allocation(house: House, command: tuple[str, ...]) -> None:
    word, *more = command
    mine = [text for text in ROTATION if not more or text.partition("=")[0] != more[0].partition("=")[0]]
    said = say(word, *house.overrides, *mine, *(() if word == "trade" else SHARED), *more)
    assert said.status == 1, said
    assert "is an allocation: it decides on all instruments together and makes no signals yet" in said.err
    assert "Traceback" not in said.err


def test_a_sweep_does_not_ignore_the_shared_account(house: House) -> None:
    said = say("sweep", *house.overrides, "strategy=buy_and_hold", *SHARED)
    assert said.status == 1
    assert "backtest.account=split" in said.err


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("backtest.account=joint", "split"),
        ("backtest.shared.max_weight=0", "max_weight"),
        ("backtest.shared.max_wieght=1", "max_wieght"),
        ("backtest.shared.rebalance=fortnight", "rebalance"),
    ],
)
def test_wrong_settings_are_named(house: House, word: str, rule: str) -> None:
    said = say("backtest", *house.overrides, *ROTATION, *SHARED, word)
    assert said.status != 0
    assert rule in said.err
    assert "Traceback" not in said.err


@pytest.mark.usefixtures("house")
def test_a_round_of_all_strategies_leaves_allocations_out() -> None:
    from app.operations.trade import strategies_of

    assert strategies_of(()) == ("buy_and_hold",)
