"""A trading counter for tests: bars, prices and books by hand, and the session and gatherer over them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from tests.execution.venue import ACCOUNT, FileBroker
from tests.execution.world import World, run
from tests.support.ledgers import START
from tradewright.calendars.registry import calendar
from tradewright.execution.account_reader import AccountReader
from tradewright.execution.actor import AccountActor
from tradewright.execution.deciding import Decider
from tradewright.execution.exchange_rates import ExchangeRates
from tradewright.execution.market_state import MarketStateReader
from tradewright.execution.risk_snapshot import AccountView, SnapshotBuilder, SnapshotRequest
from tradewright.execution.types import SenderSettings
from tradewright.ledger.ledger import Ledger
from tradewright.model.approved import ApprovedOrder
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.broker import AccountState, BrokerSnapshot, Quote
from tradewright.model.clock import ManualClock
from tradewright.model.currency import RateSeries
from tradewright.model.errors import BrokerError, ConfigError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.mode import Mode, Stage
from tradewright.model.order import AttemptState, Leg, Position, Side
from tradewright.policy.limits import Limits
from tradewright.policy.snapshot import Snapshot
from tradewright.quality.thresholds import SHIPPED
from tradewright.store.artefacts import Artefacts
from tradewright.store.bars import BarStore

Result = TypeVar("Result")

INSTRUMENTS = {
    row.symbol: row
    for row in (
        Instrument(symbol="AAPL", asset_class=AssetClass.STOCK, shortable=True),
        Instrument(symbol="MSFT", asset_class=AssetClass.STOCK, shortable=True),
        Instrument(symbol="ES", asset_class=AssetClass.FUTURE, calendar="24/7", multiplier=Decimal(50)),
        Instrument(symbol="SONY", asset_class=AssetClass.STOCK, currency="JPY"),
    )
}
MINUTES = 400
EVERY_CHECK = ("bars.AAPL.1m", "bars.AAPL.1d", "features.AAPL", "lookahead.trend")


def walk(seed: int, count: int, start: float = 100.0) -> np.ndarray:
    """A quiet walk that starts at a price."""
    moves = np.random.default_rng(seed).normal(0, 0.0005, count)
    return start * np.exp(np.cumsum(moves) - moves[0])


def table(ts: Sequence[int], close: Sequence[float]) -> pd.DataFrame:
    """Bars of one price each, with a volume of 1000 and a spread of 1 bp."""
    stamps = pd.DatetimeIndex(np.asarray(ts, dtype=np.int64), tz="UTC")
    prices = {name: np.asarray(close, float) for name in ("open", "high", "low", "close")}
    return pd.DataFrame({"ts": stamps, **prices, "volume": 1000.0, "spread": 1.0})


def money(equity: int, currency: str = "USD") -> AccountState:
    """An account whose equity is all cash."""
    return AccountState(account=ACCOUNT, equity=Decimal(equity), cash=Decimal(equity), currency=currency)


class PricedBroker(FileBroker):
    """The file venue with money and prices that a test sets; None is an instrument without a price."""

    def __init__(self, counter: Counter) -> None:
        super().__init__(counter.world.venue)
        self.counter = counter

    async def account(self) -> AccountState:
        """What the test says."""
        self._check()
        return self.counter.money

    async def quote(self, instrument: str) -> Quote:
        """What the test says, now."""
        price = self.counter.prices.get(instrument)
        if price is None:
            raise BrokerError(f"no price of {instrument}", where="venue")
        now = self.counter.world.clock.now()
        return Quote.at(now, instrument, bid=price, ask=price, last=price)


@dataclass
class Counter:
    """Everything around one ledger and one venue."""

    world: World
    root: Path
    limits: Limits = field(default_factory=lambda: Limits(allowlist=frozenset(INSTRUMENTS)))
    prices: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(INSTRUMENTS, Decimal(100)))
    money: AccountState = field(default_factory=lambda: money(100_000))
    rates: dict[str, RateSeries] = field(default_factory=dict)
    starts: int = 0

    def __post_init__(self) -> None:
        self.store = BarStore(self.root, self.world.clock)
        self.artefacts = Artefacts(self.root / "artefacts")

    @property
    def mode(self) -> Mode:
        """The mode of the ledger."""
        return self.world.mode

    @property
    def ledger(self) -> Ledger:
        """The world's ledger."""
        return self.world.ledger

    @property
    def clock(self) -> ManualClock:
        """The world's clock, which a test may move."""
        assert isinstance(self.world.clock, ManualClock)
        return self.world.clock

    def stock(self, symbol: str, close: Sequence[float] | None = None, *, until: datetime = START) -> np.ndarray:
        """Store minutes that end at a moment, and the daily bars of the sessions before it; gives the minutes."""
        market = calendar(INSTRUMENTS[symbol].calendar)
        minutes = market.grid(Timeframe.M1, until - timedelta(days=5), until - timedelta(seconds=60))[-MINUTES:]
        prices = walk(sum(map(ord, symbol)), MINUTES) if close is None else np.asarray(close)
        self.store.upsert(symbol, Timeframe.M1, BarKind.TRADE, table(minutes[-len(prices) :], prices))
        days = market.grid(Timeframe.D1, until - timedelta(days=30), until)[:-1]
        self.store.upsert(symbol, Timeframe.D1, BarKind.TRADE, table(days, 99.0 + np.arange(len(days)) / 100))
        return np.asarray(minutes)

    def feature(self, symbol: str, atr: float | None, at: datetime = START - timedelta(seconds=60)) -> None:
        """Store the newest features of an instrument."""
        content = {"instrument": symbol, "ts": at.isoformat(), "version": "1", "values": {"atr_14": atr}}
        self.artefacts.write_json(("features", symbol, "newest"), content)

    def rate(self, currency: str, rate: float, *, age: timedelta = timedelta(minutes=1)) -> None:
        """Make a rate into dollars known, so long ago; the bars of a pair would give it."""
        known = np.array([int((self.clock.now() - age).timestamp()) * 1_000_000_000])
        self.rates[currency] = RateSeries(currency, "USD", known, np.array([rate]), f"{currency}USD 1m")

    def _rates_of(self, currency: str) -> RateSeries:
        if currency not in self.rates:
            raise ConfigError("there is no pair and no file", remedy=f"import bars of {currency}USD")
        return self.rates[currency]

    def checked(self, *names: str, passed: bool = True, detail: object = None) -> None:
        """Record results of checks, those of bars and features on the bars that are stored now."""
        for name in names or EVERY_CHECK:
            kind, symbol, *timeframe = name.split(".")
            told = self.judged(symbol, Timeframe(*timeframe or ["1m"])) if kind in ("bars", "features") else None
            if told and kind == "bars":
                told["rules"] = SHIPPED.digest
            self.ledger.checks.record(name, passed, told if detail is None else detail)

    def judged(self, symbol: str, timeframe: Timeframe = Timeframe.M1) -> dict[str, str]:
        """What a result says of the bars that it is about."""
        return {"timeframe": timeframe, "fingerprint": self.store.fingerprint(symbol, timeframe)}

    def ready(self) -> None:
        """Bars, features and checks, so that a plain intent in AAPL passes."""
        self.stock("AAPL")
        self.feature("AAPL", 0.5)
        self.checked()

    def gatherer(self, **changes: Any) -> SnapshotBuilder:
        """A gatherer over what is stored now."""
        made = SnapshotBuilder(
            ledger=self.ledger,
            facts=MarketStateReader(self.store, self.artefacts, Timeframe.M1, self.world.clock),
            exchange=ExchangeRates(self.limits.currency, self._rates_of),
            instruments=INSTRUMENTS,
            limits=self.limits,
            mode=self.mode,
            stage=Stage.PAPER,
            timeframe=Timeframe.M1,
            quality=SHIPPED.digest,
        )
        return replace(made, **changes)

    def view(
        self, held: dict[str, int] | None = None, quotes: Sequence[Quote] | None = None, **known: Any
    ) -> AccountView:
        """What a venue says: these holdings, a fresh quote of 100 for everything unless others are given."""
        now = self.world.clock.now()
        positions = tuple(
            Position(account=ACCOUNT, instrument=name, quantity=Decimal(units)) for name, units in (held or {}).items()
        )
        values = {"taken_at": now, "open_orders": (), "completed_orders": (), "fills": (), "positions": positions}
        given = self.quotes() if quotes is None else quotes
        return AccountView(BrokerSnapshot(**values | known), self.money, {quote.instrument: quote for quote in given})

    def quotes(self) -> list[Quote]:
        """A fresh quote of everything that has a price."""
        now = self.world.clock.now()
        return [Quote.at(now, n, bid=p, ask=p, last=p) for n, p in self.prices.items()]

    def snapshot(
        self,
        view: AccountView | None = None,
        *,
        instrument: str = "AAPL",
        side: Side = Side.BUY,
        strategy: str = "trend",
        intent_id: str = "judged",
        checks: tuple[str, ...] = EVERY_CHECK,
        before_send: bool = False,
        **changes: Any,
    ) -> Snapshot:
        """What the gate would get to know."""
        asked = SnapshotRequest(instrument, side, strategy, intent_id, checks, before_send)
        return self.gatherer(**changes).snapshot(asked, view or self.view())

    def decider(self) -> tuple[AccountReader, Decider]:
        """A reading connection and the decider over it."""
        builder = self.gatherer()
        reader = AccountReader(PricedBroker(self), self.ledger, builder, ACCOUNT)
        return reader, Decider(self.ledger, reader, builder, ACCOUNT)

    def actor(self, **settings: Any) -> AccountActor:
        """A new actor, as after a restart of the process."""
        self.starts += 1
        values: dict[str, Any] = {"account": ACCOUNT, "holder": f"session-{self.starts}", "mode": self.mode}
        told = SenderSettings(**values | {"per_second": 1000, "per_minute": 1000} | settings)
        world = self.world
        return AccountActor(world.ledger, PricedBroker(self), world.clock, self.gatherer(), told, world.times)

    def lose(self, order: ApprovedOrder) -> None:
        """Send an approved order into the dark: nobody knows what became of it."""
        claims = self.ledger.claims
        self.ledger.leases.acquire(ACCOUNT, "lost", 60)
        claimed = claims.claim(order.decision_id, order.payload_hash, "lost")
        assert claimed is not None
        claims.begin_sending(claimed.ref, "session", {Leg.ENTRY: 1}, order.payload_hash, "lost")
        self.ledger.attempts.move(claimed.ref, AttemptState.UNKNOWN, "test")

    def send_without_fill(self, order: ApprovedOrder, filled: str | None = None) -> str:
        """Bring an approved order to the venue, where it rests or is filled in part; gives its reference."""
        self.world.venue.set(mode="rest")
        self.world.drain()
        ref = self.ledger.attempts.all(order.intent_id)[-1].ref
        if filled:
            self.world.venue.fill(ref, filled, tell=False)
            self.world.recover()
        return str(ref)


def ask(counter: Counter, act: Callable[[Decider], Awaitable[Result]]) -> Result:
    """Propose or decide over a reading connection of its own."""

    async def work() -> Result:
        reader, decider = counter.decider()
        await reader.connect()
        try:
            return await act(decider)
        finally:
            await reader.disconnect()

    return run(work())  # type: ignore[no-any-return]
