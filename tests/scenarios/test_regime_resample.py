"""Real bars by regime in a new order: what is drawn, what stays of each bar, shocks, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.scenarios.support import document
from tradewright.model.bars import Bars
from tradewright.model.errors import DataError
from tradewright.scenarios.market import generate
from tradewright.scenarios.regime_resample import Shock, Stretch, regime_resample

REAL = generate(document("shock_mix", duration_bars=2_000))[0].bars._replace(spread=np.full(2_000, 2.0))
LABELS = (np.arange(2_000) // 100) % 3
TS = REAL.ts[:300]
PLAN = (Stretch(2, 120), Stretch(0, 180))


def made(**changed: Any) -> Bars:
    given = {"bars": REAL, "labels": LABELS, "plan": PLAN, "seed": 7, "ts": TS, **changed}
    return regime_resample(**given)


def moves(bars: Bars) -> np.ndarray[Any, np.dtype[np.float64]]:
    return bars.close / np.concatenate([REAL.close[:1], bars.close[:-1]])


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others() -> None:
    assert [each.tobytes() for each in made()] == [each.tobytes() for each in made()]
    assert made().close.tobytes() != made(seed=8).close.tobytes()


def test_every_bar_is_a_real_one_of_its_regime_relative_to_the_close_before() -> None:
    bars, real = made(), REAL.close[1:] / REAL.close[:-1]
    for stretch, label in ((slice(0, 120), 2), (slice(120, 300), 0)):
        of_regime = np.sort(real[LABELS[1:] == label])
        found = moves(bars)[stretch]
        near = of_regime[np.clip(np.searchsorted(of_regime, found), 1, len(of_regime) - 1)]
        nearer = np.minimum(np.abs(near - found), np.abs(of_regime[np.searchsorted(of_regime, found) - 1] - found))
        assert nearer.max() < 1e-12
    assert set(bars.volume.tolist()) <= set(REAL.volume.tolist())
    prices = np.stack([bars.open, bars.high, bars.low, bars.close])
    assert (prices > 0).all()
    assert (bars.high >= prices.max(axis=0)).all()
    assert (bars.low <= prices.min(axis=0)).all()
    assert bars.ts is TS


def test_runs_are_consecutive_and_no_longer_than_a_block() -> None:
    whole = regime_resample(REAL, np.zeros(2_000, np.int64), [Stretch(0, 300)], 7, ts=TS, block=10)
    place = {value: number for number, value in enumerate(REAL.volume.tolist())}
    found = np.array([place[value] for value in whole.volume.tolist()])
    breaks = np.flatnonzero(np.diff(found) != 1)
    assert np.diff(breaks).max() <= 10
    assert len(breaks) >= 20


def test_a_shock_is_a_gap_and_stays() -> None:
    plain, shocked = made(), made(shocks=[Shock(50, -0.3)])
    assert shocked.close[:50].tobytes() == plain.close[:50].tobytes()
    assert shocked.close[50:] == pytest.approx(0.7 * plain.close[50:])
    assert shocked.open[50] == pytest.approx(0.7 * plain.open[50])


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"labels": LABELS[1:]}, "1999 labels for 2000 bars"),
        ({"plan": ()}, "the plan has no bar"),
        ({"plan": (Stretch(0, 0),)}, "the plan has no bar"),
        ({"ts": TS[1:]}, "299 starts for the 300 bars"),
        ({"ts": TS[::-1]}, "the starts do not ascend"),
        ({"block": 0}, "block = 0"),
        ({"bars": REAL._replace(close=REAL.close * 0.0)}, "a price is not above zero"),
        ({"shocks": [Shock(300, 0.1)]}, "a shock outside"),
        ({"shocks": [Shock(1, -1.0)]}, "a shock outside"),
        ({"plan": (Stretch(3, 300),)}, r"a regime without a bar; there are \[0, 1, 2\]"),
    ],
)
def test_what_is_refused(changed: dict[str, Any], what: str) -> None:
    with pytest.raises(DataError, match=what):
        made(**changed)
