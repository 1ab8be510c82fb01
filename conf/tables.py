"""Configuration that is really a table, under Pandera contracts: rules between rows, which no schema of one row sees.

Pandera takes a second to import, so only ``tradewright check`` and the asset checks come here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from conf.problems import Problem
from conf.schema.settings import Settings

_POSITIVE = pa.Check.gt(0, error="must be above 0")


def _unique_venue_names(table: pd.DataFrame) -> pd.Series:
    """Two instruments must not share a name at one venue, or an order would reach the wrong one."""
    return ~table.duplicated(["venue_symbol", "asset_class", "currency"], keep=False)


INSTRUMENTS = pa.DataFrameSchema(
    {
        "symbol": pa.Column(str, pa.Check.str_matches(r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,63}$"), unique=True),
        "asset_class": pa.Column(str),
        "currency": pa.Column(str),
        "venue_symbol": pa.Column(str, pa.Check.str_length(1, 32)),
        "tick_size": pa.Column(float, _POSITIVE),
        "lot_size": pa.Column(float, _POSITIVE),
        "multiplier": pa.Column(float, _POSITIVE),
    },
    checks=pa.Check(_unique_venue_names, error="shares its venue symbol with another instrument"),
    strict=True,
)

EVENTS = pa.DataFrameSchema(
    {
        "instrument": pa.Column(str),
        "start": pa.Column(pd.DatetimeTZDtype(unit="us", tz="UTC")),
        "end": pa.Column(pd.DatetimeTZDtype(unit="us", tz="UTC")),
    },
    checks=pa.Check(lambda table: table["start"] < table["end"], error="must start before it ends"),
    unique=["instrument", "start"],
    strict=True,
)

LIMITS = pa.DataFrameSchema(
    {"limit": pa.Column(str, unique=True), "value": pa.Column(float, [_POSITIVE, pa.Check.lt(1e6)])},
    checks=pa.Check(
        lambda table: _ascending(table, "max_size_pct", "max_position", "max_gross"),
        error="the caps of an order, a position and the account must not fall in this order",
    ),
    strict=True,
)


def table_problems(settings: Settings) -> list[Problem]:
    """Every broken rule of every table, with the row it is in."""
    tables: list[tuple[str, pa.DataFrameSchema, Callable[[Settings], pd.DataFrame], str]] = [
        ("instruments", INSTRUMENTS, instruments_table, "symbol"),
        ("events.windows", EVENTS, events_table, "instrument"),
        ("risk", LIMITS, limits_table, "limit"),
    ]
    return [problem for name, schema, make, key in tables for problem in _broken(name, schema, make(settings), key)]


def instruments_table(settings: Settings) -> pd.DataFrame:
    """One row per instrument."""
    rows = [
        {
            "symbol": symbol,
            "asset_class": row.asset_class.value,
            "currency": row.currency,
            "venue_symbol": row.venue_symbols.get("ibkr", symbol),
            "tick_size": float(row.tick_size),
            "lot_size": float(row.lot_size),
            "multiplier": float(row.multiplier),
        }
        for symbol, row in settings.instruments.items()
    ]
    return pd.DataFrame(rows, columns=list(INSTRUMENTS.columns))


def events_table(settings: Settings) -> pd.DataFrame:
    """One row per event window, times in UTC."""
    rows = [(window.instrument, window.start, window.end) for window in settings.events.windows]
    table = pd.DataFrame(rows, columns=list(EVENTS.columns)).astype({"instrument": str})
    for name in ("start", "end"):
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
    return table


def limits_table(settings: Settings) -> pd.DataFrame:
    """One row per numeric limit of ``risk``."""
    values = settings.risk.model_dump()
    rows = [(name, float(value)) for name, value in values.items() if not isinstance(value, bool)]
    return pd.DataFrame(rows, columns=["limit", "value"])


def _ascending(table: pd.DataFrame, *names: str) -> bool:
    values = table.set_index("limit")["value"]
    present = [values[name] for name in names if name in values]
    return present == sorted(present)


def _broken(name: str, schema: pa.DataFrameSchema, table: pd.DataFrame, key: str) -> Iterator[Problem]:
    try:
        schema.validate(table, lazy=True)
    except SchemaErrors as error:
        seen = set()
        for case in error.failure_cases.itertuples():
            row = "" if pd.isna(case.index) else str(table[key].iloc[int(case.index)])
            of_row = case.schema_context == "DataFrameSchema" or case.column == key or pd.isna(case.column)
            column = "" if of_row else f".{case.column}"
            entry = (f"{name}.{row}{column}".rstrip("."), str(case.check))
            if entry not in seen:
                seen.add(entry)
                yield Problem(f"conf/{name.split('.')[0]}", 0, entry[0], "", entry[1])
