"""The contract of a features table (R-FEAT-06): a quick pass that decides, and a Pandera schema that explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tradewright.model.errors import DataError


@dataclass(frozen=True)
class FeaturesForm:
    """The columns of a features table of one instrument, beside ``ts`` and ``version``.

    Args:
        numbers: finite or NaN.
        flags: true or false.
        labels: by column the words that it may hold; it may also be null.
        version: of the features; the same in every row.
    """

    numbers: tuple[str, ...]
    flags: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    version: str

    @property
    def columns(self) -> set[str]:
        """All of them."""
        return {"ts", "version", *self.numbers, *self.flags, *self.labels}


def demand_features(table: pd.DataFrame, form: FeaturesForm, where: str) -> None:
    """Refuse a table that breaks its contract.

    Args:
        where: the instrument, for the message.

    Raises:
        DataError: with every rule that it breaks.
    """
    if features_intact(table, form):
        return
    told = "; ".join(broken_rules(table, form)) or "it is no table of these features"
    raise DataError(f"the features table is wrong: {told}", where=where, remedy="report it: nothing trades on it")


def features_intact(table: pd.DataFrame, form: FeaturesForm) -> bool:
    """Whether a table keeps the contract; a fraction of the time of the schema."""
    if set(table.columns) != form.columns or not _is_utc(table["ts"]):
        return False
    ts = table["ts"].to_numpy()
    return bool(
        not table["ts"].isna().any()
        and np.all(ts[1:] > ts[:-1])
        and all(table[name].dtype == np.float64 for name in form.numbers)
        and not any(np.isinf(table[name].to_numpy()).any() for name in form.numbers)
        and all(table[name].dtype == np.bool_ for name in form.flags)
        and all((table[name].isna() | table[name].isin(words)).all() for name, words in form.labels.items())
        and (table["version"] == form.version).all()
    )


def features_schema(form: FeaturesForm) -> Any:
    """The contract as a ``pandera.pandas.DataFrameSchema``. Nothing is coerced."""
    import pandera.pandas as pa  # two seconds, and only failures need it

    finite = pa.Check(lambda values: ~np.isinf(values), error="a number is finite or unknown")
    utc = pa.Check(_is_utc, error="times are in UTC")
    later = pa.Check(
        lambda ts: ts.diff().iloc[1:] > pd.Timedelta(0), error="each row is later than the one before", ignore_na=False
    )
    columns = {
        "ts": pa.Column(checks=[utc, later], nullable=False),
        **{name: pa.Column(np.float64, finite, nullable=True) for name in form.numbers},
        **{name: pa.Column(np.bool_) for name in form.flags},
        **{name: pa.Column(checks=pa.Check.isin(words), nullable=True) for name, words in form.labels.items()},
        "version": pa.Column(checks=pa.Check.eq(form.version), nullable=False),
    }
    return pa.DataFrameSchema(columns, strict=True)


def broken_rules(table: pd.DataFrame, form: FeaturesForm) -> list[str]:
    """The rules that a table breaks, each with its column, once; empty where it breaks none."""
    import pandera.errors

    try:
        features_schema(form).validate(table, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
        rows = zip(cases["column"], cases["check"], cases["failure_case"], strict=True)
        return list(dict.fromkeys(_told(*row) for row in rows))
    return []


def _told(column: object, rule: object, value: object) -> str:
    if rule in ("column_in_dataframe", "column_in_schema"):
        return f"column {value} is {'missing' if rule == 'column_in_dataframe' else 'unknown'}"
    return f"{column}: {rule}"


def _is_utc(ts: pd.Series[Any]) -> bool:
    return isinstance(ts.dtype, pd.DatetimeTZDtype) and str(ts.dtype.tz) == "UTC"
