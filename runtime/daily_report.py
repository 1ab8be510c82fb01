"""The report of a day: what was decided, traded and earned on an account, from the ledger alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from conf.environment import options
from runtime.container import Container
from runtime.trading import account_in_force, not_well
from tradewright.model.decision import Verdict
from tradewright.store.artefacts import Artefacts, NoArtefact
from tradewright.store.files import write_bytes

if TYPE_CHECKING:
    from tradewright.ledger.execution import Execution
    from tradewright.ledger.ledger import Ledger

LOOK_BACK = timedelta(days=40)
"""How far back the equity before the day is looked for."""
FIGURES = ("total_return", "sharpe", "max_drawdown", "trades")
"""What is told of the newest backtest of each strategy."""


@dataclass(frozen=True)
class DayFill:
    """One execution of the day that counts; money as text in plain digits, ``fee`` empty while it is not known."""

    time: str
    instrument: str
    side: str
    quantity: str
    price: str
    fee: str
    fee_currency: str


@dataclass(frozen=True)
class DailyReport:
    """A day of an account in one mode.

    Args:
        day: by ``base.tz``.
        until: to when it is told: the end of the day, or now while it goes on (UTC).
        equity_before: the newest mark before the day within 40 days; empty where there is none.
        equity: the newest mark of the day; empty where there is none.
        change: the difference of the two, which deposits and withdrawals are part of; empty without both.
        drawdown: of the day's newest mark from the day's highest, a fraction of 0 or below.
        decisions: how many of each verdict the gate gave, by intents of this account.
        reasons: how often it gave each code on decisions that were not approved.
        fees: by currency; what is not known yet is no part of it.
        not_well: what is not well on the account now, empty for a day that is over.
        backtests: the newest figures of each strategy's backtest, as they stand in the store now.
    """

    day: str
    mode: str
    account: str
    until: str
    equity_before: str
    equity: str
    change: str
    drawdown: float
    decisions: Mapping[str, int]
    reasons: Mapping[str, int]
    fills: Sequence[DayFill]
    fees: Mapping[str, str]
    not_well: Sequence[str]
    backtests: Mapping[str, Mapping[str, float]]

    def markdown(self) -> str:
        """The report as people read it."""
        return "\n".join(_lines(self)) + "\n"


def daily_report(house: Container, day: date | None = None) -> DailyReport:
    """The report of the account in force.

    Args:
        day: today, so far, when None.

    Raises:
        LedgerError: the ledger cannot be read, or its rows were altered.
    """
    zone, now, ledger = ZoneInfo(house.settings.base.tz), house.clock.now(), house.ledger
    today = now.astimezone(zone).date()
    chosen = day or today
    start, end = _midnight(chosen, zone), _midnight(chosen + timedelta(days=1), zone)
    account = account_in_force(house.settings, ledger)
    fills = [each for each in ledger.executions.traded_since(account, start) if each.time < end and each.counts]
    before, levels = _marks(ledger, account, start, end)
    decided = _decided(ledger, account, start, end)
    newest = levels[-1] if levels else None
    return DailyReport(
        day=chosen.isoformat(),
        mode=house.settings.mode.name.value,
        account=account,
        until=min(now, end).isoformat(timespec="seconds"),
        equity_before=_digits(before),
        equity=_digits(newest),
        change="" if before is None or newest is None else _digits(newest - before),
        drawdown=float(newest / max(levels) - 1) if newest is not None and max(levels) > 0 else 0.0,
        decisions=dict(sorted(Counter(verdict for verdict, _codes in decided).items())),
        reasons=dict(Counter(code for _verdict, codes in decided for code in codes).most_common()),
        fills=[_fill(each) for each in fills],
        fees=_fees(fills),
        not_well=[each.text for each in not_well(house, account)] if chosen == today else [],
        backtests=_backtests(house.artefacts),
    )


def write_daily_report(house: Container, told: DailyReport) -> Path:
    """Store it as ``<storage.root>/reports/daily/<day>.json`` and ``.md``, in the place of an earlier one of that day.

    Of another account or mode it has these in its name too, so that none takes the place of another.

    Raises:
        StoreError: when it cannot be written.
    """
    path = house.root / "reports" / "daily" / f"{told.day}-{told.mode}-{told.account or 'none'}.md"
    write_bytes(path.with_suffix(".json"), json.dumps(asdict(told), indent=1, allow_nan=False).encode())
    write_bytes(path, told.markdown().encode())
    return path


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _marks(ledger: Ledger, account: str, start: datetime, end: datetime) -> tuple[Decimal | None, list[Decimal]]:
    """The equity before the day, and that of the day."""
    marks = [each for each in ledger.equity.marks(account, start - LOOK_BACK) if each.at < end]
    earlier = [each.equity for each in marks if each.at < start]
    return earlier[-1] if earlier else None, [each.equity for each in marks if each.at >= start]


def _decided(ledger: Ledger, account: str, start: datetime, end: datetime) -> list[tuple[str, list[str]]]:
    """The verdict of each decision of the day, and the codes that speak against an approval."""
    found = []
    for each in ledger.decisions.decisions_alive(start):
        if start <= each.decided_at < end and ledger.decisions.intent(each.intent_id).account == account:
            against = [] if each.verdict is Verdict.APPROVE else [str(reason.code) for reason in each.reasons]
            found.append((each.verdict.value, against))
    return found


def _fill(each: Execution) -> DayFill:
    return DayFill(
        time=each.time.isoformat(timespec="seconds"),
        instrument=each.instrument,
        side=each.side.value,
        quantity=_digits(each.quantity),
        price=_digits(each.price),
        fee=_digits(each.fee),
        fee_currency=each.fee_currency,
    )


def _fees(fills: Sequence[Execution]) -> dict[str, str]:
    paid: dict[str, Decimal] = {}
    for each in fills:
        if each.fee is not None:
            paid[each.fee_currency] = paid.get(each.fee_currency, Decimal(0)) + each.fee
    return {currency: _digits(total) for currency, total in sorted(paid.items())}


def _backtests(kept: Artefacts) -> dict[str, dict[str, float]]:
    found = {}
    for name in options("strategy"):
        try:
            figures = kept.read_json(("evaluation", name))
        except NoArtefact:
            continue
        found[name] = {figure: figures[figure] for figure in FIGURES}
    return found


def _digits(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}"


def _lines(told: DailyReport) -> Iterator[str]:
    yield f"# {told.day}: account {told.account or 'not known yet'}, mode {told.mode}"
    yield f"\nUntil {told.until}."
    yield f"\nEquity {told.equity or 'not marked'}, before the day {told.equity_before or 'not marked'}"
    if told.change:
        yield f"Change {told.change}; {told.drawdown:.2%} from the day's highest."
    yield "\n## Decisions\n"
    yield from (f"- {verdict}: {number}" for verdict, number in told.decisions.items())
    yield from (f"- {code}, {number} times" for code, number in told.reasons.items())
    yield "\n## Fills\n"
    yield from (
        f"- {each.time} {each.side} {each.quantity} {each.instrument} at {each.price},"
        f" fee {each.fee or 'not known yet'} {each.fee_currency}".rstrip()
        for each in told.fills
    )
    yield from (f"- fees in {currency or 'an unknown currency'}: {total}" for currency, total in told.fees.items())
    yield "\n## Not well\n"
    yield from (f"- {each}" for each in told.not_well)
    yield "\n## Newest backtests\n"
    for name, figures in told.backtests.items():
        yield f"- {name}: {', '.join(f'{figure} {value:.4g}' for figure, value in figures.items())}"
