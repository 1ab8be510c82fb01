"""Requests beyond their limits, and how it is known that a decision answers with requests."""

from __future__ import annotations

import types
from collections.abc import Callable

import numpy as np
import pytest

from tests.backtest.conftest import random_bars
from tests.backtest.plain import Script
from tradewright.backtest.code import answers_with_requests
from tradewright.backtest.engine import run
from tradewright.backtest.lookahead import look_ahead
from tradewright.backtest.spec import BacktestSpec
from tradewright.model import strategy as port
from tradewright.model.errors import ConfigError, StrategyError
from tradewright.model.strategy import HOLD, NAN, NO_ORDER, Feature, OrderRequest, is_order, order

GOOD = [
    order(1.0),
    NO_ORDER,
    order(-1.0, 99.0, 105.0, 90.0, 98.0, trail=2.0, time_stop=5, good_for=port.DAY, fill_at=port.AT_OPEN),
    order(0.5, trail_percent=99.9, good_for=port.GTC, fill_at=port.AT_CLOSE),
]
BAD = [
    order(1.1),
    order(1.0, limit=np.inf),
    order(1.0, stop_entry=-np.inf),
    order(1.0, trail=0.0),
    order(1.0, trail=-1.0),
    order(1.0, trail=np.inf),
    order(1.0, trail_percent=100.0),
    order(1.0, trail=1.0, trail_percent=1.0),
    order(1.0, time_stop=0.0),
    order(1.0, time_stop=1.5),
    order(1.0, good_for=0.5),
    order(1.0, good_for=-1.0),
    order(1.0, fill_at=2.0),
]


@pytest.mark.parametrize("request_", GOOD)
def test_a_request_within_its_limits(request_: OrderRequest) -> None:
    assert is_order(request_)


@pytest.mark.parametrize("request_", BAD)
def test_a_request_beyond_them_is_refused_with_its_terms_and_the_rule(request_: OrderRequest) -> None:
    assert not is_order(request_)
    with pytest.raises(
        StrategyError, match=r"it returned order\(target=1.*in bar 3 \(a target lies.*fill_at is AT_OPEN"
    ):
        look_ahead(Script({3: request_}), random_bars(1, 10))


def decides(body: str) -> Callable[..., object]:
    scope = {"order": order, "NO_ORDER": NO_ORDER, "OrderRequest": OrderRequest, "HOLD": HOLD, "NAN": NAN, "port": port}
    exec(f"{body}\n", scope)
    found = scope["generate_signal"]
    assert isinstance(found, types.FunctionType)
    return found


HEAD = "def generate_signal(i, features, params, position):\n    return "


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        (f"{HEAD}HOLD", False),
        (f"{HEAD}(1.0, NAN, NAN, NAN)", False),
        (f"{HEAD}order(1.0)", True),
        (f"{HEAD}NO_ORDER", True),
        (f"{HEAD}OrderRequest(1.0)", True),
        (f"{HEAD}port.order(1.0)", True),
        (f"{HEAD}port.HOLD", False),
        (f"def helper(x):\n    return order(x)\n{HEAD}helper(1.0)", True),
        (f"def helper(x):\n    return (x, NAN, NAN, NAN)\n{HEAD}helper(1.0)", False),
    ],
)
def test_whether_a_decision_answers_with_requests_is_read_in_its_code(body: str, answers: bool) -> None:
    assert answers_with_requests(decides(body)) is answers


def mixed(i: int, _features: object, _params: object, _position: float) -> object:
    return order(1.0) if i == 3 else HOLD


class Mixed(Script):
    """Four numbers on one way, a request on the other."""

    generate_signal = staticmethod(mixed)  # type: ignore[assignment]

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("close"),)


def test_a_decision_that_mixes_both_answers_is_told_what_to_return() -> None:
    with pytest.raises(StrategyError, match="it returns different things"):
        run(Mixed({}), random_bars(1, 10), BacktestSpec())


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, np.nan])
def test_a_share_of_the_volume_is_above_0_and_at_most_1(share: float) -> None:
    with pytest.raises(ConfigError, match="volume_share"):
        BacktestSpec(volume_share=share)
