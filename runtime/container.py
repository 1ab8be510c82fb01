"""The container: every object that settings describe, made once, at its first use, and closed in reverse order.

The execution location comes through here, so nothing in this module loads numba.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from brokers.base import BrokerPlugin, Surroundings
from brokers.discovery import plugin
from conf.environment import in_project
from conf.ledger_place import ledger_url
from conf.problems import nearest
from conf.schema.market import ScenarioFeedSettings
from conf.schema.settings import Settings
from conf.strategy_kinds import build
from runtime.clocks import scenario_clock
from runtime.logs import start_logging
from strategies.base import BaseAllocation, BaseStrategy
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.broker import Broker, Quote
from tradewright.model.clock import Clock, SystemClock
from tradewright.model.errors import ConfigError, StoreError
from tradewright.model.instrument import Instrument
from tradewright.policy.limits import Limits
from tradewright.store.files import private_folder

if TYPE_CHECKING:  # a command loads what it uses: no pandas for a list of orders, no database for a backtest
    from tradewright.calendars.calendar import Calendar
    from tradewright.ledger.ledger import Ledger
    from tradewright.model.ports import QuoteStore
    from tradewright.store.artefacts import Artefacts
    from tradewright.store.bars import BarStore
    from tradewright.store.quarantine import Quarantines


CATALOG_FILE = "catalog.sqlite3"
"""The file of saved strategies in the storage folder, where the ledger is a file too."""


class Container:
    """Live objects of one composition. Use it as a context manager: at its end everything that was opened is closed.

    Args:
        clock: another clock than the one that the settings ask for.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        start_logging(settings)  # every program makes its objects here
        self._clock, self._opened = clock, ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened, the newest first. Closing again does nothing."""
        self._opened.close()

    @cached_property
    def root(self) -> Path:
        """The storage folder; a relative one is taken from the project's folder."""
        return in_project(self.settings.storage.root)

    @cached_property
    def cache_folder(self) -> Path:
        """Where results are cached."""
        named = self.settings.storage.cache_dir
        return in_project(named) if named else self.root / "cache"

    @property
    def backups(self) -> Path:
        """Where backups of the ledger are kept."""
        return self.root / "backups"

    @cached_property
    def clock(self) -> Clock:
        """The machine's clock, or for a scenario with a fixed end the scenario's own."""
        if self._clock is not None:
            return self._clock
        feed = self.settings.feed
        if not isinstance(feed, ScenarioFeedSettings) or feed.end is None:
            return SystemClock()
        return scenario_clock(self.root, feed.end)

    @property
    def stands_still(self) -> bool:
        """Whether the market is a scenario that has no bars after its end: nothing brings them while refresh is off."""
        feed, refresh = self.settings.feed, self.settings.schedules.refresh_bars
        return isinstance(feed, ScenarioFeedSettings) and feed.end is not None and not refresh.enabled

    @property
    def instruments(self) -> dict[str, Instrument]:
        """Every instrument that is defined, by symbol."""
        return self.settings.instruments

    def instrument(self, symbol: str) -> Instrument:
        """One instrument.

        Raises:
            ConfigError: when it is not defined; the nearest right name is given.
        """
        if symbol not in self.instruments:
            near = nearest(symbol, self.instruments)
            declare = "declare it in a file of conf/instruments, see docs/instruments.md"
            remedy = f"did you mean {near!r}? If not, {declare}" if near else declare
            raise ConfigError(f"there is no instrument {symbol!r}", where="conf/instruments", remedy=remedy)
        return self.instruments[symbol]

    @cached_property
    def bar_store(self) -> BarStore:
        """The bars as they are stored, for all that stores and fetches; readers take :attr:`bars`."""
        from tradewright.store.bars import BarStore

        return BarStore(self.root, self.clock, self.trading_day, self.bar_kind)

    @cached_property
    def bars(self) -> BarStore:
        """The stored bars for readers: a timeframe that is not stored is made of a shorter one."""
        from tradewright.calendars.resampled_bars import ResampledBars

        return ResampledBars(self.root, self._market, self.clock, self.trading_day, self.bar_kind)

    @cached_property
    def for_research(self) -> Container:
        """The container for backtests, whose :attr:`bars` are those that were stored at ``backtest.known_at``.

        Without that setting it is this one. Signals and orders never come through here.
        """
        moment = self.known_at
        if moment is None:
            return self
        from tradewright.calendars.known_bars import KnownBars

        past = Container(self.settings, self.clock)
        past.bars = KnownBars(self.root, self._market, moment, self.clock, self.trading_day, self.bar_kind)
        return past

    @property
    def known_at(self) -> datetime | None:
        """The moment of ``backtest.known_at``: of a date, the end of its day in UTC."""
        said = self.settings.backtest.known_at
        return said if said is None or isinstance(said, datetime) else datetime.combine(said, time.max, UTC)

    @cached_property
    def quarantines(self) -> Quarantines:
        """The stored bars that people set aside."""
        from tradewright.store.quarantine import Quarantines

        return Quarantines(self.root, self.clock, self.trading_day, self.bar_kind)

    def bar_kind(self, symbol: str) -> BarKind | None:
        """The kind of bars that an instrument declares; None where it declares none, or is not defined."""
        return self.instruments[symbol].bar_kind if symbol in self.instruments else None

    def _market(self, symbol: str) -> Calendar:
        from tradewright.calendars.registry import calendar_of

        return calendar_of(self.instrument(symbol))

    def trading_day(self, symbol: str, day: date) -> tuple[int, int]:
        """The first and the last nanosecond (UTC) of a trading day, by the calendar of an instrument.

        Raises:
            ConfigError: for an instrument that is not defined.
        """
        return self._market(symbol).day_bounds(day)

    @cached_property
    def artefacts(self) -> Artefacts:
        """Small results that are kept between runs: signals, reports, checks."""
        from tradewright.store.artefacts import Artefacts

        return Artefacts(self.root / "artefacts")

    @cached_property
    def progress(self) -> Artefacts:
        """How far each stage of the daily loop has come: no results, which a second run leaves as they are."""
        from tradewright.store.artefacts import Artefacts

        return Artefacts(self.root / "progress")

    @cached_property
    def latest_quotes(self) -> QuoteStore:
        """The newest quotes that a stream kept.

        Raises:
            ConfigError: for a Redis server whose client library is not installed.
        """
        from tradewright.store.latest_quotes import LatestQuotes

        named = self.settings.storage.quotes_url
        if named is None or not named.get_secret_value():
            return LatestQuotes(self.root)
        if find_spec("redis") is None:
            what, remedy = "REDIS_URL needs redis, which is not installed", "pip install tradewright[redis]"
            raise ConfigError(what, where="storage.quotes_url", remedy=remedy)
        from brokers.streams.redis_quotes import RedisQuotes

        made = RedisQuotes(named.get_secret_value())
        self._opened.callback(made.close)
        return made

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, made where there is none, open until the container closes.

        Raises:
            LedgerError: when it cannot be used; the message says what to do.
        """
        from tradewright.ledger.ledger import Ledger

        return self._opened.enter_context(Ledger.create(self.ledger_url(), self.clock, mode=self.settings.mode.name))

    def existing_ledger(self) -> Ledger:
        """A ledger that is there, open until the container closes; it is never made.

        Raises:
            LedgerError: as for :attr:`ledger`, and when there is none.
        """
        from tradewright.ledger.ledger import Ledger

        return self._opened.enter_context(Ledger.open(self.ledger_url(), self.clock, mode=self.settings.mode.name))

    def ledger_url(self) -> str:
        """The database of the ledger; may hold a password."""
        named = self.settings.storage.ledger_url
        if named is not None:
            return named.get_secret_value()
        private_folder(self.root)
        return ledger_url(self.root)

    def catalog_url(self) -> str:
        """The database of saved strategies: that of the ledger on a server, else a file of its own."""
        from tradewright.database.address import sqlite_file, sqlite_url

        named = self.settings.storage.ledger_url
        if named is not None and sqlite_file(named.get_secret_value()) is None:
            return named.get_secret_value()
        private_folder(self.root)
        return sqlite_url(self.root.absolute() / CATALOG_FILE)

    @cached_property
    def strategy(self) -> BaseStrategy | BaseAllocation:
        """The strategy or the allocation in force."""
        return build(self.settings.strategy.kind, self.settings.strategy.values)

    @cached_property
    def limits(self) -> Limits:
        """The gate's limits: the rules' numbers, the risk's, the universe as allow-list, the stage's own limits."""
        settings = self.settings
        return Limits(
            **settings.policy.model_dump(),
            **settings.risk.model_dump(),
            allowlist=frozenset(settings.universe.instruments),
            max_order_money=settings.stage.max_trade_value,
            max_daily_loss=settings.stage.max_daily_loss,
            manual_approval=settings.stage.manual_approval,
        )

    @cached_property
    def broker_plugin(self) -> BrokerPlugin:
        """The plug-in of the broker in force."""
        return plugin(self.settings.broker.kind)

    @cached_property
    def broker(self) -> Broker:
        """The venue in force, not yet connected; a simulated one stands at the newest stored prices.

        Raises:
            ConfigError: when mode, account and the broker's settings contradict each other.
        """
        return self.broker_plugin.build(self.settings.broker, self.surroundings)

    def reading_broker(self) -> Broker:
        """A further connection to the venue in force that sends nothing and never disturbs the sender's.

        Raises:
            ConfigError: as for :attr:`broker`.
        """
        return self.broker_plugin.build(self.settings.broker, self.surroundings, reading=True)

    @cached_property
    def surroundings(self) -> Surroundings:
        """What a venue is built from."""
        from runtime.exchange_rates import fee_rates

        return Surroundings(
            mode=self.settings.mode.name,
            instruments=self.instruments,
            clock=self.clock,
            costs=self.settings.backtest.costs,
            folder=self.root,
            cash=Decimal(repr(self.settings.backtest.cash)),
            quotes=self.newest_quotes,
            bars=self.bars,
            timeframes=self.mark_timeframes,
            currency=self.settings.policy.currency,
            fee_rate=fee_rates(self, self.settings.universe.timeframe),
        )

    @property
    def mark_timeframes(self) -> tuple[Timeframe, ...]:
        """The timeframes of stored bars in which the simulated market is priced, the preferred one first.

        Days come before weeks and months, whose newest close may be weeks old.
        """
        universe = self.settings.universe
        wanted = universe.timeframe, universe.base_timeframe, Timeframe.D1
        return tuple(sorted(wanted, key=lambda each: each.seconds > Timeframe.D1.seconds))

    def newest_quotes(self) -> dict[str, Quote]:
        """A quote around the newest stored close of every instrument that has bars.

        It is as old as that close; only a scenario that stands at its end has a market that quotes for ever. An
        instrument whose bars are damaged has none, so that all others can be traded. A bid and ask that a stream kept
        stand before it where they are no older.
        """
        from brokers.sim.quotes import newest_quotes
        from tradewright.execution.market_state import closed_at

        closes_at = None if self.stands_still else closed_at
        quotes: dict[str, Quote] = {}
        for instrument in self.instruments.values():
            with suppress(StoreError):
                quotes |= newest_quotes(self.bars, [instrument], self.mark_timeframes, self.clock, closes_at)
        return quotes if self.stands_still else self._with_streamed(quotes)

    def _with_streamed(self, quotes: dict[str, Quote]) -> dict[str, Quote]:
        """Quotes, and in their place streamed ones of both sides that are no older, and not of the future."""
        now, found = self.clock.now(), dict(quotes)
        with suppress(StoreError):
            for symbol, quote in self.latest_quotes.all().items():
                known = quotes[symbol].time if symbol in quotes else None
                is_whole = quote.bid is not None and quote.ask is not None and quote.bid <= quote.ask
                is_past = all(time is not None and time <= now for time in (quote.bid_time, quote.ask_time))
                is_new = quote.time is not None and (known is None or quote.time >= known)
                if symbol in self.instruments and is_whole and is_past and is_new:
                    found[symbol] = quote
        return found
