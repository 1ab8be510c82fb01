"""The page of a sweep: the surface as it was measured, the chosen set marked, drawn offline."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.test_findings import CLEAN, steady
from tests.support.chromium import chromium, needs_chromium, until
from tradewright.evaluation.check_input import CheckInput
from tradewright.evaluation.checks import verdict
from tradewright.evaluation.metrics import evaluate
from tradewright.evaluation.sweep_charts import MOST_LINES, distribution_figure, heat_figure, parallel_figure
from tradewright.evaluation.sweep_checks import surface_findings
from tradewright.evaluation.sweep_page import sweep_page
from tradewright.evaluation.trial_count import TrialCount

SETS = [
    {"fast": float(fast), "slow": float(slow), "stop": stop}
    for fast, slow, stop in product((5, 10, 20), (30, 40, 50, 60), (0.0, 2.0))
    if (fast, slow) != (20, 30)
]
FIGURES = np.array([each["fast"] - each["slow"] / 100 - each["stop"] for each in SETS])
BEST = int(FIGURES.argmax())


def test_the_heat_map_holds_each_pair_at_the_other_values_of_the_chosen_set() -> None:
    figure = heat_figure(SETS, FIGURES, BEST, "sharpe")
    assert figure is not None
    heat, mark = figure.data
    assert (list(heat.x), list(heat.y)) == (["5", "10", "20"], ["30", "40", "50", "60"])
    for row, slow in zip(heat.z, (30, 40, 50, 60), strict=True):
        for value, fast in zip(row, (5, 10, 20), strict=True):
            assert value is None if (fast, slow) == (20, 30) else value == pytest.approx(fast - slow / 100)
    assert (mark.x[0], mark.y[0]) == ("20", "40")
    assert figure.layout.xaxis.title.text == "fast (stop 0)"


def test_one_parameter_makes_no_surface() -> None:
    assert heat_figure([{"fast": 1.0}, {"fast": 2.0}], np.array([1.0, 2.0]), 1, "sharpe") is None


def test_the_distribution_counts_every_set_and_marks_the_chosen_one() -> None:
    figure = distribution_figure(FIGURES, BEST, "sharpe")
    assert sum(figure.data[0].y) == len(SETS)
    assert [line.x0 for line in figure.layout.shapes] == [FIGURES[BEST], pytest.approx(float(np.median(FIGURES)))]
    assert sum(distribution_figure(np.ones(3), 0, "sharpe").data[0].y) == 3


def test_every_set_is_a_line_through_its_parameters_and_its_figure() -> None:
    figure = parallel_figure(SETS, FIGURES, BEST, "sharpe")
    assert figure is not None
    fast, slow, stop, sharpe = figure.data[0].dimensions
    lines = sorted(zip(fast["values"], slow["values"], stop["values"], sharpe["values"], strict=True))
    assert lines == sorted((*each.values(), value) for each, value in zip(SETS, FIGURES.tolist(), strict=True))
    assert tuple(figure.data[0].line.color) == tuple(sharpe["values"])
    assert parallel_figure([{"fast": 1.0}, {"fast": 2.0}], np.array([1.0, 2.0]), 1, "sharpe") is None


def test_of_too_many_sets_the_ends_and_the_chosen_one_are_drawn() -> None:
    sets = [{"a": float(place), "b": float(place % 7)} for place in range(5 * MOST_LINES)]
    figures = np.array([(each["a"] * 37) % 4999 for each in sets])
    chosen = 123
    figure = parallel_figure(sets, figures, chosen, "sharpe")
    assert figure is not None
    drawn = figure.data[0].dimensions[-1]["values"]
    assert MOST_LINES <= len(drawn) <= MOST_LINES + 1
    assert {figures.min(), figures.max(), figures[chosen]} <= set(drawn)


def page() -> str:
    result = steady()
    found = surface_findings(SETS, FIGURES, BEST, "sharpe")
    assert found
    judged = verdict(CheckInput(result, evaluate(result), replace(CLEAN, tried=TrialCount(22, 9.0))))
    return sweep_page("<b>sma", {"sets": "22"}, judged, found, SETS, FIGURES, BEST, "sharpe")


def test_the_page_tells_verdict_and_findings_and_escapes_names() -> None:
    text = page()
    assert "<b>sma" not in text
    assert "22 trials" in text
    assert "of the best set&#39;s lead" in text
    assert "default-src 'none'" in text
    assert "http://" not in text.split("</script>")[-3]


@pytest.mark.browser
@needs_chromium
def test_it_is_drawn_offline_and_nothing_complains(tmp_path: Path) -> None:
    (tmp_path / "sweep.html").write_text(page())
    with chromium(tmp_path / "profile") as tab:
        tab.open((tmp_path / "sweep.html").as_uri())
        until(lambda: tab.run("all('.js-plotly-plot .main-svg').length") >= 2, "two plots")
        assert tab.complaints == []
