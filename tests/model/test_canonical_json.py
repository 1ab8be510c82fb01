"""Canonical JSON and the hash over it: equal values give equal text, other values another, and nothing is guessed."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from enum import Enum, IntEnum
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.model.hashing import canonical_json, content_hash, decimal_text
from tradewright.model.order import OrderTerms, Side

SEEDED = settings(max_examples=150)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12)


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (1.5, "1.5"),
        (1e300, "1e+300"),
        ("", '""'),
        ('a"b\\c\n', '"a\\"b\\\\c\\n"'),
        ("Grüße 東京", '"Grüße 東京"'),
        ([], "[]"),
        ((), "[]"),
        ({}, "{}"),
        (range(3), "[0,1,2]"),
        ([1, [2, (3,)]], "[1,[2,[3]]]"),
        ({"b": 1, "a": {"d": 2, "c": 3}}, '{"a":{"c":3,"d":2},"b":1}'),
        (Colour.RED, '"red"'),
        (Level.HIGH, "3"),
        (Side.SELL, '"SELL"'),
        (date(2026, 1, 5), '"2026-01-05"'),
        (datetime(2026, 1, 5, 14, 30, tzinfo=UTC), '"2026-01-05T14:30:00+00:00"'),
        (Decimal("1.50"), '"1.5"'),
        ({Side.BUY: Decimal("0.10")}, '{"BUY":"0.1"}'),
        ({"set": {3, 1, 2}}, '{"set":[1,2,3]}'),
        (frozenset({"b", "a"}), '["a","b"]'),
        (MappingProxyType({"k": 1}), '{"k":1}'),
    ],
)
def test_the_text_of_every_kind_of_value(value: object, text: str) -> None:
    assert canonical_json(value) == text


def test_a_word_is_written_as_its_fields() -> None:
    terms = OrderTerms(instrument="AAPL", side=Side.BUY, quantity=Decimal("10.0"))
    assert json.loads(canonical_json(terms)) == {
        "instrument": "AAPL",
        "side": "BUY",
        "quantity": "10",
        "order": {"kind": "MARKET"},
        "tif": "DAY",
        "good_till": None,
    }


def test_the_hash_is_sha256_of_the_utf8_text() -> None:
    value = {"naïve": [1, "東"]}
    assert content_hash(value) == hashlib.sha256('{"naïve":[1,"東"]}'.encode()).hexdigest()
    assert len(content_hash(None)) == 64


@SEEDED
@given(PLAIN)
def test_plain_values_survive_the_way_there_and_back(value: object) -> None:
    text = canonical_json(value)
    again = json.loads(text)
    assert again == value
    assert canonical_json(again) == text


@SEEDED
@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    turned = OrderedDict(reversed(list(value.items())))
    assert content_hash(turned) == content_hash(value)


@SEEDED
@given(st.lists(st.integers(), min_size=2, max_size=6, unique=True))
def test_the_order_of_a_list_does_and_that_of_a_set_does_not(value: list[int]) -> None:
    turned = value[::-1]
    assert content_hash(turned) != content_hash(value)
    assert content_hash(set(turned)) == content_hash(set(value))


@SEEDED
@given(DECIMALS, st.integers(min_value=0, max_value=8))
def test_trailing_zeros_of_a_decimal_do_not_matter(value: Decimal, zeros: int) -> None:
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    padded = Decimal((sign, (*digits, *(0,) * zeros), exponent - zeros))
    assert padded == value
    assert decimal_text(padded) == decimal_text(value)


@SEEDED
@given(DECIMALS)
def test_the_text_of_a_decimal_is_the_decimal(value: Decimal) -> None:
    text = decimal_text(value)
    assert Decimal(text) == value
    assert "E" not in text.upper()
    assert text != "-0"
    assert not (("." in text) and text.endswith(("0", ".")))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0.000", "0"),
        ("-0.00", "0"),
        ("0E+5", "0"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("1E-8", "0.00000001"),
        ("-12.340", "-12.34"),
    ],
)
def test_decimals_by_hand(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


def test_no_digit_of_a_decimal_is_lost_whatever_the_context() -> None:
    long = Decimal("1.0000000000000000000000000000000000001")
    assert decimal_text(long) == str(long)
    assert content_hash(long) != content_hash(Decimal(1))
    with localcontext() as context:
        context.prec = 3
        assert decimal_text(Decimal("123456.789")) == "123456.789"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {"deep": {"er": (v,)}}])
def test_what_is_not_finite_is_refused_at_any_depth(value: float, wrap: object) -> None:
    assert callable(wrap)
    with pytest.raises(ValueError, match="only finite numbers"):
        canonical_json(wrap(value))
    with pytest.raises(ValueError, match="only finite numbers"):
        canonical_json(wrap(Decimal(value)))


@pytest.mark.parametrize("value", [object(), lambda: 0, iter([]), 1j, timedelta(1)])
def test_what_has_no_canonical_form_is_refused_by_its_type(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        canonical_json({"key": value})


def test_equal_values_of_other_dress_are_equal() -> None:
    in_tokyo = datetime(2026, 1, 5, 23, 30, tzinfo=timezone(timedelta(hours=9)))
    in_utc = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
    assert in_tokyo == in_utc
    assert content_hash(in_tokyo) == content_hash(in_utc)
    assert content_hash(-0.0) == content_hash(0.0)
    assert content_hash((1, 2)) == content_hash([1, 2])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        (1.5, Decimal("1.5")),
        (None, "null"),
        ([], {}),
        ([[1], 2], [1, [2]]),
        ({"a": "b"}, ["a", "b"]),
        ("ab", ["a", "b"]),
    ],
)
def test_values_of_other_kinds_do_not_collide(one: object, other: object) -> None:
    if isinstance(other, Decimal):
        assert canonical_json(one) != canonical_json(other), "a float and a decimal are written differently"
    assert content_hash(one) != content_hash(other)
