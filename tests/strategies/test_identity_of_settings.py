"""The identity of the strategy in force changes with what decides, and with no other setting (M10)."""

from __future__ import annotations

import pytest

from conf.compose import compose
from runtime.container import Container
from runtime.signals import declared
from tradewright.model.bars import Timeframe
from tradewright.research.signals import identity_of


def identity(*overrides: str) -> str:
    settings = compose(["strategy=sma_crossover", *overrides])
    return identity_of(Container(settings).strategy, declared(settings), Timeframe.M1, ("AAPL",))


@pytest.mark.parametrize(
    "setting",
    ["base.tz=Asia/Tokyo", "policy.min_confidence=0.5", "evaluation.risk_free=0.01", "execution.acknowledge=31.0"],
)
def test_an_unrelated_setting_changes_nothing(setting: str) -> None:
    assert identity(setting) == identity()
    assert compose(["strategy=sma_crossover", setting]).config_hash != compose(["strategy=sma_crossover"]).config_hash


@pytest.mark.parametrize("setting", ["strategy.fast=7", "strategy.slow=31"])
def test_a_parameter_makes_another_strategy(setting: str) -> None:
    assert identity(setting) != identity()
