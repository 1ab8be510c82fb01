"""The command line in this process, and a house with scenario bars of BTC and a few foreign files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from typer import testing
from typer.testing import CliRunner

from app.cli import app
from app.operations import trading
from conf.compose import compose
from conf.schema.settings import Settings
from runtime.container import Container
from tests.support import schema_copy
from tests.support.houses import QUICK, House, stocked_house
from tradewright.calendars.registry import calendar
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock

testing._get_command = cache(testing._get_command)  # else each call of a command builds all of them anew
NOW = datetime(2026, 11, 20, 15, 1, tzinfo=UTC)


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


copied_schema = pytest.fixture(autouse=True, scope="module")(schema_copy.copying)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house in which BTC can be traded at once."""
    return stocked_house(tmp_path_factory.mktemp("house"))


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


def bring_days(house: House, folder: Path, symbol: str, start: str, columns: Mapping[str, Any]) -> None:
    """Import daily bars from a file that is written for it."""
    index = pd.date_range(start, periods=len(columns["close"]), freq="1D", tz="UTC", name="ts")
    path = folder / f"{symbol}.csv"
    pd.DataFrame(columns, index=index).to_csv(path)
    assert say("import", "csv", str(path), "--instrument", symbol, "--timeframe", "1d", *house.overrides).status == 0


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Thirty days of GOOG as a CSV file."""
    path = tmp_path / "GOOG.csv"
    daily().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def shipped() -> Settings:
    """The configuration that ships, with the shortest of waits."""
    return compose(QUICK)


@pytest.fixture
def settings(shipped: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A desk of its own, whose clock stands at ``NOW``."""
    monkeypatch.setattr(Container, "clock", ManualClock(NOW))
    return shipped.model_copy(update={"storage": shipped.storage.model_copy(update={"root": str(tmp_path)})})


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    """The ledger of that desk."""
    with trading.opened_ledger(settings) as made:
        yield made
