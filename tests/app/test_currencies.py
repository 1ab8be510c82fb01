"""Money has a currency: what an account in one earns with instruments in another, or the refusal (B3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from app.operations import research
from app.operations.importing import Source, import_bars
from app.operations.trials import evaluations
from conf.compose import compose
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.currencies import rate_series
from runtime.exchange_rates import newest_rates
from runtime.rehearsal import run_rehearsal
from runtime.research import trial_recorder
from runtime.signals import newest_signals
from runtime.sweep import SweptSettings, sweep_sets
from tests.app.test_session_days import rows
from tradewright.backtest.sizing import FixedCash, FixedUnits
from tradewright.backtest.spec import BacktestSpec
from tradewright.catalog.trials import Trials
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.study import StudyResult
from tradewright.fills.costs import NoCosts, PerShareCosts
from tradewright.model.bars import BarKind, PriceView, Timeframe
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.hashing import content_hash
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.policy.exchange_rate import ExchangeRate
from tradewright.research.terms_in_words import terms_in_words
from tradewright.store.uses import Uses

D1 = Timeframe.D1
DAYS = [f"{day:%Y-%m-%d}" for day in pd.bdate_range("2024-01-02", "2024-02-26")]
CLASSES = {
    "TEST": (AssetClass.INDEX, "USD"), "SAP": (AssetClass.STOCK, "EUR"), "TOPIX": (AssetClass.INDEX, "JPY"),
    "ETHJPY": (AssetClass.CRYPTO, "JPY"),
}  # fmt: skip


@pytest.fixture
def own(shipped: Settings, tmp_path: Path) -> Settings:
    more = {
        symbol: Instrument(symbol=symbol, asset_class=kind, currency=currency, calendar="24/5", lot_size="0.0001")
        for symbol, (kind, currency) in CLASSES.items()
    }
    root = shipped.storage.model_copy(update={"root": str(tmp_path / "data")})
    terms = {
        "costs": NoCosts(), "sizing": FixedCash(50_000.0), "prices": PriceView.RAW, "timeframe": D1, "cash": 1e6,
    }  # fmt: skip
    strategy = shipped.strategy.model_copy(update={"name": "buy_and_hold", "kind": "buy_and_hold", "parameters": {}})
    changed = {"instruments": {**shipped.instruments, **more}, "storage": root, "strategy": strategy}
    return with_terms(shipped.model_copy(update=changed), **terms)


def with_terms(settings: Settings, **terms: object) -> Settings:
    return settings.model_copy(update={"backtest": settings.backtest.model_copy(update=terms)})


def bring(settings: Settings, symbol: str, first: float, last: float, days: list[str] = DAYS) -> None:
    """Bars of one price, and of another for the second half."""
    closes = [first] * (len(days) // 2) + [last] * (len(days) - len(days) // 2)
    table = rows(days, closes).assign(Open=closes, High=closes, Low=closes)
    file = Path(settings.storage.root).parent / f"{symbol}.csv"
    table.to_csv(file, index=False)
    import_bars(settings, Source.CSV, file, [symbol], D1)


def study(settings: Settings, *symbols: str, **terms: object) -> StudyResult:
    return research.run(with_terms(settings, instruments=symbols, **terms))


def trading(settings: Settings, symbol: str) -> Settings:
    """The settings with a universe of one instrument."""
    universe = settings.universe.model_copy(update={"instruments": (symbol,), "timeframe": D1})
    return settings.model_copy(update={"universe": universe})


def test_dollars_in_yen(own: Settings) -> None:
    """50,000 USD of USDJPY from 150 to 165 are 750,000 JPY: 4,545.45 USD, not 4,995 of 333 units."""
    bring(own, "USDJPY", 150, 165)
    done = study(own, "USDJPY")
    assert done.results["USDJPY"].fills["quantity"].tolist() == [50_000, 50_000]
    assert done.metrics.net_profit == pytest.approx(750_000 / 165)
    assert done.report.facts["exchange rates"] == "USDJPY: JPY to USD by 1/USDJPY 1d, differences settled"
    assert done.report.facts["cash"] == "1,000,000 USD, an equal part for each instrument"


def test_a_pool_converts_each(own: Settings) -> None:
    """With an index that loses 10 % of 50,000 USD, -454.55 USD; the pooled curve, fills and buy and hold are money."""
    bring(own, "USDJPY", 150, 165)
    bring(own, "TEST", 100, 90)
    done = study(own, "USDJPY", "TEST")
    assert done.metrics.net_profit == pytest.approx(750_000 / 165 - 5_000)
    assert done.account.equity[-1] - 1e6 == pytest.approx(-454.545, abs=0.01)
    worth = done.account.fills["quantity"] * done.account.fills["price"]
    assert worth.tolist() == pytest.approx([50_000, 50_000, 50_000, 45_000])
    trades = done.account.trades
    gained = trades["quantity"] * (trades["exit_price"] - trades["entry_price"])
    assert gained.tolist() == pytest.approx(trades["profit"].tolist())
    assert done.account.bars.close[-1] == pytest.approx(500_000 * (1 + 15 / 165) + 450_000)


def test_a_share_is_bought_with_euros_that_are_bought_with_dollars(own: Settings) -> None:
    bring(own, "SAP", 100, 110)
    bring(own, "EURUSD", 1.0, 1.2)
    done = study(own, "SAP")
    assert done.results["SAP"].fills["quantity"][0] == pytest.approx(500)
    assert done.metrics.net_profit == pytest.approx(500 * (110 * 1.2 - 100))


def test_two_pairs_are_crossed_where_there_is_none_of_both_currencies(own: Settings) -> None:
    euro = own.model_copy(update={"policy": own.policy.model_copy(update={"currency": "EUR"})})
    bring(euro, "TOPIX", 2000, 2200)
    bring(euro, "EURUSD", 1.0, 1.25)
    bring(euro, "USDJPY", 150, 160)
    done = study(euro, "TOPIX")
    assert done.results["TOPIX"].fills["quantity"][0] == pytest.approx(50_000 * 150 / 2000)
    assert done.metrics.net_profit == pytest.approx(3750 * 200 / 160 / 1.25)
    assert "JPY to EUR by 1/USDJPY 1d x 1/EURUSD 1d" in done.report.facts["exchange rates"]
    (use,) = Uses(Path(own.storage.root)).all()
    assert [row.instrument for row in use.series] == ["TOPIX", "EURUSD", "USDJPY"], "a corrected rate touches it too"


@pytest.fixture
def rated(own: Settings, tmp_path: Path) -> Settings:
    (tmp_path / "jpy.csv").write_text("date,rate\n" + "".join(f"{day},0.01\n" for day in ("2024-01-01", *DAYS)))
    bring(own, "ETHJPY", 300_000, 330_000)
    return with_terms(own, rates={"JPY": str(tmp_path / "jpy.csv")})


def test_a_declared_file_is_used_before_any_pair(rated: Settings) -> None:
    bring(rated, "USDJPY", 150, 165)
    done = study(rated, "ETHJPY")
    assert done.metrics.net_profit == pytest.approx(50_000 * 0.1, abs=0.05)
    assert done.report.facts["exchange rates"] == "ETHJPY: JPY to USD by jpy.csv, purchases paid in full"


def test_a_sweep_is_in_the_accounts_currency(rated: Settings) -> None:
    alone = with_terms(rated, instruments=("ETHJPY",))
    single = study(alone, "ETHJPY").metrics.net_profit
    found = sweep_sets([SweptSettings(Container(alone), [{}])])
    assert found.totals["net_profit"].tolist() == pytest.approx([single])


def test_an_edited_file_is_another_result(rated: Settings, tmp_path: Path) -> None:
    study(rated, "ETHJPY")
    text = (tmp_path / "jpy.csv").read_text().replace("2024-02-01,0.01", "2024-02-01,0.02")
    (tmp_path / "jpy.csv").write_text(text)
    assert not study(rated, "ETHJPY").used_cache
    assert study(rated, "ETHJPY").used_cache


def test_a_replaced_file_is_another_trial_and_the_old_one_tells_its_rates(rated: Settings, tmp_path: Path) -> None:
    alone = with_terms(rated, instruments=("ETHJPY",))
    study(alone, "ETHJPY")
    study(alone, "ETHJPY", end=date(2024, 2, 20))
    file = tmp_path / "jpy.csv"
    file.write_text(file.read_text().replace(",0.01", ",0.0125"))
    study(alone, "ETHJPY")
    study(alone, "ETHJPY")
    first, shorter, other, again = Trials(Path(rated.storage.root)).all()
    assert [line.added for line in (first, shorter, other, again)] == [1, 1, 1, 0], "another end is a trial of its own"
    assert len({line.facts.data_hash for line in (first, shorter, other)}) == 3
    (used,), (later,) = first.facts.rates, other.facts.rates
    assert (used.instrument, used.use, used.source, used.target) == ("ETHJPY", "prices", "JPY", "USD")
    assert used.origin == later.origin == "jpy.csv"
    assert used.fingerprint != later.fingerprint
    told = [row.rates for row in evaluations(rated, 0)]
    assert told[0] == f"JPY to USD by jpy.csv [{used.fingerprint[:8]}]"
    assert told[2] == f"JPY to USD by jpy.csv [{later.fingerprint[:8]}]"
    bring(rated, "TEST", 100, 90)
    study(rated, "TEST")
    assert (Trials(Path(rated.storage.root)).all()[-1].facts.rates, evaluations(rated, 1)[0].rates) == ((), "")


def test_a_named_currency_of_fees_that_is_the_accounts_is_no_other_trial(own: Settings) -> None:
    """What was recorded before fees had one stays what it was."""
    said, unsaid = (with_terms(own, costs=PerShareCosts(0.01, currency=currency)) for currency in ("USD", None))
    one, other = (trial_recorder(Container(each), {}, {}).terms for each in (said, unsaid))
    before = unsaid.backtest.model_copy(update={"timeframe": None}).model_dump(mode="json")
    assert "currency" not in before["costs"]
    kept = {name: value for name, value in before.items() if name not in ("instruments", "account", "shared")}
    assert one == other == content_hash(kept)
    euro = with_terms(own, costs=PerShareCosts(0.01, currency="EUR"))
    assert trial_recorder(Container(euro), {}, {}).terms != one


def test_without_rates_every_road_refuses_and_says_what_to_bring(own: Settings) -> None:
    bring(own, "TOPIX", 2000, 2200)
    alone = with_terms(own, instruments=("TOPIX",))
    with pytest.raises(ConfigError) as refused:
        research.run(alone)
    assert str(refused.value) == (
        "TOPIX, policy.currency=USD: TOPIX is quoted in JPY, the account is in USD, and there are no rates between "
        "them (import bars of USDJPY, or name a file of USD per JPY: backtest.rates.JPY=FILE.csv)"
    )
    with pytest.raises(ConfigError, match="there are no rates"):
        sweep_sets([SweptSettings(Container(alone), [{}])])
    with pytest.raises(ConfigError, match="there are no rates"):
        newest_signals(Container(trading(own, "TOPIX")))


def test_rates_that_do_not_cover_the_bars_are_refused(own: Settings) -> None:
    bring(own, "TOPIX", 2000, 2200)
    bring(own, "USDJPY", 150, 165, DAYS[5:])
    with pytest.raises(DataError, match=r"first one is of 2024-01-09 22:00 UTC .*begin later with backtest\.start"):
        study(own, "TOPIX")
    begun = pd.Timestamp(DAYS[6]).date()
    assert study(own, "TOPIX", start=begun).metrics.net_profit > 0
    found = newest_signals(Container(trading(own, "TOPIX")))
    assert [each.target for each in found] == [1.0], "a decision needs no money"


def newest(settings: Settings, currency: str, now: str) -> ExchangeRate:
    with Container(settings) as house:
        return newest_rates(house).of(currency, pd.Timestamp(now, tz="UTC").to_pydatetime())


def test_the_gate_gets_the_newest_rate_known_from_the_sources_of_a_backtest(own: Settings, tmp_path: Path) -> None:
    """A bar of Friday is known when the session closes, 17:00 in New York; a row of a file at the end of its day."""
    missing = newest(own, "JPY", "2024-02-24")
    assert missing.why_unknown().endswith(
        "there is no pair with stored bars and no file (import bars of USDJPY, or name a file of USD per JPY: "
        "backtest.rates.JPY=FILE.csv)"
    )
    bring(own, "USDJPY", 150, 160)
    told = newest(own, "JPY", "2024-02-24")
    assert told.rate == Decimal(repr(1 / 160))
    assert (told.age_seconds, told.origin) == (2 * 3600, "1/USDJPY 1d")
    assert newest(own, "JPY", "2024-02-23 21:59").age_seconds == 24 * 3600 - 60
    assert newest(own, "JPY", "2025-02-25 22:00").age_seconds == 365 * 24 * 3600, "old, and told"
    (tmp_path / "jpy.csv").write_text("date,rate\n2024-02-21,0.01\n2024-02-22,0.02\n")
    filed = with_terms(own, rates={"JPY": str(tmp_path / "jpy.csv")})
    assert newest(filed, "JPY", "2024-02-22 23:00").told() == "JPY to USD at 0.01 (jpy.csv, 23 hours old)"


def test_what_is_broken_is_no_rate_and_blocks_no_exit(own: Settings, tmp_path: Path) -> None:
    (tmp_path / "jpy.csv").write_text("date,rate\n2024-02-21,cheap\n")
    filed = with_terms(own, rates={"JPY": str(tmp_path / "jpy.csv")})
    assert "'cheap' is no rate" in newest(filed, "JPY", "2024-02-22").why_unknown()
    absent = with_terms(own, rates={"JPY": str(tmp_path / "none.csv")})
    assert "there is no such file" in newest(absent, "JPY", "2024-02-22").why_unknown()


def test_a_crossed_rate_is_as_old_as_the_older_pair(own: Settings) -> None:
    euro = own.model_copy(update={"policy": own.policy.model_copy(update={"currency": "EUR"})})
    bring(euro, "USDJPY", 150, 160)
    bring(euro, "EURUSD", 1.0, 1.25, DAYS[:-5])
    told = newest(euro, "JPY", "2024-02-26 22:00")
    assert told.rate == pytest.approx(Decimal(1) / 160 / Decimal("1.25"))
    assert (told.age_seconds, told.origin) == (7 * 24 * 3600, "1/USDJPY 1d x 1/EURUSD 1d")


def test_a_rehearsal_whose_account_has_one_currency_refuses_the_others(own: Settings, tmp_path: Path) -> None:
    bring(own, "TOPIX", 2000, 2200)
    bring(own, "USDJPY", 150, 165)
    with pytest.raises(ConfigError, match="a rehearsal keeps an account in USD only, and TOPIX in JPY is not"):
        run_rehearsal(Container(trading(own, "TOPIX")), tmp_path / "rehearsed", None, None, lambda _done, _all: None)


def test_the_reply_names_the_currency_and_vectorbt_books_what_it_can(own: Settings, tmp_path: Path) -> None:
    bring(own, "USDJPY", 150, 165)
    alone = with_terms(own, instruments=("USDJPY",))
    done = research.run(alone)
    assert research.reply_of(alone, done).currency == "USD"
    with pytest.raises(DataError, match="vectorbt keeps accounts in one currency, and this one settles JPY to USD"):
        research.write_full_report(alone, done, tmp_path)


DOLLARS = PerShareCosts(0.005, 1.0, 0.005, currency="USD")


def in_euros(settings: Settings, **terms: object) -> Settings:
    """An account in euro with a share in euro, whose fees are a price list in dollars."""
    euro = settings.model_copy(update={"policy": settings.policy.model_copy(update={"currency": "EUR"})})
    return with_terms(euro, instruments=("SAP",), costs=DOLLARS, sizing=FixedUnits(100.0), **terms)


def test_fees_are_exchanged_at_the_rate_of_their_fill(own: Settings) -> None:
    """100 shares cost a dollar: 0.8 EUR of it at 1.25 USD per EUR, and 0.5 EUR at 2."""
    euro = in_euros(own)
    bring(euro, "SAP", 100, 100)
    bring(euro, "EURUSD", 1.25, 2.0)
    done = research.run(euro)
    assert done.results["SAP"].fills["fee"].tolist() == pytest.approx([0.8, 0.5])
    assert done.metrics.net_profit == pytest.approx(-1.3)
    assert done.report.facts["exchange rates"] == "fees: USD to EUR by 1/EURUSD 1d"
    (use,) = Uses(Path(euro.storage.root)).all()
    assert [row.instrument for row in use.series] == ["SAP", "EURUSD"], "a corrected rate touches it too"
    stated = terms_in_words(BacktestSpec(costs=DOLLARS, currency="EUR"), PriceView.RAW, None, is_allocation=False)
    assert stated["fees"] == "0.005 USD a unit, at least 1 USD an order, at most 0.5% of its value"
    assert not research.run(in_euros(own, rates={"USD": str(_constant(own, "usd.csv"))})).used_cache, "other rates"


def _constant(settings: Settings, name: str) -> Path:
    file = Path(settings.storage.root).parent / name
    file.write_text("date,rate\n" + "".join(f"{day},0.8\n" for day in ("2024-01-01", *DAYS)))
    return file


def test_fees_without_rates_are_refused_and_never_taken_one_to_one(own: Settings) -> None:
    bring(in_euros(own), "SAP", 100, 110)
    with pytest.raises(ConfigError) as refused:
        research.run(in_euros(own))
    assert str(refused.value) == (
        "backtest.costs.currency, policy.currency=EUR: fees are charged in USD, the account is in EUR, and there are "
        "no rates between them (import bars of EURUSD, or name a file of EUR per USD: backtest.rates.USD=FILE.csv)"
    )
    assert len(research.run(in_euros(with_terms(own), rates={"USD": str(_constant(own, "usd.csv"))})).results) == 1
    file = ("policy.currency=EUR", "backtest/costs=ibkr_fixed", "backtest.rates.USD=usd.csv")
    assert compose(file).backtest.costs.currency == "USD"


def test_the_simulated_venue_charges_what_the_backtest_does(own: Settings) -> None:
    """At the open of each bar: the rate of the day before, whether it is in the newest bars of the pair or not."""
    euro = in_euros(own)
    bring(euro, "SAP", 100, 100)
    bring(euro, "EURUSD", 1.25, 2.0)
    fills = research.run(euro).results["SAP"].fills
    with Container(euro) as house:
        charged, opens = house.surroundings.fee_rate, house.bar_store.read("SAP", D1)["ts"]
        assert charged is not None
        for fill, at in ((fills[0], opens[1]), (fills[1], opens.iloc[-1] + pd.Timedelta(days=30))):
            assert float(charged(at.to_pydatetime(warn=False))) == pytest.approx(fill["fee"])
        assert float(charged(opens[0].to_pydatetime(warn=False) - timedelta(days=900))) == pytest.approx(0.8)
    with Container(own) as house:
        assert house.surroundings.fee_rate is None


def test_accounts_in_several_currencies_are_not_added_up(own: Settings) -> None:
    bring(own, "TEST", 100, 90)
    dollars = study(own, "TEST").account
    with pytest.raises(DataError, match="USD of A and EUR of B cannot be added up"):
        pooled({"A": replace(dollars, currency="USD"), "B": replace(dollars, currency="EUR")})


def test_a_file_is_named_on_the_command_line_as_the_refusal_says() -> None:
    assert compose(["backtest.rates.JPY=rates/jpy.csv"]).backtest.rates == {"JPY": "rates/jpy.csv"}


def test_a_daily_row_that_starts_with_no_session_is_no_rate(own: Settings) -> None:
    """A vendor's row of a Sunday lies before the session of Monday: it would count as known when that opens."""
    bring(own, "SAP", 100, 110)
    bring(own, "EURUSD", 1.0, 1.2)
    with Container(own) as house:
        before = rate_series(house, house.instrument("SAP"), D1)
        start = pd.Timestamp("2024-01-13 22:00", tz="UTC").as_unit("ns")
        frame = house.bar_store.read("EURUSD", D1).iloc[:1].assign(ts=start)
        house.bar_store.upsert("EURUSD", D1, BarKind.TRADE, frame)
        after = rate_series(house, house.instrument("SAP"), D1)
    assert after.known.tolist() == before.known.tolist()
    assert after.rates.tolist() == before.rates.tolist()


@pytest.mark.parametrize(
    ("currency", "rule"),
    [
        ("USD", "is for the account's own currency"),
        ("JPX", "is for a currency that neither instruments nor backtest.costs are in"),
    ],
)
def test_a_file_of_rates_that_nothing_reads_is_refused(currency: str, rule: str) -> None:
    with pytest.raises(ConfigProblems) as caught:
        compose((f"backtest.rates.{currency}=rates.csv",))
    (problem,) = caught.value.problems
    assert f"backtest.rates.{currency}" in str(problem)
    assert rule in str(problem)
