"""The command line: every command, its help, its status, its JSON."""

from __future__ import annotations

import json
import math
import os
import pwd
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.models import TyperInfo

from app.cli import app, groups_with
from app.commands.order_args import parse_order_terms
from conf.environment import SOURCE
from tests.app.conftest import daily, say
from tests.support.houses import COMMAND, House
from tradewright.research import look_ahead
from tradewright.store.bars import BarStore

COMMANDS = {
    "demo", "check", "import", "backtest", "sweep", "walkforward", "montecarlo", "trials", "gateway", "serve", "intent",
    "intents", "send", "approve", "reject", "orders", "positions", "reconcile", "kill", "resume", "explain", "doctor",
    "cancel", "cancel-all", "flatten", "freezes", "commands", "acknowledge", "adopt", "confirm-not-sent", "settle",
    "end-of-day", "ledger", "watch", "limits", "tighten", "trade", "rehearse", "init", "data", "backfill",
    "instruments", "stream", "dsl", "schema", "certify", "scenarios", "package",
    "performance",
}  # fmt: skip
CANARY = "canary-7f3a91"
USER = pwd.getpwuid(os.getuid()).pw_name


def commands() -> dict[str, Any]:
    return dict(get_command(app).commands)  # type: ignore[attr-defined]


def test_the_commands_are_those_of_the_design() -> None:
    assert set(commands()) == COMMANDS


def alone(group: TyperInfo) -> typer.Typer:
    made = typer.Typer()
    made.registered_groups = [group]
    return made


def test_each_command_is_built_with_its_own_group_alone():
    for name in COMMANDS:
        (group,) = groups_with(name)
        assert name in get_command(alone(group)).commands  # type: ignore[attr-defined]
    assert groups_with("nonsense") == groups_with("--help") == groups_with("") == app.registered_groups


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_and_json(name: str) -> None:
    for words in ([name, each] for each in getattr(commands()[name], "commands", [""])):
        said = say(*filter(None, words), "--help")
        assert said.status == 0
        assert "--json" in said.out
    assert commands()[name].help


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["nonsense"], 2),
        (["check", "--nonsense"], 2),
        (["approve"], 2),
        (["check", "strategy=nonsense"], 1),
        (["check", "strategy.fast=ten"], 1),
        (["check", "nonsense.key=1"], 1),
        (["check", "broken override"], 1),
        (["import", "xlsx", "file"], 1),
        (["explain", "nonsense"], 1),
        (["approve", "nonsense", "--reason", "r"], 1),
    ],
)
def test_status(house: House, words: list[str], status: int) -> None:
    where = house.overrides[:1] if status == 1 else ()
    assert say(*words, *where).status == status


def test_the_shipped_configuration_is_sound() -> None:
    said = say("check", "--json")
    assert (said.status, said.json) == (0, {"problems": []})


def test_check_names_everything_that_is_wrong() -> None:
    said = say("check", "strategy=sma_crosover", "backtest.cash=-1", "--json")
    assert said.status == 1
    problems = said.json["problems"]
    assert {(row["file"], row["key"]) for row in problems} >= {
        ("command line", "strategy"), ("command line", "backtest.cash"),
    }  # fmt: skip
    assert "sma_crossover" in {row["nearest"] for row in problems}


# the desk --------------------------------------------------------------------------------------------------------


def test_a_wish_from_the_gate_to_the_fill_and_back(house: House) -> None:
    """A stage where every entry needs a person: intent, approve, send, orders, positions, explain, close."""
    staged = (*house.overrides, "stage.manual_approval=true", "policy.max_orders_per_second=20")
    options = ("intent", *staged, "--instrument", "BTC", "--side", "buy", "--qty", "0.01", "--key", "k1", "--json")
    decision = say(*options).json
    assert decision["verdict"] == "REVIEW"
    assert say(*options).json == decision, "the same key is the same intent"
    name = decision["decision_id"]
    (view,) = say("intents", *staged, "--json").json["intents"]
    assert view["waits"] is True
    assert name in say("intents", *staged).out
    idle = say("send", *staged, "--json")
    assert (idle.status, idle.json["outcomes"], idle.json["stops"]) == (1, [], [])
    assert [row["code"] for row in idle.json["problems"]] == ["NOT_RECONCILED"], "the venue was never asked"
    assert say("approve", name, *staged, "--reason", "I want it", "--actor", "ann", "--json").json == {
        "approved": decision["intent_id"], "decision_id": name,
    }  # fmt: skip
    (outcome,) = say("send", *staged, "--json").json["outcomes"]
    assert (outcome["status"], outcome["reasons"]) == ("SENT", [])
    (order,) = say("orders", *staged, "--json").json["orders"]
    assert (order["state"], order["filled"], order["attempt"]["instrument"]) == ("FILLED", 0.01, "BTC")
    (held,) = say("positions", *staged, "--json").json["positions"]
    assert (held["instrument"], held["quantity"]) == ("BTC", 0.01)
    found = say("reconcile", *staged, "--json")
    assert (found.status, found.json["differences"], found.json["positions"]) == (0, [], {"BTC": 0.01})
    (walk,) = say("explain", outcome["ref"], *staged, "--json").json["walks"]
    assert walk["approvals"][0]["actor"] == f"{USER} (claimed: ann)"
    told = say("explain", name, *staged).out
    assert f"person {USER} (claimed: ann) said yes: I want it" in told
    assert "MANUAL_APPROVAL" in told
    for listed in ("intents", "orders"):
        assert len(say(listed, *staged, "--newest", "0", "--json").json[listed]) == 1
        assert say(listed, *staged, "--newest", "-1").status == 2
    close = ("--instrument", "BTC", "--side", "SELL", "--qty", "0.01", "--reduce-only", "--json")
    exit_ = say("intent", *staged, *close).json
    assert exit_["verdict"] == "APPROVE", exit_["reasons"]


def test_a_no_is_final(house: House) -> None:
    staged = (*house.overrides, "stage.manual_approval=true", "policy.max_orders_per_second=20")
    options = ("--instrument", "BTC", "--side", "BUY", "--qty", "0.02", "--key", "k2", "--json")
    name = say("intent", *staged, *options).json["decision_id"]
    assert say("reject", name, *staged, "--reason", "no", "--json").json == {"rejected": name}
    said = say("approve", name, *staged, "--reason", "yes after all", "--json")
    assert said.status == 1
    assert "rejected it already" in said.json["error"]["what"]
    assert said.json["error"]["code"] == "ALREADY_ANSWERED"
    assert "ask anew: tradewright intent" in said.json["error"]["remedy"]


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"--instrument": "BTCC"}, "did you mean 'BTC'"),
        ({"--side": "HOLD"}, "BUY, SELL"),
        ({"--qty": "many"}, "is not a number"),
        ({"--qty": "-1"}, "above 0"),
        ({"--qty": "nan"}, "above 0"),
        ({"--type": "STOPP"}, "MKT, LMT, STP, STP_LMT, TRAIL, MOO, MOC"),
        ({"--type": "LMT"}, "a LIMIT order has --limit"),
        ({"--limit": "1"}, "a MARKET order has no price"),
        ({"--type": "STP_LMT", "--limit": "1"}, "a STOP_LIMIT order has --limit and --stop"),
        ({"--type": "STP", "--stop": "1", "--trail": "1"}, "a STOP order has --stop"),
        ({"--type": "TRAIL", "--trail": "much"}, "is not a number"),
        ({"--type": "TRAIL", "--trail": "100%"}, "below 100"),
        ({"--tif": "FOREVER"}, "DAY, GTC, GTD, IOC"),
        ({"--tif": "GTD"}, "a GTD order needs --good-till"),
        ({"--tif": "GTD", "--good-till": "2026-12-01T16:00"}, "is no moment with an offset"),
        ({"--type": "MOC", "--tif": "GTC"}, "lives for one auction"),
        ({"--type": "STP", "--stop": "1", "--tif": "IOC"}, "cannot be IOC"),
        ({"--stop-loss": "-1"}, "above 0"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(house: House, changed: dict[str, str], word: str) -> None:
    options = {"--instrument": "BTC", "--side": "BUY", "--qty": "1"} | changed
    said = say("intent", *house.overrides, *(part for pair in options.items() for part in pair), "--json")
    assert said.status == 1
    assert word in json.dumps(said.json["error"])


@pytest.mark.parametrize(
    ("options", "order"),
    [
        (("MKT",), {"kind": "MARKET"}),
        (("LIMIT", "1.5"), {"kind": "LIMIT", "limit_price": "1.5"}),
        (("STP", "", "2"), {"kind": "STOP", "stop_price": "2"}),
        (("STP_LMT", "1", "2"), {"kind": "STOP_LIMIT", "stop_price": "2", "limit_price": "1"}),
        (("TRAIL", "", "", "3"), {"kind": "TRAILING_STOP", "amount": "3"}),
        (("trail", "", "9", "4%"), {"kind": "TRAILING_STOP", "percent": "4", "stop_price": "9"}),
        (("MOO",), {"kind": "MARKET_ON_OPEN"}),
        (("MOC",), {"kind": "MARKET_ON_CLOSE"}),
    ],
)
def test_every_kind_of_order_can_be_asked_for(options: tuple[str, ...], order: dict[str, str]) -> None:
    terms = parse_order_terms("AAPL", "buy", "10", *options)
    assert terms.model_dump(mode="json", exclude_none=True)["order"] == order
    ended = parse_order_terms("AAPL", "SELL", "1", tif="gtd", good_till="2026-12-01T16:00:00-05:00")
    assert str(ended.good_till) == "2026-12-01 21:00:00+00:00"


def test_the_kill_switch_holds_until_a_person_lifts_it_with_a_reason(house: House) -> None:
    stopped = say("kill", *house.overrides, "--reason", "test", "--actor", "ann", "--json")
    assert (stopped.status, stopped.json["stopped"]["scope"]) == (0, "everything")
    options = ("--instrument", "BTC", "--side", "BUY", "--qty", "0.03", "--json")
    refused = say("intent", *house.overrides, *options).json
    assert "KILLED" in {reason["code"] for reason in refused["reasons"]}
    assert say("resume", *house.overrides, "--json").status == 1, "it takes a reason"
    assert say("kill", *house.overrides, "--scope", "planet:earth", "--reason", "r", "--json").status == 1
    said = say("resume", *house.overrides, "--reason", "over", "--json")
    assert (said.status, said.json["resumed"]["stopped"]) == (0, False)


def test_a_rejected_intent_ends_with_one(house: House) -> None:
    said = say("intent", *house.overrides, "--instrument", "BTC", "--side", "SELL", "--qty", "0.01", "--json")
    assert (said.json["verdict"], said.status) == ("REJECT", 1)


def test_send_after_kill_says_who_stopped_and_how_to_resume(house: House) -> None:
    assert say("kill", *house.overrides, "--reason", "smoke", "--actor", "ann").status == 0
    try:
        said = say("send", *house.overrides)
        assert said.status == 1
        line = said.out.splitlines()[0]
        assert line.startswith("stopped since ")
        assert f"by {USER} (claimed: ann) because smoke (everything)" in line
        assert 'resume with: tradewright resume --scope everything --reason "..." ' in line
        assert all(text in line for text in house.overrides[:1]), "on the same ledger"
        assert [row["reason"] for row in say("send", *house.overrides, "--json").json["stops"]] == ["smoke"]
    finally:
        assert say("resume", *house.overrides, "--reason", "over").status == 0
    assert say("reconcile", *house.overrides).status == 0
    said = say("send", *house.overrides, "--json")
    assert (said.status, said.json) == (0, {"outcomes": [], "stops": [], "problems": []})


@pytest.mark.parametrize("reason", ["smoke \udcff\udc80", "\x1b[2Jsmoke", "smoke\nand fire"])
def test_kill_stops_whatever_the_reason_is_made_of(house: House, reason: str) -> None:
    said = say("kill", *house.overrides, "--reason", reason, "--actor", "\udcff", "--json")
    try:
        assert said.status == 0
        stored = said.json["stopped"]["reason"]
        assert "smoke" in stored
        assert stored.isprintable()
        assert stored.encode()
    finally:
        assert say("resume", *house.overrides, "--reason", "over").status == 0


def test_an_act_says_on_which_mode_account_and_ledger(house: House) -> None:
    said = say("reject", "nothing", *house.overrides, "--reason", "no")
    assert said.status == 1
    root = next(text.partition("=")[2] for text in house.overrides if text.startswith("storage.root="))
    assert said.err.splitlines()[0] == f"mode sim, account SIM, ledger {Path(root) / 'ledger.sqlite3'}"


def test_a_wrong_strategy_file_does_not_stop_the_kill_switch(house: House) -> None:
    path = house.conf / "strategy" / "buy_and_hold.yaml"
    text = path.read_text()
    path.write_text(text + "confidence: 0.7\n")
    try:
        assert say("check", *house.overrides).status == 1
        assert say("kill", *house.overrides, "--reason", "test", "--json").status == 0
        assert say("resume", *house.overrides, "--reason", "test", "--json").status == 0
    finally:
        path.write_text(text)


def test_doctor_says_what_it_found(house: House) -> None:
    said = say("doctor", *house.overrides, "--json")
    assert said.status == 0
    states = {row["what"]: row["state"] for row in said.json["findings"]}
    assert states["configuration"] == states["ledger"] == states["bars BTC"] == "good"
    broken = say("doctor", *house.overrides, "mode=paper", "broker=ibkr", "broker.port=1", "--json")
    assert broken.status == 1
    assert {row["what"]: row["state"] for row in broken.json["findings"]}["broker"] == "broken"


# data and research -----------------------------------------------------------------------------------------------


def test_import_is_incremental_and_the_same_file_adds_nothing(csv: Path, tmp_path: Path) -> None:
    root, words = tmp_path / "data", ("import", "csv", str(csv), "--instrument", "GOOG", "--timeframe", "1d")

    def counts() -> tuple[int, int, int]:
        said = say(*words, f"storage.root={root}", "--json")
        assert said.status == 0
        (row,) = said.json["imported"]
        return row["added"], row["unchanged"], row["revised"]

    assert counts() == (30, 0, 0)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert counts() == (0, 30, 0)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    daily(40).to_csv(csv, index=False)
    assert counts() == (10, 30, 0)
    assert [row.rows for row in [BarStore(root).coverage("GOOG", "1d")] if row] == [40]  # type: ignore[arg-type]


def test_a_mapping_names_columns_and_zone(tmp_path: Path) -> None:
    frame = daily().rename(columns={"Date": "Tag", "Close": "Schluss"})
    frame.to_csv(tmp_path / "odd.csv", index=False)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("columns: {ts: Tag, close: Schluss, open: Open, high: High, low: Low, volume: Volume}\n")
    words = ("import", "csv", str(tmp_path / "odd.csv"), "--instrument", "GOOG", "--mapping", str(mapping))
    said = say(*words, f"storage.root={tmp_path / 'data'}", "--json")
    assert said.status == 0, said.out
    assert said.json["imported"][0]["added"] == 30


def wave(count: int) -> list[float]:
    return [100 + 10 * math.sin(row / 4) for row in range(count)]


@pytest.fixture(scope="module")
def goog(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Overrides of a backtest on sixty days of GOOG."""
    folder = tmp_path_factory.mktemp("goog")
    daily(60).to_csv(folder / "GOOG.csv", index=False)
    root = f"storage.root={folder / 'data'}"
    assert say("import", "csv", str(folder / "GOOG.csv"), "--instrument", "GOOG", root).status == 0
    return (root, "backtest.instruments=[GOOG]", "backtest.timeframe=1d", "backtest.prices=raw")


def test_backtest_says_what_the_interface_promises(goog: tuple[str, ...], tmp_path: Path) -> None:
    words = ("backtest", "strategy=buy_and_hold", "backtest/costs=none", "backtest/sizing=max", *goog)
    page = tmp_path / "report.html"
    said = say(*words, "backtest.close_at_end=false", "--report", str(page), "--json")
    assert said.status == 0, said.err
    reply = said.json
    assert set(reply) >= {
        "final_equity", "net_profit", "trades", "orders", "fees", "win_rate", "max_drawdown", "metrics", "fills",
        "cache_key", "used_cache", "config_hash", "data_hash",
    }  # fmt: skip
    (fill,) = reply["fills"]
    assert fill == {
        "ts": "2024-01-03T14:30:00+00:00", "instrument": "GOOG", "side": "BUY", "qty": 990, "price": 101, "fee": 0,
    }  # fmt: skip
    assert reply["final_equity"] == 100_000 + 990 * (159 - 101)
    assert reply["net_profit"] == reply["final_equity"] - 100_000
    assert page.read_text().startswith("<!doctype html>")
    assert say(*words, "backtest.close_at_end=false", "--json").json["used_cache"] is True


def test_a_period_without_bars_is_refused(goog: tuple[str, ...]) -> None:
    said = say("backtest", "strategy=buy_and_hold", *goog, "backtest.start=2030-01-01", "--json")
    assert said.status == 1
    assert "lies in the period" in said.json["error"]["what"]
    assert "2030-01-01" in said.json["error"]["where"]


def test_a_backtest_that_looks_ahead_says_void_first_and_ends_with_one(
    goog: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ["bar 3: target is 1.0 with the future and 0.0 without it"]
    plain = look_ahead.evidence_of
    monkeypatch.setattr(look_ahead, "evidence_of", lambda *said: replace(plain(*said), findings=tuple(found)))
    words = ("backtest", "strategy=buy_and_hold", *goog)
    said = say(*words)
    assert said.status == 1
    assert said.out.splitlines()[0].startswith("VOID: ")
    reply = say(*words, "--json")
    assert (reply.status, bool(reply.json["void"])) == (1, True)
    found.clear()
    assert (say(*words, "--json").status, say(*words, "--json").json["void"]) == (0, "")


def test_a_sweep_that_looks_ahead_says_void_first_and_ends_with_one(
    goog: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = look_ahead.evidence_of
    monkeypatch.setattr(look_ahead, "evidence_of", lambda *said: replace(plain(*said), findings=("bar 3: target",)))
    words = ("sweep", "strategy=sma_crossover", "strategy.fast=2,3", "strategy.slow=5", *goog)
    said = say(*words)
    assert said.status == 1
    assert said.out.splitlines()[0].startswith("VOID: The strategy looks ahead")
    reply = say(*words, "--json")
    assert (reply.status, "bar 3: target" in reply.json["void"], len(reply.json["rows"])) == (1, True, 2)


def test_a_sweep_ranks_its_sets(goog: tuple[str, ...], tmp_path: Path) -> None:
    wavy = tmp_path / "wavy.csv"
    daily(60, wave(60)).to_csv(wavy, index=False)
    assert say("import", "csv", str(wavy), "--instrument", "KO", goog[0]).status == 0
    words = ("sweep", "strategy=sma_crossover", "strategy.fast=2,3", "strategy.slow=range(5,8)", *goog)
    reply = say(*words, "backtest.instruments=[KO]", "--json", "--top", "4").json
    assert (reply["trials"], len(reply["rows"])) == (6, 4)
    sharpes = [row["sharpe"] for row in reply["rows"]]
    assert sharpes == sorted(sharpes, reverse=True)


def test_what_is_swept_replaces_what_the_file_says(goog: tuple[str, ...]) -> None:
    """A slow average below the file's own fast one is right, where every fast one of the grid is faster."""
    words = ("sweep", "strategy=sma_crossover", *goog, "strategy.fast=2,3", "strategy.slow=5", "--json")
    assert [row["fast"] for row in say(*words).json["rows"]] == [2, 3]
    reply = say("sweep", "strategy=sma_crossover", *goog, "strategy.fast=7,2", "strategy.slow=5", "--json").json
    assert ([row["fast"] for row in reply["rows"]], reply["trials"], reply["left_out"]) == ([2], 1, 1)
    assert reply["why"] == "fast = 7, slow = 5; fast < slow is needed"


def test_a_sweep_that_is_told_nothing_tries_the_grid_of_the_strategys_file(goog: tuple[str, ...]) -> None:
    words = ("sweep", "strategy=sma_crossover", *goog, "strategy.grid={fast: [2, 3], slow: [3, 5]}", "--top", "0")
    reply = say(*words, "--json").json
    assert sorted((row["fast"], row["slow"]) for row in reply["rows"]) == [(2, 3), (2, 5), (3, 5)]
    assert (reply["trials"], reply["left_out"]) == (3, 1)
    said = say(*words)
    assert "3 trials" in said.out
    assert "1 set left out: fast = 3, slow = 3; fast < slow is needed" in said.err


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["strategy=buy_and_hold"], "nothing is swept"),
        (["strategy.fast=40,50", "strategy.slow=30"], "no set is left: fast = 40, slow = 30"),
        (["strategy.fats=2,3"], "strategy.fats"),
        (["policy.max_position_usd=1,2"], "cannot be swept: no backtest reads it"),
        (["strategy.fast=2,x"], "is not a number"),
        (["strategy.fast=2,3", "--rank", "luck"], "there is no figure 'luck'"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(goog: tuple[str, ...], words: list[str], word: str) -> None:
    said = say("sweep", "strategy=sma_crossover", *goog, *words, "--json")
    assert said.status == 1
    assert word in json.dumps(said.json)


# as a process ----------------------------------------------------------------------------------------------------


def process(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *COMMAND, *words],
        cwd=SOURCE, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip


def test_json_is_one_document_and_nothing_else_also_on_errors(goog: tuple[str, ...]) -> None:
    good = process("backtest", "strategy=buy_and_hold", *goog, "--json")
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout)["orders"] == 2
    bad = process("backtest", "strategy=buy_and_hold", *goog, "backtest.instruments=[GOOGG]", "--json")
    assert bad.returncode == 1
    assert set(json.loads(bad.stdout)["error"]) == {"code", "what", "where", "remedy"}
    assert "Traceback" not in bad.stderr


def test_no_secret_is_ever_said(house: House, capfd: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("POSTGRES_URL", f"postgresql+psycopg2://trader:{CANARY}@127.0.0.1:1/ledger")
    remote = ("mode=paper", "broker=ibkr", "broker.port=1", "storage=postgres")
    said = [
        say("doctor", *house.overrides, *remote, "--json"),
        say("doctor", *house.overrides, *remote),
        say("orders", *house.overrides, *remote, "--json"),
        say("check", *house.overrides, *remote, "broker.port=none", "--json"),
        say("check", *house.overrides, *remote, "storage.ledger_url=[7]", "broker.port=99999999"),
        say("reconcile", *house.overrides, *remote),
    ]
    assert any(each.status == 1 for each in said)
    assert not [each for each in said if CANARY in each.out + each.err]
    assert CANARY not in "".join(capfd.readouterr())
