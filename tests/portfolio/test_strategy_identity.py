"""A strategy is identified by what decides: another setting changes no intent, another parameter does (M10)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.portfolio.test_intents import ACCOUNT, signal
from tradewright.model.bars import Timeframe
from tradewright.model.strategy import Feature
from tradewright.portfolio.identity import Leg, intent_id, strategy_identity

DECIDES: dict[str, Any] = {
    "name": "cross",
    "kind": "sma_crossover",
    "code_digest": "a" * 64,
    "parameters": {"fast": 10, "slow": 20},
    "features": (Feature("sma", (10,)), Feature("sma", (20,))),
    "timeframe": Timeframe.M1,
    "instruments": ("AAPL", "MSFT"),
}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"kind": "ema_crossover"},
        {"code_digest": "b" * 64},
        {"parameters": {"fast": 11, "slow": 20}},
        {"features": (Feature("sma", (20,)), Feature("sma", (10,)))},
        {"features": (Feature("ema", (10,)), Feature("sma", (20,)))},
        {"timeframe": Timeframe.D1},
        {"instruments": ("AAPL",)},
    ],
)
def test_each_part_of_what_decides_makes_another_strategy_and_another_intent(changes: dict[str, Any]) -> None:
    one, other = strategy_identity(**DECIDES), strategy_identity(**(DECIDES | changes))
    assert one != other
    first, second = (intent_id(signal(strategy_hash=each), Leg.OPEN, ACCOUNT) for each in (one, other))
    assert first != second


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": {"slow": 20.0, "fast": 10.0}},
        {"instruments": ("MSFT", "AAPL", "AAPL")},
        {"features": [Feature("sma", (10.0,)), Feature("sma", (20.0,))]},
    ],
)
def test_the_form_of_a_part_does_not(changes: dict[str, Any]) -> None:
    assert strategy_identity(**(DECIDES | changes)) == strategy_identity(**DECIDES)


@pytest.mark.parametrize("setting", [{"config_hash": "c2"}, {"data_hash": "d2"}, {"feature_hash": "f2"}])
def test_an_unrelated_setting_or_revised_data_changes_no_intent(setting: dict[str, Any]) -> None:
    for leg in Leg:
        assert intent_id(signal(**setting), leg, ACCOUNT) == intent_id(signal(), leg, ACCOUNT)


def test_a_parameter_that_is_no_number_has_no_identity() -> None:
    with pytest.raises(ValueError, match="cannot be hashed"):
        strategy_identity(**(DECIDES | {"parameters": {"fast": float("nan")}}))
