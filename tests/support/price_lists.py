"""The price lists that ship in ``conf/backtest/costs``, as cost models."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import TypeAdapter

from tradewright.fills.costs import Costs, IbkrTiered, PerShareCosts

_FOLDER = Path(__file__).parents[2] / "conf" / "backtest" / "costs"


def _shipped(option: str) -> object:
    return TypeAdapter(Costs).validate_python(yaml.safe_load((_FOLDER / f"{option}.yaml").read_text()))


IBKR_FIXED = _shipped("ibkr_fixed")
IBKR_TIERED = _shipped("ibkr_tiered")
assert isinstance(IBKR_FIXED, PerShareCosts)
assert isinstance(IBKR_TIERED, IbkrTiered)
