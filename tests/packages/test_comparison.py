"""What differs from a package is named with its reason; no fill can change without another hash."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from runtime.packages import fills_hash
from tests.packages.hostile import certificate
from tests.packages.support import HASH, START, package
from tradewright.backtest.result import FILL
from tradewright.evaluation.certificate import ScenarioCertificate
from tradewright.model.certify_limits import DeclaredLimits
from tradewright.packages.comparison import certificate_differences, differences
from tradewright.packages.manifest import DataFingerprint

TOLD = package().manifest
OTHER = "cd" * 32


def found(**changed: Any) -> list[tuple[str, str, str]]:
    """The differences from a package, where something else was found here."""
    (row,) = TOLD.data
    engine = TOLD.engine.model_copy(update=changed.get("engine", {}))
    data = changed.get("data", (row.model_copy(update=changed.get("bars", {})),))
    expected = TOLD.expected.model_copy(update=changed.get("expected", {}))
    return [(each.part, each.name, each.why) for each in differences(TOLD, engine, data, expected)]


def test_the_same_differs_in_nothing() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("bars", "why"),
    [
        ({"sha256": OTHER}, "bars of BTC 1m at the same times have other values here: another source, or a correction"),
        ({"bars": 1, "sha256": OTHER}, "within the same span BTC 1m has 1 bars here and 2 in the package"),
        ({"first": START - timedelta(days=1)}, "the bars of BTC 1m begin at another time here"),
        ({"last": START}, "the bars of BTC 1m end at another time here"),
        ({"bars": 0, "first": None, "last": None}, "there are no bars of BTC 1m here"),
    ],
)
def test_bars_that_differ_are_told_with_how(bars: dict[str, Any], why: str) -> None:
    assert found(bars=bars) == [("data", "BTC 1m (traded)", why)]


def test_bars_that_only_one_side_reads_are_told() -> None:
    (row,) = TOLD.data
    more = DataFingerprint.model_validate({**row.model_dump(), "use": "read", "instrument": "ETH"})
    assert found(data=(row, more))[0][1:] == (
        "ETH 1m (read)", "the backtest reads ETH here, and the package says nothing of it",
    )  # fmt: skip
    assert found(data=())[0][2] == "there are no bars of BTC 1m here"


def test_results_that_differ_are_explained_by_what_else_differs() -> None:
    worse = {"metrics": {"net_profit": -1.0, "sharpe": None}}
    blamed = "bars, engine, document and settings are the same: the package does not tell what it was made of"
    assert found(expected=worse) == [("metrics", "net_profit", blamed)]
    assert found(expected=worse, bars={"sha256": OTHER})[-1][2] == "the bars differ"
    assert found(expected=worse, engine={"digest": OTHER})[-1][2] == "the engine differs"
    assert found(expected=worse, engine={"numpy": "3"}, bars={"bars": 1})[-1][2] == "the bars and the engine differ"
    assert found(expected={"metrics": {"net_profit": 1.5}}) == [("metrics", "sharpe", blamed)]
    assert found(expected={"currency": "EUR"}) == [("metrics", "currency", blamed)]
    assert found(expected={"code": OTHER}) == [
        ("code", "code", "the document is lowered to other code with the same engine and meaning")
    ]
    (row,) = TOLD.expected.orders
    for orders in ((), (row.model_copy(update={"sha256": OTHER}),), (row.model_copy(update={"orders": 2}),)):
        assert found(expected={"orders": orders}) == [("orders", "BTC", blamed)]
    both = (row, row.model_copy(update={"instrument": "ETH"}))
    assert found(expected={"orders": both}) == [("orders", "ETH", blamed)]


def result(fills: np.ndarray, adjustments: np.ndarray, ts: tuple[int, ...] = (10, 20, 30)) -> Any:
    return SimpleNamespace(bars=SimpleNamespace(ts=np.array(ts)), fills=fills, adjustments=adjustments)


def test_every_value_of_a_fill_and_every_bars_time_is_in_the_hash() -> None:
    one, none = np.zeros(2, FILL), np.zeros(0, FILL)
    one["bar"] = 1, 2
    hashes = {fills_hash(result(one, none)), fills_hash(result(one[::-1], none)), fills_hash(result(none, one)),
              fills_hash(result(one[:1], one[1:])), fills_hash(result(one[:1], none)), fills_hash(result(none, none)),
              fills_hash(result(one, none, (10, 20, 31)))}  # fmt: skip
    for name in FILL.names or ():
        changed = one.copy()
        changed[name][0] = 0 if name == "bar" else 1
        hashes.add(fills_hash(result(changed, none)))
    assert len(hashes) == 7 + len(FILL.names or ())
    assert len(HASH) == len(hashes.pop()) == 64


def test_a_certificate_keeps_the_limits_that_its_document_declares() -> None:
    said = ScenarioCertificate.restored(certificate("ma_crossover").decode())
    rows = certificate_differences(said, said, DeclaredLimits(max_loss=0.05, max_turnover=9.0), said.engine)
    assert [(row.part, row.name, row.said, row.found) for row in rows] == [("certificate", "max_loss", "0.1", "0.05")]
    assert certificate_differences(said, said, DeclaredLimits(), said.engine) == ()
