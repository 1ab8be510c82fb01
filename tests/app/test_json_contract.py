"""What each command promises to scripts: the keys of its JSON and their types; and to people: figures in lines."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from brokers.ibkr.gateway.server import Gateway
from strategies.documents import LIBRARY
from tests.app.conftest import Said, daily, say
from tests.packages.support import good
from tests.support.houses import House


class Moment(str):
    """A text that must be a time with a zone."""


NUMBER, TEXT, FLAG, NOTHING = (int, float), str, bool, type(None)
TERMS = {
    "instrument": TEXT, "side": TEXT, "quantity": NUMBER, "order": {"kind": TEXT}, "tif": TEXT,
    "good_till": NOTHING,
}  # fmt: skip
INTENT = {
    "intent_id": TEXT, "strategy": TEXT, "signal_id": TEXT, "terms": TERMS, "confidence": NUMBER, "size_pct": NUMBER,
    "reference_price": NUMBER, "stop": (NOTHING, *NUMBER), "take_profit": (NOTHING, *NUMBER), "decided_at": Moment,
    "trail": (NOTHING, *NUMBER), "trail_percent": (NOTHING, *NUMBER),
    "protective_orders": FLAG, "reduce_only": FLAG, "account": TEXT, "provenance": dict,
}  # fmt: skip
DECISION = {
    "decision_id": TEXT, "intent_id": TEXT, "verdict": TEXT, "approved_quantity": NUMBER, "approved_size_pct": NUMBER,
    "reasons": [{"code": TEXT, "verdict": TEXT, "text": TEXT}], "decided_at": Moment, "expires_at": Moment,
    "rule_set_hash": TEXT, "snapshot_hash": TEXT, "market": dict,
}  # fmt: skip
ATTEMPT = {
    "ref": TEXT, "intent_id": TEXT, "decision_id": TEXT, "number": int, "strategy": TEXT, "account": TEXT,
    "instrument": TEXT, "side": TEXT, "quantity": NUMBER, "tif": TEXT, "payload_hash": TEXT, "state": TEXT,
    "holder": TEXT, "session": TEXT, "order_id": int, "claimed_at": Moment, "sending_at": Moment, "spent": FLAG,
    "leg": TEXT,
}  # fmt: skip
EXECUTION = {
    "exec_id": TEXT, "base_id": TEXT, "ref": TEXT, "perm_id": int, "account": TEXT, "instrument": TEXT, "side": TEXT,
    "quantity": NUMBER, "price": NUMBER, "time": Moment, "quarantined": FLAG, "recorded_at": Moment, "counts": FLAG,
    "fee": NUMBER, "fee_currency": TEXT,
}  # fmt: skip
ORDER = {
    "attempt": ATTEMPT, "state": TEXT, "order_state": TEXT, "filled": NUMBER, "average_price": NUMBER,
    "fees": {"USD": NUMBER}, "since": Moment, "reason": TEXT, "perm_ids": [int], "terms": TEXT,
    "executions": [EXECUTION],
    "events": [{"ref": TEXT, "state": TEXT, "reason": TEXT, "at": Moment}],
}  # fmt: skip
LISTED = {"account": TEXT, "remark": TEXT, "damaged": []}
SWITCH = {"scope": TEXT, "stopped": FLAG, "actor": TEXT, "reason": TEXT, "at": Moment}
AUDIT = {
    "seq": int, "at": Moment, "actor": TEXT, "action": TEXT, "subject": TEXT, "detail": dict, "previous": TEXT,
    "hash": TEXT,
}  # fmt: skip
FILL = {"ts": Moment, "instrument": TEXT, "side": TEXT, "qty": NUMBER, "price": NUMBER, "fee": NUMBER}
FIGURES = {
    "trials": int, "effective_trials": NUMBER, "skill_sharpe": NUMBER, "periods": int, "years": NUMBER,
    "luck_chance": NUMBER, "deflated_sharpe": NUMBER, "pbo": (NOTHING, *NUMBER),
    "least_periods": (NOTHING, *NUMBER), "least_years": (NOTHING, *NUMBER),
}  # fmt: skip
FOUND = {"code": TEXT, "severity": TEXT, "message": TEXT, "rank": NUMBER, "why": TEXT, "remedy": TEXT}
VERDICT = {"code": TEXT, "text": TEXT, "figures": FIGURES}
BACKTEST = {
    "strategy": TEXT, "currency": TEXT, "final_equity": NUMBER, "net_profit": NUMBER, "trades": int, "orders": int,
    "fees": NUMBER, "win_rate": (NOTHING, *NUMBER), "max_drawdown": NUMBER, "metrics": dict, "fills": [FILL],
    "cache_key": TEXT, "used_cache": FLAG, "config_hash": TEXT, "data_hash": TEXT, "code_hash": TEXT, "void": TEXT,
    "made_of": dict, "known_at": TEXT, "quotes": list, "verdict": VERDICT,
    "findings": [{"account": TEXT, **FOUND}], "adjustments": list,
}  # fmt: skip
IMPORTED = {
    "instrument": TEXT, "timeframe": TEXT, "kind": TEXT, "source": TEXT, "rows": int, "added": int, "unchanged": int,
    "revised": int, "revision": int, "dropped": dict, "kept_out": int, "factors": (NOTHING, int),
    "used": dict, "left_out": list, "remarks": list, "next": TEXT, "findings": list,
}  # fmt: skip
STREAMED = {
    "source": TEXT, "bars": int, "ticks": int, "losses": int, "unread": int, "late": int, "outside": int,
    "series": [{"instrument": TEXT, "timeframe": TEXT, "added": int, "revised": int, "refused": int, "made": int,
                "questions": int, "newest": Moment, "bid": TEXT, "ask": TEXT, "last": (NOTHING, TEXT),
                "recent": [{"at": Moment, "bid": TEXT, "ask": TEXT, "last": (NOTHING, TEXT)}]}],
}  # fmt: skip
"""Of ``stream``; ``test_stream.py`` has a vendor for it."""
PACKAGE = {
    "file": TEXT,
    "trust": TEXT,
    "signer": TEXT,
    "public_key": TEXT,
    "certificate": (NOTHING, dict),
    "manifest": {
        "format": int,
        "kind": TEXT,
        "id": TEXT,
        "name": TEXT,
        "version": int,
        "ir_hash": TEXT,
        "dsl_version": TEXT,
        "schema_version": TEXT,
        "created_at": Moment,
        "configuration_hash": TEXT,
        "engine": dict.fromkeys(("program", "python", "numpy", "numba", "digest"), TEXT),
        "files": [{"name": TEXT, "size": int, "sha256": TEXT}],
        "data": [
            {
                "use": TEXT,
                "instrument": TEXT,
                "timeframe": TEXT,
                "bars": int,
                "first": Moment,
                "last": Moment,
                "sha256": TEXT,
            }
        ],
        "expected": {
            "currency": TEXT,
            "code": TEXT,
            "metrics": dict,
            "orders": [{"instrument": TEXT, "orders": int, "fills": int, "sha256": TEXT}],
        },
        "evaluation": {
            "trials": int,
            "effective_trials": NUMBER,
            "verdict": TEXT,
            "text": TEXT,
            "figures": dict,
            "void": TEXT,
        },
    },
}
"""Of a package; ``test_packages.py`` has one of a real backtest."""
SAVED = {
    "id": int,
    "name": TEXT,
    "version": int,
    "ir_hash": TEXT,
    "document": TEXT,
    "metrics": dict,
    "verdict": TEXT,
    "configuration_hash": TEXT,
    "first_saved_at": Moment,
    "saved_at": Moment,
}
QUOTES = {
    "quotes": [{"instrument": TEXT, "bid": TEXT, "ask": TEXT, "last": (NOTHING, TEXT), "at": Moment,
                "age_seconds": NUMBER, "market_open": FLAG, "fresh": FLAG}]
}  # fmt: skip
CONTRACT: dict[str, Any] = {
    "check": {"problems": []},
    "check wrong": {
        "problems": [{"file": TEXT, "line": int, "key": TEXT, "value": TEXT, "rule": TEXT, "nearest": TEXT,
                      "column": int, "code": TEXT, "hint": TEXT}],
    },
    "import": {"imported": [IMPORTED], "refused": []},
    "backtest": BACKTEST,
    "sweep": {
        "strategy": TEXT, "trials": int, "left_out": int, "why": TEXT, "ranked_by": TEXT, "rows": [dict],
        "config_hash": TEXT, "data": list, "void": TEXT, "made_of": dict, "known_at": TEXT, "quotes": list,
        "verdict": VERDICT, "findings": list,
        "tests": {"reality_check": NUMBER, "spa": NUMBER, "believed_share": NUMBER,
                  "cv_retained": (NOTHING, *NUMBER), "cv_loss_share": (NOTHING, *NUMBER)},
    },
    "dsl check": {"files": [{"file": TEXT, "hash": TEXT, "problems": []}]},
    "dsl explain": {"title": TEXT, "does": [TEXT], "needs": [TEXT], "trades": [TEXT], "risks": [TEXT], "hash": TEXT,
                    "proof": [{"path": TEXT, "newest": int, "oldest": (NOTHING, int)}]},
    "scenarios list": {
        "scenarios": [{"scenario": TEXT, "scenario_hash": TEXT, "family": TEXT, "timeframe": TEXT, "bars": int,
                       "instruments": int, "seed": int, "events": list, "state": TEXT}],
    },
    "scenarios generate": {
        "datasets": [{"scenario": TEXT, "scenario_hash": TEXT, "bars": int, "written": FLAG, "folder": TEXT}],
    },
    "scenarios check": {"problems": []},
    "scenarios test": {
        "equity": [NUMBER], "metrics": dict, "cache_key": TEXT, "used_cache": FLAG, "scenario_hash": TEXT,
        "strategy_hash": TEXT,
        "trades": [{"entered": Moment, "left": Moment, "quantity": NUMBER, "entry_price": NUMBER,
                    "exit_price": NUMBER, "profit": NUMBER}],
    },
    "scenarios show": {"row": dict, "document": dict, "manifest": dict},
    "certify": {
        "version": TEXT, "strategy": TEXT, "kind": TEXT, "parameters": dict, "identity": TEXT, "code": TEXT,
        "engine": TEXT, "terms": TEXT, "look_ahead": list, "passed": FLAG, "certificate_hash": TEXT,
        "stated": {"size": TEXT, "cash": TEXT, "fees": TEXT, "slippage": TEXT, "fills": TEXT, "shorts": TEXT,
                   "prices": TEXT},
        "limits": {"max_loss": NUMBER, "max_drawdown": NUMBER, "max_turnover": NUMBER, "max_time_in_market": NUMBER},
        "scenarios": [{"scenario": TEXT, "scenario_hash": TEXT, "data_hash": TEXT, "timeframe": TEXT, "bars": int,
                       "seed": int, "instruments": int, "trades": int, "total_return": NUMBER}],
        "rows": [{"scenario": TEXT, "figure": TEXT, "value": NUMBER, "limit": NUMBER, "passed": FLAG}],
    },
    "package key": {"file": TEXT, "public_key": TEXT},
    "package show": PACKAGE,
    "package list": {"saved": []},
    "trials": {
        "trials": [
            {"at": TEXT, "source": TEXT, "strategy": TEXT, "bars": TEXT, "rates": str, "trials": int, "added": int,
             "effective": NUMBER, "so_far": int},
        ],
    },
    "gateway": {"port": int, "control_port": int, "token": TEXT},
    "serve": {"url": TEXT, "port": int},
    "intent": DECISION,
    "approve": {"approved": TEXT, "decision_id": TEXT},
    "reject": {"rejected": TEXT},
    "send": {
        "outcomes": [{"decision_id": TEXT, "ref": TEXT, "status": TEXT, "state": TEXT, "reasons": list}],
        "stops": [],
        "problems": [],
    },
    "intents": {"intents": [{"intent": INTENT, "decision": DECISION, "waits": FLAG, "orders": list}], **LISTED},
    "orders": {"orders": [ORDER], **LISTED},
    "positions": {
        "positions": [
            {"instrument": TEXT, "quantity": NUMBER, "average_price": NUMBER, "last_price": NUMBER, "value": NUMBER,
             "remark": TEXT, "protection": TEXT}
        ],
        **LISTED,
    },
    "performance": {
        "account": TEXT, "currency": TEXT, "remark": TEXT,
        "days": [{"strategy": TEXT, "day": TEXT, "at": Moment, "held": {"BTC": NUMBER}, "fills": int, "fees": NUMBER,
                  "net": NUMBER, "total": NUMBER, "remarks": []}],
        "equity": {"since": Moment, "until": Moment, "change": NUMBER, "earned": NUMBER, "difference": NUMBER},
    },
    "reconcile": {
        "at": Moment, "account": TEXT, "differences": [], "equity": NUMBER, "positions": {"BTC": NUMBER},
        "problems": [],
    },
    "explain": {
        "configurations": dict,
        "walks": [
            {
                "intent": INTENT, "decisions": [DECISION], "orders": [ORDER], "hashes": dict, "audit": [AUDIT],
                "approvals": [{"decision_id": TEXT, "approved": FLAG, "actor": TEXT, "reason": TEXT, "at": Moment,
                               "decision_hash": TEXT}], "limits": dict,
            }
        ],
        **LISTED,
    },
    "kill": {"stopped": SWITCH, "cancelled": {"ended": [], "open": [], "problem": TEXT}},
    "resume": {"resumed": SWITCH},
    "doctor": {"findings": [{"state": TEXT, "what": TEXT, "detail": TEXT, "remedy": TEXT}]},
    "refusal": {"error": {"code": TEXT, "what": TEXT, "where": TEXT, "remedy": TEXT}},
}  # fmt: skip
"""Command -> the shape of its document: exact keys; a list of one shape has at least one element."""


def misfits(value: object, shape: Any, where: str = "$") -> Iterator[str]:
    """Where a document leaves its shape."""
    if isinstance(shape, dict):
        if not isinstance(value, dict) or set(value) != set(shape):
            yield f"{where}: {sorted(value) if isinstance(value, dict) else value!r}"
            return
        for name, inner in shape.items():
            yield from misfits(value[name], inner, f"{where}.{name}")
    elif isinstance(shape, list):
        if not isinstance(value, list) or bool(value) != bool(shape):
            yield f"{where}: {value!r}"
            return
        for number, item in enumerate(value):
            yield from misfits(item, shape[0], f"{where}[{number}]")
    elif shape is Moment:
        if not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is None:
            yield f"{where}: {value!r} is no time with a zone"
    elif not isinstance(value, shape) or (isinstance(value, bool) and shape is not FLAG):
        yield f"{where}: {value!r} is no {shape}"


# what people see of the same; the words must stand on one line
SHOWN = {
    "check wrong": ["mode: must be one of live, paper, sim (got papre)", "did you mean 'paper'?", "1 problem"],
    "import": ["GOOG 1d trade 60 0 60 0"],
    "backtest": ["buy_and_hold", "trades", "final_equity", "severity what"],
    "sweep": ["sma_crossover: 2 trials, best sharpe first", "fast skill_sharpe luck_chance deflated_sharpe"],
    "trials": ["when by strategy bars sets new independent on these bars so far"],
    "intent": ["REVIEW: 0.0110 of intent", "MANUAL_APPROVAL: stage local", "UTC: tradewright approve"],
    "intents": ["manual BTC BUY 0.01 REVIEW 0.01 MANUAL_APPROVAL"],
    "orders": ["BTC BUY 0.01 FILLED FILLED 0.01"],
    "positions": ["BTC 0.01"],
    "performance": ["0.01 BTC", "difference 0.00"],
    "reconcile": ["positions 1, differences 0"],
    "explain": ["FILLED, filled 0.01 of 0.01 at", "(claimed: ann) said yes: looked at it", "BUY 0.01 BTC by manual"],
    "resume": ["resumed: everything"],
}  # fmt: skip

Both = tuple[Said, Said]


@pytest.fixture(scope="module")
def told(stocked: House, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Both]:
    """Each command once for scripts and once for people, on a desk where one order was asked for, approved, filled."""
    staged = (*stocked.overrides, "stage.manual_approval=true")
    folder = tmp_path_factory.mktemp("foreign")
    daily(60).to_csv(folder / "GOOG.csv", index=False)
    store = f"storage.root={folder / 'data'}"
    study = (
        store,
        "strategy=buy_and_hold",
        "backtest.instruments=[GOOG]",
        "backtest.timeframe=1d",
        "backtest.prices=raw",
    )
    grid = ("strategy=sma_crossover", *study[2:], "strategy.fast=2,3", "strategy.slow=8", store)
    reason = ("--reason", "looked at it", "--actor", "ann")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
        patch.setattr("app.serve.run", lambda link, _token, _others: link.close())
        patch.setattr(Gateway, "run", once)
        said: dict[str, Both] = {}

        def ask(name: str, *words: str) -> None:
            scripts = say(*words, "--json")
            said[name] = (scripts, say(*words) if name in SHOWN else scripts)

        def decided(key: str, quantity: str) -> str:
            words = ("--instrument", "BTC", "--side", "BUY", "--qty", quantity, "--key", key)
            ask("intent", "intent", *staged, *words)
            return str(said["intent"][0].json["decision_id"])

        wanted, unwanted = decided("a", "0.01"), decided("b", "0.011")
        said["approve"] = (say("approve", wanted, *staged, *reason, "--json"), say("approve", "x", *staged, *reason))
        said["reject"] = (say("reject", unwanted, *staged, *reason, "--json"), say("reject", "x", *staged, *reason))
        ask("send", "send", *staged)
        for name in ("intents", "orders", "positions", "reconcile", "performance", "doctor"):
            ask(name, name, *staged)
        ask("explain", "explain", wanted, *staged)
        for name in ("kill", "resume"):
            ask(name, name, *staged, *reason)
        ask("check", "check", *staged)
        ask("check wrong", "check", "mode=papre", store)
        ask("refusal", "orders", "mode=papre", store)
        ask("import", "import", "csv", str(folder / "GOOG.csv"), "--instrument", "GOOG", store)
        ask("backtest", "backtest", *study)
        ask("sweep", "sweep", *grid)
        ask("trials", "trials", store)
        ask("dsl check", "dsl", "check", str(LIBRARY / "ma_crossover.yaml"))
        ask("dsl explain", "dsl", "explain", str(LIBRARY / "ma_crossover.yaml"))
        ask("scenarios generate", "scenarios", "generate", store)
        ask("scenarios list", "scenarios", "list", store)
        ask("scenarios check", "scenarios", "check", store)
        ask("scenarios show", "scenarios", "show", "scenario_halt", store)
        ask("certify", "certify", "buy_and_hold", store)
        crossover = str(LIBRARY / "ma_crossover.yaml")
        ask("scenarios test", "scenarios", "test", crossover, "scenario_halt", store, "--full")
        (folder / "made.hsp").write_bytes(good())
        ask("package key", "package", "key", str(folder / "keys" / "package.key"), store)
        ask("package show", "package", "show", str(folder / "made.hsp"), store)
        ask("package list", "package", "list", store)
        ask("gateway", "gateway", "--port", "0", "--control-port", "0", *staged)
        ask("serve", "serve", *staged, "observability.serve.port=0")
    return said


async def once(gateway: Gateway, ready: Callable[[Gateway], None]) -> None:
    """A gateway that says where it is, and stops."""
    async with gateway:
        ready(gateway)


@pytest.mark.parametrize("name", CONTRACT)
def test_the_document_has_the_keys_and_types_that_are_promised(told: Mapping[str, Both], name: str) -> None:
    said = told[name][0]
    assert list(misfits(said.json, CONTRACT[name])) == []
    assert said.status == (1 if name in ("check wrong", "refusal") else 0)
    assert said.out.count("\n") == 1, "one line, nothing else on standard output"
    assert json.dumps(said.json, allow_nan=False)


@pytest.mark.parametrize("name", SHOWN)
def test_people_see_the_same_in_lines(told: Mapping[str, Both], name: str) -> None:
    lines = [" ".join(line.split()) for line in told[name][1].out.splitlines()]
    for words in SHOWN[name]:
        assert any(words in line for line in lines), lines
    assert "[]" not in told[name][1].out
    assert "{" not in told[name][1].out
    assert told[name][1].status == told[name][0].status


def test_a_refusal_for_people_says_what_where_and_what_to_do_on_standard_error(
    told: Mapping[str, Both], stocked: House
) -> None:
    for name, remedy in {"approve": "tradewright intents", "reject": "tradewright intents"}.items():
        said = told[name][1]
        assert (said.status, said.out) == (1, "")
        acted, first, second, last = said.err.splitlines()
        assert acted.startswith("mode sim, account SIM, ledger ")
        assert first.startswith("error: ")
        assert second.startswith("  what to do: ")
        assert remedy in second
        assert last.startswith(f"give each command your settings too: {shlex.join(stocked.overrides)}")
    error = told["refusal"][0].json["error"]
    assert told["refusal"][0].err == f"error: {error['what']}\n  what to do: {error['remedy']}\n"


def test_figures_agree_between_commands(told: Mapping[str, Both]) -> None:
    documents = {name: pair[0].json for name, pair in told.items()}
    (outcome,), (order,) = documents["send"]["outcomes"], documents["orders"]["orders"]
    (walk,), (held,) = documents["explain"]["walks"], documents["positions"]["positions"]
    assert order["attempt"]["ref"] == outcome["ref"] == walk["orders"][0]["attempt"]["ref"]
    assert order["filled"] == sum(row["quantity"] for row in order["executions"]) == held["quantity"]
    assert documents["reconcile"]["positions"] == {held["instrument"]: held["quantity"]}
    assert held["value"] == pytest.approx(held["quantity"] * held["last_price"])
    assert {row["intent"]["intent_id"] for row in documents["intents"]["intents"]} >= {documents["approve"]["approved"]}
    reply = documents["backtest"]
    assert reply["fees"] == pytest.approx(sum(fill["fee"] for fill in reply["fills"]))
    assert reply["orders"] == len(reply["fills"])
    assert len(documents["sweep"]["rows"]) == documents["sweep"]["trials"] == 2
