"""The monitor: the account as rows and figures, and an operator's acts with their results as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypedDict, TypeVar
from zoneinfo import ZoneInfo

from app.operations import trading
from app.operations.charts import equity_figure
from app.operations.formatting import local, story
from app.operations.trading import DeskView, IntentView, PositionView
from app.output import printable
from conf.compose import compose
from conf.schema.settings import Settings
from tradewright.evaluation.formatting import MetricRow, count, money
from tradewright.execution.operator_actions import OrderView
from tradewright.ledger.kill_switches import EVERYTHING
from tradewright.model.decision import Verdict
from tradewright.model.errors import TradewrightError
from tradewright.model.order import OrderTerms

if TYPE_CHECKING:
    import plotly.graph_objects as go

Row = dict[str, str]
Part = TypeVar("Part")
NONE = "none yet"
COLOURS = {
    **dict.fromkeys(("APPROVE", "FILLED"), "#2f9461"),
    **dict.fromkeys(("REVIEW", "UNKNOWN", "PARTIAL", "CANCEL_REQUESTED"), "#b3841f"),
    **dict.fromkeys(("REJECT", "REJECTED", "NOT_SENT"), "#cf5650"),
}
"""The values of a table that are coloured."""


class ReasonsLayout(TypedDict, total=False):
    """Arguments of ``mo.ui.table`` for the column ``reasons``."""

    wrapped_columns: list[str]
    column_widths: dict[str, int]


@dataclass(frozen=True)
class MonitorView:
    """The account at one moment, ready for display; with ``trouble`` everything else is empty.

    Args:
        tiles: mode, stage, clock, equity, cash, trading, the broker's link.
        stops: every kill switch that is on, as text.
        intents: those that wait for a person first, then newest first.
        waiting: the decisions that wait for a person: text -> id.
        orders: newest first; ``ref`` names the order.
        scopes: those of a kill switch.
    """

    trouble: str = ""
    tiles: tuple[MetricRow, ...] = ()
    stops: tuple[str, ...] = ()
    positions: tuple[Row, ...] = ()
    intents: tuple[Row, ...] = ()
    waiting: dict[str, str] = field(default_factory=dict)
    orders: tuple[Row, ...] = ()
    scopes: tuple[str, ...] = (EVERYTHING,)
    differences: tuple[str, ...] = ()
    marks: tuple[tuple[datetime, Decimal], ...] = ()
    line: str = ""
    """The figures that do not depend on the clock, in one line, to be compared from run to run."""

    @property
    def equity(self) -> go.Figure:
        """The account's equity at every time when the venue reported it."""
        return equity_figure(self.marks)


SHOWN_ELSEWHERE = ("STOPPED", "NOT_RECONCILED")
"""Problems that a banner and a tile show already."""


@dataclass(frozen=True)
class OrderHistory:
    """The history of one order: its events, oldest first, and where it comes from."""

    events: tuple[Row, ...] = ()
    story: str = ""


def opened(overrides: Sequence[str]) -> tuple[Settings | None, str]:
    """The settings in force, or None and their problems."""
    try:
        return compose(overrides), ""
    except TradewrightError as error:
        return None, str(error)


def monitor_view(settings: Settings) -> MonitorView:
    """The account now, from the ledger; a refusal comes back as text."""
    try:
        view, intents, orders = trading.overview(settings), trading.intents(settings), trading.orders(settings)
    except TradewrightError as error:
        return MonitorView(trouble=str(error))
    tz = settings.base.tz
    return MonitorView(
        tiles=_tiles(settings, view),
        stops=tuple(
            f"{row.scope} since {local(row.at, tz)} by {printable(row.actor)}: {printable(row.reason)}"
            for row in view.switches
        ),
        positions=tuple(_position(row) for row in view.positions),
        intents=tuple(_intent(row, tz) for row in sorted(intents, key=lambda row: not row.waits)),
        waiting={_question(row, tz): row.decision.decision_id for row in intents if row.waits and row.decision},
        orders=tuple(_order(row, tz) for row in orders),
        scopes=view.scopes,
        differences=tuple(printable(row.line) for row in view.problems if row.code not in SHOWN_ELSEWHERE),
        marks=tuple((at.astimezone(ZoneInfo(tz)), equity) for at, equity in view.equity_marks),
        line=_line(view, intents, orders),
    )


def order_history(settings: Settings, ref: str | None) -> OrderHistory:
    """The events of an order and its story; empty for none, a refusal as text."""
    if not ref:
        return OrderHistory()
    try:
        walks = trading.explain(settings, ref)
    except TradewrightError as error:
        return OrderHistory(story=str(error))
    tz = settings.base.tz
    events = [event for walk in walks for order in walk.orders if order.attempt.ref == ref for event in order.events]
    return OrderHistory(
        events=tuple(
            {"at": local(row.at, tz), "state": row.state.value, "why": printable(row.reason)} for row in events
        ),
        story="\n".join(printable(line) for walk in walks for line in story(walk, tz)),
    )


def answer(settings: Settings, decision_id: str | None, approved: bool, reason: str) -> str:
    """Approve or reject a decision in review; the result as text."""
    if not decision_id:
        return "nothing is chosen"

    def act() -> str:
        if approved:
            return f"approved: {_terms(trading.approve(settings, decision_id, reason).terms)}"
        trading.reject(settings, decision_id, reason)
        return f"rejected: decision {decision_id}"

    return _told(act)


def stop(settings: Settings, scope: str, reason: str) -> str:
    """Stop new orders and cancel the open ones; the result as text."""

    def act() -> str:
        switch, done = trading.kill(settings, scope, reason)
        lines = [f"stopped: {switch.scope}", f"cancelled: {', '.join(done.ended) or 'none'}"]
        if done.open:
            lines.append(f"still open: {', '.join(done.open)}")
        if done.problem:
            lines.append(f"the venue could not be asked to cancel: {done.problem}")
        return "; ".join(lines)

    return _told(act)


def resume(settings: Settings, scope: str, reason: str) -> str:
    """Allow new orders again; the result as text."""
    return _told(lambda: f"resumed: {trading.resume(settings, scope, reason).scope}")


def reconcile(settings: Settings) -> str:
    """Reconcile the ledger with the venue; the result as text."""

    def act() -> str:
        found = trading.reconcile(settings)
        differs = "; ".join(found.differences) or "no differences"
        return f"reconciled at {local(found.at, settings.base.tz)}: equity {money(float(found.equity))}, {differs}"

    return _told(act)


def keep(part: Part, shown: Callable[[], Part], show: Callable[[Part], None]) -> None:
    """Show a part of the monitor again only when it changed, so that half-written text and a table's page stay."""
    if part != shown():
        show(part)


def reasons_layout(rows: Sequence[Row]) -> ReasonsLayout:
    """The layout of the reasons in the table of intents; none for a table without rows, which has no columns."""
    return {"wrapped_columns": ["reasons"], "column_widths": {"reasons": 420}} if rows else {}


def cell_style(_row: str, _column: str, value: object) -> dict[str, str]:
    """The style of a table's cell."""
    colour = COLOURS.get(str(value).partition(",")[0])
    return {"color": colour, "fontWeight": "600"} if colour else {}


def _told(act: Callable[[], str]) -> str:
    """Carry out an act on a thread of its own, for the caller's has an event loop already; a refusal as text."""
    with ThreadPoolExecutor(1) as apart:
        try:
            return apart.submit(act).result()
        except TradewrightError as error:
            return f"refused: {error}"


def _tiles(settings: Settings, view: DeskView) -> tuple[MetricRow, ...]:
    broker = settings.broker
    now, tz = view.now.astimezone(ZoneInfo(settings.base.tz)), settings.base.tz
    seen = f"reconciled {local(view.reconciled_at, tz)}" if view.reconciled_at else "never reconciled"
    link = "differs" if view.differences else "agrees" if view.reconciled_at else "not asked yet"
    return (
        MetricRow("Mode", view.mode.upper(), f"stage {view.stage}"),
        MetricRow("Clock", f"{now:%H:%M:%S}", f"{now:%a %d %b %Y} {tz}"),
        MetricRow("Equity", _money(view.equity), f"account {view.account or NONE}"),
        MetricRow("Cash", _money(view.cash), count(len(view.positions), "position")),
        MetricRow(
            "Trading",
            "STOPPED" if view.switches else "running",
            f"{len(view.switches)} stopped" if view.switches else "nothing is stopped",
        ),
        MetricRow("Broker link", link, f"{broker.kind}, {broker.place}, {seen}"),
    )


def _line(view: DeskView, intents: Sequence[IntentView], orders: Sequence[OrderView]) -> str:
    verdicts = [row.decision.verdict for row in intents if row.decision]
    counted = " ".join(f"{verdict.value} {verdicts.count(verdict)}" for verdict in Verdict)
    filled = sum(bool(row.filled) for row in orders)
    return (
        f"equity {_money(view.equity)} {counted} orders {len(orders)} filled {filled} positions {len(view.positions)}"
    )


def _position(row: PositionView) -> Row:
    return {
        "instrument": row.instrument,
        "quantity": f"{row.quantity:f}",
        "average": _money(row.average_price),
        "last": _money(row.last_price),
        "value": row.remark or _money(row.value),
    }


def _intent(row: IntentView, tz: str) -> Row:
    decided, reasons = row.decision, row.decision.reasons if row.decision else ()
    verdict = f"{decided.verdict}{', waits for you' if row.waits else ''}" if decided else NONE
    return {
        "decided": local(row.intent.decided_at, tz),
        "strategy": row.intent.strategy,
        "order": _terms(row.intent.terms),
        "verdict": verdict,
        "approved": f"{decided.approved_quantity:f}" if decided else "",
        "reasons": "\n".join(printable(f"{reason.code}: {reason.text}") for reason in reasons),
        "orders": ", ".join(row.orders),
    }


def _question(row: IntentView, tz: str) -> str:
    decided = row.decision
    if decided is None:
        return ""
    codes = ", ".join(reason.code for reason in decided.reasons if reason.verdict is Verdict.REVIEW)
    return f"{_terms(row.intent.terms)} · {row.intent.strategy} · {codes} · until {local(decided.expires_at, tz)}"


def _order(row: OrderView, tz: str) -> Row:
    attempt = row.attempt
    return {
        "ref": attempt.ref,
        "instrument": attempt.instrument,
        "side": attempt.side.value,
        "quantity": f"{attempt.quantity:f}",
        "state": row.state.value,
        "filled": f"{row.filled:f}",
        "price": _money(row.average_price),
        "fees": _money(row.fees),
        "since": local(row.since, tz),
        "why": printable(row.reason),
    }


def _terms(terms: OrderTerms) -> str:
    limit = f" at {terms.limit_price:f}" if terms.limit_price is not None else ""
    return f"{terms.side.value} {terms.quantity:f} {terms.instrument}{limit}"


def _money(value: Decimal | None) -> str:
    return NONE if value is None else money(float(value))
