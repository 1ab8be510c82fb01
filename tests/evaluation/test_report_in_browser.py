"""The report in a real browser: it draws its plots, offline, without an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluation.accounts import Fill, account
from tests.support.chromium import chromium, needs_chromium, until
from tradewright.evaluation.risk_report import risk_report

pytestmark = [pytest.mark.browser, needs_chromium]


def test_the_plots_are_drawn_offline_and_nothing_complains(tmp_path: Path) -> None:
    closes = [100 + day % 7 + day / 10 for day in range(60)]
    result = account(closes, [Fill(3, 5, 101, 1), Fill(30, -5, 104, 1)])
    risk_report("sma", {"SPY": result, "GOOG": result}).write(tmp_path / "report.html")
    with chromium(tmp_path / "profile") as page:
        page.open((tmp_path / "report.html").as_uri())
        until(lambda: page.run("all('.js-plotly-plot .scatterlayer').length") >= 5, "five plots")
        assert page.complaints == []
