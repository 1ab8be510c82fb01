"""Strategies that cheat, each in another way, and honest ones that look as if they did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from tradewright.backtest import lookahead
from tradewright.backtest.lookahead import DENSE, feature_cuts, look_ahead
from tradewright.model.bars import Bars, Floats
from tradewright.model.strategy import HOLD, NAN, Action, Feature, GenerateSignal

COUNT = 180


@dataclass(frozen=True)
class Cheat:
    """A decision over the close, and how its column is made."""

    generate_signal: GenerateSignal
    name: str = "cheat"

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("close"),)

    def parameters(self) -> tuple[float, ...]:
        return ()

    def post_trade_update(self, fill: object) -> None:
        """Not interested."""


def bars(count: int = COUNT) -> Bars:
    rng = np.random.default_rng(21)
    close = 100 * np.exp(np.cumsum(rng.normal(0.003, 0.01, count)))
    ts = np.arange(count, dtype=np.int64) * 86_400 * 10**9
    return Bars(ts, close, close + 1, close - 1, close, np.full(count, 10.0), np.full(count, NAN))


def rises(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """Honest: long after a rise."""
    close = features[0]
    return (1.0, NAN, NAN, NAN) if i > 0 and close[i] > close[i - 1] else (0.0, NAN, NAN, NAN)


def last_close(features: tuple[Floats, ...]) -> float:
    return float(features[0][-1])


def in_the_target(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    return (1.0 if features[0][-1] > features[0][i] else -1.0, NAN, NAN, NAN)


def in_the_limit(_i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    return (1.0, last_close(features), NAN, NAN)


def in_the_stop(_i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    return (1.0, NAN, last_close(features), NAN)


def in_the_profit(_i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    return (1.0, NAN, NAN, last_close(features))


def only_when_long(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], position: float) -> Action:
    if position > 0.0:
        return (0.0 if features[0][-1] < features[0][i] else 1.0, NAN, NAN, NAN)
    return HOLD


def only_when_short(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], position: float) -> Action:
    return (0.0, NAN, NAN, NAN) if position < 0.0 and features[0][-1] > features[0][i] else HOLD


def by_length(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """Leaves on the last bar there is: it must know how many will come."""
    return (0.0, NAN, NAN, NAN) if i == len(features[0]) - 1 else HOLD


def by_mean(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    return (float(np.tanh(features[0][i] / features[0].mean() - 1.0)), NAN, NAN, NAN)


def round_the_corner(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """``close[i - 5]`` without asking whether there are five bars yet: Python wraps to the end."""
    return (1.0, float(features[0][i - 5]), NAN, NAN)


@pytest.mark.parametrize(
    ("cheat", "what"),
    [
        (in_the_target, "target"),
        (in_the_limit, "limit"),
        (in_the_stop, "stop"),
        (in_the_profit, "take_profit"),
        (only_when_long, "target"),
        (only_when_short, "target"),
        (by_length, "target"),
        (by_mean, "target"),
    ],
)
def test_a_decision_that_knows_what_comes_is_found_and_the_part_is_named(cheat: GenerateSignal, what: str) -> None:
    findings = look_ahead(Cheat(cheat), bars())
    assert findings
    assert {finding.what for finding in findings} == {what}
    assert not any(finding.reads_beyond for finding in findings)
    assert all("with the future and" in str(finding) for finding in findings)


def test_an_index_that_wraps_to_the_end_is_found_in_the_first_bar() -> None:
    (found,) = look_ahead(Cheat(round_the_corner), bars())
    assert (found.bar, found.reads_beyond) == (0, True)


def previous_close(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """Wraps in the first bar alone, and decides there as it would without the wrap: the history began higher."""
    return (1.0, NAN, NAN, NAN) if features[0][i] > features[0][i - 1] else HOLD


def test_a_wrap_by_one_bar_is_found_although_it_changes_nothing_on_these_bars() -> None:
    rising = bars()
    assert not rising.close[0] > rising.close[-1]
    (found,) = look_ahead(Cheat(previous_close), rising)
    assert (found.bar, found.invented) == (0, True)
    assert "with another future" in str(found)


@pytest.mark.parametrize("ahead", [1, 2, 7, 64, 150])
def test_a_decision_that_reads_on_is_stopped_at_once(ahead: int) -> None:
    def reads_on(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
        close = features[0]
        later = close[i + ahead] if i + ahead < COUNT else close[i]
        return (1.0, NAN, NAN, NAN) if later > close[i] else HOLD

    findings = look_ahead(Cheat(reads_on), bars())
    assert [(finding.bar, finding.reads_beyond) for finding in findings] == [(0, True)]
    assert np.isnan(findings[0].cut)
    told = "bar 0: the decision reads a bar that does not exist yet, above i or below 0"
    assert str(findings[0]).startswith(f"{told} (test_planted_cheats.py:")


@pytest.mark.parametrize("period", [2, 23, 100, COUNT - 2])
@pytest.mark.parametrize("guarded", [False, True], ids=["reads on", "asks for the length"])
def test_a_rare_peek_is_found_in_the_very_bar(period: int, guarded: bool) -> None:
    def peeks(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
        close = features[0]
        if i % period == period - 1 and (not guarded or i + 1 < len(close)):
            return (1.0 if close[i + 1] > close[i] else -1.0, NAN, NAN, NAN)
        return HOLD

    (found,) = look_ahead(Cheat(peeks), bars())
    assert (found.bar, found.reads_beyond) == (period - 1, not guarded)


@pytest.mark.parametrize("bar", [0, 17, COUNT - 2])
def test_one_peek_in_all_bars_is_found(bar: int) -> None:
    def peeks(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
        return (0.0, NAN, NAN, features[0][i + 1]) if i == bar else HOLD

    assert [found.bar for found in look_ahead(Cheat(peeks), bars())] == [bar]


def test_a_peek_while_a_large_position_is_held_is_found() -> None:
    def peeks(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], position: float) -> Action:
        return (0.0, NAN, NAN, NAN) if position > 500.0 and features[0][-1] < features[0][i] else HOLD

    found = look_ahead(Cheat(peeks), bars())
    assert [each.what for each in found] == ["target"]


Make = Callable[[Floats], Floats]
COLUMNS: dict[str, Make] = {
    "divided by the greatest of all": lambda close: close / close.max(),
    "less the mean of all": lambda close: close - close.mean(),
    "divided by the deviation of all": lambda close: close / close.std(),
    "ranked among all": lambda close: np.argsort(np.argsort(close)) / len(close),
    "smoothed from both sides": lambda close: np.convolve(close, np.ones(3) / 3, "same")[: len(close)],
    "smoothed forwards and backwards": lambda close: _smooth(_smooth(close)[::-1])[::-1],
    "shifted the wrong way": lambda close: np.append(close[1:], close[-1]),
    "gaps filled from behind": lambda close: _filled(np.where(np.arange(len(close)) % 10 == 9, NAN, close)),
    "the low that turned out to be one": lambda close: np.minimum(close, np.append(close[1:], np.inf)),
    "counted from the end": lambda close: np.arange(len(close), 0, -1, dtype=np.float64),
}


def _smooth(values: Floats) -> Floats:
    out = values.copy()
    for i in range(1, len(out)):
        out[i] = 0.9 * out[i - 1] + 0.1 * values[i]
    return out


def _filled(values: Floats) -> Floats:
    out = values.copy()
    for i in range(len(out) - 2, -1, -1):
        out[i] = out[i + 1] if np.isnan(out[i]) else out[i]
    return out


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in COLUMNS.items()])
def test_a_column_that_knows_what_comes_is_found_by_its_name(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookahead, "columns", lambda features, table, _more: tuple(make(table.close) for _ in features))
    table = bars()
    findings = look_ahead(Cheat(rises), table)
    named = [finding for finding in findings if finding.what == "close()"]
    assert named
    first = named[0]
    with np.errstate(all="ignore"):
        shorter = [make(table.close[:cut])[first.bar] for cut in feature_cuts(COUNT) if cut > first.bar]
    assert first.known == make(table.close)[first.bar]
    assert np.isclose(first.cut, shorter, rtol=0.0, atol=0.0, equal_nan=True).any()


HONEST: dict[str, Make] = {
    "as it is": lambda close: close,
    "the mean so far": lambda close: np.cumsum(close) / np.arange(1, len(close) + 1),
    "the greatest so far": np.maximum.accumulate,
    "shifted the right way": lambda close: np.append(NAN, close[:-1]),
    "gaps that stay": lambda close: np.where(np.arange(len(close)) % 10 == 9, NAN, close),
    "smoothed forwards": _smooth,
    "noise of rounding": lambda close: close * (1 + 1e-12 * len(close)),
}


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in HONEST.items()])
def test_an_honest_column_is_let_go(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookahead, "columns", lambda features, table, _more: tuple(make(table.close) for _ in features))
    assert look_ahead(Cheat(rises), bars()) == ()


@pytest.mark.parametrize("period", [2, 23, DENSE])
@pytest.mark.parametrize("count", [60, COUNT, 500])
def test_a_column_that_peeks_now_and_then_is_found(period: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def peeking(close: Floats) -> Floats:
        out = close.copy()
        out[period - 1 : -1 : period] = close[period::period]
        return out

    monkeypatch.setattr(
        lookahead, "columns", lambda features, table, _more: tuple(peeking(table.close) for _ in features)
    )
    assert "close()" in {found.what for found in look_ahead(Cheat(rises), bars(count))}


def test_what_is_known_of_the_end_is_told_with_its_bar() -> None:
    def knows_the_end(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
        return (0.5 if i == 30 and len(features[0]) == COUNT else 0.0, NAN, NAN, NAN)

    (found,) = look_ahead(Cheat(knows_the_end), bars())
    assert found[:4] == (30, "target", 0.5, 0.0)


@pytest.mark.parametrize("count", [1, 2, 8, 9, 10])
def test_short_series_are_cut_wherever_they_can_be(count: int) -> None:
    assert look_ahead(Cheat(rises), bars(count)) == ()
    if count > 1:
        assert look_ahead(Cheat(in_the_limit), bars(count))


def test_of_one_bar_there_is_no_future_to_know() -> None:
    assert look_ahead(Cheat(in_the_limit), bars(1)) == ()


def peeks_at_23(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    close = features[0]
    return (1.0 if close[i + 1] > close[i] else -1.0, NAN, NAN, NAN) if i % 323 == 322 else HOLD


def peeks_by_length(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    return (0.5 if i == 300 and len(features[0]) > 301 else 0.0, NAN, NAN, NAN)


def honest_with_a_mean(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], position: float) -> Action:
    close = features[0]
    if i < 20:
        return HOLD
    mean = close[i - 20 : i + 1].sum() / 21.0
    return (1.0, NAN, mean, NAN) if close[i] > mean and position == 0.0 else HOLD


@pytest.mark.parametrize("decision", [peeks_at_23, peeks_by_length, honest_with_a_mean])
def test_machine_code_finds_what_plain_python_finds(decision: GenerateSignal, monkeypatch: pytest.MonkeyPatch) -> None:
    table = bars(700)
    told = look_ahead(Cheat(decision), table)
    monkeypatch.setattr(lookahead, "PLAIN_BARS", 100)
    again = look_ahead(Cheat(decision), table)
    assert [repr(found[:6]) for found in again] == [repr(found[:6]) for found in told]
    assert [found.bar for found in told] == {"peeks_at_23": [322], "peeks_by_length": [300]}.get(decision.__name__, [])


def test_a_decision_costs_the_same_however_many_bars_follow() -> None:
    calls = []

    def counted(i: int, _features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
        calls.append(i)
        return HOLD

    for count in (100, 400):
        calls.clear()
        assert look_ahead(Cheat(counted), bars(count)) == ()
        assert len(calls) == 4 * len(lookahead.POSITIONS) * count
