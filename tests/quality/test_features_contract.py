"""The features table has a contract; the quick pass and the Pandera schema agree on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from runtime.features import form_of
from tests.backtest.conftest import random_bars
from tradewright.indicators.features import FeatureSettings, feature_table
from tradewright.model.errors import DataError
from tradewright.model.strategy import Feature
from tradewright.quality.features_contract import broken_rules, demand_features, features_intact

SETTINGS = FeatureSettings(rank=40, slope=20, usual_volume=40, extra=(Feature("adx", (5.0,)),))
FORM = form_of(SETTINGS)
TABLE = feature_table(random_bars(3, 80), SETTINGS)

BREAKS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "a missing column": (lambda t: t.drop(columns="adx_5"), "column adx_5 is missing"),
    "a column of nobody": (lambda t: t.assign(vwap=1.0), "column vwap is unknown"),
    "no number at all": (lambda t: t.assign(returns="1.0"), "returns: dtype"),
    "an infinite number": (lambda t: t.assign(returns=np.inf), "returns: a number is finite or unknown"),
    "whole numbers": (lambda t: t.assign(returns=1), "returns: dtype"),
    "a flag in words": (lambda t: t.assign(session_rth="yes"), "session_rth: dtype"),
    "another regime": (lambda t: t.assign(regime="calm"), "regime: isin"),
    "another version": (lambda t: t.assign(version="0"), "version: equal_to"),
    "a row of another version": (lambda t: t.assign(version=t["version"].where(t.index > 0)), "version: not_nullable"),
    "naive times": (lambda t: t.assign(ts=t["ts"].dt.tz_localize(None)), "ts: times are in UTC"),
    "times of New York": (lambda t: t.assign(ts=t["ts"].dt.tz_convert("America/New_York")), "ts: times are in UTC"),
    "a row twice": (lambda t: t.iloc[[0, 0, *range(1, 80)]].reset_index(drop=True), "each row is later than the one"),
    "rows out of order": (lambda t: t.iloc[::-1].reset_index(drop=True), "each row is later than the one before"),
}


def test_the_tables_that_are_made_keep_it() -> None:
    assert features_intact(TABLE, FORM)
    assert features_intact(TABLE.iloc[:1], FORM)
    assert features_intact(TABLE.iloc[:0], FORM)
    assert broken_rules(TABLE, FORM) == []
    demand_features(TABLE, FORM, "SPY")


@pytest.mark.parametrize("name", BREAKS)
def test_each_broken_rule_is_told_with_its_column(name: str) -> None:
    change, rule = BREAKS[name]
    broken = change(TABLE)
    assert not features_intact(broken, FORM)
    assert any(rule in told for told in broken_rules(broken, FORM)), broken_rules(broken, FORM)
    with pytest.raises(DataError, match="the features table is wrong") as caught:
        demand_features(broken, FORM, "SPY")
    assert caught.value.where == "SPY"
    assert rule in caught.value.what
