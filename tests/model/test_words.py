"""Frozen words and the number types of the money path."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tradewright.model.base import FrozenModel, Instant, Name, Number, Positive
from tradewright.model.decision import Reason, Verdict
from tradewright.model.intent import Intent
from tradewright.model.order import OrderTerms, Side
from tradewright.model.signal import SignalAction, SignalCandidate

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Sample(FrozenModel):
    """One field of each shared type."""

    name: Name = "x"
    number: Number = Decimal(0)
    positive: Positive = Decimal(1)
    at: Instant = NOON


def signal(**changes: object) -> SignalCandidate:
    fields: dict[str, object] = {
        "signal_id": "sig-1",
        "strategy": "sma",
        "instrument": "AAPL",
        "candidate_action": SignalAction.BUY,
        "target": 1.0,
        "confidence": 0.5,
        "size_pct": 0.02,
        "bar_ts": NOON,
        "price": 100,
    }
    return SignalCandidate.model_validate(fields | changes)


def intent(**changes: object) -> Intent:
    fields: dict[str, object] = {
        "intent_id": "abcd1234",
        "strategy": "sma",
        "signal_id": "sig-1",
        "terms": OrderTerms(instrument="AAPL", side=Side.BUY, quantity=Decimal(1)),
        "confidence": 0.5,
        "size_pct": 0.02,
        "reference_price": 100,
        "decided_at": NOON,
    }
    return Intent.model_validate(fields | changes)


def test_a_word_cannot_be_changed_and_knows_no_other_field() -> None:
    word = Sample()
    with pytest.raises(ValidationError, match="frozen"):
        word.number = Decimal(2)  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Sample.model_validate({"numbre": 2})


def test_equal_words_are_one_key_and_survive_pickling() -> None:
    one, other = Sample(number=Decimal("1.5")), Sample(number=Decimal("1.50"))
    assert one == other
    assert len({one, other}) == 1
    assert pickle.loads(pickle.dumps(one)) == one


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), "NaN", "Infinity", "-Infinity", "sNaN"])
@pytest.mark.parametrize("field", ["number", "positive"])
def test_a_number_is_finite(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate({field: value})


@pytest.mark.parametrize("value", [True, False])
def test_a_truth_value_is_no_number(value: bool) -> None:
    for field in ("number", "positive"):
        with pytest.raises(ValidationError, match="truth value"):
            Sample.model_validate({field: value})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_enters_by_its_shortest_text(value: float) -> None:
    number = Sample.model_validate({"number": value}).number
    assert number == Decimal(repr(value))
    assert float(number) == value


def test_a_tenth_is_a_tenth() -> None:
    assert Sample(number=0.1).number == Decimal("0.1")  # type: ignore[arg-type]
    assert Sample.model_validate({"number": "0.1"}).number == Decimal("0.1")
    assert Sample.model_validate({"number": 3}).number == 3


@pytest.mark.parametrize("value", [0, -1, "-0.0001", 0.0, -0.0])
def test_a_positive_number_is_above_zero(value: object) -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        Sample.model_validate({"positive": value})


def test_a_time_needs_a_zone_and_is_kept_in_utc() -> None:
    with pytest.raises(ValidationError, match="a time needs a zone"):
        Sample(at=datetime(2026, 1, 5, 12))  # noqa: DTZ001
    abroad = Sample(at=datetime(2026, 1, 5, 21, tzinfo=timezone(timedelta(hours=9)))).at
    assert abroad == NOON
    assert abroad.utcoffset() == timedelta(0)
    assert Sample.model_validate({"at": "2026-01-05T07:00:00-05:00"}).at.isoformat() == "2026-01-05T12:00:00+00:00"


@pytest.mark.parametrize("name", ["A", "ON", "0", "BRK.B", "EUR/USD", "conf:a_b-c", "a" * 64])
def test_names_that_are_allowed(name: str) -> None:
    assert Sample(name=name).name == name


@pytest.mark.parametrize(
    "name", ["", " ", "-a", ".a", "/a", "a b", "a\n", "é", "a;b", "a'b", "<b>", "a" * 65, "a\x00", "日本"]
)
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(ValidationError):
        Sample(name=name)


@pytest.mark.parametrize(
    ("field", "inside", "outside"),
    [
        ("target", (-1.0, 0.0, 1.0), (-1.01, 1.01, float("nan"))),
        ("confidence", (0.0, 1.0), (-0.01, 1.01, float("nan"))),
        ("size_pct", (0.0, 1.0), (-0.01, 1.01, float("inf"))),
    ],
)
def test_the_bounds_of_a_signal(field: str, inside: tuple[float, ...], outside: tuple[float, ...]) -> None:
    for value in inside:
        assert getattr(signal(**{field: value}), field) == value
    for value in outside:
        with pytest.raises(ValidationError):
            signal(**{field: value})


def test_a_signal_has_no_prices_unless_told_and_knows_four_actions() -> None:
    assert (signal().stop, signal().take_profit) == (None, None)
    assert {action.value for action in SignalAction} == {"BUY", "SELL", "CLOSE", "HOLD"}
    with pytest.raises(ValidationError):
        signal(candidate_action="buy")


@pytest.mark.parametrize("intent_id", ["abcd", "a" * 28, "0123456789abcdef01234567"])
def test_ids_of_intents_leave_room_for_the_attempt(intent_id: str) -> None:
    assert len(f"{intent(intent_id=intent_id).intent_id}.999") <= 32


@pytest.mark.parametrize("intent_id", ["", "abc", "a" * 29, "ABCD", "abc.1", "abcd ", "äbcd", "abcd\n"])
def test_ids_that_a_broker_field_would_not_take(intent_id: str) -> None:
    with pytest.raises(ValidationError):
        intent(intent_id=intent_id)


def test_an_intent_may_ask_for_more_than_the_equity_and_the_gate_will_say_no() -> None:
    assert intent(size_pct=3.0).size_pct == 3.0
    with pytest.raises(ValidationError):
        intent(size_pct=-0.1)


@pytest.mark.parametrize("code", ["A", "MAX_SIZE", "R2D2_"])
def test_reasons_have_codes(code: str) -> None:
    assert Reason(code=code, verdict=Verdict.REJECT, text="").code == code


@pytest.mark.parametrize("code", ["", "a", "1A", "A-B", "A B", "_A", "A\n"])
def test_reasons_without_a_code_are_refused(code: str) -> None:
    with pytest.raises(ValidationError):
        Reason(code=code, verdict=Verdict.REJECT, text="")


def test_verdicts_rise_in_precedence() -> None:
    assert list(Verdict) == [Verdict.APPROVE, Verdict.REVIEW, Verdict.REJECT]
