"""The risk report: plain values, Markdown, one HTML file, small pictures."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.evaluation.accounts import MINUTE, Fill, account, curve
from tradewright.evaluation.charts import POINTS, account_figure, account_svg, price_figure
from tradewright.evaluation.check_input import FindingLimits
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.finding import TOGETHER, ValidityEvidence
from tradewright.evaluation.formatting import count, markdown_table, money, percent, ratio
from tradewright.evaluation.line_picture import downsample, line_svg
from tradewright.evaluation.risk_report import risk_report
from tradewright.model.errors import DataError, StoreError

HOSTILE = "<script>alert('x')</script>&|\"*"


@pytest.fixture
def traded():
    closes = [100 + day % 7 + day / 10 for day in range(200)]
    fills = [Fill(day, 5 if day % 20 == 0 else -5, closes[day], 0.5) for day in range(0, 190, 10)]
    return account(closes, fills, cash=1000)


@pytest.fixture
def report(traded):
    return risk_report("sma", {"SPY": traded, HOSTILE: curve([1000, 900, 950])}, facts={"mode": HOSTILE})


class Page(HTMLParser):
    """Collects tags, the text that is shown, and every attribute that could fetch."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.shown, self.fetches, self.inside = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = tag
        self.fetches += [value for key, value in attrs if key in ("src", "href", "action", "data", "srcset")]

    def handle_endtag(self, _tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.shown.append(data)


def test_plain_values_of_one_instrument_hold_its_metrics(traded):
    plain = risk_report("sma", {"SPY": traded}, days_per_year=365).plain()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["instruments"] == 1
    assert plain["trades"] == 9
    assert plain["days_per_year"] == 365
    assert {"sharpe", "max_drawdown", "critical_findings", "warnings"} <= set(plain)


def test_each_instrument_is_measured_by_its_own_days_and_all_together_by_the_most(traded):
    sections = risk_report("sma", {"SPY": traded, "BTC": traded}, days_per_year={"SPY": 252, "BTC": 365}).sections
    assert {each.instrument: each.metrics.days_per_year for each in sections} == {TOGETHER: 365, "SPY": 252, "BTC": 365}
    _, shares, coins = (each.metrics.sharpe for each in sections)
    assert coins == pytest.approx(shares * (365 / 252) ** 0.5)


def test_plain_values_of_several_instruments_are_those_of_the_pool(report):
    plain = report.plain()
    whole, *parts = [section.metrics for section in report.sections]
    assert [section.instrument for section in report.sections] == ["All instruments", "SPY", HOSTILE]
    assert (plain["instruments"], plain["initial_cash"]) == (2, 2000)
    assert plain["net_profit"] == pytest.approx(sum(part.net_profit for part in parts))
    assert plain["max_drawdown"] == whole.max_drawdown
    assert (plain["fees"], plain["trades"]) == (sum(part.fees for part in parts), sum(part.trades for part in parts))


def test_the_pool_is_as_sure_as_its_least_sure_part(traded):
    def codes(first, second):
        evidence = {
            "A": ValidityEvidence(look_ahead_free=first),
            "B": ValidityEvidence(look_ahead_free=second, missing_bars=4),
        }
        return {
            each.code for each in risk_report("s", {"A": traded, "B": traded}, evidence=evidence).sections[0].findings
        }

    assert "LOOK_AHEAD" in codes(None, False)
    assert "LOOK_AHEAD_UNTESTED" in codes(True, None)
    assert not {"LOOK_AHEAD", "LOOK_AHEAD_UNTESTED"} & codes(True, True)
    assert "DATA_GAPS" in codes(True, True)


def test_settings_evidence_and_limits_reach_the_metrics_and_findings(traded):
    report = risk_report(
        "sma",
        {"SPY": traded},
        sampling=Sampling.CALENDAR_DAY,
        risk_free=0.01,
        evidence={"SPY": ValidityEvidence(look_ahead_free=False)},
        limits=FindingLimits(min_trades=1),
    )
    section = report.sections[0]
    assert (section.metrics.sampling, section.metrics.risk_free) == (Sampling.CALENDAR_DAY, 0.01)
    codes = [finding.code for finding in section.findings]
    assert codes[0] == "LOOK_AHEAD"
    assert "FEW_TRADES" not in codes


def test_findings_are_ranked_over_all_instruments(report):
    ranked = report.findings()
    assert [finding.rank for _, finding in ranked] == list(range(1, len(ranked) + 1))
    assert ranked[0][1].code == "NO_TRADES"
    assert ranked[0][0] == HOSTILE


def test_markdown_tables_are_whole(report):
    parts = report.markdown()
    assert set(parts) == {"figures", "findings", "months", "account"}
    for name in ("figures", "findings"):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in parts[name].splitlines()}
        assert len(widths) == 1, name
    assert "<script" not in "".join(parts.values())
    assert "| Final equity | " in parts["figures"]
    assert "data:image/svg+xml;base64," in parts["account"]


def test_nothing_to_report_on_is_refused():
    with pytest.raises(DataError, match="sma: no backtest"):
        risk_report("sma", {})


def test_the_page_fetches_nothing_and_escapes_everything(report):
    text = report.html()
    page = Page(text)
    assert page.fetches == ["#section-0", "#section-1", "#section-2"]
    assert "default-src 'none'" in text
    assert "<script>alert" not in text
    assert "".join(page.shown).count(HOSTILE) >= 3
    assert page.tags.count("figure") == 6
    assert text.count("plotly.js v") == 1
    assert not re.search(r"\bnan\b|Infinity%|\binf\b", "".join(page.shown), re.IGNORECASE)


def test_the_page_shows_the_figures(traded):
    shown = " ".join(Page(risk_report("sma", {"SPY": traded}).html()).shown)
    metrics = risk_report("sma", {"SPY": traded}).sections[0].metrics
    for text in (percent(metrics.total_return), ratio(metrics.sharpe), money(metrics.final_equity), "9 closed trades"):
        assert text in shown
    assert "2020-01-01 to 2020-07-18, 200 bars" in shown


def test_a_page_without_findings_says_so(report):
    quiet = replace(report, sections=tuple(replace(section, findings=()) for section in report.sections))
    assert "No finding." in quiet.html()
    assert quiet.plain()["warnings"] == 0


def test_embedded_figures_are_json(report):
    for found in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', report.html(), re.DOTALL):
        assert set(json.loads(found)) == {"data", "layout"}
        assert "<" not in found


@pytest.mark.parametrize("equity", [[], [1000.0], [1000.0] * 5])
def test_degenerate_accounts_have_a_page(equity):
    report = risk_report("none", {"X": curve(equity)})
    assert "none" in report.html()
    assert report.markdown()["months"].startswith("**X**")
    ET.fromstring(report.pictures()["X"])


def test_the_file_is_written_whole_or_not_at_all(report, tmp_path):
    target = tmp_path / "reports" / "sma.html"
    report.write(target)
    assert target.read_text() == report.html()
    assert [path.name for path in target.parent.iterdir()] == ["sma.html"]
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError):
        report.write(blocked / "sma.html")


def test_the_same_results_give_the_same_bytes(traded):
    first, second = (risk_report("sma", {"SPY": traded}).html() for _ in range(2))
    assert first == second


def test_the_picture_is_well_formed_and_within_its_frame(traded):
    picture = ET.fromstring(account_svg(traded, HOSTILE))
    assert HOSTILE in [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    for line in picture.iter("{http://www.w3.org/2000/svg}polyline"):
        points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        assert all(0 <= x <= 640 and 0 <= y <= 240 for x, y in points)
        assert len(points) == 201


def test_thinning_keeps_ends_and_extremes():
    values = np.random.default_rng(4).normal(size=50_000).cumsum()
    kept = downsample(values, 600)
    assert len(kept) <= 602
    assert (kept[0], kept[-1]) == (0, 49_999)
    assert {int(values.argmin()), int(values.argmax())} <= set(kept.tolist())
    assert np.array_equal(kept, np.unique(kept))
    assert downsample(values[:600], 600).tolist() == list(range(600))
    assert downsample(values[:0], 600).tolist() == []


def test_plots_hold_every_fill_and_are_thinned(traded):
    figure = price_figure(traded)
    assert [len(trace.x) for trace in figure.data] == [200, 10, 9]
    long = account_figure(curve(np.linspace(1000, 2000, 20_000).tolist(), step=MINUTE))
    assert max(len(trace.x) for trace in long.data) <= POINTS + 2
    assert [trace.name for trace in long.data] == ["Buy and hold", "Equity", "Drawdown", "Exposure"]


def test_markdown_cells_keep_to_their_column():
    assert markdown_table(("a", "b"), [("x|y\n", "1")]) == "| a | b |\n| :-- | --: |\n| x\\|y  | 1 |"


def test_words():
    assert (money(-1234.5), money(-0.001), percent(0.12345), percent(-0.00001, 1)) == (
        "-1,234.50",
        "0.00",
        "12.35%",
        "0.0%",
    )
    assert (ratio(1.005), ratio(1e6), ratio(-1e6)) == ("1.00", "> 1,000,000", "< -1,000,000")
    assert (count(1, "bar"), count(1200, "bar")) == ("1 bar", "1,200 bars")


@pytest.mark.parametrize(
    ("values", "said"),
    [([], "no values"), ([float("nan")], "no values"), ([5.0], "5 to 5, last 5"), ([1.0, 3.0, 2.0], "1 to 3, last 2")],
)
def test_a_line_is_drawn_within_its_frame(values, said):
    picture = ET.fromstring(line_svg(np.array(values), HOSTILE))
    texts = [node.text for node in picture.iter() if node.tag.endswith("text")]
    assert texts == [HOSTILE, said]
    drawn = next(node for node in picture.iter() if node.tag.endswith("polyline")).attrib["points"].split()
    assert len(drawn) == sum(np.isfinite(values))
    assert all(0 <= float(y) <= 160 for _, y in (point.split(",") for point in drawn))
