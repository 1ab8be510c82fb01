"""Mode and account are never mixed: a ledger with a simulated tour, pointed at a gateway whose account nobody named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.operations import trading, watch
from app.operations.serving import ACCOUNT, make_gateway
from assets.execution.sending import point_at_approved, watch_open_orders
from brokers.ibkr.gateway.connection import HANDLERS
from brokers.ibkr.gateway.thread import GatewayThread
from conf.compose import compose
from conf.ledger_place import LEDGER_FILE
from conf.schema.settings import Settings
from runtime.container import Container
from tests.app.conftest import say
from tests.support.houses import House, copied_house, stocked_house
from tests.support.ledgers import Proposer
from tradewright.ledger.ledger import Ledger
from tradewright.model.bars import Timeframe
from tradewright.model.mode import Mode
from tradewright.model.order import Leg

COMPLETED_ORDERS = 99
"""The number of the request."""
REASON = ("--reason", "a test")
BUY = ("--instrument", "BTC", "--side", "BUY")


class Enough(Exception):
    """The first line of a watch has been told."""


def done(*words: str) -> Any:
    said = say(*words, "--json")
    assert said.status == 0, said.err + said.out
    return said.json


def sim_trade(house: House, quantity: str) -> None:
    """An order of the simulated account, filled; its intent is the newest of the ledger."""
    done("intent", *house.overrides, *BUY, "--qty", quantity)
    done("send", *house.overrides)


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house after the tour: the simulated account holds 0.01 BTC."""
    stocked = stocked_house(tmp_path_factory.mktemp("tour"))
    made = House(stocked.conf, stocked.root, (*stocked.more, "policy.max_orders_per_second=20"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(made.conf))
        sim_trade(made, "0.01")
    return made


@pytest.fixture
def desk(toured: House, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> House:
    """A copy of that house for one test alone."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(toured.conf))
    return copied_house(toured, tmp_path_factory.mktemp("copy"))


@pytest.fixture
def paper(desk: House) -> Iterator[tuple[str, ...]]:
    """The overrides that point the tour's ledger at the bundled gateway; they name no account."""
    settings = compose(desk.overrides)
    with GatewayThread(make_gateway(settings, Container(settings).clock)) as running:
        yield (*desk.overrides, "mode=paper", "broker=ibkr", f"broker.port={running.gateway.port}")


def resting(paper: Sequence[str]) -> str:
    """An open order of the paper account, 2 % below the market."""
    with Container(compose(paper)) as house:
        limit = round(float(house.bar_store.read_bars("BTC", Timeframe.M1).close[-1]) * 0.98, 2)
    done("intent", *paper, *BUY, "--qty", "0.01", "--type", "LMT", "--limit", str(limit), "--key", "resting")
    (sent,) = done("send", *paper)["outcomes"]
    assert sent["state"] == "WORKING", sent
    return str(sent["ref"])


@pytest.mark.parametrize("command", ["orders", "intents", "positions"])
def test_a_listing_of_paper_shows_nothing_simulated(paper: tuple[str, ...], command: str) -> None:
    before = done(command, *paper)
    assert (before[command], before["account"]) == ([], "")
    assert "the account is known after the first connection: tradewright reconcile" in before["remark"]
    done("reconcile", *paper)
    after = done(command, *paper)
    assert (after[command], after["account"]) == ([], ACCOUNT)
    if command == "positions":
        assert after["remark"] == ""
    else:
        assert after["remark"] == f"not listed: 1 {command[:-1]} of other modes or accounts (--all lists them)"
        assert after["remark"] in say(command, *paper).out
        assert len(done(command, *paper, "--all")[command]) == 1


def test_the_listings_of_sim_hide_what_is_on_paper(desk: House, paper: tuple[str, ...]) -> None:
    ref = resting(paper)
    (own,) = done("orders", *desk.overrides)["orders"]
    assert own["attempt"]["account"] == "SIM"
    (open_order,) = done("orders", *paper)["orders"]
    assert (open_order["attempt"]["ref"], open_order["attempt"]["account"]) == (ref, ACCOUNT)
    assert [row["instrument"] for row in done("positions", *desk.overrides)["positions"]] == ["BTC"]


def test_an_account_that_is_not_known_is_said(paper: tuple[str, ...]) -> None:
    (problem,) = say("freezes", *paper, "--json").json["problems"]
    assert (problem["code"], problem["text"]) == (
        "NOT_RECONCILED",
        "the account is known after the first connection",
    )
    findings = say("doctor", *paper, "--json").json["findings"]
    assert [row["remedy"] for row in findings if row["what"] == "account"] == ["tradewright reconcile"]
    assert [row for row in findings if row["what"] == "limits"] == [], "those are of the simulated account"


def test_an_intent_makes_the_account_known(paper: tuple[str, ...]) -> None:
    done("intent", *paper, *BUY, "--qty", "0.01", "--key", "first")
    (listed,) = done("intents", *paper)["intents"]
    assert listed["intent"]["account"] == ACCOUNT
    assert not hasattr(point_at_approved(compose(paper)), "skip_message"), "and the sensor sends what was approved"


def test_flatten_cancels_the_open_orders_of_its_own_account(desk: House, paper: tuple[str, ...]) -> None:
    ref = resting(paper)
    sim_trade(desk, "0.002")
    say("flatten", *paper, *REASON)
    assert [(row["attempt"]["ref"], row["state"]) for row in done("orders", *paper)["orders"]] == [(ref, "CANCELLED")]


def test_watch_waits_for_the_open_order_of_its_own_account(desk: House, paper: tuple[str, ...]) -> None:
    ref, told = resting(paper), list[str]()
    sim_trade(desk, "0.002")

    def tell(line: str) -> None:
        told.append(line)
        raise Enough

    with pytest.raises(Enough):
        watch.watch(compose(paper), 1, tell)
    assert f"open {ref};" in told[0]


def test_a_comparison_lists_the_problems_of_the_account_that_was_compared(desk: House, paper: tuple[str, ...]) -> None:
    done("reconcile", *paper)
    done("kill", *paper, "--scope", f"account:{ACCOUNT}", *REASON)
    sim_trade(desk, "0.002")
    found = say("reconcile", *paper, "--json")
    assert found.status == 1
    assert [row["text"].split()[0] for row in found.json["problems"]] == [f"account:{ACCOUNT}"]
    assert found.json["account"] == ACCOUNT
    assert say("freezes", *desk.overrides).status == 0, "nothing of it concerns the simulated account"


def test_a_sensor_of_paper_points_at_no_simulated_order(desk: House, paper: tuple[str, ...]) -> None:
    """Its run could only lose the order, and be red for it."""
    done("intent", *desk.overrides, *BUY, "--qty", "0.002")
    for _ in range(2):
        assert getattr(point_at_approved(compose(paper)), "skip_message", None) is not None
        done("reconcile", *paper)
    assert getattr(point_at_approved(compose(desk.overrides)), "skip_message", None) is None
    assert getattr(watch_open_orders(compose(paper)), "skip_message", None) is not None


def test_a_decision_is_answered_in_its_own_mode(desk: House, paper: tuple[str, ...]) -> None:
    asked = done("intent", *desk.overrides, "stage.manual_approval=true", *BUY, "--qty", "0.011", "--key", "asked")
    assert asked["verdict"] == "REVIEW"
    for command in ("approve", "reject"):
        said = say(command, asked["decision_id"], *paper, *REASON)
        assert said.status == 1
        assert "made in mode sim on account SIM" in said.err
    assert say("approve", asked["decision_id"], *desk.overrides, "stage.manual_approval=true", *REASON).status == 0


def test_a_signal_is_explained_by_its_own_mode(settings: Settings, ledger: Ledger) -> None:
    """Of a signal that led to an intent in each of two modes, the walk of the mode in force is told."""
    Proposer(ledger, ledger.clock, "SIM").intent("BTC", "0.01", signal_id="both")
    url = f"sqlite:///{Path(settings.storage.root) / LEDGER_FILE}"
    with Ledger.create(url, ledger.clock, mode=Mode.PAPER) as other:
        Proposer(other, other.clock, "DU100").intent("BTC", "0.01", signal_id="both")
    own, whole = trading.explain(settings, "both"), trading.explain(settings, "both", everything=True)
    assert [walk.intent.account for walk in own.rows] == ["SIM"]
    assert own.remark == "not listed: 1 intent of other modes or accounts (--all lists them)"
    assert [walk.intent.account for walk in whole.rows] == ["SIM", "DU100"]
    assert whole.remark == ""


def test_the_account_is_what_this_venue_told_last_in_this_mode(settings: Settings, ledger: Ledger) -> None:
    """A connection counts by the mode of its event; in an upgraded ledger by that of its comparison."""
    url = f"sqlite:///{Path(settings.storage.root) / LEDGER_FILE}"
    with Ledger.create(url, ledger.clock, mode=Mode.PAPER) as paper:
        assert paper.broker_journal.last_account("ibkr") == ""
        ledger.broker_journal.record_session("s1", "sim", "SIM", "a")
        ledger.broker_journal.record_session("s2", "ibkr", "DU1", "a")
        assert paper.broker_journal.last_account("ibkr") == "", "its event is of another mode"
        paper.broker_journal.record_reconciliation("s2", "DU1", ())
        paper.broker_journal.record_reconciliation("s1", "SIM", ())
        assert paper.broker_journal.last_account("ibkr") == "DU1"
        paper.broker_journal.record_session("s3", "ibkr", "DU2", "a")
        ledger.broker_journal.record_session("s4", "ibkr", "DU3", "a")
        assert paper.broker_journal.last_account("ibkr") == "DU2"
        assert ledger.broker_journal.last_account("sim") == "SIM"


def test_a_key_of_the_simulated_account_answers_for_no_other(desk: House, paper: tuple[str, ...]) -> None:
    """The same words on paper are another order: the simulated answer would mean that nothing is sent."""
    words = (*BUY, "--qty", "0.02", "--key", "k7", "--json")
    tried = say("intent", *desk.overrides, *words)
    assert tried.status == 0, tried.err
    again = say("intent", *paper, *words)
    assert again.status == 1
    assert "another request" in again.err + again.out
    other = say("intent", *paper, *BUY, "--qty", "0.02", "--key", "k8", "--json")
    assert other.json["intent_id"] != tried.json["intent_id"]


def test_a_kill_cancels_although_the_venue_cannot_tell_its_account(
    paper: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start-up answer that never ends hides the account; the one that the venue told last is meant."""
    resting(paper)
    with monkeypatch.context() as patch:
        patch.setitem(HANDLERS, COMPLETED_ORDERS, lambda *_: None)
        said = say("kill", *paper, "broker.timeout_s=1", *REASON, "--json")
    assert said.status == 1, "nothing is confirmed"
    assert "asked for unseen" in said.json["cancelled"]["problem"]
    say("reconcile", *paper)
    (order,) = done("orders", *paper)["orders"]
    assert order["state"] == "CANCELLED"


def test_flatten_ends_the_orders_of_a_ledger_that_is_lost_and_tells_it(desk: House) -> None:
    """The venue still works a person's sale: the close would find nothing left to sell, or open a position."""
    limit = ("--type", "LMT", "--limit", "90000", "--tif", "GTC", "--reduce-only")
    done("intent", *desk.overrides, "--instrument", "BTC", "--side", "SELL", "--qty", "0.01", *limit)
    (sent,) = done("send", *desk.overrides)["outcomes"]
    assert sent["state"] == "WORKING"
    for file in desk.root.glob(f"{LEDGER_FILE}*"):
        file.rename(file.with_name(f"lost-{file.name}"))
    assert say("reconcile", *desk.overrides).status == 1
    done("acknowledge", "BTC", *desk.overrides, *REASON)
    found = say("flatten", *desk.overrides, *REASON, "--json").json
    assert [name.partition(":")[0] for name in found["cancelled"]["ended"]] == ["perm"]
    assert (found["cancelled"]["open"], [row["verdict"] for row in found["decisions"]]) == ([], ["APPROVE"])


def other_account(paper: Sequence[str]) -> str:
    """An open order of an account of this mode to which the gateway no longer logs in."""
    with Container(compose(paper)) as house:
        proposer = Proposer(house.ledger, house.clock, "DU999")
        order = proposer.order("BTC", "0.01")
        assert house.ledger.leases.acquire("DU999", "gone", 60)
        claimed = house.ledger.claims.claim(order.decision_id, order.payload_hash, "gone")
        assert claimed is not None
        house.ledger.claims.begin_sending(claimed.ref, "s1", {Leg.ENTRY: 1}, order.payload_hash, "gone")
        house.ledger.leases.release("DU999", "gone")
        return claimed.ref


def test_open_orders_of_another_account_of_the_mode_are_not_well(paper: tuple[str, ...]) -> None:
    done("reconcile", *paper)
    ref = other_account(paper)
    (problem,) = say("freezes", *paper, "--json").json["problems"]
    assert (problem["code"], problem["ref"]) == ("NOT_WATCHED", ref)
    assert "account DU999, which is not in force" in problem["text"]
    assert problem["remedy"] == "tradewright reconcile broker.account=DU999"


@pytest.mark.parametrize("scope", [(), ("--scope", "account:DU999")])
def test_a_kill_names_what_it_cannot_reach_on_another_account(paper: tuple[str, ...], scope: tuple[str, ...]) -> None:
    done("reconcile", *paper)
    ref = other_account(paper)
    said = say("kill", *paper, *scope, *REASON, "--json")
    assert said.status == 1
    assert said.json["cancelled"]["open"] == [ref]
    assert "broker.account" in said.json["cancelled"]["problem"]
