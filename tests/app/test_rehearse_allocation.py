"""An allocation in a rehearsal: each rebalance goes the whole road, and what is held is what the backtest holds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.conftest import say
from tests.support.houses import House, conf_copy

SPAN = ("--from", "2026-11-20", "--to", "2026-11-20T00:30:00Z")
SHORT = (*SPAN[:-1], "2026-11-20T00:12:00Z")
ROTATION = (
    "strategy=momentum_rotation", "strategy.bars=5", "strategy.top=1", "strategy.least=-100",
    "backtest.shared.rebalance=bar", "strategy.confidence=0.9",
)  # fmt: skip


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("allocated")
    conf = conf_copy(folder, ("momentum_rotation",))
    return House(conf, folder / "data", ("universe.instruments=[BTC,ETH]", "backtest.account=shared"))


@pytest.fixture
def house(replayed: House, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(replayed.conf))
    return replayed


def rehearsed(house: House, *more: str, span: tuple[str, ...] = SHORT) -> Any:
    said = say("rehearse", *ROTATION, *house.overrides, *more, *span, "--json")
    assert said.json["differences"] == [], said
    assert said.json["problems"] == []
    return said.json


def test_every_rebalance_is_the_backtests(house: House) -> None:
    """Sales first: an entry that did not wait would lack the cash, and each fill is that of the backtest."""
    reply = rehearsed(house, span=SPAN)
    assert (reply["unexplained"], reply["refusals"], reply["reasons"]) == (0, {}, {})
    assert reply["matched"] == reply["fills"] == reply["orders"] >= 20
    for row in reply["rows"]:
        assert row["backtest"]["quantity"] == pytest.approx(row["rehearsed"]["quantity"])
        assert -0.1 <= row["difference_bps"] <= 2.0, "half a spread and the tick"
    at = f"storage.root={reply['folder']}"
    orders = [row["attempt"] for row in say("orders", at, "--newest", "0", "--json").json["orders"]]
    assert len({row["intent_id"] for row in orders}) == len(orders), "one order for each intent"
    assert say("ledger", "verify", at).status == 0


def test_what_the_gate_cuts_and_refuses_is_the_reason(house: House) -> None:
    cut = rehearsed(house, "strategy.size_pct=0.5")
    assert cut["unexplained"] == 0
    assert set(cut["reasons"]) & {"RISK_PER_TRADE", "MAX_SIZE"}, "half of the equity is more than the caps allow"
    refused = rehearsed(house, "policy.restricted=[ETH]")
    assert (refused["unexplained"], set(refused["refusals"])) == (0, {"RESTRICTED"})
    assert {row["rehearsed"]["instrument"] for row in refused["rows"] if row["rehearsed"]} == {"BTC"}
    assert {"RESTRICTED"} <= set(refused["reasons"])
