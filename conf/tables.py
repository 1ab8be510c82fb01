"""Configuration that is really a table, under Pandera contracts: rules between rows, which no schema of one row sees.

Pandera takes a second to import, so only ``tradewright check``, the asset checks and a sweep with sets that its
strategy refuses come here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from conf.problems import nearest
from conf.rules import Broken, grid_errors, refusal
from conf.schema.settings import Settings
from conf.sources import Key
from strategies.base import Parameter
from strategies.registry import parameters_of

_POSITIVE = pa.Check.gt(0, error="must be above 0")


def _names_of_the_venue(table: pd.DataFrame) -> pd.Series:
    """Two instruments must not share a name at one venue, or an order would reach the wrong one."""
    return ~table.duplicated(["venue_symbol", "asset_class", "currency"], keep=False)


def _once(table: pd.DataFrame) -> pd.Series:
    return ~table.duplicated(["instrument", "start"])


def _ascending(table: pd.DataFrame) -> bool:
    caps = table["value"].reindex(["max_size_pct", "max_position", "max_gross"]).dropna()
    return bool(caps.is_monotonic_increasing)


INSTRUMENTS = pa.DataFrameSchema(
    {
        "symbol": pa.Column(
            str,
            pa.Check.str_matches(
                r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,63}$", error="must be letters, digits and . _ / : -, 64 at most"
            ),
        ),
        "asset_class": pa.Column(str),
        "currency": pa.Column(str),
        "venue_symbol": pa.Column(str, pa.Check.str_length(1, 32, error="must have 1 to 32 characters")),
        "tick_size": pa.Column(float, _POSITIVE),
        "lot_size": pa.Column(float, _POSITIVE),
        "multiplier": pa.Column(float, _POSITIVE),
    },
    checks=pa.Check(_names_of_the_venue, error="shares its venue symbol with another instrument"),
    strict=True,
)

EVENTS = pa.DataFrameSchema(
    {
        "instrument": pa.Column(str),
        "start": pa.Column(pd.DatetimeTZDtype(unit="us", tz="UTC")),
        "end": pa.Column(pd.DatetimeTZDtype(unit="us", tz="UTC")),
    },
    checks=[
        pa.Check(lambda table: table["start"] < table["end"], error="must start before it ends"),
        pa.Check(_once, error="is given twice; keep one"),
    ],
    strict=True,
)

LIMITS = pa.DataFrameSchema(
    {"value": pa.Column(float, [_POSITIVE, pa.Check.lt(1e6, error="must be below 1,000,000")])},
    checks=pa.Check(_ascending, error="the caps of an order, a position and the account must not fall in this order"),
    strict=True,
)


def grid_contract(known: Mapping[str, Parameter]) -> pa.DataFrameSchema:
    """The contract of a grid, one row per parameter set: each value admitted by itself, and no set twice."""
    columns = {name: pa.Column(float, _admitted(rule)) for name, rule in known.items()}
    twice = pa.Check(lambda table: not table.duplicated().any(), error="holds the same set twice; name a value once")
    return pa.DataFrameSchema(columns, checks=twice, strict=True)


def _admitted(rule: Parameter) -> pa.Check:
    number = "a whole number" if rule.whole else "a number"
    return pa.Check(
        lambda column: column.between(rule.least, rule.most) & ((column % 1 == 0) | (not rule.whole)),
        error=f"must be {number} from {rule.least:g} to {rule.most:g}",
    )


class _Table(NamedTuple):
    """Where a table stands in the settings; its rows are labelled by the keys that they have there."""

    schema: pa.DataFrameSchema
    rows: Callable[[Settings], pd.DataFrame]
    place: Key
    unnamed: tuple[str, ...] = ()
    """Columns that are no keys of their own: what is wrong there is wrong with the row."""


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
    return pd.DataFrame(rows, columns=list(INSTRUMENTS.columns), index=list(settings.instruments))


def events_table(settings: Settings) -> pd.DataFrame:
    """One row per event window, times in UTC."""
    windows = settings.events.windows
    rows = [(window.instrument, window.start, window.end) for window in windows]
    table = pd.DataFrame(rows, columns=list(EVENTS.columns), index=[str(row) for row in range(len(windows))])
    table = table.astype({"instrument": str})
    for name in ("start", "end"):
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
    return table


def limits_table(settings: Settings) -> pd.DataFrame:
    """One row per numeric limit of ``risk``."""
    values = {name: value for name, value in settings.risk.model_dump().items() if not isinstance(value, bool)}
    return pd.DataFrame({"value": pd.Series(values, dtype=float)})


_TABLES = {
    "instruments": _Table(INSTRUMENTS, instruments_table, ("instruments",), ("symbol",)),
    "events": _Table(EVENTS, events_table, ("events", "windows")),
    "risk": _Table(LIMITS, limits_table, ("risk",), ("value",)),
}


def broken_tables(settings: Settings, groups: Iterable[str]) -> Iterator[Broken]:
    """Every broken rule of the tables of ``groups``, which are some of :data:`~conf.rules.TABLE_GROUPS`."""
    for group in groups:
        if group == "strategy":
            yield from _broken_grid(settings)
        else:
            table = _TABLES[group]
            yield from _broken(table.schema, table.rows(settings), table.place, table.unnamed)


def broken_sets(kind: str, sets: Sequence[Mapping[str, float]]) -> list[Broken]:
    """Every name and value that no strategy of this kind takes, whatever the others are; keys are parameters' names."""
    known = parameters_of(kind)
    strangers = dict.fromkeys(name for values in sets for name in values if name not in known)
    table = pd.DataFrame(list(sets), columns=list(known), dtype=float)
    return [
        *(Broken((name,), None, f"is not a parameter of {kind}", nearest(name, known)) for name in strangers),
        *_broken(grid_contract(known), table, (), labelled=False),
    ]


def _broken_grid(settings: Settings) -> Iterator[Broken]:
    """What is wrong with the grid that a strategy declares, unless its names or its size are wrong already."""
    chosen = settings.strategy
    if not chosen.grid or any(grid_errors(settings)):
        return
    sets = [{**chosen.parameters, **own} for own in chosen.grid_sets()]
    wrong = broken_sets(chosen.kind, sets)
    yield from (row._replace(key=("strategy", "grid", *row.key)) for row in wrong)
    if not wrong and all(refusal(chosen.kind, values) for values in sets):
        rule = f"holds no set that the strategy takes: {refusal(chosen.kind, sets[0])}"
        yield Broken(("strategy", "grid"), None, rule)


def _broken(
    schema: pa.DataFrameSchema, table: pd.DataFrame, place: Key, unnamed: Sequence[str] = (), *, labelled: bool = True
) -> Iterator[Broken]:
    """Each broken rule once: at its row where rows are labelled, at its column where columns are keys."""
    try:
        schema.validate(table, lazy=True)
    except SchemaErrors as error:
        seen = set()
        for case in error.failure_cases.itertuples():
            of_column = case.schema_context == "Column" and case.column not in unnamed
            row = () if pd.isna(case.index) or not labelled else (str(case.index),)
            key = (*place, *row, *((str(case.column),) if of_column else ()))
            found = case.failure_case if case.schema_context == "Column" else None
            value = f"{found:g}" if isinstance(found, float) else found
            if (key, value, case.check) not in seen:
                seen.add((key, value, case.check))
                yield Broken(key, value, str(case.check))
