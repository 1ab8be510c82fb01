"""The lab's operations: controls inside their bounds, figures that follow them, refusals as text."""

from __future__ import annotations

import dataclasses
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.operations import lab, research
from app.operations.study_view import StudyView
from conf.compose import compose
from conf.environment import conf_folder, options
from conf.strategy_kinds import kinds, parameters_of
from strategies.base import Parameter
from tests.support.desk_store import SCENARIO
from tests.support.houses import conf_copy


@pytest.fixture(scope="module")
def overrides(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    return (*SCENARIO, f"storage.root={tmp_path_factory.mktemp('store')}")


@pytest.fixture(scope="module")
def choice(overrides: tuple[str, ...]) -> lab.Choice:
    return lab.lab_options(overrides).first


@pytest.fixture(scope="module")
def shown(overrides: tuple[str, ...], choice: lab.Choice) -> StudyView:
    return lab.explore(overrides, choice)


def test_the_bench_offers_what_is_configured(overrides: tuple[str, ...]) -> None:
    options = lab.lab_options(overrides)
    assert options.problem == ""
    assert {"sma_crossover", "macd_trend"} <= set(options.strategies)
    assert options.instruments[:2] == ("BTC", "ETH")
    assert options.first.instruments == ("BTC",)
    assert options.timeframes[:2] == ("1m", "5m"), "longer bars are made of shorter ones"
    assert "ibkr_fixed" in options.costs


def test_the_lab_starts_with_the_strategy_in_force(overrides: tuple[str, ...]) -> None:
    assert lab.lab_options((*overrides, "strategy=buy_and_hold")).first.strategy == "buy_and_hold"


def test_what_the_choices_overrule_in_a_strategy_is_told(overrides: tuple[str, ...], choice: lab.Choice) -> None:
    own = (*overrides, "strategy.timeframe=5m", "strategy.instruments=[ETH]")
    told = (
        "The file of sma_crossover names bars of 5m, and these are of 1m; it names ETH, and these are figures of BTC."
    )
    picked = dataclasses.replace(choice, strategy="sma_crossover", timeframe="1m", instruments=("BTC",))
    assert lab.not_its_own(own, picked) == told
    assert lab.not_its_own(own, dataclasses.replace(picked, timeframe="5m", instruments=("ETH",))) == ""
    assert lab.not_its_own(overrides, picked) == ""
    assert lab.not_its_own(overrides, dataclasses.replace(picked, strategy="no_such")) == ""


def test_the_bars_follow_a_strategy_that_names_its_own(
    tmp_path: Path, overrides: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = conf_copy(tmp_path, ("sma_crossover", "ema_crossover", "macd_trend"))
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf))
    file = conf / "strategy" / "sma_crossover.yaml"
    text = re.sub("(?m)^instruments:.*", "instruments: [ETH, AAPL]", file.read_text().partition("\n")[2])
    (conf / "strategy" / "own.yaml").write_text(re.sub("(?m)^timeframe:.*", "timeframe: 5m", text))
    (conf / "strategy" / "broken.yaml").write_text("kind: no_such\n")
    shown = list[lab.Bars]()
    picked = lab.follower(overrides, "sma_crossover", shown.append)
    for name in ("ema_crossover", "own", "broken", "own", "macd_trend"):
        picked(name)
    assert shown == [lab.Bars(("ETH", "AAPL"), "5m"), lab.Bars(("BTC",), "1m")]
    options = lab.lab_options(overrides)
    assert options.with_bars(None) == options
    bars = dataclasses.replace(options, instruments=("BTC",), timeframes=("1m", "1d")).with_bars(shown[0])
    assert (bars.instruments, bars.timeframes) == (("BTC", "ETH", "AAPL"), ("1m", "5m", "1d"))
    assert (bars.first.instruments, bars.first.timeframe) == (("ETH", "AAPL"), "5m")
    chosen = lab.lab_options((*overrides, "strategy=own")).first
    assert (chosen.instruments, chosen.timeframe) == (("ETH", "AAPL"), "5m")
    told = lab.lab_options((*overrides, "strategy=own", "backtest.instruments=[BTC]")).first
    assert told.instruments == ("BTC",)


def test_wrong_settings_leave_an_empty_bench_with_the_reason() -> None:
    options = lab.lab_options(("strategy.fsat=3",))
    assert "fsat" in options.problem
    assert options.strategies == ()


@pytest.mark.parametrize(
    "kind", [each for each in kinds().per_instrument if each in options("strategy", conf_folder())]
)
def test_every_strategy_has_a_knob_per_parameter(overrides: tuple[str, ...], kind: str) -> None:
    controls = lab.parameter_controls(overrides, kind)
    admitted = parameters_of(kind)
    assert [control.name for control in controls] == list(admitted)
    for control in controls:
        assert (
            admitted[control.name].least
            <= control.least
            <= control.value
            <= control.most
            <= admitted[control.name].most
        )


def test_there_are_no_knobs_of_a_strategy_that_is_not_there(overrides: tuple[str, ...]) -> None:
    assert lab.parameter_controls(overrides, "no_such") == ()


BOUND = st.floats(0, 100).map(lambda value: round(value, 9))
RULES = st.tuples(BOUND, BOUND, BOUND, st.booleans()).map(
    lambda row: Parameter(sorted(row[:3])[1], sorted(row[:3])[0], sorted(row[:3])[2], row[3])
)


@given(rule=RULES, place=st.floats(0, 1))
def test_a_knob_holds_its_value_and_stays_in_bounds(rule: Parameter, place: float) -> None:
    whole = rule.whole
    if whole:
        rule = Parameter(int(rule.default), int(rule.least), int(rule.most) + 1, True)
    value = rule.least + place * (rule.most - rule.least)
    control = lab.parameter_control("any", rule, int(value) if whole else value)
    assert rule.least <= control.least <= control.value <= control.most <= rule.most
    assert control.step > 0
    assert not whole or all(float(part).is_integer() for part in dataclasses.astuple(control)[1:])


def test_a_wide_bound_becomes_a_slider_that_can_be_set() -> None:
    assert lab.parameter_control("fast", Parameter(10, 1, 10_000, True), 10) == lab.ParameterControl(
        "fast", 10, 1, 40, 1
    )
    assert lab.parameter_control("fast", Parameter(10, 1, 10_000, True), 500) == lab.ParameterControl(
        "fast", 500, 1, 2000, 1
    )
    assert lab.parameter_control("threshold", Parameter(0.0025, 0, 1, False), 0.0025) == lab.ParameterControl(
        "threshold", 0.0025, 0, 0.01, 0.0001
    )
    assert lab.parameter_control("nothing", Parameter(0.0, 0, 5, False), 0.0) == lab.ParameterControl(
        "nothing", 0.0, 0, 4.0, 0.1
    )


def test_a_choice_says_what_the_command_line_would(overrides: tuple[str, ...], choice: lab.Choice) -> None:
    picked = dataclasses.replace(
        choice,
        strategy="macd_trend",
        instruments=("ETH",),
        costs="percent",
        allow_short=True,
        days=(date(2026, 11, 19), date(2026, 11, 20)),
        parameters={"fast": 5, "threshold": 1e-05},
    )
    settings = lab.settings_of(overrides, picked)
    assert settings.strategy.parameters == {"fast": 5, "slow": 26, "signal": 9, "threshold": 1e-05}
    assert settings.backtest.instruments == ("ETH",)
    assert settings.backtest.costs.kind == "percent"
    assert settings.backtest.allow_short
    assert (settings.backtest.start, settings.backtest.end) == (date(2026, 11, 19), date(2026, 11, 20))


def test_the_lab_and_the_command_line_agree(overrides: tuple[str, ...], shown: StudyView) -> None:
    reply = research.backtest(compose((*overrides, "backtest.instruments=[BTC]")))
    assert shown.study is not None
    assert shown.study.metrics.final_equity == reply.final_equity
    assert len(shown.fills) == len(reply.fills) > 0
    assert f"equity {reply.final_equity:.2f} trades {reply.trades} " in shown.line


def test_figures_follow_the_knobs(overrides: tuple[str, ...], choice: lab.Choice, shown: StudyView) -> None:
    moved = lab.explore(overrides, dataclasses.replace(choice, parameters={"fast": 5, "slow": 15}))
    assert moved.line != shown.line
    assert len(moved.fills) > len(shown.fills)


def test_pictures_hold_the_fills(shown: StudyView) -> None:
    (figure,) = shown.prices.values()
    drawn = {trace.name: len(trace.x) for trace in figure.data}
    assert drawn["Buy"] + drawn["Sell"] == len(shown.fills)
    assert shown.account is not None
    assert {trace.name for trace in shown.account.data} >= {"Equity", "Drawdown", "Exposure"}


def test_findings_are_ranked_and_escaped(shown: StudyView) -> None:
    assert shown.study is not None
    assert shown.findings.startswith("<ol")
    assert shown.findings.count("<li") == len(shown.study.report.findings()) > 0
    assert "<script" not in shown.findings


def test_several_instruments_are_one_account(overrides: tuple[str, ...], choice: lab.Choice) -> None:
    both = lab.explore(overrides, dataclasses.replace(choice, instruments=("BTC", "ETH")))
    assert list(both.prices) == ["BTC", "ETH"]
    assert {row["instrument"] for row in both.fills} == {"BTC", "ETH"}
    assert "Returns" not in both.problem
    assert "| BTC |" in both.texts["figures"].replace("BTC | ETH", "BTC |")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"instruments": ()}, "pick at least one"),
        ({"instruments": ("IBM",)}, "no trade bars of IBM"),
        ({"parameters": {"fast": 40, "slow": 30}}, "fast < slow is needed"),
        ({"parameters": {"fast": 0}}, "from 1 to 10000"),
        ({"strategy": "no_such"}, "no_such"),
    ],
)
def test_what_is_refused_comes_back_as_text(
    overrides: tuple[str, ...], choice: lab.Choice, changes: dict[str, object], reason: str
) -> None:
    refused = lab.explore(overrides, dataclasses.replace(choice, **changes))  # type: ignore[arg-type]
    assert reason in refused.problem
    assert refused.line == refused.problem
    assert (refused.tiles, refused.fills, refused.prices, refused.account) == ((), [], {}, None)


def test_the_span_is_that_of_the_bars(overrides: tuple[str, ...]) -> None:
    assert lab.span(overrides, ["BTC"], "1m") == (date(2026, 11, 18), date(2026, 11, 20))
    assert lab.span(overrides, ["IBM"], "1m") == lab.ALL_DAYS


def test_bars_that_are_not_there_yet_are_made(tmp_path: Path) -> None:
    fresh = (*SCENARIO, f"storage.root={tmp_path}")
    assert lab.span(fresh, ["BTC"], "1m") == (date(2026, 11, 18), date(2026, 11, 20))
