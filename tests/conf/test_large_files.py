"""Sound files may be large: OmegaConf's own limit of nodes is far below a full list of instruments (F2, D7).

``make test`` writes two thousand instruments, half as many nodes again as that limit, ``make verify`` five thousand.
"""

from __future__ import annotations

from pathlib import Path

from conf.compose import compose, compose_without_strategy
from conf.yaml_reader import lint_yaml
from tests.support.extent import runs

ROW = "X{}: {{asset_class: stock, calendar: XNYS, tick_size: 0.01, lot_size: 1, default_spread_bps: 1, liquid: true}}"


def test_thousands_of_instruments_in_one_file(conf_copy: Path) -> None:
    count, path = runs(2_000, 5_000), conf_copy / "instruments" / "demo.yaml"
    path.write_text(path.read_text() + "\n".join(ROW.format(number) for number in range(count)) + "\n")
    settings = compose_without_strategy(("instruments=demo", "universe.instruments=[X1999]"), conf_copy)
    assert len(settings.instruments) == count + 5
    assert settings.instruments["X1999"].symbol == "X1999"


def test_blank_lines_cost_no_more_than_their_bytes(tmp_path: Path) -> None:
    """A pattern that looked back over every blank line took a minute for a hundred thousand of them."""
    path = tmp_path / "blank.yaml"
    path.write_text("a: 1\n" + "\n" * 400_000 + "b: 2\n")
    assert lint_yaml(path, "conf/blank.yaml") == []
    path.write_text("a: 1\n" + "\n" * 100_000 + "# @package other\nb: 2\n")
    (problem,) = lint_yaml(path, "conf/blank.yaml")
    assert problem.line == 100_002


def test_the_limit_of_nodes_is_no_trace_in_the_environment() -> None:
    import os

    before = dict(os.environ)
    compose()
    assert dict(os.environ) == before
