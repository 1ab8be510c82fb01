"""Every code in the list of what is not well: its remedy, followed on the command line, leads back (A3).

``make test`` walks one way to each code, ``make verify`` every way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.app.desk import Desk, desk, steps
from tests.execution.counter import money
from tests.execution.test_actor import decided, proposed, sent
from tests.execution.test_unfinished_exits import EXIT
from tests.execution.venue import ACCOUNT
from tests.support.extent import cases
from tradewright.execution.health import AccountCode
from tradewright.ledger.freezes import FreezeCode
from tradewright.model.mode import Mode
from tradewright.model.order import Leg, Side

ROUNDS = 6
"""The most problems that one event may leave, one after the other."""


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def nothing(_at: Desk) -> None:
    """No act of a person at the venue is needed."""


@dataclass(frozen=True)
class Walk:
    """A way to a problem.

    Args:
        happens: brings the account there by what a venue can do.
        by_hand: the act at the venue that the remedy asks of a person.
        statement: the words that the venue's statement puts in the place of ``STATE``.
        skipped: so many commands of the remedy are left out, because a person takes the alternative after them.
    """

    code: str
    happens: Callable[[Desk], object]
    by_hand: Callable[[Desk], object] = nothing
    statement: str = ""
    skipped: int = 0


def resting(at: Desk) -> str:
    at.venue.set(mode="rest")
    return at.order()


def external_order(at: Desk) -> None:
    at.venue.external()


def external_fill(at: Desk) -> None:
    at.venue.external(filled=True)


def drift(at: Desk) -> None:
    at.venue.set(opening={"AAPL": "7"})


def twice(at: Desk) -> None:
    at.venue.fault("twice")
    resting(at)


def cancel_the_second(at: Desk) -> None:
    at.venue.end(at.venue.state["orders"][-1]["ref"])


def overfill(at: Desk) -> None:
    twice(at)
    with at.venue.change() as state:
        for order in state["orders"]:
            at.venue._fill(state, order, None, "100")


def ended(at: Desk) -> str:
    """An order that the venue lists as cancelled."""
    ref = resting(at)
    at.venue.end(ref)
    at.run("reconcile")
    assert at.problems() == []
    return ref


def fill_after_end(at: Desk) -> None:
    at.venue.fill(ended(at))


def live_after_end(at: Desk) -> None:
    ended(at)
    with at.venue.change() as state:
        state["orders"][-1]["status"] = "WORKING"


def correction(at: Desk) -> None:
    """A correction that the venue's position confirms in no reading, because other units moved as well."""
    at.order()
    at.venue.correct(at.venue.state["fills"][-1]["exec_id"], "8")
    at.venue.set(opening={"AAPL": "1"})


def fill_differs(at: Desk) -> None:
    at.order()
    with at.venue.change() as state:
        state["fills"][-1]["price"] = "101"


def quantity_differs(at: Desk) -> None:
    at.order()
    with at.venue.change() as state:
        state["fills"][-1]["quantity"] = "9"


def missing(at: Desk) -> None:
    resting(at)
    with at.venue.change() as state:
        state["orders"] = []


def fills_missing(at: Desk) -> None:
    resting(at)
    with at.venue.change() as state:
        state["orders"][-1] |= {"status": "FILLED", "filled": "10"}
        state["opening"] = {"AAPL": "10"}


def trail_altered(at: Desk) -> None:
    """Somebody widens a trailing stop at the venue."""
    at.venue.set(mode="rest")
    at.venue.alter(at.order("--side BUY --qty 10 --type TRAIL --trail 2.5"), trail="25")


def trail_put_right(at: Desk) -> None:
    at.venue.alter(at.venue.state["orders"][-1]["ref"], trail="2.5", stop_price="104")


def overnight(at: Desk) -> None:
    resting(at)
    at.run("end-of-day")


def overnight_and_gone(at: Desk) -> None:
    overnight(at)
    at.midnight()


def lost(at: Desk) -> None:
    """A sender died between the write-ahead and the answer, and the order never arrived."""
    at.counter.lose(at.counter.world.proposer.order())


def lost_and_midnight(at: Desk) -> None:
    lost(at)
    at.midnight()


def lost_and_there(at: Desk) -> None:
    """The same, and the venue has the order under our reference."""
    lost(at)
    (attempt,) = at.ledger.attempts.all()
    at.venue.external(ref=attempt.ref, quantity="10")


def difference(at: Desk) -> None:
    """A person has acknowledged a drift instead of adopting the position."""
    drift(at)
    at.run("reconcile")
    assert at.run('acknowledge AAPL --reason "seen"')[0] == 1, "it is not well yet"


def not_watched(at: Desk) -> None:
    resting(at)
    at.counter.clock.advance(16 * 60)


def unconfirmed(at: Desk) -> None:
    """The venue says nothing to a cancel, and goes on working the order."""
    resting(at)
    (attempt,) = at.ledger.attempts.live(ACCOUNT)
    at.venue.fault("cancel_silent")
    at.run(f'cancel {attempt.ref} --reason "test"')
    at.counter.clock.advance(61)


def stopped(at: Desk) -> None:
    at.order()
    at.run('kill --reason "test"')


def stopped_strategy(at: Desk) -> None:
    at.run('kill --scope strategy:manual --reason "test"')


def protected(at: Desk) -> list[str]:
    """A holding with its legs; their references."""
    entry = at.order("--side BUY --qty 10 --stop-loss 95 --take-profit 110")
    return [leg.ref for leg in at.ledger.attempts.group(entry)[1:]]


def unprotected(at: Desk) -> None:
    """Somebody cancels the stop at the venue."""
    for ref in protected(at):
        if at.ledger.attempts.get(ref).leg is Leg.STOP_LOSS:
            at.venue.end(ref)


def unprotected_and_resting(at: Desk) -> None:
    """The same, and a new stop will rest."""
    unprotected(at)
    at.venue.set(mode="rest")


def too_large(at: Desk) -> None:
    """Somebody closes the holding by hand, and the legs stay."""
    protected(at)
    at.venue.external(quantity="10", filled=True, side=Side.SELL)


def exit_ended(at: Desk) -> None:
    """The venue ends the order that was to close the holding of a strategy."""
    at.counter.ready()
    decided(at.counter, *proposed(at.counter))
    sent(at.counter)
    at.counter.clock.advance(61)
    at.venue.set(mode="rest")
    (exit_,) = proposed(at.counter, EXIT)
    decided(at.counter, exit_)
    sent(at.counter)
    at.venue.end(f"{exit_.intent_id}.1")
    at.venue.set(mode="fill")


def opened_by_legs(at: Desk) -> None:
    """Both legs filled at once: the account is short."""
    legs = protected(at)
    with at.venue.change() as state:
        for order in state["orders"]:
            if order["ref"] in legs:
                order["parent_ref"] = ""
                at.venue._fill(state, order, None, "100")


WALKS = {
    "an order by hand": Walk(FreezeCode.EXTERNAL_ORDER, external_order),
    "a fill by hand": Walk(FreezeCode.EXTERNAL_FILL, external_fill),
    "a position that nobody explains": Walk(FreezeCode.POSITION_DRIFT, drift),
    "one order, twice at the venue": Walk(FreezeCode.TWO_PERM_IDS, twice, cancel_the_second),
    "both filled": Walk(FreezeCode.OVERFILL, overfill),
    "a fill of a cancelled order": Walk(FreezeCode.FILL_AFTER_END, fill_after_end),
    "a cancelled order that works": Walk(FreezeCode.LIVE_AFTER_END, live_after_end, cancel_the_second),
    "a correction in no reading": Walk(FreezeCode.CORRECTION, correction),
    "a fill at another price": Walk(FreezeCode.FILL_DIFFERS, fill_differs),
    "a fill of another quantity": Walk(FreezeCode.FILL_DIFFERS, quantity_differs),
    "an order that is gone": Walk(FreezeCode.MISSING_AT_VENUE, missing, statement="CANCELLED"),
    "a fill that is not told": Walk(FreezeCode.FILLS_MISSING, fills_missing, statement="FILLED --fill x.01=10@100"),
    "a trailing stop that was changed": Walk(FreezeCode.TERMS_DIFFER, trail_altered, trail_put_right),
    "a changed trailing stop that is ended": Walk(FreezeCode.TERMS_DIFFER, trail_altered, skipped=2),
    "open when the day ends": Walk(FreezeCode.OPEN_OVERNIGHT, overnight),
    "gone after midnight": Walk(FreezeCode.OPEN_OVERNIGHT, overnight_and_gone, statement="CANCELLED"),
    "in doubt, never arrived": Walk(FreezeCode.ORDER_UNKNOWN, lost),
    "in doubt, arrived": Walk(FreezeCode.ORDER_UNKNOWN, lost_and_there),
    "in doubt after midnight": Walk(FreezeCode.ORDER_UNKNOWN, lost_and_midnight, statement="NOT_SENT"),
    "never compared": Walk(AccountCode.NOT_RECONCILED, nothing),
    "acknowledged, not adopted": Walk(AccountCode.DIFFERENCE, difference),
    "open and not watched": Walk(AccountCode.NOT_WATCHED, not_watched),
    "a cancel without an answer": Walk(AccountCode.CANCEL_UNCONFIRMED, unconfirmed),
    "everything stopped": Walk(AccountCode.STOPPED, stopped),
    "a strategy stopped": Walk(AccountCode.STOPPED, stopped_strategy),
    "a stop that is gone": Walk(AccountCode.UNPROTECTED, unprotected_and_resting),
    "no stop any more": Walk(AccountCode.UNPROTECTED, unprotected, skipped=3),
    "legs without a holding": Walk(AccountCode.PROTECTION_TOO_LARGE, too_large),
    "an exit that the venue ended": Walk(AccountCode.EXIT_UNFINISHED, exit_ended),
    "legs that opened a position": Walk(AccountCode.PROTECTION_TOO_LARGE, opened_by_legs),
}
ONE_OF_EACH_CODE = {walk.code: name for name, walk in reversed(WALKS.items())}
"""The first way to each code."""
UNASKED = (AccountCode.NOT_RECONCILED, AccountCode.DIFFERENCE, AccountCode.NOT_WATCHED)
"""Found without a comparison, which would end them."""


def test_every_code_has_a_walk() -> None:
    """But the circuit breaker, which time alone resets."""
    codes = {*FreezeCode, *AccountCode} - {AccountCode.BREAKER_TRIPPED}
    assert {walk.code for walk in WALKS.values()} == codes
    assert {WALKS[name].code for name in cases(ONE_OF_EACH_CODE.values(), WALKS)} == codes


def test_a_tripped_breaker_refuses_entries_and_lets_the_way_out_pass(at: Desk) -> None:
    at.order("--side BUY --qty 3")
    at.counter.money = money(90_000)
    assert at.run("reconcile")[0] == 1
    at.counter.money = money(100_000)
    at.counter.clock.advance(61)
    assert at.run("intent --instrument AAPL --side BUY --qty 3")[1]["verdict"] == "REJECT"
    (problem,) = at.problems()
    assert problem["code"] == AccountCode.BREAKER_TRIPPED
    (trip,) = at.run("limits")[1]["tripped"]
    assert (trip["limit"], trip["threshold"]) == ("max_daily_drawdown", 0.03)
    assert [at.run(command)[0] for _, command in steps(problem["remedy"])] == [1, 1], "the breaker is still told"
    assert not any(at.ledger.executions.units_of(ACCOUNT, "manual").values())
    assert at.venue.state["fills"][-1]["side"] == "SELL"


@pytest.mark.parametrize("name", cases(ONE_OF_EACH_CODE.values(), WALKS))
def test_the_remedies_lead_back_to_trading(at: Desk, name: str) -> None:
    walk = WALKS[name]
    if walk.code != AccountCode.NOT_RECONCILED:
        assert at.run("reconcile")[0] == 0
    walk.happens(at)
    if walk.code not in UNASKED and walk.statement != "NOT_SENT":
        at.run("reconcile" if walk.code != FreezeCode.ORDER_UNKNOWN else "freezes")
    assert walk.code in at.codes()
    done: list[str] = []
    for _round in range(ROUNDS):
        if not (found := at.problems()):
            break
        done += follow(at, walk, found[0])
        at.counter.clock.advance(61)  # a person looks for a minute; the gate takes an equal order within it for a slip
    assert at.problems() == [], done
    at.venue.set(mode="fill")
    ref = at.order("--side BUY --qty 3")
    assert at.ledger.attempts.get(ref).state == "FILLED"
    assert (at.run("reconcile")[0], at.problems()) == (0, []), done


def test_with_money_at_stake_a_person_confirms_an_absence(tmp_path: Path) -> None:
    """Two snapshots a minute apart do not settle an order in live mode; with them a person's word does (R5)."""
    with desk(tmp_path, Mode.LIVE) as at:
        assert at.run('resume --reason "live starts stopped"')[0] == 0
        assert at.run("reconcile")[0] == 0
        lost(at)
        (problem,) = at.problems()
        done = follow(at, WALKS["in doubt, never arrived"], problem)
        assert [line.split(" ")[1] for line in done] == ["reconcile", "confirm-not-sent"], done
        assert at.problems() == []
        at.venue.set(mode="fill")
        ref = at.order("--side BUY --qty 1 --type LMT --limit 98")
        assert at.ledger.attempts.get(ref).state == "FILLED"


def test_an_order_that_works_twice_freezes_until_one_is_cancelled(at: Desk) -> None:
    """A person's word does not help while both may fill."""
    at.run("reconcile")
    twice(at)
    at.run("reconcile")
    for _ in range(2):
        assert at.run('acknowledge AAPL --reason "seen"')[0] == 0
        assert at.run("reconcile")[0] == 1
        assert at.codes() == {"TWO_PERM_IDS"}
    cancel_the_second(at)
    at.run('acknowledge AAPL --reason "one is gone"')
    assert (at.run("reconcile")[0], at.codes()) == (0, set())


def test_a_second_differing_report_is_an_alarm_again(at: Desk) -> None:
    at.run("reconcile")
    fill_differs(at)
    at.run("reconcile")
    assert at.run('acknowledge AAPL --reason "seen"')[0] == 0
    assert at.run("reconcile")[0] == 0, "the same report again is none"
    with at.venue.change() as state:
        state["fills"][-1]["price"] = "102"
    assert at.run("reconcile")[0] == 1
    assert at.codes() == {"FILL_DIFFERS"}


def test_a_correction_that_was_adopted_explains_no_later_difference(at: Desk) -> None:
    at.run("reconcile")
    correction(at)
    at.run("reconcile")
    at.run('adopt AAPL --reason "by the statement"')
    assert (at.run("reconcile")[0], at.ledger.executions.position(ACCOUNT, "AAPL")) == (0, 9)
    at.venue.set(opening={"AAPL": "-1"})  # two units less, as many as the correction took away
    assert at.run("reconcile")[0] == 1
    assert at.codes() == {"POSITION_DRIFT"}


def follow(at: Desk, walk: Walk, problem: dict[str, str]) -> list[str]:
    """Do what a remedy says until its problem is gone; the commands with their answers."""
    done = []
    for before, command in list(steps(problem["remedy"]))[walk.skipped :]:
        if "at the venue" in before:
            walk.by_hand(at)
        words = command.replace("STATE", walk.statement).replace("QUANTITY", "10").replace("PRICE", "95")
        status, told = at.run(words)
        done.append(f"{problem['code']}: {words} -> {status} {told.get('error', '')}")
        if not [row for row in at.problems() if (row["code"], row["ref"]) == (problem["code"], problem["ref"])]:
            break
    return done
