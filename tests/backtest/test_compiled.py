"""What strategies share of the machine code, and what is their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.backtest.plain import bars
from tradewright.backtest import account, kernel, orders
from tradewright.backtest.code import code_digest, reaches
from tradewright.backtest.compiled import ARGUMENT_TYPES, Shape, _shared, look_ahead_scanner, shape_of, simulator
from tradewright.backtest.engine import market_of, run
from tradewright.backtest.rates import Conversion
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import sweep
from tradewright.fills.slippage import BpsSlippage, NoSlippage, VolSlippage
from tradewright.model.bars import Bars
from tradewright.model.strategy import HOLD, NAN

ROOT = Path(__file__).parents[2]
FLAT = (100.0, 101.0, 99.0, 100.0)
TABLE = bars(*[FLAT] * 6)


def test_the_kernel_reaches_the_decision_and_the_rules_do_not():
    for own in (
        kernel.simulate_sets,
        kernel.simulate,
        kernel.first_target,
        kernel.scan_in_position,
        kernel.at_the_close,
    ):
        assert reaches(own, {"generate_signal"}), own.__name__
    for rule in (
        kernel.trade_bar,
        kernel.submit_target,
        kernel.mark_to_market,
        orders.apply_target,
        orders.match_resting,
        account.execute,
    ):
        assert not reaches(rule, {"generate_signal"}), rule.__name__


def test_every_named_tuple_of_the_kernel_is_in_the_name_of_its_machine_code():
    """numba finds the types of stored code by name: code stored under an old name would fail."""
    names = {text.partition("(")[0].rpartition(".")[2] for text in ARGUMENT_TYPES}
    assert {"BarArrays", "FillLog", "KernelParameters", "Workspace", "FeeTerms", "SizingTerms"} <= names
    assert all("(" in text for text in ARGUMENT_TYPES), "with their fields"


def test_what_a_run_cannot_need_is_named_by_constants_that_the_plain_kernel_has_all_of():
    """The name of the machine code tells them, so that code made for four numbers never serves a request."""
    assert all(getattr(account, name) is True for name in Shape._fields)
    digests = {code_digest(kernel.simulate_sets, {name: value}) for name in Shape._fields for value in (True, False)}
    assert len(digests) == 1 + len(Shape._fields)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("PARTIAL_FILLS", {"volume_share": 0.1}),
        ("SLIPPAGE", {"slippage": BpsSlippage(1.0)}),
        ("SLIPPAGE", {"slippage": VolSlippage(0.0, 0.5)}),
        ("SLIPPAGE", {"quoted_spread": 1.0}),
        ("CONVERSION", {"conversion": Conversion(np.full(6, 2.0), np.full(6, 2.0), paid_in_full=True)}),
        ("", {"slippage": NoSlippage()}),
    ],
)
def test_rules_and_bars_name_what_a_run_may_need(name, changed):
    spec = BacktestSpec(cash=1_000.0, **changed)
    shape = shape_of(spec.rules(), market_of(TABLE, spec, requests=False))
    assert [field for field, needed in shape._asdict().items() if needed] == ([name] if name else [])


def first(i, _features, _params, _position):
    return (1.0, NAN, NAN, NAN) if i == 0 else HOLD


def third(i, _features, _params, _position):
    return (1.0, NAN, NAN, NAN) if i == 2 else HOLD


class Planned:
    """One decision, at the bar that its decision names."""

    name = "planned"

    def __init__(self, decision):
        self.generate_signal = decision

    def prepare_state(self):
        return ()

    def parameters(self):
        return ()


def test_a_second_strategy_compiles_no_rule_again():
    entered = []
    for decision in (first, third):
        result = run(Planned(decision), TABLE, BacktestSpec(cash=1_000.0, close_at_end=False))
        entered.append((result.fills["bar"].tolist(), _shared.cache_info().currsize))
    (early, parts), (late, as_many) = entered
    assert (early, late) == ([1], [3])
    assert parts == as_many > 5


def second(i, _features, _params, _position):
    return (1.0, NAN, NAN, NAN) if i == 1 else HOLD


def test_bars_of_the_store_and_bars_that_can_be_written_run_the_same_machine_code():
    """To the compiler they are two types, and each would be compiled."""
    stored = Bars(*(column.copy() for column in TABLE))
    for column in stored:
        column.flags.writeable = False
    plan, spec = Planned(second), BacktestSpec(cash=1_000.0)
    results = [run(plan, table, spec).fills.tobytes() for table in (TABLE, stored)]
    totals = [sweep([plan, plan], table, spec).tobytes() for table in (TABLE, stored)]
    assert results[0] == results[1] != b""
    assert totals[0] == totals[1]
    assert len(simulator(second, 1, 1, Shape()).signatures) == 1


def names_of_parts(compiled, seen=None):
    """The names of all functions that a compiled one calls, those of the rules included."""
    seen = {} if seen is None else seen
    for value in compiled.py_func.__globals__.values():
        if hasattr(value, "py_func") and value.py_func.__module__ == kernel.__name__ and id(value) not in seen:
            seen[id(value)] = value.py_func.__qualname__
            names_of_parts(value, seen)
    return set(seen.values())


@pytest.mark.parametrize("maker", [simulator, look_ahead_scanner])
def test_no_part_of_a_strategy_s_machine_code_has_the_name_of_another_s(maker):
    """Two stored kernels in one process: of two parts with one name the linker takes one for both."""
    shape = (Shape(),) if maker is simulator else ()
    one, other = (names_of_parts(maker(decision, 2, 1, *shape)) for decision in (first, third))
    own, others = ({name.rpartition("_")[0] for name in names} for names in (one - other, other - one))
    assert (own - others, others - own) == ({"first"}, {"third"})
    if maker is simulator:
        assert own >= {"simulate", "first_target", "scan_in_position", "at_the_close"}
        assert {"match_resting", "apply_target"} <= {name.rpartition("_")[0] for name in one & other}


LOADS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.backtest.plain import bars
from tradewright.backtest import first_bars
from tradewright.backtest.compiled import Shape, simulator
from tradewright.backtest.engine import run
from tradewright.backtest.spec import BacktestSpec
first_bars.PLAIN_BARS = 0
from {module} import Planned
result = run(Planned(), bars(*[(100.0, 101.0, 99.0, 100.0)] * 4), BacktestSpec(cash=1_000.0))
print(result.fills["bar"].tolist(), sum(simulator(Planned.generate_signal, 1, 1, Shape()).stats.cache_hits.values()))
"""
PLANNED = """
from tradewright.model.strategy import HOLD, NAN

def decide(i, _features, _params, _position):
    return (1.0, NAN, NAN, NAN) if i == 1 and _position == 0.0 else HOLD

class Planned:
    name = "planned"
    generate_signal = staticmethod(decide)
    def prepare_state(self):
        return ()
    def parameters(self):
        return ()
"""


def test_machine_code_outlives_the_file_of_the_strategy_that_it_was_made_for(tmp_path, monkeypatch):
    """Two files that decide alike share it, and it is loaded also where the first one is no more."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    said = []
    for module in ("first_file", "other_file"):
        path = tmp_path / f"{module}.py"
        path.write_text(PLANNED)
        command = [sys.executable, "-c", LOADS.format(module=module), str(tmp_path)]
        said.append(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split())
        path.unlink()
    assert said == [["[2]", "0"], ["[2]", "1"]]
