"""The risk-free rate as a series: each period takes the newest rate that was known when it began."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.accounts import curve
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.metrics import evaluate
from tradewright.evaluation.rolling import metrics_window
from tradewright.formats.rates_file import read_risk_free
from tradewright.model.errors import DataError
from tradewright.model.risk_free import RiskFreeRates

DAY = 86_400 * 10**9
START = int(np.datetime64("2024-01-01", "ns").astype(np.int64))
EQUITY = [1000 + 7 * row + 40 * math.sin(row) for row in range(60)]
TS = START + DAY * np.arange(60)
ACCOUNT = curve(EQUITY, ts=TS.tolist())


def series(rates: dict[int, float]) -> RiskFreeRates:
    """Rates by the day on which they are known, at its begin."""
    return RiskFreeRates(START + DAY * np.array(list(rates)), np.array(list(rates.values())), "rates.csv")


@pytest.mark.parametrize("sampling", Sampling)
def test_a_constant_series_is_the_rate(sampling: Sampling) -> None:
    fixed = evaluate(ACCOUNT, sampling, 365, 0.04).as_dict()
    same = evaluate(ACCOUNT, sampling, 365, series({-3: 0.04, 20: 0.04, 41: 0.04})).as_dict()
    assert same.pop("risk_free") == pytest.approx(fixed.pop("risk_free"))
    for name, value in fixed.items():
        assert same[name] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), name


def test_each_period_takes_the_rate_that_was_known_when_it_began() -> None:
    """Written out: the return of a day takes the rate that is known at the begin of its bar."""
    known = series({-1: 0.01, 20: 0.08, 40: -0.005})
    found = evaluate(ACCOUNT, Sampling.SESSION, 365, known)
    yearly = [0.01 if day < 20 else 0.08 if day < 40 else -0.005 for day in range(60)]
    path = [1000.0, *EQUITY]
    returns = [after / before - 1 for before, after in itertools.pairwise(path)]
    excess = [each - ((1 + rate) ** (1 / 365) - 1) for each, rate in zip(returns, yearly, strict=True)]
    deviation = math.sqrt(sum((each - sum(returns) / 60) ** 2 for each in returns) / 59)
    assert found.sharpe == pytest.approx(sum(excess) / 60 / deviation * math.sqrt(365))
    assert found.omega == pytest.approx(sum(max(each, 0) for each in excess) / sum(max(-each, 0) for each in excess))
    assert found.risk_free == pytest.approx(sum(yearly) / 60)
    window = metrics_window(ACCOUNT, [30], Sampling.SESSION, 365, known)[-1]
    last, own = excess[-30:], returns[-30:]
    spread = math.sqrt(sum((each - sum(own) / 30) ** 2 for each in own) / 29)
    assert window["sharpe"] == pytest.approx(sum(last) / 30 / spread * math.sqrt(365))


def test_no_later_rate_has_a_part(tmp_path: Path) -> None:
    """A date alone is known at its end: the rate of the last day changes nothing, that of a day before does."""
    head = "date,rate\n2023-12-31,0.01\n2024-02-10,0.02\n"
    found = []
    for row in ("", "2024-02-29,0.9\n", "2024-02-28,0.9\n"):
        (tmp_path / "rates.csv").write_text(head + row)
        found.append(evaluate(ACCOUNT, Sampling.SESSION, 365, read_risk_free(tmp_path / "rates.csv")).sharpe)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("rates", [{1: 0.01}, {-120: 0.01, 20: 0.01}, {-60: 0.01}])
def test_a_period_without_a_rate_is_refused(rates: dict[int, float]) -> None:
    with pytest.raises(DataError, match="no risk-free rate of the last 100 days is known at 2024-0"):
        evaluate(ACCOUNT, Sampling.SESSION, 365, series(rates))


@pytest.mark.parametrize("cell", ["5.25", "-1", ".", "nan", "x", ""])
def test_what_is_no_yearly_rate_is_refused(tmp_path: Path, cell: str) -> None:
    (tmp_path / "rates.csv").write_text(f"date,rate\n2024-01-01,{cell}\n")
    with pytest.raises(DataError, match="is no yearly rate") as told:
        read_risk_free(tmp_path / "rates.csv")
    assert told.value.where.endswith("rates.csv, line 2")
