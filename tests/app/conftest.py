"""The command line in this process, and a house with scenario bars of BTC and a few foreign files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from typer.testing import CliRunner

from app.cli import app
from tests.support.houses import House, conf_copy, stock
from tradewright.calendars.registry import calendar


class Said(NamedTuple):
    """What a command said and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output; anything else there fails the test."""
        return json.loads(self.out)


def say(*words: str) -> Said:
    """Run a command in this process."""
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house in which BTC can be traded at once."""
    folder = tmp_path_factory.mktemp("house")
    made = House(conf_copy(folder), folder / "data", ("universe.instruments=[BTC]", "strategy=buy_and_hold"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(made.conf))
        stock(made)
    return made


@pytest.fixture
def house(stocked: House, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    return stocked


def daily(count: int = 30, closes: Sequence[float] = ()) -> pd.DataFrame:
    """Daily bars as a vendor would give them: ``Date``, OHLC, ``Volume``; they rise by 1 a day unless told."""
    days = calendar("XNYS").sessions("2024-01-02", "2024-12-31")[:count]
    close = list(closes) or [100.0 + row for row in range(count)]
    columns = {"Open": close, "High": [c + 1 for c in close], "Low": [c - 1 for c in close], "Close": close}
    return pd.DataFrame({"Date": days.strftime("%Y-%m-%d"), **columns, "Volume": [1000.0] * count})


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Thirty days of GOOG as a CSV file."""
    path = tmp_path / "GOOG.csv"
    daily().to_csv(path, index=False)
    return path
