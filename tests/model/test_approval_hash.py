"""The hash that binds an order to what was approved, and the seal that nobody else holds."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from tests.policy.test_approval import decision, intent
from tradewright.model.approved import ApprovedOrder, approval_hash
from tradewright.model.errors import NotApproved
from tradewright.model.hashing import content_hash
from tradewright.model.order import (
    Leg,
    LimitOrder,
    MarketOnCloseOrder,
    OrderTerms,
    ProtectiveLeg,
    Side,
    StopOrder,
    TimeInForce,
    TrailingStopOrder,
)
from tradewright.policy.approval import approve, restore

AT = datetime(2026, 1, 5, 15, 1, tzinfo=UTC)
TERMS = OrderTerms(instrument="AAPL", side=Side.BUY, quantity=Decimal(5))


def closing(leg: Leg, order: object, **changes: object) -> ProtectiveLeg:
    terms = {"instrument": "AAPL", "side": "SELL", "quantity": 5, "order": order} | changes
    return ProtectiveLeg.model_validate({"leg": leg, "terms": terms})


STOP_LOSS = closing(Leg.STOP_LOSS, {"kind": "STOP", "stop_price": 90})
TARGET = closing(Leg.TAKE_PROFIT, {"kind": "LIMIT", "limit_price": 110})


def bound(**changes: Any) -> str:
    fields: dict[str, Any] = {
        "intent_id": "abcd1234",
        "decision_id": "dec-1",
        "strategy": "sma",
        "account": "DU1",
        "terms": TERMS,
        "expires_at": AT,
        "rule_set_hash": "r" * 64,
    }
    return approval_hash(**(fields | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"intent_id": "abcd1235"},
        {"decision_id": "dec-2"},
        {"strategy": "sma2"},
        {"account": "DU2"},
        {"terms": TERMS.model_copy(update={"quantity": Decimal("5.00000001")})},
        {"terms": TERMS.model_copy(update={"side": Side.SELL})},
        {"terms": TERMS.model_copy(update={"instrument": "AAPL2"})},
        {"terms": TERMS.model_copy(update={"tif": TimeInForce.GTC})},
        {"terms": TERMS.model_copy(update={"order": LimitOrder(limit_price=Decimal(1))})},
        {"terms": TERMS.model_copy(update={"order": StopOrder(stop_price=Decimal(1))})},
        {"terms": TERMS.model_copy(update={"order": MarketOnCloseOrder()})},
        {"terms": TERMS.model_copy(update={"tif": TimeInForce.GTD, "good_till": AT})},
        {"protective": (STOP_LOSS,)},
        {"expires_at": AT + timedelta(microseconds=1)},
        {"rule_set_hash": "r" * 63 + "s"},
    ],
)
def test_everything_that_was_approved_is_in_the_hash(changes: dict[str, Any]) -> None:
    assert bound(**changes) != bound()


def test_how_a_number_or_a_time_is_written_is_not() -> None:
    assert bound(terms=TERMS.model_copy(update={"quantity": Decimal("5.000")})) == bound()
    assert bound(expires_at=AT.astimezone(timezone(timedelta(hours=-5)))) == bound()


def test_a_value_cannot_slip_from_one_field_into_its_neighbour() -> None:
    assert bound(strategy="smaDU", account="1") != bound(strategy="sma", account="DU1")
    assert bound(strategy="DU1", account="sma") != bound()


def test_the_right_hash_without_the_seal_is_still_no_order() -> None:
    for seal in (None, object(), True, 1, "seal"):
        with pytest.raises(NotApproved) as caught:
            ApprovedOrder("abcd1234", "dec-1", "sma", "DU1", TERMS, AT, "r" * 64, bound(), seal)
        assert caught.value.where == "intent abcd1234"


def test_an_order_is_neither_copied_nor_pickled_nor_changed() -> None:
    order = approve(intent(), decision(), "DU1")
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(NotApproved, match="neither copied nor pickled"):
            way(order)
    with pytest.raises(AttributeError):
        order.account = "DU2"  # type: ignore[misc]
    with pytest.raises(NotApproved, match="not a pickle"):
        order.__setstate__({})


def test_the_hash_of_an_order_is_that_of_its_fields() -> None:
    order = approve(intent(), decision(), "DU1")
    again = approval_hash(
        order.intent_id,
        order.decision_id,
        order.strategy,
        order.account,
        order.terms,
        order.expires_at,
        order.rule_set_hash,
    )
    assert order.payload_hash == order.computed_hash() == again


@pytest.mark.parametrize(
    ("order", "written"),
    [
        ({"kind": "MARKET"}, {"order_type": "MKT", "limit_price": None, "stop_price": None}),
        ({"kind": "LIMIT", "limit_price": 99}, {"order_type": "LMT", "limit_price": "99", "stop_price": None}),
        ({"kind": "STOP", "stop_price": 101}, {"order_type": "STP", "limit_price": None, "stop_price": "101"}),
    ],
)
def test_an_approval_of_the_first_version_keeps_its_hash(order: object, written: dict[str, object]) -> None:
    """Rows that were hashed over the flat form of the terms must restore under the tagged form."""
    flat = {"instrument": "AAPL", "side": "BUY", "quantity": "5", "tif": "DAY"} | written
    then = content_hash(
        {
            "intent_id": "abcd1234",
            "decision_id": "dec-1",
            "strategy": "sma",
            "account": "DU1",
            "terms": flat,
            "expires_at": AT,
            "rule_set_hash": "r" * 64,
        }
    )
    assert bound(terms=OrderTerms.model_validate(flat)) == then
    assert bound(terms=OrderTerms.model_validate(TERMS.model_dump() | {"order": order})) == then


def test_distances_and_every_leg_are_in_the_hash() -> None:
    trails = [TrailingStopOrder(amount=Decimal(2)), TrailingStopOrder(percent=Decimal(2))]
    legs = [(STOP_LOSS,), (TARGET,), (STOP_LOSS, TARGET), (TARGET, STOP_LOSS)]
    hashes = [bound(terms=TERMS.model_copy(update={"order": item})) for item in trails]
    hashes += [bound(protective=item) for item in legs]
    assert len(set(hashes)) == len(hashes)


def grouped(*legs: ProtectiveLeg) -> ApprovedOrder:
    payload_hash = bound(protective=legs)
    return restore(
        intent_id="abcd1234",
        decision_id="dec-1",
        strategy="sma",
        account="DU1",
        terms=TERMS,
        expires_at=AT,
        rule_set_hash="r" * 64,
        payload_hash=payload_hash,
        protective=legs,
    )


def test_a_group_has_its_entry_first() -> None:
    order = grouped(STOP_LOSS, TARGET)
    assert list(order.legs()) == [Leg.ENTRY, Leg.STOP_LOSS, Leg.TAKE_PROFIT]
    assert order.legs()[Leg.ENTRY] == TERMS
    assert grouped().legs() == {Leg.ENTRY: TERMS}


@pytest.mark.parametrize(
    ("legs", "reason"),
    [
        ((STOP_LOSS, STOP_LOSS), "one stop loss"),
        ((closing(Leg.STOP_LOSS, STOP_LOSS.terms.order, side="BUY"),), "stop loss does not close"),
        ((closing(Leg.TAKE_PROFIT, TARGET.terms.order, quantity=6),), "take profit does not close"),
        ((closing(Leg.STOP_LOSS, STOP_LOSS.terms.order, instrument="MSFT"),), "stop loss does not close"),
    ],
)
def test_a_leg_that_could_open_a_position_is_no_protection(legs: tuple[ProtectiveLeg, ...], reason: str) -> None:
    with pytest.raises(NotApproved, match=reason):
        grouped(*legs)


@pytest.mark.parametrize(
    ("leg", "order"),
    [
        (Leg.ENTRY, {"kind": "MARKET"}),
        (Leg.STOP_LOSS, {"kind": "LIMIT", "limit_price": 90}),
        (Leg.STOP_LOSS, {"kind": "MARKET"}),
        (Leg.TAKE_PROFIT, {"kind": "STOP", "stop_price": 90}),
    ],
)
def test_each_leg_has_kinds_that_protect(leg: Leg, order: object) -> None:
    with pytest.raises(ValidationError, match=r"is no (protective leg|stop loss|take profit)"):
        closing(leg, order)
