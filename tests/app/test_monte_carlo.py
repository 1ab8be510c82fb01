"""The command montecarlo: percentiles, stresses, one trial, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.app.conftest import say
from tests.app.test_walk_forward import house, stocked
from tests.support.houses import House

__all__ = ["house", "stocked"]
SMALL = ("montecarlo.paths=100", "montecarlo.permutations=20", "strategy.fast=3", "strategy.slow=9")


def test_percentiles_stresses_and_one_trial(house: House) -> None:
    said = say("montecarlo", *house.overrides, *SMALL, "--json")
    assert said.status == 0, said.err
    reply = said.json
    alone = say("backtest", *house.overrides, *SMALL, "--json").json
    assert alone["verdict"] == reply["verdict"]
    assert reply["verdict"]["figures"]["trials"] == 1
    (line,) = say("trials", *house.overrides, "--json").json["trials"][-1:]
    assert (line["source"], line["added"], line["so_far"]) == ("backtest", 0, 1)
    assert [(each["costs"], each["delay"]) for each in reply["stresses"]] == [(1, 0), (2, 0), (3, 0), (1, 1), (1, 2)]
    assert reply["stresses"][0]["net_profit"] == pytest.approx(alone["net_profit"])
    assert reply["stresses"][0]["fees"] < reply["stresses"][1]["fees"] < reply["stresses"][2]["fees"]
    for name in ("bootstrap", "shuffled", "missed"):
        assert reply[name]["paths"] == 100
        for figure in ("sharpe", "total_return", "max_drawdown", "profit_factor"):
            each = reply[name][figure]
            assert each["p5"] <= each["median"] <= each["p95"]
    shown = (reply["sharpe_p5"], reply["max_drawdown_p95"], reply["profit_factor_p5"])
    assert shown == tuple(reply["bootstrap"][name]["p5"] for name in ("sharpe", "max_drawdown", "profit_factor"))
    permuted = reply["permuted"]
    assert permuted["permutations"] == 20
    assert permuted["p_value"] * 21 == pytest.approx(round(permuted["p_value"] * 21))
    assert permuted["sharpe"]["p5"] <= permuted["sharpe"]["median"] <= permuted["sharpe"]["p95"]
    assert say("montecarlo", *house.overrides, *SMALL, "--json").json == reply
    other = say("montecarlo", *house.overrides, *SMALL, "base.seed=5", "--json").json
    assert other["bootstrap"] != reply["bootstrap"]
    assert (other["stresses"], other["seed"]) == (reply["stresses"], 5)


def test_the_settings_have_effect(house: House) -> None:
    more = ("montecarlo.blocks=circular", "montecarlo.block_bars=60", "montecarlo.missed_share=0.5")
    told = ("montecarlo.cost_factors=[1.5]", "montecarlo.delays=[]", "montecarlo.permutations=0")
    plain = say("montecarlo", *house.overrides, *SMALL, "--json").json
    reply = say("montecarlo", *house.overrides, *SMALL, *more, *told, "--json").json
    assert [(each["costs"], each["delay"]) for each in reply["stresses"]] == [(1.5, 0)]
    assert reply["bootstrap"] != plain["bootstrap"]
    assert reply["missed"] != plain["missed"]
    assert reply["shuffled"] == plain["shuffled"]
    assert reply["permuted"] is None


def test_the_risk_free_rate_may_be_a_series(house: House, tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("date,rate\n" + "".join(f"2024-{month:02}-01,0.04\n" for month in range(2, 13)))
    words, span = (*SMALL, "montecarlo.permutations=0"), "backtest.start=2024-03-01"
    series = f"evaluation.risk_free_rates={tmp_path / 'rates.csv'}"
    fixed = say("montecarlo", *house.overrides, *words, span, "evaluation.risk_free=0.04", "--json").json
    found = say("montecarlo", *house.overrides, *words, span, series, "--json").json
    assert [row["sharpe"] for row in found["stresses"]] == pytest.approx([row["sharpe"] for row in fixed["stresses"]])
    plain = say("montecarlo", *house.overrides, *words, span, "--json").json
    assert plain["stresses"][0]["sharpe"] != pytest.approx(found["stresses"][0]["sharpe"])
    assert "no risk-free rate" in say("backtest", *house.overrides, *SMALL, series).err, "of January"
    both = say("backtest", *house.overrides, series, "evaluation.risk_free=0.04")
    assert (both.status, "evaluation.risk_free_rates" in both.err) == (1, True)
    lost = say("backtest", *house.overrides, "evaluation.risk_free_rates=none.csv")
    assert (lost.status, "correct evaluation.risk_free_rates" in lost.err) == (1, True)


def test_the_report_draws_the_fan(house: House, tmp_path: Path) -> None:
    page = tmp_path / "paths.html"
    said = say("montecarlo", *house.overrides, *SMALL, "montecarlo.permutations=0", "--report", str(page))
    assert said.status == 0, said.err
    assert f"risk report: {page}" in said.err
    assert "Equity of the paths of the bootstrap" in page.read_text()


def test_people_read_tables(house: House) -> None:
    out = say("montecarlo", *house.overrides, *SMALL).out
    told = ("100 paths of 230 bars", "blocks of 30 bars", "1 of 11 trades missed", "x 3", "verdict LUCK:")
    for words in (*told, "among 20 orders of the bars"):
        assert words in out


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("montecarlo.block_bars=10", "20"),
        ("montecarlo.paths=5", "100"),
        ("montecarlo.missed_share=2", "1"),
        ("montecarlo.cost_factors=[0]", "0"),
        ("montecarlo.blocks=square", "circular"),
        ("backtest.start=2001-01-01 backtest.end=2001-02-01", "no bar of GOOG"),
    ],
)
def test_what_makes_no_sense_is_refused(house: House, word: str, rule: str) -> None:
    said = say("montecarlo", *house.overrides, *word.split())
    assert said.status == 1
    assert rule in said.err
    assert word.split("=")[0].split(".")[-1] in said.err


def test_one_that_looks_ahead_is_void(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradewright.research import look_ahead

    plain = look_ahead.evidence_of
    monkeypatch.setattr(look_ahead, "evidence_of", lambda *said: replace(plain(*said), findings=("bar 3: target",)))
    said = say("montecarlo", *house.overrides, *SMALL)
    assert said.status == 1
    assert said.out.splitlines()[0].startswith("VOID: The strategy looks ahead")
