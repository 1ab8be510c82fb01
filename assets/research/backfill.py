"""History of one instrument as a job: ``backfill_bars`` with symbol, from and to in the run's config."""

from functools import partial

import dagster as dg

from assets.pinned_config import PinnedConfig
from conf.schema.settings import Settings
from runtime.backfill import BackfilledSeries, backfilled, history
from runtime.container import Container
from runtime.feeds import remembering, stored_timeframes
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError, TradewrightError

BACKFILL_JOB = "backfill_bars"
CONFIG = {
    "symbol": dg.Field(str, description="the instrument"),
    "from": dg.Field(str, description="the first day or moment: 2024-01-01"),
    "to": dg.Field(str, default_value="", description="the last day or moment, included; now, when it is left out"),
    "timeframes": dg.Field(
        [str], default_value=[], description="1m, 1d, ...; those that a refresh keeps, when they are left out"
    ),
}


def backfill_job(pinned: PinnedConfig) -> dg.JobDefinition:
    """The job. It waits in no pool: a long history would keep the refreshes waiting, and the store has its own lock."""

    @dg.op(name="ask_for_history", tags=pinned.tags, config_schema=CONFIG)
    def step(context: dg.OpExecutionContext) -> None:
        config = context.op_config
        span = config["symbol"], config["from"], config["to"]
        try:
            for row in backfill(context, pinned.verified(context), *span, config["timeframes"]):
                counts = f"{row.added:,} added, {row.unchanged:,} unchanged, {row.revised:,} revised"
                context.log.info(f"{row.instrument} {row.timeframe} from {row.source}: {counts}")
        except TradewrightError as error:
            raise dg.Failure(f"{error}; what was stored before stays", allow_retries=False) from error

    @dg.job(name=BACKFILL_JOB, tags=pinned.tags, executor_def=dg.in_process_executor)
    def job() -> None:
        """Bars of an instrument from the feed, of any span, part by part; again it adds nothing."""
        step()

    return job


def backfill(
    context: dg.OpExecutionContext, settings: Settings, symbol: str, begin: str, end: str, timeframes: list[str]
) -> list[BackfilledSeries]:
    """Bring a span of an instrument's history into the store, one timeframe after the other.

    Raises:
        ConfigError, DataError, StoreError: as :mod:`runtime.backfill`, and for an unknown timeframe.
    """
    known = [each.value for each in Timeframe]
    if unknown := [name for name in timeframes if name not in known]:
        remedy = f"take some of {', '.join(known)}"
        raise DataError(f"there is no timeframe {', '.join(unknown)}", where="timeframes", remedy=remedy)
    wanted = dict.fromkeys(map(Timeframe, timeframes)) or dict.fromkeys(stored_timeframes(settings))
    with Container(settings) as house:
        source, span = remembering(house, symbol), history(house, symbol, begin, end)
        return [
            backfilled(house, source, symbol, timeframe, span, partial(_tell, context, f"{symbol} {timeframe}"))
            for timeframe in wanted
        ]


def _tell(context: dg.OpExecutionContext, series: str, done: int, of: int) -> None:
    context.log.debug(f"{series}: {done} of {of} parts")
