"""The contract of a bars table as a Pandera schema: it explains what the fast pass has refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from tradewright.model.bar_rules import grid_nanoseconds
from tradewright.model.bars import OHLCV, Timeframe
from tradewright.quality.report import Code, Figure, Finding, Severity

FUTURE_RULE = "a bar does not start in the future"

_EXAMPLES = 5


def bars_schema(timeframe: Timeframe, now: datetime, *, negative_prices: bool = False) -> Any:
    """A ``pandera.pandas.DataFrameSchema``: columns, types, and the rules of :mod:`tradewright.model.bar_rules`.

    ``ts`` is datetime64[ns, UTC], ascending, on the grid and not after ``now``; the rest is float64. Nothing is
    coerced. ``volume`` may be NaN, ``spread`` absent or NaN.
    """
    import pandera.pandas as pa  # two seconds, and only failures need it

    positive = [] if negative_prices else [pa.Check.gt(0, error="a price is positive")]
    prices = {name: pa.Column(np.float64, [_finite(pa), *positive], nullable=True) for name in OHLCV[:4]}
    known = pa.Check(lambda spread: ~np.isinf(spread), error="a spread is finite or unknown")
    traded = pa.Check(lambda volume: ~np.isinf(volume), error="a volume is finite or unknown")
    volume = pa.Column(np.float64, [traded, pa.Check.ge(0, error="a volume is not negative")], nullable=True)
    columns = {
        "ts": pa.Column(pd.DatetimeTZDtype("ns", "UTC"), _time_checks(pa, timeframe, now)),
        **prices,
        "volume": volume,
        "spread": pa.Column(np.float64, known, nullable=True, required=False),
    }
    return pa.DataFrameSchema(columns, checks=_shape_checks(pa))


def explain(
    frame: pd.DataFrame, timeframe: Timeframe, now: datetime, *, negative_prices: bool = False
) -> list[Finding]:
    """A blocking finding for each rule that the table breaks, with how often and where; empty when it breaks none."""
    import pandera.errors

    try:
        bars_schema(timeframe, now, negative_prices=negative_prices).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        return _findings(frame, error.failure_cases)
    return []


def _finite(pa: Any) -> Any:
    return pa.Check(np.isfinite, ignore_na=False, error="a value is a finite number")


def _time_checks(pa: Any, timeframe: Timeframe, now: datetime) -> list[Any]:
    grid = grid_nanoseconds(timeframe)
    return [
        pa.Check(lambda ts: ~ts.duplicated(), error="a time stamp occurs once"),
        pa.Check(lambda ts: ts >= ts.cummax(), error="each row is later than the one before"),
        pa.Check(lambda ts: ts.astype(np.int64) % grid == 0, error=f"a bar starts on the grid of {timeframe}"),
        pa.Check(lambda ts: ts <= pd.Timestamp(now), error=FUTURE_RULE),
    ]


def _shape_checks(pa: Any) -> list[Any]:
    def check(holds: Any, rule: str) -> Any:
        return pa.Check(holds, ignore_na=False, error=rule)

    return [
        check(lambda bars: ~(bars["high"] < bars["low"]), "the high is not below the low"),
        check(
            lambda bars: ~(bars["high"] < bars[["open", "close"]].max(axis=1)), "the high is not below open and close"
        ),
        check(lambda bars: ~(bars["low"] > bars[["open", "close"]].min(axis=1)), "the low is not above open and close"),
    ]


def _findings(frame: pd.DataFrame, cases: pd.DataFrame) -> list[Finding]:
    """One finding for each rule and column; a rule over several columns reports a row once."""
    structural = cases[cases["index"].isna() & ~cases["failure_case"].astype(str).str.contains("Error")]
    found = [_structural(str(row.check), row.column, str(row.failure_case)) for row in structural.itertuples()]
    rows = cases[cases["index"].notna()]
    for (context, check), group in rows.groupby(["schema_context", "check"], sort=False):
        whole = context == "DataFrameSchema"
        for column, part in [("bar", group)] if whole else group.groupby("column", sort=False):
            positions = sorted({int(position) for position in part["index"]})
            found.append(_broken(frame, str(check), str(column), positions))
    return found


def _structural(check: str, column: object, case: str) -> Finding:
    if check == "column_in_dataframe":
        return _finding(f"column {case} is missing", {"column": case})
    return _finding(f"column {column} is {case}, not {check}", {"column": str(column)})


def _broken(frame: pd.DataFrame, rule: str, column: str, positions: list[int]) -> Finding:
    if rule.startswith("dtype("):
        return _finding(f"column {column} is {frame[column].dtype}, not {rule}", {"column": column})
    examples = tuple(_example(frame, column, position) for position in positions[:_EXAMPLES])
    figures: dict[str, Figure] = {"column": column, "rows": len(positions), "first_row": positions[0]}
    code = Code.FUTURE if rule == FUTURE_RULE else Code.CONTRACT
    return _finding(f"{len(positions)} rows break: {rule} ({column})", figures, examples, code)


def _example(frame: pd.DataFrame, column: str, position: int) -> str:
    names = list(OHLCV) if column == "bar" else [column]
    cells = ", ".join(f"{name}={frame[name].iloc[position]}" for name in names if name in frame)
    return f"row {position}, {frame['ts'].iloc[position]}: {cells}" if "ts" in frame else f"row {position}: {cells}"


def _finding(
    message: str, figures: dict[str, Figure], examples: tuple[str, ...] = (), code: Code = Code.CONTRACT
) -> Finding:
    return Finding(code=code, severity=Severity.BLOCK, message=message, figures=figures, examples=examples)
