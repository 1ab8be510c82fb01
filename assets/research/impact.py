"""What used bars before they were corrected, as an asset with a check on what was decided on them."""

from datetime import timedelta

import dagster as dg

from assets.home import RESEARCH_POOL
from assets.metadata import Facts, described, summarised, table
from assets.pinned_config import PinnedConfig
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.impact import impacts
from tradewright.evaluation.formatting import count
from tradewright.model.hashing import content_hash
from tradewright.oversight.impact import Touched

IMPACT = "data_impact"
RECENT = timedelta(days=30)
"""How long the check tells of intents on bars that were corrected."""
CHECK = f"No intent of the last {RECENT.days} days' revisions was made on values that were corrected afterwards."


def impact_asset(pinned: PinnedConfig) -> dg.AssetsDefinition:
    """The asset. It follows the bars of all instruments, and is made when a person asks for it."""
    check = dg.AssetCheckSpec("not_decided_on", asset=IMPACT, description=CHECK)

    @dg.asset(
        name=IMPACT,
        deps=["bars"],
        group_name="corrections",
        op_tags=pinned.tags,
        pool=RESEARCH_POOL,
        check_specs=[check],
    )
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Every correction of stored bars, with what used the values before it.

        Features, backtests, sweeps, signals, intents, decisions and orders, as `tradewright data impact` lists them.
        """
        return summarised(context, make_impact(pinned.verified(context)))

    return made


def make_impact(settings: Settings) -> dg.MaterializeResult:
    """List what used corrected bars; the check warns of intents that were made on bars corrected of late.

    Raises:
        StoreError, LedgerError: when the store or the ledger cannot be read.
    """
    with Container(settings) as house:
        found = impacts(house)
        since = house.clock.now() - RECENT
    rows = [(each.text, *row) for each in found for row in map(_row, each.touched)]
    decided = [
        row.name for each in found if each.revision.recorded_at >= since for row in each.touched if row.kind == "intent"
    ]
    header = ("revision", "used by", "name", "when (UTC)", "detail")
    facts: Facts = {
        "revisions": table(("revision", "uses"), [(each.text, len(each.touched)) for each in found]),
        "uses": table(header, rows) if rows else "nothing used bars that were corrected",
    }
    summary = f"{count(len(found), 'revision')} of stored bars, {count(len(rows), 'use')} of the values before them"
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=content_hash([list(row) for row in rows])),
        check_results=[
            dg.AssetCheckResult(
                check_name="not_decided_on",
                passed=not decided,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"intents": ", ".join(dict.fromkeys(decided)) or "none"},
            )
        ],
    )


def _row(row: Touched) -> tuple[str, ...]:
    return row.kind, row.name, f"{row.at:%Y-%m-%d %H:%M}" if row.at else "", row.detail
