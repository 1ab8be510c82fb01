"""Feeds by the kind that ``conf/feed`` names: a scenario, files that people import, bars of a broker or a vendor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from brokers.discovery import plugins, vendors
from brokers.vendors.base import VendorSettings
from conf.schema.market import BrokerFeedSettings, FeedSettings, ScenarioFeedSettings
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.calendars.registry import calendar_of
from tradewright.execution.market_state import ENOUGH
from tradewright.model.bars import Timeframe
from tradewright.model.errors import ConfigError
from tradewright.model.live import LiveFeed
from tradewright.model.ports import Feed
from tradewright.research.cached_feed import CachedFeed
from tradewright.scenarios.scenario import Scenario
from tradewright.store.artefacts import Artefacts


def feed(house: Container, symbol: str = "") -> Feed | None:
    """Where bars come from; None for ``feed=files``, whose bars are imported by hand.

    Args:
        symbol: of an instrument, which may have a feed of its own; the feed in force where there is none.

    Raises:
        ConfigError: for a feed beyond this machine while remote providers are disabled, a key that is not set, a broker
            that is not the one in force, and libraries that are not installed.
    """
    return _made(house, house.settings.feed_of(symbol))


def _made(house: Container, chosen: FeedSettings) -> Feed | None:
    if chosen.kind in LOCAL:
        return LOCAL[chosen.kind](house)
    _admit_remote(chosen)
    return vendors()[chosen.kind].feed(chosen, house.clock) if chosen.kind in vendors() else _of_broker(house, chosen)


def live_feed(house: Container) -> LiveFeed:
    """Where live data come from.

    Raises:
        ConfigError: as :func:`feed`, and for a feed without live data.
    """
    chosen = house.settings.feed
    streaming = [
        *(kind for kind, made in plugins().items() if made.streams),
        *(kind for kind, made in vendors().items() if made.streams),
    ]
    if chosen.kind not in streaming:
        remedy = f"say feed=KIND with one of {', '.join(streaming)}"
        raise ConfigError(f"feed={chosen.kind} has no live data", where="feed.kind", remedy=remedy)
    _admit_remote(chosen)
    if chosen.kind in vendors():
        return vendors()[chosen.kind].live(chosen, house.clock)
    _demand_broker(house, chosen)
    return house.broker_plugin.live(house.settings.broker, house.surroundings)


def _admit_remote(chosen: FeedSettings) -> None:
    if isinstance(chosen, BrokerFeedSettings | VendorSettings) and chosen.remote_providers == "disabled":
        raise ConfigError(
            f"feed={chosen.kind} reaches beyond this machine, and remote providers are disabled",
            where="feed.remote_providers",
            remedy="set DATA_REMOTE_PROVIDERS=enabled (environment or .env); feed=files and feed=scenario ask nobody",
        )


def remembering(house: Container, symbol: str = "") -> Feed:
    """The feed for a long history: answers about closed history of sources beyond this machine are kept on disk.

    Args:
        symbol: as for :func:`feed`.

    Raises:
        ConfigError: as :func:`feed`, and for ``feed=files``, which asks nobody.
    """
    return _remembering(house, house.settings.feed_of(symbol), symbol)


def remembering_each(house: Container, symbols: Iterable[str]) -> dict[str, Feed]:
    """:func:`remembering` for several instruments; those of one feed share it, and so its pace.

    Raises:
        ConfigError: as :func:`remembering`, before any of them is asked.
    """
    chosen = {symbol: house.settings.feed_of(symbol) for symbol in symbols}
    made: list[tuple[FeedSettings, Feed]] = []
    found: dict[str, Feed] = {}
    for symbol, settings in chosen.items():
        known = next((source for each, source in made if each == settings), None)
        found[symbol] = known or _remembering(house, settings, symbol)
        made += [] if known else [(settings, found[symbol])]
    return found


def _remembering(house: Container, chosen: FeedSettings, symbol: str) -> Feed:
    source = _made(house, chosen)
    if source is None:
        asking = [
            *LOCAL.keys() - {"files"},
            *(kind for kind, made in plugins().items() if made.serves_bars),
            *vendors(),
        ]
        remedy = f"say feed=KIND with one of {', '.join(asking)}; files are brought by tradewright import"
        where = "feed.kind" if chosen is house.settings.feed else f"instruments.{symbol}.feed"
        raise ConfigError("feed=files has no source that can be asked", where=where, remedy=remedy)
    if isinstance(source, Scenario):
        return source
    kept, terms = Artefacts(house.cache_folder / "feeds"), chosen.model_dump(mode="json")
    return CachedFeed(source, kept, {name: terms[name] for name in terms.keys() - _NO_TERMS}, house.clock)


_NO_TERMS = {"remote_providers", "requests_per_minute", "first_bars", "look_back_bars", "stream_url", "stale_seconds",
             "account_id"}  # fmt: skip
"""Settings that change how a source is asked, and nothing of its answers; secrets are masked."""


def look_back_bars(settings: Settings, symbol: str) -> int:
    """How many stored bars a refresh asks for again; none of a scenario, which corrects nothing, and of files."""
    feed = settings.feed_of(symbol)
    return feed.look_back_bars if isinstance(feed, BrokerFeedSettings | VendorSettings) else 0


def stored_timeframes(settings: Settings) -> tuple[Timeframe, ...]:
    """The timeframes that a refresh brings up to date, whatever the strategies decide on."""
    return settings.universe.base_timeframe, settings.universe.timeframe, Timeframe.D1


def timeframes_judged(house: Container, symbol: str, more: Iterable[Timeframe] = ()) -> tuple[Timeframe, ...]:
    """The timeframes of an instrument that are judged: the universe's, and what else is refreshed and stored.

    Of those on which strategies decide also the ones that can be made, with the stored ones that they are made of.

    Args:
        more: those on which strategies decide.

    Raises:
        StoreError: when a manifest is damaged.
    """
    universe, stored = house.settings.universe.timeframe, house.bar_store.timeframes(symbol)
    deciding = tuple(dict.fromkeys((universe, *more)))
    readable = [each for each in deciding if each in stored or house.bars.coverage(symbol, each) is not None]
    bases = [base for each in readable if (base := house.bars.base_of(symbol, each)) is not None]
    refreshed = [each for each in stored_timeframes(house.settings) if each in stored]
    return tuple(dict.fromkeys((universe, *refreshed, *readable, *bases)))


def scenario(settings: Settings, end: datetime) -> Scenario:
    """The seeded scenario as it stands at ``end``.

    Raises:
        ConfigError: when the feed is another.
    """
    if not isinstance(settings.feed, ScenarioFeedSettings):
        raise ConfigError(f"feed={settings.feed.kind} is no scenario", where="feed.kind", remedy="say feed=scenario")
    days, years = settings.feed.days_1m, settings.feed.days_1d / 252
    return Scenario(
        settings.base.seed,
        end,
        lambda traded, *span: calendar_of(traded).grid(*span),
        days=days,
        years=years,
        least=least_bars(settings),
    )


def least_bars(settings: Settings) -> int:
    """Bars of each timeframe that a scenario makes at the least."""
    return max(ENOUGH, settings.features.usual_volume)


def _scenario(house: Container) -> Feed:
    return scenario(house.settings, scenario_end(house))


def scenario_end(house: Container) -> datetime:
    """The present of a scenario: its fixed end while it stands still, else now."""
    chosen = house.settings.feed
    fixed = chosen.end if isinstance(chosen, ScenarioFeedSettings) and house.stands_still else None
    return fixed or house.clock.now()


def _files(_house: Container) -> None:
    return None


LOCAL: dict[str, Callable[[Container], Feed | None]] = {"scenario": _scenario, "files": _files}
"""The feeds that need nothing outside this machine; every other kind is a broker's or a vendor's."""


def _of_broker(house: Container, chosen: FeedSettings) -> Feed:
    _demand_broker(house, chosen)
    return house.broker_plugin.feed(house.settings.broker, house.surroundings)


def _demand_broker(house: Container, chosen: FeedSettings) -> None:
    broker = house.settings.broker
    if broker.kind != chosen.kind:
        modes = " or ".join(f"mode={mode}" for mode in sorted(plugins()[chosen.kind].modes))
        remedy = f"say {modes} broker={chosen.kind}"
        raise ConfigError(f"feed={chosen.kind} needs broker={chosen.kind}", where="broker.kind", remedy=remedy)
