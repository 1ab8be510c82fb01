"""The look-ahead test finds what it is for, and nothing in the strategies that ship."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from conf.strategy_kinds import kinds
from strategies.buy_and_hold import BuyAndHold
from strategies.sma_crossover import SmaCrossover
from tradewright.backtest import code, lookahead
from tradewright.backtest.lookahead import look_ahead, look_ahead_evidence
from tradewright.model.strategy import HOLD, NAN, Feature
from tradewright.research.strategy_check import trial_secondary
from tradewright.store.dataset import bars_hash


def peeking_signal(i, features, params, _position):
    close = features[0]
    ahead = i + int(params[0])
    return (1.0, NAN, NAN, NAN) if close[ahead] > close[i] else HOLD


def last_value_signal(i, features, _params, _position):
    return (1.0, NAN, NAN, NAN) if features[0][-1] > features[0][i] else HOLD


@dataclass(frozen=True)
class Peeking:
    ahead: int = 1

    name = "peeking"
    generate_signal = staticmethod(peeking_signal)

    def prepare_state(self):
        return (Feature("close"),)

    def parameters(self):
        return (float(self.ahead),)


class LastValue(Peeking):
    generate_signal = staticmethod(last_value_signal)


@pytest.mark.parametrize("kind", list(kinds().per_instrument))
def test_the_built_in_strategies_know_no_future(kind, make_bars):
    strategy, bars = kinds().per_instrument[kind](), make_bars(1, 400)
    assert look_ahead(strategy, bars, trial_secondary(strategy, bars)) == ()


@pytest.mark.parametrize("ahead", [1, 5])
def test_a_decision_that_reads_the_next_bar_is_found(ahead, make_bars):
    findings = look_ahead(Peeking(ahead), make_bars(2, 100))
    assert [finding.bar for finding in findings] == [0]
    assert "does not exist yet" in str(findings[0])


def test_a_decision_that_reads_the_last_bar_there_is_is_found(make_bars):
    findings = look_ahead(LastValue(), make_bars(3, 100))
    assert findings
    assert findings[0].what == "target"
    assert "with the future and" in str(findings[0])


def test_a_column_that_knows_the_future_is_found_by_bar_and_name(make_bars, monkeypatch):
    def centred(features, bars, _more):
        return tuple(np.convolve(bars.close, np.ones(3) / 3, "same")[: len(bars.close)] for _ in features)

    monkeypatch.setattr(lookahead, "columns", centred)
    findings = look_ahead(Peeking(0), make_bars(4, 100))
    assert (findings[0].bar, findings[0].what) == (0, "close()")


def test_of_no_bars_nothing_is_found(make_bars):
    assert look_ahead(Peeking(0), make_bars(5, 10).head(0)) == ()


def test_evidence_covers_what_was_tested_and_nothing_else(make_bars):
    bars, others = make_bars(6, 50), make_bars(7, 50)
    evidence = look_ahead_evidence(SmaCrossover(5, 9), bars)
    assert (evidence.free, evidence.bars) == (True, 50)
    assert evidence.covers(SmaCrossover(5, 9), bars_hash(bars))
    assert not evidence.covers(SmaCrossover(5, 10), bars_hash(bars)), "other parameters"
    assert not evidence.covers(BuyAndHold(), bars_hash(bars)), "other code"
    assert not evidence.covers(SmaCrossover(5, 9), bars_hash(others)), "other bars"
    assert not look_ahead_evidence(Peeking(1), bars).free


def test_evidence_is_void_after_the_engine_was_edited(make_bars, monkeypatch):
    bars = make_bars(6, 50)
    evidence = look_ahead_evidence(SmaCrossover(5, 9), bars)
    monkeypatch.setattr(code, "engine_digest", lambda: "edited")
    assert not evidence.covers(SmaCrossover(5, 9), bars_hash(bars))
