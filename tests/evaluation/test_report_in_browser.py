"""The report in a real browser: it draws its plots, offline, without an error."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.evaluation.accounts import Fill, account
from tradewright.evaluation.risk_report import risk_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=10000",
    "--dump-dom",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


def opened(page: Path, profile: Path) -> tuple[str, str]:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return done.stdout, console


def test_the_plots_are_drawn_offline_and_nothing_complains(tmp_path):
    closes = [100 + day % 7 + day / 10 for day in range(60)]
    result = account(closes, [Fill(3, 5, 101, 1), Fill(30, -5, 104, 1)])
    risk_report("sma", {"SPY": result, "GOOG": result}).write(tmp_path / "report.html")
    shown, console = opened(tmp_path / "report.html", tmp_path / "profile")
    assert shown.count('class="js-plotly-plot"') + shown.count("plot js-plotly-plot") >= 5
    assert shown.count("scatterlayer") >= 5
    assert console == ""
