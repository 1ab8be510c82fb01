"""The report of a day as an asset: decisions, fills and equity of the account, from the ledger."""

import inspect
from dataclasses import asdict
from datetime import date

import dagster as dg

from assets.metadata import Facts, described, summarised
from assets.pinned_config import PinnedConfig
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.daily_report import daily_report, write_daily_report
from tradewright.evaluation.formatting import count
from tradewright.model.errors import ConfigError
from tradewright.model.hashing import content_hash

REPORT, CHECK = "daily_report", "all_is_well"


class Day(dg.Config):
    """Which day.

    Args:
        day: as 2026-11-20, by ``base.tz``; empty for today, so far.
    """

    day: str = ""


def daily_report_asset(pinned: PinnedConfig) -> dg.AssetsDefinition:
    """The asset; no job of the desk makes it."""
    text = "Nothing is wrong on the account, as far as the day goes on."

    @dg.asset(
        name=REPORT,
        group_name="reports",
        description=inspect.getdoc(make_daily_report),
        check_specs=[dg.AssetCheckSpec(CHECK, asset=REPORT, description=text)],
        op_tags=pinned.tags,
    )
    def made(context: dg.AssetExecutionContext, config: Day) -> dg.MaterializeResult:
        return summarised(context, make_daily_report(pinned.verified(context), config.day))

    return made


def make_daily_report(settings: Settings, day: str = "") -> dg.MaterializeResult:
    """What was decided, traded and earned on the account in a day, with the newest backtests beside.

    It reads the ledger, asks no venue, and is stored under reports/daily of the storage folder.
    """
    with Container(settings) as house:
        told = daily_report(house, _day(day))
        path = write_daily_report(house, told)
    facts: Facts = {
        "report": dg.MetadataValue.path(str(path)),
        "text": dg.MetadataValue.md(told.markdown()),
        "fills": len(told.fills),
        "decisions": sum(told.decisions.values()),
    }
    problems = {"problems": dg.MetadataValue.md("\n".join(f"- {each}" for each in told.not_well) or "none")}
    check = dg.AssetCheckResult(
        check_name=CHECK, passed=not told.not_well, severity=dg.AssetCheckSeverity.WARN, metadata=problems
    )
    digest = content_hash(asdict(told))
    change = f", equity {told.change} from the day before" if told.change else ""
    summary = f"{told.day}: {count(sum(told.decisions.values()), 'decision')}, {count(len(told.fills), 'fill')}{change}"
    return dg.MaterializeResult(metadata=described(settings, summary, facts, data_hash=digest), check_results=[check])


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"{text!r} is no day", where="day", remedy="say it as 2026-11-20") from None
