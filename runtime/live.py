"""Settings to the arguments of ``tradewright.live``: the feed in force streamed into the store, and checked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from brokers.vendors.base import StreamSettings
from conf.schema.market import BrokerFeedSettings
from conf.schema.settings import Settings
from runtime.bar_checks import failing_bars
from runtime.container import Container
from runtime.feeds import feed, live_feed, stored_timeframes
from runtime.fresh_bars import judge_bars, keep_features
from tradewright.calendars.registry import calendar_of
from tradewright.live.intake import Intake
from tradewright.live.stream import Limits, Stream, Told
from tradewright.live.tick_store import InMemoryTickStore
from tradewright.model.clock import Clock
from tradewright.model.errors import ConfigError, DataError, StoreError
from tradewright.model.ports import Feed
from tradewright.research.bars import refresh

Tell = Callable[[str], None]


def stream(house: Container, symbols: Sequence[str], limits: Limits, tell: Tell) -> Told:
    """Stream the base timeframe of instruments into the store until a limit is reached.

    Args:
        symbols: those of the universe where there are none.

    Raises:
        ConfigError: for an unknown instrument and a feed that does not stream, is not allowed or lacks a key.
        DataError: when the source refuses for good, or its bars cannot stand beside the stored ones.
        StoreError: when the store is damaged, locked or full.
    """
    settings, chosen = house.settings, house.settings.feed
    named = _streamed(settings, tuple(dict.fromkeys(symbols)), tell)
    instruments = {symbol: house.instrument(symbol) for symbol in named}
    source, history = live_feed(house), feed(house)
    if history is None or not isinstance(chosen, StreamSettings | BrokerFeedSettings):  # a feed that streams has both
        raise AssertionError(chosen.kind)
    timeframe = settings.universe.base_timeframe
    intake = Intake(house.bar_store, history, instruments, timeframe, house.clock, tell)
    made = Stream(
        source,
        list(instruments.values()),
        timeframe,
        intake,
        house.latest_quotes,
        house.clock,
        tell,
        limits=replace(limits, stale=chosen.stale_seconds),
        ticks=InMemoryTickStore(chosen.ticks_per_symbol, chosen.ticks_of),
        changed=partial(renewed, settings, house.clock, history, tell),
    )
    return asyncio.run(made.run())


def _streamed(settings: Settings, named: Sequence[str], tell: Tell) -> tuple[str, ...]:
    """The instruments of a stream, which has one feed; those of the universe with another one are left to its stream.

    Raises:
        ConfigError: for a named one with another feed, and where none is left.
    """
    chosen = named or settings.universe.instruments
    others = {symbol: own for symbol in chosen if (own := settings.feed_of(symbol)).kind != settings.feed.kind}
    text = ", ".join(f"{symbol} from {own.kind}" for symbol, own in others.items())
    kept = tuple(symbol for symbol in chosen if symbol not in others)
    if others and (named or not kept):
        remedy = f"say tradewright stream {next(iter(others))} feed={next(iter(others.values())).kind}"
        raise ConfigError(f"feed={settings.feed.kind} does not stream {text}", where="instruments", remedy=remedy)
    if others:
        tell(f"left out, since their rows name another feed: {text}")
    return kept


def renewed(settings: Settings, clock: Clock, history: Feed, tell: Tell, symbols: Sequence[str]) -> None:
    """All that follows of bars that changed: longer stored bars that have closed, checks, features.

    An instrument whose bars cannot be judged is told, its checks have then failed, and it stops no other. It runs in a
    thread of its own, with a container of its own.
    """
    with Container(settings, clock) as house:
        for symbol in symbols:
            try:
                _longer_bars(house, history, symbol, tell)
                with failing_bars(house, symbol, (settings.universe.timeframe,)):
                    judged = judge_bars(house, symbol)
                failed = [str(each) for each, evidence in judged.series.items() if not evidence.passed]
                if failed:
                    tell(f"{symbol}: the checks of its bars of {', '.join(failed)} fail: tradewright data findings")
                keep_features(house, symbol)
            except (DataError, StoreError) as error:
                tell(f"{symbol}: {error}")


def _longer_bars(house: Container, history: Feed, symbol: str, tell: Tell) -> None:
    """Ask for the bars of other stored timeframes that have closed since; all others are made of shorter ones."""
    instrument, base = house.instrument(symbol), house.settings.universe.base_timeframe
    market, now = calendar_of(instrument), house.clock.now()
    for timeframe in dict.fromkeys(stored_timeframes(house.settings)):
        covered = house.bar_store.coverage(symbol, timeframe)
        if timeframe is base or covered is None:
            continue
        newest = market.newest_closed(timeframe, now, covered.last.value)
        if newest is not None and newest > covered.last.value:
            try:
                refresh(house.bar_store, history, instrument, [timeframe])
            except DataError as error:
                tell(f"{symbol}: bars of {timeframe} are not renewed: {error}")
