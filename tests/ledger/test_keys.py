"""Idempotency keys (R-EXEC-04): one answer per key, whatever the question looked like on paper, whoever asks when."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.support.ledgers import START, new_url
from tradewright.ledger.errors import IdempotencyConflict
from tradewright.ledger.idempotency import MAX_KEY
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.retention import RETENTION, prune
from tradewright.model.clock import ManualClock
from tradewright.model.errors import LedgerError
from tradewright.model.hashing import canonical_json
from tradewright.model.order import OrderTerms, Side

TERMS = OrderTerms(instrument="AAPL", side=Side.BUY, quantity=Decimal(10))
ALIKE: list[tuple[Any, Any]] = [
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({"quantity": Decimal("1.5")}, {"quantity": Decimal("1.500")}),
    ({"quantity": Decimal("1E+2")}, {"quantity": Decimal(100)}),
    ([1, 2], (1, 2)),
    (TERMS, TERMS.model_copy()),
    (TERMS, TERMS.model_copy(update={"quantity": Decimal("10.0")})),
    (START, START.astimezone()),
]
OTHER: list[tuple[Any, Any]] = [
    (TERMS, TERMS.model_copy(update={"quantity": Decimal("10.000000001")})),
    (TERMS, TERMS.model_copy(update={"side": Side.SELL})),
    (TERMS, TERMS.model_copy(update={"instrument": "MSFT"})),
    ({"terms": TERMS, "reduce_only": False}, {"terms": TERMS, "reduce_only": True}),
    ({"a": 1}, {"a": "1"}),
    ({"a": None}, {}),
    ([1, 2], [2, 1]),
    ("x", "x "),
    (True, 1),
    (START, START + timedelta(microseconds=1)),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(("first", "second"), ALIKE)
def test_the_same_question_in_another_form_is_the_same(ledger: Ledger, first: Any, second: Any) -> None:
    assert ledger.idempotency.once("k", first, lambda: "answer") == "answer"
    assert ledger.idempotency.once("k", second, lambda: pytest.fail("done twice")) == "answer"


@pytest.mark.parametrize(("first", "second"), OTHER)
def test_another_question_under_the_same_key_is_refused_and_not_acted_on(
    ledger: Ledger, first: Any, second: Any
) -> None:
    ledger.idempotency.once("k", first, lambda: "answer")
    with pytest.raises(IdempotencyConflict, match="use a new key") as caught:
        ledger.idempotency.once("k", second, lambda: pytest.fail("acted on"))
    assert "idempotency key k" in str(caught.value)
    assert ledger.idempotency.once("k", first, lambda: pytest.fail("done twice")) == "answer"
    assert ledger.idempotency.once("k2", second, lambda: "another") == "another"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with Ledger.create(new_url("sqlite", tmp_path_factory.mktemp("keys")), ManualClock(START)) as made:
        yield made


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("abc:/ é", min_size=1, max_size=4), JSON, JSON, JSON)
def test_any_payload_any_answer(shared: Ledger, key: str, payload: Any, other: Any, answer: Any) -> None:
    """Two payloads collide exactly when their canonical forms differ; the answer comes back as it was."""
    assume(canonical_json(payload) != canonical_json(other))
    prune(shared, timedelta(seconds=-1))
    assert shared.idempotency.once(key, payload, lambda: answer) == answer
    assert shared.idempotency.once(key, payload, lambda: pytest.fail("done twice")) == answer
    with pytest.raises(IdempotencyConflict):
        shared.idempotency.once(key, other, lambda: pytest.fail("acted on"))


def test_an_answer_outlives_the_process(ledger_url: str, clock: ManualClock) -> None:
    with Ledger.create(ledger_url, clock) as first:
        first.idempotency.once("k", 1, lambda: {"ref": "a.1"})
    with Ledger.open(ledger_url, clock) as second:
        assert second.idempotency.once("k", 1, lambda: pytest.fail("done twice")) == {"ref": "a.1"}


def test_keys_are_told_apart_to_the_last_character(ledger: Ledger) -> None:
    longest = "k" * MAX_KEY
    for key in ("k", "K", "k ", " k", longest, longest[:-1]):
        assert ledger.idempotency.once(key, key, lambda key=key: f"answer to {key!r}") == f"answer to {key!r}"


def test_what_has_no_canonical_form_is_refused_before_anything_is_done(ledger: Ledger) -> None:
    with pytest.raises(TypeError):
        ledger.idempotency.once("k", object(), lambda: pytest.fail("acted on"))
    with pytest.raises((TypeError, LedgerError)):
        ledger.idempotency.once("k", 1, object)
    assert ledger.idempotency.once("k", 2, lambda: "the key is free") == "the key is free"


def test_a_key_may_be_used_anew_only_after_its_time(ledger: Ledger, clock: ManualClock) -> None:
    keep = RETENTION["idempotency_keys"].keep
    assert keep is not None
    ledger.idempotency.once("k", 1, lambda: "first")
    clock.advance(keep.total_seconds())
    prune(ledger)
    with pytest.raises(IdempotencyConflict):
        ledger.idempotency.once("k", 2, lambda: "second")
    clock.advance(0.000001)
    prune(ledger)
    assert ledger.idempotency.once("k", 2, lambda: "second") == "second"


@pytest.mark.usefixtures("ledger")
def test_of_two_questions_at_once_under_one_key_one_is_answered_and_one_refused(
    ledger_url: str, clock: ManualClock
) -> None:
    """Each in a thread with a ledger of its own; four of either question start at one barrier."""
    start, said = threading.Barrier(8), []

    def ask(payload: int) -> None:
        with Ledger.open(ledger_url, clock, busy_seconds=20) as own:
            start.wait()
            try:
                said.append((payload, own.idempotency.once("k", payload, lambda: payload)))
            except IdempotencyConflict:
                said.append((payload, None))

    threads = [threading.Thread(target=ask, args=(number % 2,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = {answer for _, answer in said if answer is not None}
    assert len(winner) == 1
    assert sorted(said, key=str) == sorted(
        [(payload, payload if payload in winner else None) for payload in (0, 1) for _ in range(4)], key=str
    )
