"""A person's acts on the quality page: each is one operation, and its outcome or its refusal comes back as text."""

from __future__ import annotations

from collections.abc import Sequence

from app.operations import data_quality, quarantine
from app.operations.monitor_acts import NOTHING_CHOSEN, carried_out
from app.operations.monitor_view import Row
from app.operations.quality_view import key_of
from app.tokens import Scope
from conf.schema.settings import Settings
from tradewright.evaluation.formatting import count
from tradewright.quality.evidence import GRAVE

AGAIN = "entries wait until the bars are judged again: the daemon does it, or tradewright trade --once"


def place_of(chosen: Sequence[Row]) -> str:
    """The bar of the chosen place, for the ends of a span; empty where none is chosen."""
    return chosen[0]["bar"] if chosen else ""


def is_acceptable(chosen: Sequence[Row]) -> bool:
    """Whether the finding of the chosen place is one that a person may accept."""
    return bool(chosen) and chosen[0]["finding"] in GRAVE


def set_aside(settings: Settings, name: str, start: str, end: str, reason: str) -> str:
    """Put the bars of a span into quarantine."""
    symbol, timeframe = key_of(name)

    def act(actor: str) -> str:
        done = quarantine.quarantine(settings, symbol, timeframe, start.strip(), end.strip(), reason, actor)
        return f"set aside: {'; '.join(row.text for row in done.acts)}; {AGAIN}"

    return carried_out(Scope.TRADE, act)


def bring_back(settings: Settings, name: str, chosen: Sequence[Row], reason: str) -> str:
    """Release the chosen quarantine, with those that share a moment with it."""
    if not chosen:
        return NOTHING_CHOSEN
    (symbol, timeframe), row = key_of(name), chosen[0]

    def act(actor: str) -> str:
        done = quarantine.release(settings, symbol, timeframe, row["first"], row["last"], reason, actor)
        return f"brought back: {count(sum(each.rows for each in done.acts), 'bar')}; {AGAIN}"

    return carried_out(Scope.TRADE, act)


def accept(settings: Settings, name: str, chosen: Sequence[Row], reason: str) -> str:
    """Say that the bars of the chosen finding are as they should be: it lifts what keeps orders back."""
    if not chosen:
        return NOTHING_CHOSEN
    (symbol, timeframe), code = key_of(name), chosen[0]["finding"]

    def act(actor: str) -> str:
        done = data_quality.accept(settings, symbol, timeframe, code, reason, actor)
        return f"accepted: {done.code}: {done.message}; {AGAIN}"

    return carried_out(Scope.ADMIN, act)
