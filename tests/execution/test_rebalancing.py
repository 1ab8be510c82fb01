"""A rebalance: reductions first, increases once they have ended, each order at most once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.counter import Counter, ask, money
from tests.execution.test_actor import TTL, decided, sent, signal
from tests.execution.venue import ACCOUNT
from tests.execution.world import World
from tests.support.ledgers import START, new_url
from tradewright.execution import operator_actions as desk
from tradewright.execution.rebalancing import Proposal
from tradewright.model.decision import Verdict
from tradewright.model.intent import Intent
from tradewright.model.order import Side
from tradewright.model.signal import SignalAction, SignalCandidate

SWAP = {"AAPL": 0.0, "MSFT": 0.01}
"""The weights after a rotation out of AAPL into MSFT."""
BOTH = frozenset({("trend", "AAPL"), ("trend", "MSFT")})


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    return rotating(world, tmp_path)


def rotating(world: World, folder: Path) -> Counter:
    """A counter at which the strategy has bought 10 AAPL in an earlier rebalance."""
    made = Counter(world, folder / "store")
    for symbol in ("AAPL", "MSFT"):
        made.stock(symbol)
        made.feature(symbol, 0.5)
        made.checked(f"bars.{symbol}.1m", f"bars.{symbol}.1d", f"features.{symbol}", "lookahead.trend")
    decided(made, *proposed(made, {"AAPL": 0.01, "MSFT": 0.0}, bar_ts=START - timedelta(days=1)).intents)
    assert [row.status for row in sent(made)] == ["SENT"]
    assert made.ledger.executions.units_of(ACCOUNT, "trend") == {"AAPL": 10}
    made.clock.advance(TTL)
    return made


def weights(targets: dict[str, float], **changes: Any) -> list[SignalCandidate]:
    values: dict[str, Any] = {"rebalances": True, "size_pct": 1.0} | changes
    return [
        signal(
            signal_id=f"sig-{symbol}",
            instrument=symbol,
            candidate_action=SignalAction.BUY if target else SignalAction.CLOSE,
            target=target,
            **values,
        )
        for symbol, target in targets.items()
    ]


def proposed(counter: Counter, targets: dict[str, float], **changes: Any) -> Proposal:
    known = {name: changes.pop(name) for name in ("due", "proposed") if name in changes}
    pairs = [(each, START) for each in weights(targets, **changes)]
    return ask(counter, lambda decider: decider.propose(pairs, **known))


def legs(intents: list[Intent]) -> list[tuple[str, str, int]]:
    return [(row.terms.instrument, row.terms.side.value, int(row.terms.quantity)) for row in intents]


SALE, PURCHASE = ("AAPL", "SELL", 10), ("MSFT", "BUY", 10)


def test_a_purchase_waits_until_the_sale_that_pays_for_it_is_filled(counter: Counter) -> None:
    counter.world.venue.set(mode="rest")
    first = proposed(counter, SWAP)
    assert legs(first.intents) == [SALE]
    (waiting,) = first.waiting
    assert waiting.text == "trend: the orders in MSFT wait for those that reduce AAPL"
    decided(counter, *first.intents)
    assert proposed(counter, SWAP).waiting == (waiting,), "approved, and not sent yet"
    (outcome,) = sent(counter)
    assert proposed(counter, SWAP).waiting == (waiting,), "at the venue, and not filled yet"
    counter.world.venue.fill(outcome.ref, "6")
    counter.world.recover()
    assert proposed(counter, SWAP).waiting == (waiting,), "filled in part"
    counter.world.venue.fill(outcome.ref, "4")
    counter.world.recover()
    then = proposed(counter, SWAP)
    assert (legs(then.intents), then.waiting) == ([SALE, PURCHASE], ())
    assert [row.verdict for row in decided(counter, *then.intents)] == [Verdict.APPROVE] * 2
    counter.world.venue.set(mode="fill")
    assert [row.status for row in sent(counter)] == ["SENT"]
    assert counter.ledger.executions.units_of(ACCOUNT, "trend") == {"MSFT": 10}


def test_an_order_in_doubt_is_waited_for(counter: Counter) -> None:
    (sale,) = proposed(counter, SWAP).intents
    decided(counter, sale)
    counter.lose(counter.ledger.outbox.get(counter.ledger.outbox.sendable(ACCOUNT)[0].decision_id))
    assert [row.instruments for row in proposed(counter, SWAP).waiting] == [("MSFT",)]


def test_a_sale_that_nobody_has_decided_on_is_waited_for(counter: Counter) -> None:
    """Its market is closed now: the purchase must not take what is there, for there is no second one."""
    found = proposed(counter, SWAP, due={("trend", "MSFT")})
    assert found.intents == []
    assert [(row.instruments, set(row.reductions.values())) for row in found.waiting] == [(("MSFT",), {"AAPL"})]


def test_only_what_is_due_is_proposed(counter: Counter) -> None:
    assert legs(proposed(counter, SWAP, due={("trend", "AAPL")}).intents) == [SALE]
    assert legs(proposed(counter, {"AAPL": 0.01, "MSFT": 0.01}, due={("trend", "AAPL")}).intents) == []


def test_after_a_refusal_of_the_gate_the_rebalance_goes_on(counter: Counter) -> None:
    counter.limits = counter.limits.model_copy(update={"restricted": frozenset({"AAPL"})})
    (refused,) = decided(counter, *proposed(counter, SWAP).intents)
    assert refused.verdict is Verdict.REJECT
    assert legs(proposed(counter, SWAP).intents) == [SALE, PURCHASE]


def test_an_approval_that_expired_is_waited_for_and_a_persons_no_is_not(counter: Counter) -> None:
    decided(counter, *proposed(counter, SWAP).intents)
    counter.clock.advance(TTL)
    assert proposed(counter, SWAP).waiting, "it was not sent in time, and is decided on again at the next bar"
    (second,) = decided(counter, *proposed(counter, SWAP).intents)
    desk.reject(counter.ledger, second.decision_id, "ann", "no")
    assert legs(proposed(counter, SWAP).intents) == [SALE, PURCHASE]


def test_an_order_that_ended_unfilled_is_not_waited_for(counter: Counter) -> None:
    counter.world.venue.set(mode="rest")
    decided(counter, *proposed(counter, SWAP).intents)
    (outcome,) = sent(counter)
    counter.world.venue.end(outcome.ref)
    counter.world.recover()
    found = proposed(counter, SWAP)
    assert (legs(found.intents), found.waiting) == ([SALE, PURCHASE], ())


def test_what_moved_after_the_rebalance_makes_no_order(counter: Counter) -> None:
    decided(counter, *proposed(counter, SWAP).intents)
    sent(counter)
    decided(counter, *proposed(counter, SWAP).intents)
    sent(counter)
    counter.money = money(150_000)
    counter.clock.advance(TTL)
    found = proposed(counter, SWAP)
    assert legs(found.intents) == [SALE, PURCHASE]
    decided(counter, *found.intents)
    assert sent(counter) == ()


def test_a_rebalance_that_asked_for_nothing_is_not_asked_again(counter: Counter) -> None:
    stays = {"AAPL": 0.01, "MSFT": 0.0}
    assert proposed(counter, stays).intents == []
    counter.money = money(150_000)
    assert legs(proposed(counter, stays).intents) == [("AAPL", "BUY", 5)], "as if it had never been proposed"
    assert proposed(counter, stays, proposed=BOTH).intents == []


def test_two_strategies_in_one_batch(counter: Counter) -> None:
    counter.checked("lookahead.other")
    pairs = [(each, START) for each in (*weights(SWAP), signal(strategy="other", instrument="MSFT"))]
    found = ask(counter, lambda decider: decider.propose(pairs))
    assert legs(found.intents) == [("MSFT", "BUY", 10), SALE], "an ordinary strategy waits for nothing"
    assert [row.strategy for row in found.waiting] == ["trend"]


STEPS = st.lists(
    st.sampled_from(["decide", "send", "rest", "fill", "later", "fall", "rise", "kill", "resume"]), max_size=9
)


@settings(max_examples=15)
@given(steps=STEPS)
def test_each_order_of_a_rebalance_goes_out_once_and_sales_first(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rebalance")
    counter = rotating(World(new_url("sqlite", folder), folder / "venue.db"), folder)
    kills, venue = counter.ledger.kill_switches, counter.world.venue
    for step in (*steps, "decide", "send"):
        match step:
            case "decide":
                decided(counter, *proposed(counter, SWAP).intents)
            case "send":
                sent(counter)
            case "rest" | "fill":
                venue.set(mode=step)
            case "later":
                counter.clock.advance(TTL)
            case "fall" | "rise":
                counter.money = money(80_000 if step == "fall" else 120_000)
            case "kill":
                kills.stop("everything", "ann", "test")
            case "resume":
                kills.resume("everything", "ann", "test")
        placed = [(row["instrument"], row["side"]) for row in map(venue.order_of, venue.state["placed"][1:])]
        assert placed in ([], [("AAPL", "SELL")], [("AAPL", "SELL"), ("MSFT", "BUY")])
        live = {row.instrument: row.side for row in counter.ledger.attempts.live(ACCOUNT)}
        assert not (live.get("AAPL") is Side.SELL and "MSFT" in live)
    counter.ledger.close()
