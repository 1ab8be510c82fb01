"""Declared expectation suites, run by Great Expectations in a context that leaves nothing behind but its Data Docs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from tradewright.model.base import FrozenModel
from tradewright.model.errors import ConfigError
from tradewright.quality.suites import Suite

_EXAMPLES = 5


class Outcome(FrozenModel):
    """The result of one expectation. ``unexpected`` counts the values that broke it; 0 where it is about the table."""

    type: str
    about: str
    """The column or columns, or ``table``."""
    severity: Literal["critical", "warning", "info"]
    passed: bool
    unexpected: int
    share: float
    examples: tuple[str, ...]
    error: str
    """Why it could not be evaluated; empty when it could. It then counts as failed."""


class SuiteResult(FrozenModel):
    """A suite's outcomes, in its order; ``docs`` is the index page of its Data Docs, None when none were asked for."""

    name: str
    rows: int
    outcomes: tuple[Outcome, ...]
    docs: Path | None = None

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The outcomes that did not pass."""
        return tuple(outcome for outcome in self.outcomes if not outcome.passed)

    @property
    def blocking(self) -> bool:
        """Whether a critical expectation failed."""
        return any(outcome.severity == "critical" for outcome in self.failed)


class QualityExtraMissing(ConfigError):
    """Great Expectations is an extra, and it is not installed."""


def run_suite(frame: pd.DataFrame, suite: Suite, docs: Path | None = None) -> SuiteResult:
    """Run a suite over a table; with ``docs``, write its Data Docs into that folder.

    Raises:
        QualityExtraMissing: when Great Expectations is not installed.
        ConfigError: for an expectation that it does not know, or wrong arguments.
    """
    gx = _great_expectations(suite)
    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    actions = [] if docs is None else [_docs_action(context, docs)]
    checkpoint = _checkpoint(gx, context, suite, actions)
    result = checkpoint.run(batch_parameters={"dataframe": frame})
    (validation,) = result.run_results.values()
    return SuiteResult(
        name=suite.name,
        rows=len(frame),
        outcomes=_in_order(suite, [_outcome(outcome) for outcome in validation.results]),
        docs=None if docs is None else docs / "index.html",
    )


def _great_expectations(suite: Suite) -> Any:
    """The library, imported only where a suite runs: that takes five seconds and more."""
    with warnings.catch_warnings():
        # Great Expectations 1.24 still imports two modules that Python 3.11 deprecates.
        warnings.filterwarnings("ignore", "module 'sre_(constants|parse)' is deprecated", DeprecationWarning)
        try:
            import great_expectations
        except ModuleNotFoundError as error:
            raise QualityExtraMissing(
                "Great Expectations is not installed",
                where=f"suite {suite.name}",
                remedy="pip install tradewright[quality]",
            ) from error
    return great_expectations


def _checkpoint(gx: Any, context: Any, suite: Suite, actions: list[Any]) -> Any:
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    expectations = []
    for wanted in suite.expectations:
        try:
            expectations.append(ExpectationConfiguration(**wanted.model_dump()).to_domain_obj())
        except (GreatExpectationsError, ValueError, TypeError) as error:
            raise ConfigError(
                str(error), where=f"suite {suite.name}: {wanted.type}", remedy="see its manual"
            ) from error
    declared = context.suites.add(gx.ExpectationSuite(name=suite.name, expectations=expectations))
    asset = context.data_sources.add_pandas("tables").add_dataframe_asset(suite.name)
    batch = asset.add_batch_definition_whole_dataframe("whole")
    validation = context.validation_definitions.add(
        gx.ValidationDefinition(name=suite.name, data=batch, suite=declared)
    )
    return context.checkpoints.add(
        gx.Checkpoint(name=suite.name, validation_definitions=[validation], result_format="BASIC", actions=actions)
    )


def _docs_action(context: Any, docs: Path) -> Any:
    from great_expectations.checkpoint.actions import UpdateDataDocsAction

    docs.mkdir(parents=True, exist_ok=True)
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.resolve())}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    site = {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index}
    context.add_data_docs_site(site_name="docs", site_config=site)
    return UpdateDataDocsAction(name="docs", site_names=["docs"])


def _outcome(outcome: Any) -> Outcome:
    config, figures = outcome.expectation_config, outcome.result or {}
    columns = [str(config.kwargs[key]) for key in ("column", "column_A", "column_B") if key in config.kwargs]
    return Outcome(
        type=config.type,
        about=", ".join(columns) or "table",
        severity=config.severity.value,
        passed=bool(outcome.success),
        unexpected=int(figures.get("unexpected_count") or 0),
        share=float(figures.get("unexpected_percent") or 0.0) / 100,
        examples=tuple(str(value) for value in figures.get("partial_unexpected_list", [])[:_EXAMPLES]),
        error=_error(outcome.exception_info),
    )


def _error(info: dict[str, Any]) -> str:
    """The first exception's message; the information is one record, or one for each metric."""
    records = [info] if "raised_exception" in info else list(info.values())
    return next((str(r["exception_message"]) for r in records if r.get("raised_exception")), "")


def _in_order(suite: Suite, outcomes: list[Outcome]) -> tuple[Outcome, ...]:
    """Great Expectations groups outcomes by column; people read them as declared."""
    types = [expectation.type for expectation in suite.expectations]
    return tuple(sorted(outcomes, key=lambda outcome: types.index(outcome.type)))
