"""A claim to be free of look-ahead is evidence on this code and these bars, on every road (H7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.operations.lab import Choice, explore
from app.operations.research import backtest as backtest_reply
from assets.research import strategies as chain
from conf.compose import compose
from runtime import research
from runtime.container import Container
from strategies.buy_and_hold import BuyAndHold
from tests.support.houses import House
from tradewright.backtest import lookahead
from tradewright.model.bars import Bars, Floats, Timeframe
from tradewright.model.strategy import HOLD, NAN, Action
from tradewright.research.bars import InstrumentBars
from tradewright.research.look_ahead import evidence_of
from tradewright.research.study import evidence
from tradewright.store.artefacts import Artefacts


def peeks_now_and_then(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """A peek on each 23rd bar, where there is a next one."""
    close = features[0]
    if i % 23 == 22 and i + 1 < len(close):
        return (1.0 if close[i + 1] > close[i] else 0.0, NAN, NAN, NAN)
    return HOLD


@pytest.fixture
def cheating(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    from tradewright.model.strategy import Feature

    monkeypatch.setattr(BuyAndHold, "generate_signal", staticmethod(peeks_now_and_then))
    monkeypatch.setattr(BuyAndHold, "prepare_state", lambda _self: (Feature("close"),))
    return house


def test_no_road_calls_a_rare_peek_free(cheating: House) -> None:
    settings = compose((*cheating.overrides, "strategy=buy_and_hold"))
    chain.backtest("buy_and_hold", settings)
    made = chain.risk_report("buy_and_hold", settings)
    assert made.metadata is not None
    page = (cheating.root / "reports" / "buy_and_hold.html").read_text()
    assert "LOOK_AHEAD" in page
    assert "LOOK_AHEAD_UNTESTED" not in page
    reply = backtest_reply(settings)
    assert "bar 22: target is" in reply.void
    assert len(reply.code_hash) == 64
    shown = explore(cheating.overrides, Choice("buy_and_hold", ("BTC",), "1m", "raw", "none"))
    assert "looks ahead" in (shown.findings or shown.problem)


def of_two(house: House) -> dict[str, InstrumentBars]:
    """BTC, and a second instrument with the same bars a little later."""
    settings = compose((*house.overrides, "strategy=buy_and_hold"))
    item = research.tables(Container(settings))["BTC"]
    return {"BTC": item, "ETH": InstrumentBars(item.instrument, item.bars.head(len(item.bars.ts) - 7))}


def peeks_on_one_market(_i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """Reads on where the history is not as long as the first instrument's."""
    close = features[0]
    return (close[-1] * 0.0, NAN, NAN, close[-1]) if close[0] > 200.0 else HOLD


def bars_at(price: float) -> Bars:
    close = price + np.arange(60.0)
    ts = np.arange(60, dtype=np.int64) * 86_400 * 10**9
    return Bars(ts, close, close, close, close, np.ones(60), np.ones(60))


def test_every_instrument_is_tested(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tradewright.model.strategy import Feature

    monkeypatch.setattr(BuyAndHold, "generate_signal", staticmethod(peeks_on_one_market))
    monkeypatch.setattr(BuyAndHold, "prepare_state", lambda _self: (Feature("close"),))
    home = Container(compose((*house.overrides, "strategy=buy_and_hold", f"storage.cache_dir={tmp_path}")))
    instrument = home.instrument("BTC")
    read = {name: InstrumentBars(instrument, bars_at(price)) for name, price in (("ONE", 100.0), ("TWO", 500.0))}
    tested = research.look_ahead(home, read, {})
    assert {name: each.free for name, each in tested.items()} == {"ONE": True, "TWO": False}


def test_evidence_is_made_once_and_made_again_when_it_is_damaged(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = of_two(house)["BTC"]
    kept = Artefacts(tmp_path)
    first = evidence_of(BuyAndHold(), item, kept)
    assert (first.free, first.data) == (True, item.data_hash)
    with monkeypatch.context() as patch:
        patch.setattr(lookahead, "look_ahead_evidence", lambda *_args, **_named: pytest.fail("it was made"))
        assert evidence_of(BuyAndHold(), item, kept) == first
    for path in tmp_path.rglob("*.json"):
        path.write_text(json.dumps({"findings": []}))
    assert evidence_of(BuyAndHold(), item, kept) == first


def test_evidence_on_other_bars_or_other_code_counts_as_none(house: House, tmp_path: Path) -> None:
    from strategies.sma_crossover import SmaCrossover

    one, other = of_two(house).values()
    made = evidence_of(BuyAndHold(), one, Artefacts(tmp_path))
    judged = [
        evidence(BuyAndHold(), one, Timeframe.M1, made),
        evidence(BuyAndHold(), other, Timeframe.M1, made),
        evidence(SmaCrossover(), one, Timeframe.M1, made),
        evidence(BuyAndHold(), one, Timeframe.M1, None),
    ]
    assert [each.look_ahead_free for each in judged] == [True, None, None, None]
