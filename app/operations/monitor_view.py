"""The monitor: the account as rows and figures; the operator's acts are in ``monitor_acts``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypedDict, TypeVar
from zoneinfo import ZoneInfo

from app.operations import trading
from app.operations.charts import equity_figure
from app.operations.explanation import explanation
from app.operations.formatting import fees_text, local, price_text, refusal_text
from app.operations.replies import DeskView, IntentView, PositionView
from app.output import printable
from conf.compose import compose_without_strategy
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.traded_strategies import BrokenStrategy, broken_strategies
from tradewright.evaluation.formatting import MetricRow, count, money
from tradewright.execution.health import UNWATCHED_AFTER, Problem
from tradewright.execution.operator_actions import OrderView
from tradewright.ledger.kill_switches import EVERYTHING
from tradewright.model.decision import Verdict
from tradewright.model.errors import TradewrightError
from tradewright.model.instrument import Instrument
from tradewright.model.order import OrderTerms

if TYPE_CHECKING:
    import plotly.graph_objects as go

Row = dict[str, str]
Alarm = Literal["danger", "warn", "success"]
Part = TypeVar("Part")
NONE = "none yet"
BROKEN = "STRATEGY_BROKEN"
"""The problem of a strategy whose files, code or data are wrong."""
UNKNOWN = "Not known: the account cannot be read. The line at the top says why."
RED = "#cf5650"
COLOURS = {
    **dict.fromkeys(("APPROVE", "FILLED"), "#2f9461"),
    **dict.fromkeys(("REVIEW", "UNKNOWN", "PARTIAL", "CANCEL_REQUESTED", "WARN"), "#b3841f"),
    **dict.fromkeys(("REJECT", "REJECTED", "NOT_SENT", "BLOCK"), RED),
}
"""The values of a table that are coloured."""


ALARMS: dict[Alarm, dict[str, str]] = {
    "danger": {"background": RED, "color": "white", "font-weight": "600"},
    "warn": {"background": "#b3841f33", "font-weight": "600"},
    "success": {},
}
"""How loud the line on the account's status is."""
WITHIN = {"max-width": "calc(100vw - 2.5rem)", "overflow-x": "auto"}
"""A part that is scrolled by itself where it is wider than the window."""
OUTCOME_BAR = {
    "position": "fixed",
    "bottom": "0.5rem",
    "left": "5vw",
    "right": "5vw",
    "z-index": "40",
    "max-height": "30vh",
    "overflow": "auto",
    "background": "var(--background, white)",
    "box-shadow": "0 0 1.5rem #0006",
}
"""The outcome of the last act stays in sight wherever its button is, and moves no button when it comes."""


class WrappedColumns(TypedDict, total=False):
    """Arguments of ``mo.ui.table`` for columns of long text."""

    wrapped_columns: list[str]
    column_widths: dict[str, int]


@dataclass(frozen=True)
class MonitorView:
    """The account at one moment, ready for display; with ``problem`` nothing else is known, and says so.

    Args:
        problem: why the account cannot be read; empty where it can.
        tiles: mode, stage, clock, equity, cash, trading, the broker's link.
        status: one line on whether the account may trade: every stop, and the number of problems.
        alarm: the weight of the status: ``danger``, ``warn`` or ``success``.
        problems: everything that is not well, oldest first, each with the commands that help.
        intents: those that wait for a person first, then newest first.
        waiting: the decisions that wait for a person: text -> id.
        orders: newest first; ``ref`` names the order.
        scopes: those of a kill switch.
    """

    problem: str = ""
    status: str = ""
    alarm: Alarm = "danger"
    tiles: tuple[MetricRow, ...] = ()
    problems: tuple[Row, ...] = ()
    positions: tuple[Row, ...] = ()
    intents: tuple[Row, ...] = ()
    waiting: dict[str, str] = field(default_factory=dict)
    orders: tuple[Row, ...] = ()
    scopes: tuple[str, ...] = (EVERYTHING,)
    marks: tuple[tuple[datetime, Decimal], ...] = ()
    line: str = ""
    """The figures that do not depend on the clock, in one line, to be compared from run to run."""

    @property
    def unknown(self) -> str:
        """What a card says while the account cannot be read; empty where it can."""
        return UNKNOWN if self.problem else ""

    @property
    def equity(self) -> go.Figure:
        """The account's equity at every time when the venue reported it."""
        return equity_figure(self.marks)


@dataclass(frozen=True)
class OrderHistory:
    """The history of one order: its events, oldest first, and where it comes from."""

    events: tuple[Row, ...] = ()
    story: str = ""


def opened(overrides: Sequence[str]) -> tuple[Settings | None, str]:
    """The settings in force, which no wrong strategy file stops, or None and their problems."""
    try:
        return compose_without_strategy(overrides), ""
    except (TradewrightError, OSError) as error:
        return None, refusal_text(error)


def monitor_view(settings: Settings, overrides: Sequence[str] | None = None) -> MonitorView:
    """The account now, from the ledger; a refusal comes back as text.

    Args:
        overrides: those under which strategies are traded; the broken ones are told when they are given.
    """
    try:
        view, listed_intents, listed_orders = trading.whole_desk(settings)
        broken = () if overrides is None else _broken_strategies(settings, overrides)
    except (TradewrightError, OSError) as error:
        return _unreadable(settings, printable(refusal_text(error)))
    tz, intents, orders = settings.base.tz, listed_intents.rows, listed_orders.rows
    stops = _stops(view, tz)
    return MonitorView(
        tiles=_tiles(settings, view, stops, listed_orders.remark or listed_intents.remark),
        status=_status(stops, len(view.problems) + len(broken)),
        alarm="danger" if stops else "warn" if view.problems or broken else "success",
        problems=(*(_problem(row, tz) for row in view.problems), *map(_broken, broken)),
        positions=tuple(_position(row, settings.instruments.get(row.instrument)) for row in view.positions),
        intents=tuple(_intent(row, tz) for row in sorted(intents, key=lambda row: not row.waits)),
        waiting={_question(row, tz): row.decision.decision_id for row in intents if row.waits and row.decision},
        orders=tuple(_order(row, tz, settings.instruments.get(row.attempt.instrument)) for row in orders),
        scopes=view.scopes,
        marks=tuple((at.astimezone(ZoneInfo(tz)), equity) for at, equity in view.equity_marks),
        line=_line(view, intents, orders),
    )


def order_history(settings: Settings, ref: str | None) -> OrderHistory:
    """The events of an order and its story; empty for none, a refusal as text."""
    if not ref:
        return OrderHistory()
    try:
        walks = trading.explain(settings, ref).rows
        kept = trading.configurations(settings, walks)
    except (TradewrightError, OSError) as error:
        return OrderHistory(story=refusal_text(error))
    tz = settings.base.tz
    events = [event for walk in walks for order in walk.orders if order.attempt.ref == ref for event in order.events]
    return OrderHistory(
        events=tuple(
            {"at": local(row.at, tz), "state": row.state.value, "why": printable(row.reason)} for row in events
        ),
        story="\n".join(printable(line) for walk in walks for line in explanation(walk, tz, kept)),
    )


def known(unknown: str, *parts: object) -> list[object]:
    """The parts of a card; in their place that nothing is known of it, where the account cannot be read."""
    return [unknown] if unknown else list(parts)


def approvals_title(waiting: Mapping[str, str], unknown: str) -> str:
    """The heading of what waits for a person."""
    return "## Approvals" if unknown else f"## Approvals: {len(waiting)} waiting"


def keep(part: Part, shown: Callable[[], Part], show: Callable[[Part], None]) -> None:
    """Show a part of the monitor again only when it changed, so that half-written text and a table's page stay."""
    if part != shown():
        show(part)


def wrapped(rows: Sequence[Row], **widths: int) -> WrappedColumns:
    """The layout of the columns of long text, by their widths in pixels; none for a table without rows or columns."""
    names = {name.replace("_", " "): width for name, width in widths.items()}
    return {"wrapped_columns": list(names), "column_widths": names} if rows else {}


def cell_style(_row: str, column: str, value: object) -> dict[str, str]:
    """The style of a table's cell: states and verdicts have their colours, and every problem is red."""
    colour = RED if column == "problem" else COLOURS.get(str(value).partition(",")[0])
    return {"color": colour, "fontWeight": "600"} if colour else {}


def _unreadable(settings: Settings, why: str) -> MonitorView:
    """The view of an account that cannot be read: nothing is told as none or zero."""
    mode, broker = settings.mode.name.upper(), settings.broker
    unknown = ("Equity", "Cash", "Trading", "Broker link")
    meanings = ("", "", "a stop stays in force", f"{broker.kind}, {broker.place}")
    tiles = [MetricRow(label, "not known", meaning) for label, meaning in zip(unknown, meanings, strict=True)]
    return MonitorView(
        problem=why,
        status=f"THE ACCOUNT CANNOT BE READ, so nothing is known of it: {why}",
        tiles=(MetricRow("Mode", mode, f"stage {settings.stage.name}"), *tiles),
    )


def _tiles(settings: Settings, view: DeskView, stops: Sequence[str], remark: str) -> tuple[MetricRow, ...]:
    """The tiles.

    Args:
        remark: what the tables leave out; empty where it is nothing.
    """
    broker = settings.broker
    now, tz = view.now.astimezone(ZoneInfo(settings.base.tz)), settings.base.tz
    seen = f"reconciled {local(view.reconciled_at, tz)}" if view.reconciled_at else "never reconciled"
    return (
        MetricRow("Mode", view.mode.upper(), "; ".join(filter(None, (f"stage {view.stage}", remark)))),
        MetricRow("Clock", f"{now:%H:%M:%S}", f"{now:%a %d %b %Y} {tz}"),
        MetricRow("Equity", _money(view.equity), f"account {view.account or NONE}"),
        MetricRow("Cash", _money(view.cash), count(len(view.positions), "position")),
        MetricRow(
            "Trading",
            "STOPPED" if stops else "running",
            f"{len(stops)} stopped" if stops else "nothing is stopped",
        ),
        MetricRow("Broker link", _link(view), f"{broker.kind}, {broker.place}, {seen}"),
    )


def _link(view: DeskView) -> str:
    """What the newest comparison with the venue says; one that is old says nothing about a venue that may be away."""
    if view.reconciled_at is None:
        return "not asked yet"
    if view.differences:
        return "differs"
    return "agrees" if view.now - view.reconciled_at <= UNWATCHED_AFTER else "not asked lately"


def _stops(view: DeskView, tz: str) -> tuple[str, ...]:
    """Every kill switch that is on, and the stop in which live trading starts, which no switch has recorded."""
    recorded = {row.scope for row in view.switches}
    switches = [
        f"{row.scope} since {local(row.at, tz)} by {printable(row.actor)}: {printable(row.reason)}"
        for row in view.switches
    ]
    stopped = [row.text for row in view.problems if row.code == "STOPPED"]
    return (*switches, *(printable(text) for text in stopped if text.partition(" stopped by ")[0] not in recorded))


def _status(stops: Sequence[str], problems: int) -> str:
    if not stops and not problems:
        return "All is well: nothing is stopped, frozen or in doubt"
    listed = [f"{count(problems, 'problem')}: see the list of what is not well"] if problems else []
    return "; ".join([*(f"STOPPED: {text}" for text in stops), *listed])


def _problem(row: Problem, tz: str) -> Row:
    """A problem as a row. Two kinds are found anew at every look, and have no time: the table would change with it."""
    return {
        "problem": row.code,
        "instrument": row.instrument,
        "order": row.ref,
        "text": printable(row.text),
        "since": "" if row.code in ("NOT_RECONCILED", "STOPPED") else local(row.since, tz),
        "what helps": printable(row.remedy),
    }


def _broken_strategies(settings: Settings, overrides: Sequence[str]) -> list[BrokenStrategy]:
    with Container(settings) as house:
        return broken_strategies(house, overrides)


def _broken(row: BrokenStrategy) -> Row:
    """A strategy for which nothing is entered, among the problems of the account that it trades on."""
    place = {"instrument": ", ".join(sorted(row.holds)), "order": ""}
    return {"problem": BROKEN, **place, "text": printable(row.text), "since": "", "what helps": printable(row.remedy)}


def _line(view: DeskView, intents: Sequence[IntentView], orders: Sequence[OrderView]) -> str:
    verdicts = [row.decision.verdict for row in intents if row.decision]
    counted = " ".join(f"{verdict.value} {verdicts.count(verdict)}" for verdict in Verdict)
    filled = sum(bool(row.filled) for row in orders)
    return (
        f"equity {_money(view.equity)} {counted} orders {len(orders)} filled {filled} positions {len(view.positions)}"
    )


def _position(row: PositionView, instrument: Instrument | None) -> Row:
    return {
        "instrument": row.instrument,
        "quantity": f"{row.quantity:f}",
        "average": price_text(row.average_price, instrument),
        "last": price_text(row.last_price, instrument) or NONE,
        "value": ", ".join(filter(None, ("" if row.value is None else _money(row.value), row.remark))) or NONE,
        "protection": row.protection or NONE,
    }


def _intent(row: IntentView, tz: str) -> Row:
    decided, reasons = row.decision, row.decision.reasons if row.decision else ()
    verdict = f"{decided.verdict}{', waits for you' if row.waits else ''}" if decided else NONE
    return {
        "decided": local(row.intent.decided_at, tz),
        "strategy": row.intent.strategy,
        "order": terms_text(row.intent.terms),
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
    return f"{terms_text(row.intent.terms)} · {row.intent.strategy} · {codes} · until {local(decided.expires_at, tz)}"


def _order(row: OrderView, tz: str, instrument: Instrument | None) -> Row:
    attempt = row.attempt
    return {
        "ref": attempt.ref,
        "instrument": attempt.instrument,
        "side": attempt.side.value,
        "quantity": f"{attempt.quantity:f}",
        "terms": row.terms,
        "state": row.state.value,
        "filled": f"{row.filled:f}",
        "price": price_text(row.average_price, instrument) or NONE,
        "fees": fees_text(row.fees) or NONE,
        "since": local(row.since, tz),
        "why": printable(row.reason),
    }


def terms_text(terms: OrderTerms) -> str:
    """An order in a few words: side, quantity, instrument, and the limit where it has one."""
    limit = f" at {terms.limit_price:f}" if terms.limit_price is not None else ""
    return f"{terms.side.value} {terms.quantity:f} {terms.instrument}{limit}"


def _money(value: Decimal | None) -> str:
    return NONE if value is None else money(float(value))
