"""A rehearsal: stored bars pass one by one, and a strategy's signals go the whole road, on a clock of their own.

At the open of each bar the market quotes its opening price, the signals that were decided on the close of the bar
before are proposed, judged by the gate and sent; then resting orders meet the rest of the bar. Nothing of the road is
left out: gate, ledger, sender, venue and reconciliation are those of every other mode.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from tradewright.execution.types import SendResult, SendStatus
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Decision, Verdict
from tradewright.model.signal import SignalCandidate

WAITS = "WAITS_FOR_REDUCTIONS"
"""The reason of an order of a rebalance that waits for those that reduce holdings."""
JUST_AFTER = timedelta(milliseconds=1)
"""How long after the open of a bar the desk acts, so that no fill at the open stands at the close of the bar before."""


class ReplayBar(NamedTuple):
    """One complete bar of the past.

    Args:
        opens: when trading in it begins: its start, or the market's opening in it.
        end: when it closes.
        spread: of a bar of quotes, the basis points between bid and ask; None of a bar of trades.
    """

    instrument: str
    start: datetime
    opens: datetime
    end: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    spread: Decimal | None = None


class ReplayMarket(Protocol):
    """The simulated venue as the replay moves it."""

    def opened(self, bar: ReplayBar) -> None:
        """Quote the opening price of a bar; resting orders meet it."""
        ...

    def passed(self, bar: ReplayBar, since: datetime) -> None:
        """Let resting orders meet a bar from the moment ``since`` on."""
        ...

    def executions(self) -> int:
        """The number of executions so far."""
        ...

    def held(self, instrument: str) -> Decimal:
        """Signed units of an instrument."""
        ...


class Decided(NamedTuple):
    """The gate's answer to one intent.

    Args:
        asked: the units of the intent.
    """

    instrument: str
    asked: Decimal
    decision: Decision


class ReplayDesk(Protocol):
    """The road from signals to orders in a ledger of the rehearsal's own."""

    async def decide(
        self, signals: Sequence[tuple[SignalCandidate, datetime]], due: Collection[str]
    ) -> tuple[list[Decided], set[str]]:
        """Propose and decide for the instruments that are due; and the instruments whose orders wait for others."""
        ...

    async def send(self) -> Sequence[SendResult]:
        """Send what is approved."""
        ...

    async def reconcile(self) -> Sequence[str]:
        """Compare with the venue; the differences."""
        ...


class ReplaySignals(Protocol):
    """A strategy's decisions, each known at the open of a bar from the bars that closed before it."""

    def wanted(self, row: Sequence[ReplayBar], held: Callable[[str], Decimal]) -> list[ReplayBar]:
        """Those of the bars that open now at whose open something is to be asked for.

        Args:
            held: signed units of an instrument.
        """
        ...

    def signals(self, wanted: Sequence[ReplayBar]) -> list[tuple[SignalCandidate, datetime]]:
        """The signals that stand behind, each with the close of its bar; of a rebalance all of them."""
        ...


@dataclass
class RehearsalLog:
    """The course of a rehearsal.

    Args:
        bars: the number of bars that passed.
        decisions: the number of decisions by verdict.
        refusals: codes for which gate or sender refused an order, or for which it waited, by instrument and start of
            the bar.
        cuts: codes for which the gate approved less than was asked for, likewise.
        differences: what reconciliations found, in order; empty where ledger and venue always agreed.
    """

    bars: int = 0
    decisions: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    refusals: dict[tuple[str, datetime], list[str]] = field(default_factory=lambda: defaultdict(list))
    cuts: dict[tuple[str, datetime], list[str]] = field(default_factory=lambda: defaultdict(list))
    differences: list[str] = field(default_factory=list)


async def rehearse(
    bars: Mapping[datetime, Sequence[ReplayBar]],
    clock: ManualClock,
    market: ReplayMarket,
    desk: ReplayDesk,
    signals: ReplaySignals,
    progress: Callable[[int, int], None],
) -> RehearsalLog:
    """Let bars pass and trade their signals.

    The desk is asked where the signals want something, and again for what waits for other orders. It reconciles after
    each execution, and at the first bar of each day (UTC), which also records the equity that daily limits start from.

    Args:
        bars: the bars that open at the same moment, by that moment, ascending.
        progress: called after each moment with the number of moments so far and of all.

    Raises:
        TradewrightError: when anything of the road refuses to work; the ledger keeps what was done.
    """
    log, day, waiting = RehearsalLog(), None, set[str]()
    for number, (opens, row) in enumerate(bars.items(), 1):
        _move(clock, opens + JUST_AFTER)
        for bar in row:
            market.opened(bar)
        if day != opens.date():
            day, seen = opens.date(), -1
            log.differences += await desk.reconcile()
        seen = market.executions()
        asked = signals.wanted(row, market.held)
        if wanted := [bar for bar in row if bar in asked or bar.instrument in waiting]:
            waiting = await _trade(wanted, signals, desk, log) | (waiting - {bar.instrument for bar in wanted})
        traded = clock.now()
        for bar in row:
            market.passed(bar, max(traded, bar.opens))
        _move(clock, max(bar.end for bar in row))
        if market.executions() != seen:
            log.differences += await desk.reconcile()
        log.bars += len(row)
        progress(number, len(bars))
    return log


async def _trade(wanted: Sequence[ReplayBar], signals: ReplaySignals, desk: ReplayDesk, log: RehearsalLog) -> set[str]:
    """Decide and send, and once more what waited for orders that are filled by then; what waits still."""
    started = {bar.instrument: bar.start for bar in wanted}
    made, due = signals.signals(wanted), set(started)
    while due:
        decided, waiting = await desk.decide(made, due)
        for instrument, asked, decision in decided:
            log.decisions[decision.verdict] += 1
            if decision.verdict is not Verdict.APPROVE:
                log.refusals[instrument, started[instrument]] += _codes(decision)
            elif decision.approved_quantity < asked:
                log.cuts[instrument, started[instrument]] += [reason.code for reason in decision.reasons]
        is_sent = any(row.decision.verdict is Verdict.APPROVE for row in decided)
        if is_sent:
            await _send(decided, started, desk, log)
        if not is_sent or not waiting & due:
            break
        log.differences += await desk.reconcile()
        due = waiting & due
    for instrument in waiting & started.keys():
        log.refusals[instrument, started[instrument]].append(WAITS)
    return waiting


async def _send(
    decided: Sequence[Decided], started: Mapping[str, datetime], desk: ReplayDesk, log: RehearsalLog
) -> None:
    instruments = {row.decision.decision_id: row.instrument for row in decided}
    for result in await desk.send():
        if result.status is not SendStatus.SENT and result.decision_id in instruments:
            place = instruments[result.decision_id], started[instruments[result.decision_id]]
            log.refusals[place] += [reason.code for reason in result.reasons] or [str(result.status)]


def _codes(decision: Decision) -> Iterable[str]:
    """The codes of a decision that kept its order from going out; advisories are left out."""
    return [reason.code for reason in decision.reasons if reason.verdict is not Verdict.APPROVE]


def _move(clock: ManualClock, moment: datetime) -> None:
    """Move the clock on to a moment; the waits of the protocol may have taken it beyond already."""
    clock.advance(max(0.0, (moment - clock.now()).total_seconds()))
