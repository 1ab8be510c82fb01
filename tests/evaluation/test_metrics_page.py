"""The manual page of the metrics says what the code does."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from tests.evaluation.test_findings import SPOKEN
from tradewright.evaluation.advice import ADVICE
from tradewright.evaluation.check_input import FindingLimits
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.metrics import Metrics

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()


def first_cells(heading: str) -> list[str]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_every_figure_is_defined_in_order():
    assert first_cells("Figures") == [field.name for field in fields(Metrics)]


def test_every_sampling_is_explained():
    assert first_cells("Sampling") == [sampling.value for sampling in Sampling]


def test_every_finding_is_listed_and_tested():
    listed = first_cells("Findings")
    assert sorted(listed) == sorted(SPOKEN)
    evaluation = Path(__file__).parents[2] / "tradewright" / "evaluation"
    sources = [*evaluation.glob("*checks.py"), evaluation / "shared_study.py"]
    written = set(re.findall(r'Finding\(\s*f?"([A-Z_{}.a-z()]+)"', "".join(path.read_text() for path in sources)))
    assert {code for code in written if "{" not in code} | {"ONE_MONTH_CARRIES", "ONE_YEAR_CARRIES"} == set(listed)


def test_every_finding_says_why_it_matters_and_what_to_do():
    assert set(ADVICE) == set(SPOKEN)
    assert all(text.endswith(".") and len(text) > 10 for advice in ADVICE.values() for text in advice)


def test_the_severities_are_those_seen():
    for code, (severity, _, _) in SPOKEN.items():
        row = re.search(rf"^\| `{code}` \| ([\w, ]+) \|", PAGE, re.MULTILINE)
        assert row is not None
        assert severity.value in row[1].split(", ")


def test_the_limits_named_are_the_defaults():
    limits = FindingLimits()
    assert f"fewer than {limits.min_trades} closed trades" in PAGE
    assert f"a drawdown of {-limits.deep_drawdown * 100:.0f} % or more" in PAGE
    assert f"eat {limits.fee_share * 100:.0f} % of it" in PAGE
    assert f"Sharpe of {limits.suspicious_sharpe:.0f} or more" in PAGE
    assert f"fewer than {limits.trades_per_parameter} closed trades for each parameter" in PAGE
    assert f"{limits.regime_share * 100:.0f} % of the profit" in PAGE
    assert f"lose {limits.sensitive_share * 100:.0f} % of the profit" in PAGE
    assert f"{limits.large_market_share * 100:.0f} % of its bar's volume or more" in PAGE
    assert f"fewer than {limits.low_exposure * 100:.0f} % of the bars" in PAGE
