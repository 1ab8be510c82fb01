"""A rehearsal: stored bars pass one by one, and a strategy's signals go the whole road, on a clock of their own.

At the open of each bar the market quotes its opening price, the signals that were decided on the close of the bar
before are proposed, judged by the gate and sent; then resting orders meet the rest of the bar. Nothing of the road is
left out: gate, ledger, sender, venue and reconciliation are those of every other mode.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from tradewright.execution.types import SendResult, SendStatus
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Decision, Verdict
from tradewright.model.signal import SignalCandidate

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


class ReplayDesk(Protocol):
    """The road from signals to orders in a ledger of the rehearsal's own."""

    async def decide(self, signals: Sequence[tuple[SignalCandidate, datetime]]) -> list[tuple[str, Decision]]:
        """Propose and decide; each decision with the instrument of its intent."""
        ...

    async def send(self) -> Sequence[SendResult]:
        """Send what is approved."""
        ...

    async def reconcile(self) -> Sequence[str]:
        """Compare with the venue; the differences."""
        ...


class ReplaySignals(Protocol):
    """A strategy's decisions, each known at the open of a bar from the bars that closed before it."""

    def target(self, bar: ReplayBar) -> float:
        """The target in force at the open of a bar, in [-1, 1]; 0 before there is one."""
        ...

    def signal(self, bar: ReplayBar) -> tuple[SignalCandidate, datetime]:
        """The signal behind that target, with the close of the bar before."""
        ...


@dataclass
class RehearsalLog:
    """The course of a rehearsal.

    Args:
        bars: the number of bars that passed.
        decisions: the number of decisions by verdict.
        refusals: codes for which gate or sender refused an order, by instrument and start of the bar.
        differences: what reconciliations found, in order; empty where ledger and venue always agreed.
    """

    bars: int = 0
    decisions: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    refusals: dict[tuple[str, datetime], list[str]] = field(default_factory=lambda: defaultdict(list))
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

    The desk is asked only where a signal points elsewhere than the holding: to a position that is not held, or away
    from one that is. It reconciles after each execution, and at the first bar of each day (UTC), which also records the
    equity that daily limits start from.

    Args:
        bars: the bars that open at the same moment, by that moment, ascending.
        progress: called after each moment with the number of moments so far and of all.

    Raises:
        TradewrightError: when anything of the road refuses to work; the ledger keeps what was done.
    """
    log, day = RehearsalLog(), None
    for number, (opens, row) in enumerate(bars.items(), 1):
        _move(clock, opens + JUST_AFTER)
        for bar in row:
            market.opened(bar)
        if day != opens.date():
            day, seen = opens.date(), -1
            log.differences += await desk.reconcile()
        seen = market.executions()
        if wanted := [bar for bar in row if _sign(signals.target(bar)) != _sign(market.held(bar.instrument))]:
            await _trade(wanted, signals, desk, log)
        traded = clock.now()
        for bar in row:
            market.passed(bar, max(traded, bar.opens))
        _move(clock, max(bar.end for bar in row))
        if market.executions() != seen:
            log.differences += await desk.reconcile()
        log.bars += len(row)
        progress(number, len(bars))
    return log


async def _trade(wanted: Sequence[ReplayBar], signals: ReplaySignals, desk: ReplayDesk, log: RehearsalLog) -> None:
    started = {bar.instrument: bar.start for bar in wanted}
    decided = await desk.decide([signals.signal(bar) for bar in wanted])
    for instrument, decision in decided:
        log.decisions[decision.verdict] += 1
        if decision.verdict is not Verdict.APPROVE:
            log.refusals[instrument, started[instrument]] += _codes(decision)
    if any(decision.verdict is Verdict.APPROVE for _instrument, decision in decided):
        instruments = {decision.decision_id: instrument for instrument, decision in decided}
        for result in await desk.send():
            if result.status is not SendStatus.SENT and result.decision_id in instruments:
                place = instruments[result.decision_id], started[instruments[result.decision_id]]
                log.refusals[place] += [reason.code for reason in result.reasons] or [str(result.status)]


def _codes(decision: Decision) -> Iterable[str]:
    """The codes of a decision that kept its order from going out; advisories are left out."""
    return [reason.code for reason in decision.reasons if reason.verdict is not Verdict.APPROVE]


def _sign(number: float | Decimal) -> int:
    return (number > 0) - (number < 0)


def _move(clock: ManualClock, moment: datetime) -> None:
    """Move the clock on to a moment; the waits of the protocol may have taken it beyond already."""
    clock.advance(max(0.0, (moment - clock.now()).total_seconds()))
