"""One study as the lab shows it: tiles, figures, findings, fills; plain values and finished charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.operations.charts import legible
from app.operations.html_pieces import findings_list
from app.operations.research import fill_lines
from runtime.study import BARS
from tradewright.evaluation.charts import (
    account_figure,
    excursion_figure,
    price_figure,
    rolling_figure,
    weights_figure,
)
from tradewright.evaluation.formatting import MetricRow, headline
from tradewright.evaluation.html_report import MOST_TRADES
from tradewright.evaluation.study import StudyResult
from tradewright.evaluation.trade_table import trade_rows
from tradewright.evaluation.verdict import verdict_lines, verdict_text

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class StudyView:
    """One study as the lab shows it; with ``problem`` there is no study, and everything else is empty."""

    study: StudyResult | None = None
    problem: str = ""

    @property
    def tiles(self) -> tuple[MetricRow, ...]:
        """The six figures at the head."""
        return headline(self.study.metrics) if self.study else ()

    @property
    def verdict(self) -> str:
        """What the evidence supports: its code and its text; empty without a study."""
        return verdict_text(self.study.report.verdict) if self.study else ""

    @property
    def verdict_tiles(self) -> tuple[MetricRow, ...]:
        """The figures behind the verdict."""
        return verdict_lines(self.study.report.verdict) if self.study else ()

    @property
    def texts(self) -> Mapping[str, str]:
        """Markdown tables: ``figures``, which say first where the bars are of an earlier moment, and ``months``."""
        if self.study is None:
            return {"figures": "", "months": ""}
        texts, known = self.study.report.markdown(), self.study.report.facts.get(BARS, "")
        return {**texts, "figures": f"Bars {known}.\n\n{texts['figures']}"} if known else texts

    @property
    def fills(self) -> list[dict[str, object]]:
        """Every fill as a row of a table, by instrument, oldest first."""
        results = self.study.results if self.study else {}
        return [dict(vars(line)) for name, result in results.items() for line in fill_lines(name, result)]

    @property
    def trades(self) -> list[dict[str, object]]:
        """The newest closed trades of each instrument, newest first."""
        results = self.study.results if self.study else {}
        rows = ((name, row) for name, each in results.items() for row in trade_rows(each, MOST_TRADES))
        return [{"instrument": name, **row._asdict()} for name, row in rows]

    @property
    def findings(self) -> str:
        """The findings as an HTML list, gravest first; every text in it is escaped."""
        return findings_list(self.study.report.findings() if self.study else ())

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
    def weights(self) -> go.Figure | None:
        """The holdings as shares of the account's equity over time; None for one instrument."""
        figure = weights_figure(self.study.results, self.study.account) if self.study else None
        return None if figure is None else legible(figure)

    @property
    def rolling(self) -> go.Figure | None:
        """The rolling Sharpe ratio of the whole account; None where no window fits."""
        figure = rolling_figure(self.study.report.sections[0].windows) if self.study else None
        return None if figure is None else legible(figure)

    @property
    def excursions(self) -> dict[str, go.Figure]:
        """How far the closed trades went against and for the account, by instrument with trades."""
        results = self.study.results if self.study else {}
        drawn = {name: excursion_figure(result) for name, result in results.items()}
        return {name: legible(figure) for name, figure in drawn.items() if figure is not None}

    @property
    def line(self) -> str:
        """The rounded figures in one line, to be compared from run to run."""
        if self.study is None:
            return self.problem
        figures, found = self.study.metrics, self.study.report.findings()
        return (
            f"equity {figures.final_equity:.2f} trades {figures.trades} fees {figures.fees:.2f} "
            f"drawdown {figures.bar_drawdown:.4f} sharpe {figures.sharpe:.2f} findings {len(found)}"
        )
