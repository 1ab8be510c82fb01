"""What the lab shows of one study: tiles, figures, findings, fills; plain values and ready pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.operations.charts import legible
from app.operations.research import fill_lines
from tradewright.evaluation.charts import account_figure, price_figure
from tradewright.evaluation.finding import Finding, Severity
from tradewright.evaluation.formatting import Line, headline
from tradewright.evaluation.markup import Html, element
from tradewright.evaluation.study import StudyResult

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLOURS = {Severity.CRITICAL: "#c8453f", Severity.WARNING: "#a97c1f", Severity.INFO: "#3578c4"}
_PILL = "color:#fff;border-radius:1rem;padding:0 .6rem;font-size:.75rem;min-width:4.5rem;text-align:center"
_ROW = "display:flex;gap:.75rem;align-items:baseline;padding:.4rem 0;border-bottom:1px solid #8883"


@dataclass(frozen=True)
class StudyView:
    """One study as the lab shows it; with ``trouble`` there is no study, and everything else is empty."""

    study: StudyResult | None = None
    trouble: str = ""

    @property
    def tiles(self) -> tuple[Line, ...]:
        """The figures that one looks at first."""
        return headline(self.study.metrics) if self.study else ()

    @property
    def texts(self) -> Mapping[str, str]:
        """Markdown tables: ``figures`` and ``months``."""
        return self.study.report.markdown() if self.study else {"figures": "", "months": ""}

    @property
    def fills(self) -> list[dict[str, object]]:
        """Every fill as a row of a table, by instrument, oldest first."""
        results = self.study.results if self.study else {}
        return [dict(vars(line)) for name, result in results.items() for line in fill_lines(name, result)]

    @property
    def findings(self) -> Html:
        """The findings as an HTML list, gravest first."""
        found = self.study.report.findings() if self.study else ()
        items = (_finding(name, each) for name, each in found)
        return element("ol", *items, style="list-style:none;margin:0;padding:0")

    @property
    def account(self) -> go.Figure | None:
        """Equity beside buy and hold, drawdown and exposure of the whole account."""
        return legible(account_figure(self.study.account)) if self.study else None

    @property
    def prices(self) -> dict[str, go.Figure]:
        """The price with its fills, by instrument."""
        results = self.study.results if self.study else {}
        return {name: legible(price_figure(result)) for name, result in results.items()}

    @property
    def line(self) -> str:
        """The rounded figures in one line, to be compared from run to run."""
        if self.study is None:
            return self.trouble
        figures, found = self.study.metrics, self.study.report.findings()
        return (
            f"equity {figures.final_equity:.2f} trades {figures.trades} fees {figures.fees:.2f} "
            f"drawdown {figures.bar_drawdown:.4f} sharpe {figures.sharpe:.2f} findings {len(found)}"
        )


def _finding(account: str, finding: Finding) -> Html:
    return element(
        "li",
        element("b", finding.severity.value, style=f"{_PILL};background:{COLOURS[finding.severity]}"),
        element("span", finding.message, style="flex:1"),
        element("code", f"{finding.code} · {account}", style="opacity:.6;font-size:.75rem"),
        style=_ROW,
    )
