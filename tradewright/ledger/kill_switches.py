"""Kill switches: by strategy, by account, or for everything. Only a person sets one going again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from tradewright.database.engine import Database
from tradewright.ledger.events import Events
from tradewright.ledger.facts import Scope
from tradewright.ledger.schema import events, switches
from tradewright.model.errors import LedgerError
from tradewright.model.topic import Topic

EVERYTHING = "everything"


def strategy_scope(strategy: str) -> str:
    """The scope of one strategy."""
    return f"strategy:{strategy}"


def account_scope(account: str) -> str:
    """The scope of one account."""
    return f"account:{account}"


@dataclass(frozen=True, slots=True)
class Switch:
    """The newest setting of a scope: stopped or running, by whom and why."""

    scope: str
    stopped: bool
    actor: str
    reason: str
    at: datetime


class KillSwitches:
    """The kill switches of one mode: a resume in sim never lifts a stop in live.

    The sender reads them twice: before the write-ahead of an order, and before its send.
    """

    def __init__(self, database: Database, events: Events) -> None:
        self._database, self._events = database, events

    def stop(self, scope: str, actor: str, reason: str) -> Switch:
        """Stop new orders in a scope; the sender then cancels the open ones.

        Where the end of the chain of events is damaged, the stop is written behind the newest event that is there: a
        stop holds in every ledger that can be written, and the damage stays for the audit to find.

        Raises:
            LedgerError: for an unknown kind of scope, without an actor or a reason, or when it cannot be committed.
        """
        _demand_sound(scope, actor, reason)
        try:
            return self._set(scope, True, actor, reason)
        except LedgerError:
            if self._database.is_writing:  # the transaction of the caller is over
                raise
            return self._set(scope, True, actor, reason, damaged=True)

    def resume(self, scope: str, actor: str, reason: str) -> Switch:
        """Allow new orders in a scope again; other stopped scopes stay stopped.

        Raises:
            LedgerError: as for ``stop``; also when the end of the chain is damaged.
        """
        _demand_sound(scope, actor, reason)
        return self._set(scope, False, actor, reason)

    def present(self) -> list[Switch]:
        """The newest setting of every scope that ever had one, oldest first."""
        mode = self._events.mode.value
        own, all_of_them = (
            switches.c.mode == mode,
            Scope(switches, (switches.c.mode == mode,), (events.c.mode == mode,)),
        )
        newest = select(func.max(switches.c.id)).where(own).group_by(switches.c.scope)
        columns = [switches.c[name] for name in ("scope", "stopped", "actor", "reason", "at")]
        with self._events.facts.read(all_of_them) as connection:
            rows = connection.execute(select(*columns).where(switches.c.id.in_(newest)).order_by(switches.c.id))
            return [Switch(**row) for row in rows.mappings()]

    def stopping(self, strategy: str, account: str, *, starts_stopped: bool = False) -> list[Switch]:
        """The switches that stop a strategy on an account; empty when it may trade.

        Args:
            starts_stopped: True for live trading: until a person resumes everything, everything is stopped.
        """
        scopes = (EVERYTHING, account_scope(account), strategy_scope(strategy))
        said = [switch for switch in self.present() if switch.scope in scopes]
        if starts_stopped and not any(switch.scope == EVERYTHING for switch in said):
            now = self._database.clock.now()
            said.append(Switch(EVERYTHING, True, "program", "live starts stopped: no person has resumed it", now))
        return [switch for switch in said if switch.stopped]

    def _set(self, scope: str, stopped: bool, actor: str, reason: str, *, damaged: bool = False) -> Switch:
        kind, _, name = scope.partition(":")
        switch = Switch(scope, stopped, actor, reason, self._database.clock.now())
        row: dict[str, object] = {"scope": scope, "stopped": stopped, "actor": actor, "reason": reason, "at": switch.at}
        row["mode"] = self._events.mode.value
        topic = Topic.KILL_SWITCH_STOPPED if stopped else Topic.KILL_SWITCH_RESUMED
        account = name if kind == "account" else ""
        self._events.record(switches, row, topic, scope, actor=actor, account=account, damaged=damaged)
        return switch


def _demand_sound(scope: str, actor: str, reason: str) -> None:
    kind, _, name = scope.partition(":")
    if scope != EVERYTHING and (kind not in ("strategy", "account") or not name):
        raise LedgerError(f"unknown scope {scope!r}", remedy="use everything, strategy:NAME or account:ID")
    if not actor.strip() or not reason.strip():
        raise LedgerError("a kill switch needs an actor and a reason", where=scope)
