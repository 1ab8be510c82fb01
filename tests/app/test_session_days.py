"""From a vendor's file to a report: each bar on the date of its session, whatever UTC says (B8, B9, B14)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.operations import research
from app.operations.importing import Source, import_bars
from conf.schema.settings import Settings
from runtime.container import Container
from tests.evaluation.accounts import curve
from tradewright.calendars.registry import calendar, calendar_of
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.equity_curve import monthly_table
from tradewright.model.bars import PriceView, Timeframe
from tradewright.model.instrument import AssetClass, Instrument

D1, H1 = Timeframe.D1, Timeframe.H1
CALENDARS = {"MC.PA": "XPAR", "7203.T": "XTKS", "BHP.AX": "XASX", "HOUR": "XNYS", "FUT": "CMES"}


@pytest.fixture
def own(shipped: Settings, tmp_path: Path) -> Settings:
    """The shipped settings with instruments of other markets, raw prices and a storage folder of their own."""
    more = {
        symbol: Instrument(symbol=symbol, asset_class=AssetClass.INDEX, calendar=name)
        for symbol, name in CALENDARS.items()
    }
    return shipped.model_copy(
        update={
            "instruments": {**shipped.instruments, **more},
            "storage": shipped.storage.model_copy(update={"root": str(tmp_path / "data")}),
        }
    )


def rows(times: list[str], closes: list[float]) -> pd.DataFrame:
    """Bars as a vendor gives them: each opens at the close before and trades to its own."""
    opens = [closes[0], *closes[:-1]]
    highs = [max(pair) for pair in zip(opens, closes, strict=True)]
    lows = [min(pair) for pair in zip(opens, closes, strict=True)]
    columns = {"Open": opens, "High": highs, "Low": lows, "Close": closes}
    return pd.DataFrame({"Date": times, **columns, "Volume": [1000.0] * len(times)})


def bring(settings: Settings, symbol: str, table: pd.DataFrame, folder: Path, timeframe: Timeframe = D1) -> int:
    file = folder / f"{symbol.replace('.', '-')}.csv"
    table.to_csv(file, index=False)
    return import_bars(settings, Source.CSV, file, [symbol], timeframe).imported[0].rows


def dates(settings: Settings, symbol: str, **span: str) -> list[str]:
    house = Container(settings)
    bars = house.bar_store.read_bars(symbol, D1, **span)
    return calendar_of(house.instrument(symbol)).session_dates(bars.ts).astype(str).tolist()


@pytest.mark.parametrize(
    ("symbol", "times"),
    [
        ("MC.PA", [f"2024-07-0{day} 00:00:00+02:00" for day in (1, 2, 3)]),
        ("7203.T", [f"2024-07-0{day}T00:00:00+09:00" for day in (1, 2, 3)]),
        ("MC.PA", [f"2024-07-0{day} 00:00+02" for day in (1, 2, 3)]),
        ("MC.PA", ["2024-06-30T22:00:00Z", "2024-07-01T22:00:00Z", "2024-07-02T22:00:00Z"]),  # midnight of Paris
        ("MC.PA", ["2024-07-01T00:00:00Z", "2024-07-02T00:00:00Z", "2024-07-03T00:00:00Z"]),
        ("BHP.AX", ["2024-07-01T00:00:00Z", "2024-07-02T00:00:00Z", "2024-07-03T00:00:00Z"]),
        ("MC.PA", ["2024-07-01 16:30", "2024-07-02 16:30", "2024-07-03 16:30"]),
        ("FUT", ["2024-06-30T22:00:00+00:00", "2024-07-01T22:00:00+00:00", "2024-07-02T22:00:00+00:00"]),
        ("FUT", ["1719784800", "1719871200", "1719957600"]),  # 22:00 UTC
        ("MC.PA", ["1719784800000", "1719871200000", "1719957600000"]),
    ],
)
def test_a_daily_bar_keeps_its_date(own: Settings, tmp_path: Path, symbol: str, times: list[str]) -> None:
    bring(own, symbol, rows(times, [700, 705, 702]), tmp_path)
    assert dates(own, symbol) == ["2024-07-01", "2024-07-02", "2024-07-03"]


def test_a_typed_column_keeps_the_dates_of_its_own_zone(own: Settings, tmp_path: Path) -> None:
    """Also across a change of the clocks, where offsets differ."""
    days = pd.DatetimeIndex(["2024-03-29", "2024-04-02", "2024-04-03"]).tz_localize("Europe/Paris")
    table = rows(["", "", ""], [700, 705, 702]).assign(Date=days)
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), tmp_path / "paris.parquet")
    import_bars(own, Source.PARQUET, tmp_path / "paris.parquet", ["MC.PA"], D1)
    assert dates(own, "MC.PA") == ["2024-03-29", "2024-04-02", "2024-04-03"]
    offsets = ["2024-03-28 00:00:00+01:00", "2024-04-02 00:00:00+02:00", "2024-04-03 00:00:00+02:00"]
    bring(own, "7203.T", rows(offsets, [700, 705, 702]), tmp_path)
    assert dates(own, "7203.T") == ["2024-03-28", "2024-04-02", "2024-04-03"]


@pytest.mark.parametrize("symbol", ["BHP.AX", "ES", "EURUSD", "HOUR"])
def test_a_span_in_dates_cuts_at_sessions(own: Settings, tmp_path: Path, symbol: str) -> None:
    """January is flat at 100, the session of 1 February rises to 110."""
    days = calendar_of(own.instruments[symbol]).sessions("2024-01-16", "2024-02-02")
    texts = days.strftime("%Y-%m-%d").tolist()
    bring(own, symbol, rows(texts, [100.0 if day < "2024-02-01" else 110.0 for day in texts]), tmp_path)
    store = Container(own).bar_store
    first, last = store.read_bars(symbol, D1, start="2024-02-01"), store.read_bars(symbol, D1, end="2024-01-31")
    assert (first.open[0], first.close[0]) == (100, 110)
    assert last.close[-1] == 100
    assert dates(own, symbol, start="2024-01-31", end="2024-02-01") == ["2024-01-31", "2024-02-01"]


@pytest.mark.parametrize("symbol", ["BHP.AX", "ES"])
def test_months_and_periods_are_those_of_the_sessions(own: Settings, tmp_path: Path, symbol: str) -> None:
    days = calendar_of(own.instruments[symbol]).sessions("2024-01-02", "2024-03-28")
    texts = days.strftime("%Y-%m-%d").tolist()
    bring(own, symbol, rows(texts, [100.0 if day < "2024-02-01" else 110.0 for day in texts]), tmp_path)
    chosen = {"instruments": (symbol,), "timeframe": D1, "prices": PriceView.RAW, "start": None, "end": None}
    settings = own.model_copy(
        update={
            "backtest": own.backtest.model_copy(update=chosen),
            "strategy": own.strategy.model_copy(update={"kind": "buy_and_hold", "parameters": {}, "grid": {}}),
        }
    )
    done = research.run(settings)
    [year] = done.report.sections[0].months
    assert (year.months[0] or 0) == pytest.approx(0, abs=1e-3)
    assert (year.months[1] or 0) > 0.005
    assert year.months[3] is None
    assert done.metrics.periods == len(days)
    assert not any(found.code == "DATA_GAPS" for _, found in done.report.findings())
    early = settings.model_copy(
        update={"backtest": settings.backtest.model_copy(update={"end": pd.Timestamp("2023-01-01").date()})}
    )
    with pytest.raises(Exception, match="2024-01-02 to 2024-03-28"):
        research.run(early)


def test_complete_hours_from_half_past_have_no_gap(own: Settings, tmp_path: Path) -> None:
    start, end = pd.Timestamp("2024-01-02", tz="UTC"), pd.Timestamp("2024-03-28", tz="UTC")
    grid = calendar_of(own.instruments["HOUR"]).grid(H1, start, end)
    local = pd.to_datetime(grid, utc=True).tz_convert("America/New_York")
    table = rows([str(time) for time in local], [100 + row / 10 for row in range(len(grid))])
    assert bring(own, "HOUR", table, tmp_path, H1) == len(grid)
    house = Container(own)
    bars = house.bar_store.read_bars("HOUR", H1, start="2024-03-08", end="2024-03-08")
    assert len(bars.ts) == 7
    assert calendar_of(house.instrument("HOUR")).expected_starts(H1, bars.ts).tolist() == bars.ts.tolist()


def test_history_before_the_calendars_first_year(own: Settings, tmp_path: Path) -> None:
    times = ["1962-01-02", "1962-01-03", "1984-12-31", "1985-01-02"]
    assert bring(own, "IBM", rows(times, [7.6, 7.7, 123.1, 122.5]), tmp_path) == 4
    assert dates(own, "IBM", start="1962-01-03", end="1984-12-31") == ["1962-01-03", "1984-12-31"]
    bring(own, "XAUUSD", rows(["1970-01-02", "1970-01-05", "1970-01-06"], [35.2, 35.1, 35.2]), tmp_path)
    house = Container(own)
    bars = house.bar_store.read_bars("XAUUSD", D1)
    assert calendar_of(house.instrument("XAUUSD")).expected_starts(D1, bars.ts).tolist() == bars.ts.tolist()


def test_a_pool_counts_the_days_of_each_market() -> None:
    """The same moment is 31 January round the clock and 1 February in Chicago."""
    ts = np.array([pd.Timestamp(text, tz="UTC").value for text in ("2024-01-31 12:00", "2024-01-31 23:30")])
    february = calendar("CMES").session_dates(ts).astype(np.int64)
    chicago, crypto = replace(curve([1010, 1020], ts=ts), session_days=february), curve([1010, 1020], ts=ts)
    assert np.datetime64(int(pooled({"A": chicago, "B": crypto}).days[-1]), "D") == np.datetime64("2024-02-01")
    assert np.datetime64(int(pooled({"B": crypto}).days[-1]), "D") == np.datetime64("2024-01-31")
    [year] = monthly_table(chicago)
    assert year.months[:2] == (pytest.approx(0.01), pytest.approx(1020 / 1010 - 1))
