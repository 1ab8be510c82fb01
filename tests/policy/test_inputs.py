"""What the gate refuses to look at: numbers that are not finite, limits outside their range, half an advice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tests.policy.make import INTENT, LIMITS, SNAPSHOT, changed
from tradewright.model.intent import Intent
from tradewright.policy.decimals import computable
from tradewright.policy.limits import Limits
from tradewright.policy.snapshot import Reasoning, Snapshot

NOT_FINITE = (float("nan"), float("inf"), float("-inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), "nan")


def numeric_paths(model: type[BaseModel], document: dict[str, Any]) -> list[str]:
    """Dotted paths of every number in a document that the model fills."""
    filled = model.model_validate(document).model_dump()
    paths = []
    for key, value in filled.items():
        inner = value if isinstance(value, dict) else {"": value}
        paths += [
            f"{key}.{name}".rstrip(".")
            for name, leaf in inner.items()
            if isinstance(leaf, (int, float, Decimal)) and not isinstance(leaf, bool)
        ]
    return paths


EVERY_NUMBER = [
    (model, document, path)
    for model, document in ((Intent, INTENT), (Snapshot, SNAPSHOT), (Limits, LIMITS))
    for path in numeric_paths(model, document)
]


@pytest.mark.parametrize("value", NOT_FINITE, ids=repr)
@pytest.mark.parametrize(
    ("model", "document", "path"), EVERY_NUMBER, ids=[f"{model.__name__}.{path}" for model, _, path in EVERY_NUMBER]
)
def test_no_number_that_is_not_finite_enters(
    model: type[BaseModel], document: dict[str, Any], path: str, value: object
) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(changed(document, {path: value}))


def test_the_paths_cover_all_three_inputs() -> None:
    assert {model for model, _, _ in EVERY_NUMBER} == {Intent, Snapshot, Limits}
    assert len(EVERY_NUMBER) > 45


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("market.data_age_seconds", -1),
        ("market.liquidity_score", 1.01),
        ("market.spread_bps", -1),
        ("rates", ({"source": "EUR", "target": "USD", "rate": 0, "age_seconds": 0},)),
        ("holdings.gross_exposure", -1),
        ("holdings.committed_cash", -1),
        ("holdings.daily_drawdown", -0.01),
        ("holdings.correlation", -0.1),
        ("activity.orders_last_second", -1),
        ("broker.unknown_attempts", -1),
        ("stage", "moon"),
        ("mode", "LIVE"),
        ("surprise", 1),
    ],
)
def test_a_snapshot_that_makes_no_sense_is_refused(path: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Snapshot.model_validate(changed(SNAPSHOT, {path: value}))


def test_dust_is_zero() -> None:
    snapshot = Snapshot.model_validate(changed(SNAPSHOT, {"holdings.daily_drawdown": 1e-17}))
    assert snapshot.holdings.daily_drawdown == 0


@pytest.mark.parametrize("value", ["0", "1e18", "-1e18", "1e-12", "1." + "1" * 27])
def test_the_edges_of_what_can_be_computed(value: str) -> None:
    assert computable(Decimal(value))


@pytest.mark.parametrize(
    "value", ["1000000000000000000.1", "-1000000000000000001", "9e-13", "1." + "1" * 28, "NaN", "Infinity"]
)
def test_beyond_the_edges_nothing_can(value: str) -> None:
    assert not computable(Decimal(value))


@pytest.mark.parametrize("name", [name for name, info in Limits.model_fields.items() if info.metadata])
@pytest.mark.parametrize("value", [-1, 10**9])
def test_every_limit_has_a_range(name: str, value: int) -> None:
    with pytest.raises(ValidationError):
        Limits.model_validate({name: value if name not in ("max_order_money", "max_daily_loss") else -abs(value)})


def test_a_warning_that_would_never_come_is_refused() -> None:
    with pytest.raises(ValidationError, match="warn_daily_drawdown"):
        Limits(warn_daily_drawdown="0.04")
    assert Limits(warn_daily_drawdown="0.03").warn_daily_drawdown == Decimal("0.03")


@pytest.mark.parametrize("advice", [{"status": "OK"}, {"status": "FAILED", "recommendation": "ALLOW"}])
def test_advice_without_a_status_that_allows_it_is_refused(advice: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Reasoning.model_validate(advice)


def test_the_defaults_are_the_numbers_of_the_requirements() -> None:
    limits = Limits()
    assert (limits.max_data_age_seconds, limits.max_daily_drawdown, limits.min_liquidity) == (
        30,
        Decimal("0.03"),
        Decimal("0.7"),
    )
    assert (limits.min_confidence, limits.max_correlation) == (Decimal("0.6"), Decimal("0.35"))
    assert (limits.risk_per_trade, limits.max_position, limits.max_gross, limits.max_size_pct) == (
        Decimal("0.005"),
        Decimal("0.10"),
        Decimal("0.50"),
        Decimal("0.01"),
    )
    assert (limits.approval_ttl_seconds, limits.review_ttl_seconds, limits.duplicate_window_seconds) == (60, 600, 60)
    assert (limits.allowlist, limits.allow_short) == (frozenset(), False)
    assert (limits.manual_approval, limits.max_daily_loss, limits.max_order_money) == (False, None, None)
