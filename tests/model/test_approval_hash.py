"""The hash that binds an order to what was approved, and the seal that nobody else holds."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from tests.policy.test_approved import decision, intent
from tradewright.model.approved import ApprovedOrder, approval_hash
from tradewright.model.errors import NotApproved
from tradewright.model.order import OrderTerms, OrderType, Side, TimeInForce
from tradewright.policy.approved import approve

AT = datetime(2026, 1, 5, 15, 1, tzinfo=UTC)
TERMS = OrderTerms(instrument="AAPL", side=Side.BUY, quantity=Decimal(5))


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
        {"terms": OrderTerms(**(TERMS.model_dump() | {"order_type": OrderType.LIMIT, "limit_price": Decimal(1)}))},
        {"terms": OrderTerms(**(TERMS.model_dump() | {"order_type": OrderType.STOP, "stop_price": Decimal(1)}))},
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
