"""The metadata of a materialization: a summary, facts, tables and pictures first, the hashes that identify it last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
import numpy as np

from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from tradewright.evaluation.line_picture import line_markdown
from tradewright.model.bars import Floats
from tradewright.model.errors import ConfigError

Fact = str | int | float | dg.MetadataValue[Any]
Facts = dict[str, Fact]
SUMMARY = "summary"
ROWS = 200
"""Rows of the longest table."""


def described(
    settings: Settings, summary: str, facts: Mapping[str, Fact], *, data_hash: str, picture: str = ""
) -> Facts:
    """The metadata of one materialization.

    Args:
        summary: one line; it is the line of the run's log too.
        facts: figures and tables, in the order in which they are shown.
        data_hash: of what the asset was made from.
        picture: as Markdown; empty for none.
    """
    shown: Facts = {"picture": dg.MetadataValue.md(picture)} if picture else {}
    identity: Facts = {
        "mode": settings.mode.name.value,
        "seed": settings.base.seed,
        "data_hash": data_hash,
        "config_hash": settings.config_hash,
    }
    return {SUMMARY: summary, **shown, **facts, **identity}


def refusal_facts(error: ConfigError) -> Facts:
    """What is wrong with a configuration: as text, and as values with code, place and hint of each problem."""
    problems = error.problems if isinstance(error, ConfigProblems) else ()
    rows: list[dict[str, str | int]] = [
        {
            "code": each.code or error.code,
            "file": each.file,
            "line": each.line,
            "column": each.column,
            "key": each.key,
            "rule": each.rule,
            "hint": each.hint or each.nearest,
        }
        for each in problems
    ]
    rows = rows or [{"code": error.code, "key": error.where, "rule": error.what, "hint": error.remedy}]
    return {"problems": dg.MetadataValue.md(f"```\n{error}\n```"), "errors": dg.MetadataValue.json(rows)}


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A Markdown table of at most :data:`ROWS` rows; the number of the others is told below it."""
    listed = list(rows)
    lines = [_row(header), _row(["---"] * len(header)), *(_row(row) for row in listed[:ROWS])]
    more = f"\n\nand {len(listed) - ROWS:,} more" if len(listed) > ROWS else ""
    return dg.MetadataValue.md("\n".join(lines) + more)


def line(values: Iterable[float] | Floats, title: str) -> str:
    """A line as a Markdown picture; empty for no values."""
    found = np.asarray(list(values), dtype=np.float64)
    return line_markdown(found, title, "chart") if len(found) else ""


def summarised(context: dg.AssetExecutionContext, made: dg.MaterializeResult) -> dg.MaterializeResult:
    """The same result; its summary is the one line that the step adds to the run's log."""
    context.log.info(str((made.metadata or {})[SUMMARY]))
    return made


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"
