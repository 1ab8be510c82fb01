"""From settings to live objects: each has the numbers that the YAML says, read here a second time by a plain reader."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from conf.compose import compose
from conf.documents import as_option
from conf.environment import SOURCE, options
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from runtime import feeds, research
from runtime.container import Container
from tradewright.backtest import sizing
from tradewright.fills import costs, slippage
from tradewright.model.clock import ManualClock, ShiftedClock, SystemClock
from tradewright.model.errors import ConfigError
from tradewright.model.instrument import Instrument

CONF = SOURCE / "conf"
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
COSTS = {
    "none": costs.NoCosts,
    "bps": costs.BpsCosts,
    "percent": costs.PercentCosts,
    "per_share": costs.PerShareCosts,
    "ibkr_fixed": costs.PerShareCosts,
    "ibkr_tiered": costs.IbkrTiered,
    "maker_taker": costs.MakerTaker,
}
SIZES = {
    "fixed_units": sizing.FixedUnits,
    "fixed_cash": sizing.FixedCash,
    "percent_equity": sizing.PercentEquity,
    "target_percent": sizing.TargetPercent,
    "risk_per_trade": sizing.RiskPerTrade,
    "max": sizing.MaxSize,
}
TABLES = [path.stem for path in (CONF / "instruments").glob("*.yaml") if path.stem != "all"]


@cache
def composed(*overrides: str) -> Settings:
    """Composing takes a while, and its result cannot be changed."""
    return compose(overrides)


def written(group: str, option: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / group / f"{option}.yaml").read_text())


def numbers(group: str, option: str) -> dict[str, float]:
    return {key: value for key, value in written(group, option).items() if key != "kind"}


@pytest.mark.parametrize("option", options("backtest/costs"))
def test_costs_have_the_numbers_of_their_file(option: str) -> None:
    model = composed(f"backtest/costs='{option}'").backtest.costs
    assert type(model) is COSTS[option]
    said = {
        key: value for key, value in written("backtest/costs", option).items() if (key, value) != ("currency", None)
    }
    assert TypeAdapter(type(model)).dump_python(model, mode="json") == said


@pytest.mark.parametrize("option", options("backtest/sizing"))
def test_sizes_have_the_numbers_of_their_file(option: str) -> None:
    chosen = composed(f"backtest/sizing='{option}'")
    model = research.spec(chosen, Container(chosen).instrument("AAPL")).sizing
    assert type(model) is SIZES[option]
    assert TypeAdapter(type(model)).dump_python(model, mode="json") == written("backtest/sizing", option)


@pytest.mark.parametrize("symbol", ["AAPL", "BTC", "ETHBTC"])
@pytest.mark.parametrize("option", options("backtest/slippage"))
def test_slippage_has_the_numbers_of_its_file_and_the_spread_of_its_instrument(option: str, symbol: str) -> None:
    chosen = composed(f"backtest/slippage='{option}'")
    traded = Container(chosen).instrument(symbol)
    said = numbers("backtest/slippage", option)
    expected: dict[str, slippage.SlippageModel] = {
        "none": slippage.NoSlippage(),
        "bps": slippage.BpsSlippage(**said) if option == "bps" else slippage.NoSlippage(),
        "vol": slippage.VolSlippage(said.get("base", 0), said.get("k", 0)),
        "spread_impact": slippage.SpreadImpact(said.get("impact", 0), traded.default_spread_bps),
    }
    spread = slippage.SpreadImpact(0.1, traded.default_spread_bps)
    expected["sum"] = slippage.SumSlippage((slippage.VolSlippage(1.0, 10.0), spread))
    assert research.spec(chosen, traded).slippage == expected[option]


def with_terms(**parts: object) -> Settings:
    """The shipped settings with other parts of ``backtest``."""
    plain = composed()
    return plain.model_copy(update={"backtest": plain.backtest.model_copy(update=parts)})


def test_every_combination_makes_terms_that_kernels_take() -> None:
    for cost, slip, size in itertools.product(COSTS, options("backtest/slippage"), SIZES):
        terms = with_terms(
            costs=composed(f"backtest/costs='{cost}'").backtest.costs,
            slippage=composed(f"backtest/slippage='{slip}'").backtest.slippage,
            sizing=composed(f"backtest/sizing='{size}'").backtest.sizing,
        )
        spec = research.spec(terms, Container(terms).instrument("ES"))
        assert (type(spec.costs), type(spec.sizing)) == (COSTS[cost], SIZES[size])
        assert spec.rules().multiplier == 50.0


@pytest.mark.parametrize(
    ("override", "name", "value"),
    [
        ("backtest.cash=2500", "cash", 2500.0),
        ("backtest.bar_delay=4", "bar_delay", 4),
        ("backtest.allow_short=true", "allow_short", True),
        ("backtest.allow_overdraft=true", "allow_overdraft", True),
        ("backtest.close_at_end=false", "close_at_end", False),
        ("backtest.fill.market=next_close", "fill_market", "next_close"),
        ("backtest.fill.market=quote_close", "fill_market", "quote_close"),
        ("backtest.fill.limit=touch", "fill_limit", "touch"),
        ("backtest.fill.limit_timeout_bars=9", "limit_timeout_bars", 9),
        ("backtest.fill.volume_share=0.1", "volume_share", 0.1),
    ],
)
def test_each_term_reaches_the_backtest_and_no_other_moves(override: str, name: str, value: object) -> None:
    specs = (research.spec(made, Container(made).instrument("AAPL")) for made in (composed(), composed(override)))
    plain, changed = specs
    assert getattr(plain, name) != value
    assert getattr(changed, name) == value
    assert {key for key, item in asdict(changed).items() if item != asdict(plain)[key]} == {name}


def test_the_sessions_are_those_of_the_instruments_market() -> None:
    settings = composed()
    specs = {name: research.spec(settings, Container(settings).instrument(name)) for name in ("AAPL", "BTC", "ES")}
    evening = np.array([pd.Timestamp("2026-03-02 23:30", tz="UTC").value])
    assert {name: str(spec.sessions.dates(evening)[0]) for name, spec in specs.items()} == {
        "AAPL": "2026-03-02",
        "BTC": "2026-03-02",
        "ES": "2026-03-03",
    }
    assert specs["AAPL"].sessions.name != specs["ES"].sessions.name


@pytest.mark.parametrize(
    ("symbol", "lot", "multiplier"), [("AAPL", 1.0, 1.0), ("BTC", 0.0001, 1.0), ("ES", 1.0, 50.0), ("NAS100", 0.1, 1.0)]
)
def test_lot_and_multiplier_are_those_of_the_instrument(symbol: str, lot: float, multiplier: float) -> None:
    chosen = composed()
    spec = research.spec(chosen, Container(chosen).instrument(symbol))
    assert (spec.lot_size, spec.multiplier) == (lot, multiplier)


@pytest.mark.parametrize("table", TABLES)
def test_instruments_have_the_words_of_their_row(table: str) -> None:
    known = Container(composed()).instruments
    for symbol, row in written("instruments", table).items():
        made = known[symbol]
        assert made.symbol == symbol
        for key, value in row.items():
            held = getattr(made, key)
            assert held == (Decimal(str(value)) if isinstance(held, Decimal) else value), (symbol, key)
        rest = {key: field.default for key, field in Instrument.model_fields.items() if key not in row}
        for key in rest.keys() - {"symbol", "venue_symbols", "hours"}:
            assert getattr(made, key) == rest[key], (symbol, key)


def test_all_tables_together_are_all_instruments() -> None:
    names = [symbol for table in TABLES for symbol in written("instruments", table)]
    assert sorted(names) == sorted(Container(composed()).instruments)
    assert len(set(names)) == len(names)


def test_an_unknown_instrument_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        Container(composed()).instrument("APPL")
    assert caught.value.what == "there is no instrument 'APPL'"
    assert caught.value.where == "conf/instruments"
    assert caught.value.remedy.startswith("did you mean 'AAPL'? If not, declare it in")
    with pytest.raises(ConfigError, match="declare it in a file of conf/instruments"):
        Container(composed()).instrument("@@@@@@")


@settings(max_examples=300)
@given(st.text("ABCDEUSDTZ1 ", max_size=7))
def test_every_currency_that_the_files_may_name_makes_an_instrument(currency: str) -> None:
    try:
        made = Instrument.model_validate({"symbol": "X", "asset_class": "crypto", "currency": currency})
    except ValidationError:
        assert not (3 <= len(currency) <= 5 and currency.isalpha())
        return
    assert made.currency == currency


EDGES = [
    (costs.MakerTaker, {"kind": "maker_taker", "taker": 0.999999, "maker": -0.01}, {"taker": 1.0}),
    (costs.MakerTaker, {"kind": "maker_taker", "taker": 0.0, "maker": 0.999999}, {"maker": 1.0}),
    (costs.MakerTaker, {"kind": "maker_taker", "taker": 0.0, "maker": 0.0}, {"maker": -0.011}),
    (costs.PercentCosts, {"kind": "percent", "rate": 1.0}, {"rate": -0.001}),
    (costs.PerShareCosts, {"kind": "per_share", "rate": 0.0, "minimum": 0.0, "maximum_rate": 0.0}, {"minimum": -1.0}),
]
SIZE_EDGES = [
    (sizing.TargetPercent, {"kind": "target_percent", "target": 1e-9, "cash_buffer": 0.0}, {"target": 0.0}),
    (sizing.TargetPercent, {"kind": "target_percent", "target": 9.0, "cash_buffer": 0.999999}, {"cash_buffer": 1.0}),
    (sizing.FixedUnits, {"kind": "fixed_units", "units": 1e-9}, {"units": 0.0}),
    (sizing.RiskPerTrade, {"kind": "risk_per_trade", "risk": 1.0}, {"risk": 0.0}),
]


@pytest.mark.parametrize(
    ("part", "schema", "admitted", "refused"),
    [*(("costs", *edge) for edge in EDGES), *(("sizing", *edge) for edge in SIZE_EDGES)],
)
def test_what_the_schema_admits_can_be_built_and_nothing_that_could_not(
    part: str, schema: type, admitted: dict[str, Any], refused: dict[str, Any]
) -> None:
    terms = with_terms(**{part: schema(**admitted)})
    research.spec(terms, Container(terms).instrument("AAPL")).rules()
    with pytest.raises(ValidationError, match=next(iter(refused))):
        schema(**(admitted | refused))


def test_a_client_id_that_the_gateway_keeps_for_itself_is_refused() -> None:
    with pytest.raises(ConfigProblems, match=r"broker\.client_id"):
        compose(["mode=paper", "broker=ibkr", "broker.client_id=0"])


@pytest.mark.parametrize("kind", options("strategy"))
def test_strategies_have_the_parameters_of_their_file(kind: str) -> None:
    said = as_option(written("strategy", kind))
    common = {"name", "kind", "confidence", "size_pct", "instruments", "timeframe", "grid"}
    made = Container(composed(f"strategy={kind}")).strategy
    assert made.name == said["kind"]
    own = {key: value for key, value in said.items() if key not in common}
    numbers = {key: value for key, value in own.items() if not isinstance(value, str)}
    assert {key: getattr(made, key) for key in made.parameter_rules()} == numbers
    assert made.parameters() == tuple(float(numbers[key]) for key in made.parameter_rules())
    assert {key: getattr(made, key) for key in made.other_instruments()} == {
        key: value for key, value in own.items() if key not in numbers
    }


@pytest.mark.parametrize("stage", options("stage"))
def test_limits_are_those_of_policy_risk_universe_and_stage(stage: str) -> None:
    limits = Container(composed(f"stage={stage}", "universe=us_equities")).limits
    said = {**written("policy", "default"), **written("risk", "default")}
    for key, value in said.items():
        held = getattr(limits, key)
        expected = Decimal(repr(value)) if isinstance(value, float) else frozenset(value) if value == [] else value
        assert held == expected, key
    assert limits.allowlist == set(written("universe", "us_equities")["instruments"])
    cap = written("stage", stage)["max_trade_value"]
    assert limits.max_order_money == cap


def stored(root: Path, cache_dir: str | None = None) -> Settings:
    """The shipped settings with another storage."""
    plain = composed()
    return plain.model_copy(
        update={"storage": plain.storage.model_copy(update={"root": str(root), "cache_dir": cache_dir})}
    )


def test_the_folders(tmp_path: Path) -> None:
    assert Container(composed()).root == SOURCE / "data"
    assert Container(composed()).cache_folder == SOURCE / "data" / "cache"
    assert Container(stored(tmp_path)).root == tmp_path
    assert Container(stored(tmp_path)).cache_folder == tmp_path / "cache"
    assert Container(stored(tmp_path, "/fast")).cache_folder == Path("/fast")
    assert Container(stored(tmp_path, "fast")).cache_folder == SOURCE / "fast"


def test_a_ledger_is_made_where_there_is_none(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    for chosen in (stored(tmp_path / "a"), compose([f"storage.ledger_url=sqlite:///{tmp_path / 'b.sqlite3'}"])):
        with Container(chosen, clock).ledger:
            pass
    assert (tmp_path / "a" / "ledger.sqlite3").is_file()
    assert (tmp_path / "b.sqlite3").is_file()


@pytest.mark.parametrize("overrides", [["feed=files"], ["feed.end=null"]])
def test_without_a_fixed_end_the_clock_is_the_machines(overrides: list[str], tmp_path: Path) -> None:
    assert type(Container(compose([f"storage.root={tmp_path}", *overrides])).clock) is SystemClock
    assert list(tmp_path.iterdir()) == []


def ages(*clocks: Any) -> float:
    """How far apart some clocks are, in seconds; reading them takes next to none."""
    moments = [clock.now() for clock in clocks]
    return float((max(moments) - min(moments)).total_seconds())


def test_a_scenarios_clock_stands_just_after_its_last_bar_and_is_remembered(tmp_path: Path) -> None:
    chosen = stored(tmp_path)
    first = Container(chosen).clock
    assert isinstance(first, ShiftedClock)
    assert timedelta(0) <= first.now() - (NOW + timedelta(seconds=1)) < timedelta(seconds=30)
    again = Container(stored(tmp_path)).clock
    assert ages(first, again) < 5.0
    assert [path.name for path in (tmp_path / "clocks").iterdir()] == ["20261120T150000Z"]


def test_a_clock_that_was_started_long_ago_has_run_on(tmp_path: Path) -> None:
    folder = tmp_path / "clocks"
    folder.mkdir()
    since = datetime.now(UTC) - timedelta(hours=3)
    (folder / "20261120T150000Z").write_text(since.isoformat())
    shown = Container(stored(tmp_path)).clock.now()
    assert timedelta(0) <= shown - (NOW + timedelta(hours=3, seconds=1)) < timedelta(seconds=30)


def test_scenarios_with_other_ends_have_clocks_of_their_own(tmp_path: Path) -> None:
    other = compose([f"storage.root={tmp_path}", "feed.end='2026-06-01T10:00:00Z'"])
    assert Container(other).clock.now().date().isoformat() == "2026-06-01"
    assert Container(stored(tmp_path)).clock.now().date().isoformat() == "2026-11-20"
    assert len(list((tmp_path / "clocks").iterdir())) == 2


def test_threads_that_begin_together_agree_and_leave_one_file(tmp_path: Path) -> None:
    chosen, clocks, gate = stored(tmp_path), [], threading.Barrier(8)

    def begin() -> None:
        gate.wait()
        clocks.append(Container(chosen).clock)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clocks) == 8
    (remembered,) = (tmp_path / "clocks").iterdir()
    since = datetime.fromisoformat(remembered.read_text())
    origins = {clock._start - timedelta(seconds=clock._origin) for clock in clocks}
    assert since.tzinfo is not None
    assert max(origins) - min(origins) < timedelta(seconds=5)


def test_another_process_agrees(tmp_path: Path) -> None:
    mine = Container(stored(tmp_path)).clock
    code = (
        "from runtime.container import Container; from conf.compose import compose;"
        f"print(Container(compose([{f'storage.root={tmp_path}'!r}])).clock.now().isoformat())"
    )
    before = mine.now()
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SOURCE)
    theirs = datetime.fromisoformat(told.stdout.strip())
    assert before <= theirs <= mine.now()


def test_a_scenario_has_the_spans_of_its_feed_and_no_other_feed_has_one() -> None:
    made = feeds.scenario(compose(["feed.days_1m=2", "feed.days_1d=63"]), NOW)
    assert {"BTC", "AAPL"} <= set(made.profiles)
    with pytest.raises(ConfigError, match="feed=files is no scenario"):
        feeds.scenario(composed("feed=files"), NOW)
