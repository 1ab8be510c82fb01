"""A strategy package proved from Dagster's pages: a job that runs what ``tradewright package verify`` runs."""

import dagster as dg

from assets.home import RESEARCH_POOL
from assets.metadata import Facts, table
from assets.pinned_config import PinnedConfig
from conf.environment import in_project
from conf.schema.settings import Settings
from tradewright.evaluation.formatting import count
from tradewright.model.errors import TradewrightError
from tradewright.packages.comparison import PackageDifference
from tradewright.packages.fault import demand_libraries

VERIFY_JOB = "verify_package"
CONFIG = {
    "file": dg.Field(str, description="a package, NAME.hsp"),
    "allow_unsigned": dg.Field(bool, default_value=False, description="take a package that nobody has signed"),
    "allow_untrusted": dg.Field(
        bool, default_value=False, description="take one whose key packages.trusted does not list; your own key too"
    ),
}
HEADER = ("part", "of", "the package says", "found here", "why")


def verify_job(pinned: PinnedConfig) -> dg.JobDefinition:
    """The job. A package that does not give here what it says fails its run, with every difference."""

    @dg.op(name="prove_package", tags=pinned.tags, config_schema=CONFIG, pool=RESEARCH_POOL)
    def step(context: dg.OpExecutionContext) -> dg.Output[None]:
        try:
            name, found, is_same = proved(pinned.verified(context), **context.op_config)
        except TradewrightError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        rows = [(row.part, row.name, row.said, row.found, row.why) for row in found]
        told: Facts = {"package": name, "differences": table(HEADER, rows)}
        if not is_same:
            parts = ", ".join(dict.fromkeys(row.part for row in found if row.part != "engine"))
            what = f"{name} is NOT verified: {count(len(found), 'difference')} ({parts})"
            raise dg.Failure(what, metadata=told, allow_retries=False)
        context.log.info(f"{name} is verified: it gives here what it says")
        return dg.Output(None, metadata=told)

    @dg.job(name=VERIFY_JOB, tags=pinned.tags, executor_def=dg.in_process_executor)
    def job() -> None:
        """Hashes, signature, backtest and certificate of a package again, as `tradewright package verify` does it."""
        step()

    return job


def proved(
    settings: Settings, file: str, *, allow_unsigned: bool, allow_untrusted: bool
) -> tuple[str, tuple[PackageDifference, ...], bool]:
    """The package's name and version, what differs, and whether it holds all the same.

    A code location has no private key, so that a package of one's own counts as any other.

    Raises:
        TradewrightError: as :mod:`runtime.verification`.
    """
    demand_libraries()
    from runtime.verification import Admission, admitted_package, holds, verified

    taken = admitted_package(settings, in_project(file), Admission(allow_unsigned, allow_untrusted))
    found = verified(settings, taken)
    return f"{taken.package.manifest.name}@{taken.package.manifest.version}", found, holds(found)
