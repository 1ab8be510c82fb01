"""``docs/data-quality.md`` lists every check with its keys and severity, and the figures that the tests compare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.data.real_series import LEAN, NO_BARS, TABLES, measured
from tests.quality.real_quirks import FOUND
from tradewright.quality.evidence import GRAVE
from tradewright.quality.report import Code
from tradewright.quality.thresholds import SHIPPED, QualityRules

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data-quality.md").read_text(encoding="utf-8")
FIGURES = {line.split(" | ")[0].lstrip("| "): line for line in PAGE.partition("## On real data")[2].splitlines()}


def keys(model: type[BaseModel], above: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        is_group = isinstance(inner, type) and issubclass(inner, BaseModel)
        found += keys(inner, f"{name}.") if is_group else [f"{above}{name}"]
    return found


def test_every_check_and_every_key_has_its_row() -> None:
    table = PAGE.partition("## The checks")[2].partition("\n\nThe numbers")[0]
    rows = {line.split(" | ")[0].lstrip("| "): line for line in table.splitlines() if re.match(r"\| [A-Z_]+ ", line)}
    assert rows.keys() == set(Code)
    assert set(re.findall(r"`([a-z_.]+)`", "".join(line.split(" | ")[2] for line in rows.values()))) == set(
        keys(QualityRules)
    )
    for name, severity in SHIPPED.severities:
        assert f"`severities.{name}` | {severity} |" in rows[name.upper()]
    assert all("BLOCK among the newest" in rows[code] for code in GRAVE)


def test_the_figures_are_those_that_are_compared() -> None:
    for code in (*GRAVE, Code.STALE_RUN, Code.SECURITY_CHANGED):
        found = [row[code][0] for row in FOUND.values() if code in row]
        assert FIGURES[code] == f"| {code} | {sum(found)} | {len(found)} |"
    thin = [row for name, row in FOUND.items() if name.startswith("bitfinex") or name == "BTCUSD 1h trade"]
    assert sum(row[Code.BAD_PRINT][0] for row in thin) == 6, "as the page says"
    assert "Six of the bad prints" in PAGE


@pytest.mark.real_data
def test_the_extent_is_that_of_the_data_set(real_data: Path) -> None:
    records = [row for row in measured(real_data) if str(row["kind"]).endswith("_bar") and row["file"] not in NO_BARS]
    files, rows = len({str(row["file"]) for row in records}), sum(int(str(row["rows"])) for row in records)
    assert f"in {len(LEAN) + len(TABLES)} series of {files} files and {rows:,} rows" in PAGE
