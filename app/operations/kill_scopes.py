"""The scopes of the kill switch: those that are known, and the text of those that are stopped."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from conf.environment import options
from conf.problems import nearest
from conf.schema.settings import Settings
from runtime.trading import account_in_force
from tradewright.ledger.kill_switches import EVERYTHING, Switch, account_scope, strategy_scope
from tradewright.ledger.ledger import Ledger
from tradewright.model.errors import ConfigError, LedgerError
from tradewright.model.intent import MANUAL


def checked_scope(scope: str, known: Sequence[str]) -> str:
    """A scope of the kill switch; a misspelt one would look like a stop and stop nothing.

    Raises:
        ConfigError: for a scope of no known kind, and for a name that differs from every known one of its kind.
    """
    kind, _, name = scope.partition(":")
    if scope in ("", EVERYTHING):
        return EVERYTHING
    if kind not in ("strategy", "account") or not name:
        raise ConfigError(f"unknown scope {scope!r}", where="--scope", remedy="everything, strategy:NAME or account:ID")
    if scope not in known and any(each.startswith(f"{kind}:") for each in known):
        near = nearest(scope, known)
        remedy = f"did you mean {near!r}?" if near else f"one of {', '.join(known)}"
        raise ConfigError(f"{scope!r} is neither a strategy nor an account", where="--scope", remedy=remedy)
    return scope


def known_scope(scope: str, settings: Settings, ledger: Ledger) -> str:
    """As :func:`checked_scope`; in a damaged ledger, which knows no names, the given one holds.

    Raises:
        ConfigError: as :func:`checked_scope`.
    """
    try:
        known = scopes(settings, ledger)
    except LedgerError:
        known = [scope]
    return checked_scope(scope, known)


def scopes(settings: Settings, ledger: Ledger) -> list[str]:
    """The scopes of a kill switch: everything, and each account and strategy that is declared or has ever asked."""
    accounts = [settings.broker.account or "", *ledger.outbox.accounts(), account_in_force(settings, ledger)]
    strategies = [MANUAL, *options("strategy"), *ledger.decisions.strategies()]
    named = [*map(account_scope, filter(None, accounts)), *map(strategy_scope, strategies)]
    return list(dict.fromkeys([EVERYTHING, *named, *(row.scope for row in ledger.kill_switches.present())]))


def stop_texts(stops: Iterable[Switch], overrides: Sequence[str]) -> list[str]:
    """Each stop as text, with the command that lifts it on the same ledger."""
    said = "".join(f" {shlex.quote(text)}" for text in overrides)
    return [
        f"stopped since {row.at:%Y-%m-%d %H:%M:%S} UTC by {row.actor} because {row.reason} ({row.scope}); "
        f'resume with: tradewright resume --scope {row.scope} --reason "..."{said}'
        for row in stops
    ]
