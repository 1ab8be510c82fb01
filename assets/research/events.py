"""The event calendar of each instrument, as the gate applies it."""

import dagster as dg

from assets.home import RESEARCH_POOL
from assets.metadata import Facts, described, summarised, table
from assets.pinned_config import PinnedConfig
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.model.event_calendar import EventCalendar, EventWindow
from tradewright.model.hashing import content_hash

COMPLETE = "complete"


def event_blackout_asset(pinned: PinnedConfig) -> dg.AssetsDefinition:
    """The asset, partitioned by instrument."""
    partitions = dg.StaticPartitionsDefinition(list(pinned.settings.universe.instruments))
    told = "The time until which the event calendar is complete has not come."
    check = dg.AssetCheckSpec(COMPLETE, asset="event_blackout", description=told)

    @dg.asset(
        partitions_def=partitions, group_name="market", op_tags=pinned.tags, pool=RESEARCH_POOL, check_specs=[check]
    )
    def event_blackout(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Windows around earnings, macro releases and other events, in which nothing is entered."""
        return summarised(context, make_event_blackout(pinned.verified(context), context.partition_key))

    return event_blackout


def make_event_blackout(settings: Settings, symbol: str) -> dg.MaterializeResult:
    """Keep the event windows of an instrument, and tell whether one is open; the gate reads the same list itself."""
    with Container(settings) as house:
        now, instrument = house.clock.now(), house.instrument(symbol)
        windows, found = settings.events.of(instrument), settings.events.blackout(instrument, now)
        kept = EventCalendar(windows=windows, complete_until=settings.events.complete_until)
        house.artefacts.write_json(("event_blackout", symbol), kept.model_dump(mode="json"))
    ahead = [_row(row) for row in windows if now < row.end]
    state = {True: "open", False: "none open", None: "not known"}[found.active]
    told = state + (f": {found.reason}" if found.reason else "")
    facts: Facts = {
        "event window": told,
        "open or to come": table(("start (UTC)", "end (UTC)", "reason"), ahead) if ahead else "none",
    }
    summary = f"{symbol}: event window {told}; {len(ahead)} open or to come"
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=content_hash(settings.events)),
        check_results=[
            dg.AssetCheckResult(
                check_name=COMPLETE,
                passed=found.active is not None,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"calendar": told},
            )
        ],
    )


def _row(window: EventWindow) -> tuple[str, str, str]:
    return f"{window.start:%Y-%m-%d %H:%M}", f"{window.end:%Y-%m-%d %H:%M}", window.reason
