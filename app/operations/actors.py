"""Who acts, and why: the names and reasons that are written into the audit log."""

from __future__ import annotations

from app.output import printable
from app.tokens import TokenName
from runtime import trading
from tradewright.model.errors import ConfigError

_BRACKETS = str.maketrans("()", "[]")
"""A claimed name cannot end its brackets and write another actor behind them."""
LONGEST_REASON, LONGEST_NAME = 2_000, 200
"""Characters of a reason, and of a claimed name, of which the rest is left out."""


def actor_name(named: str = "") -> str:
    """The actor for the audit log: the user of the operating system, and beside it another name.

    Args:
        named: a name that was only claimed, or a :class:`app.tokens.TokenName`, which a token has proved.
    """
    user = trading.system_user()
    if isinstance(named, TokenName):
        return f"{user} (token: {named})"
    name = printable(named[:LONGEST_NAME]).strip().translate(_BRACKETS)
    return f"{user} (claimed: {name})" if name else user


def checked_reason(reason: str) -> str:
    """The reason as it is stored: text that is no UTF-8 is replaced, so that a stop never fails on its reason."""
    said = printable(reason).strip()
    if not said:
        raise ConfigError(
            "a reason is needed; it is written into the audit log",
            where="reason",
            remedy='write one; on the command line, --reason "..."',
        )
    if len(said) > LONGEST_REASON:
        what = f"a reason of {len(said)} characters is too long; the most are {LONGEST_REASON}"
        raise ConfigError(what, where="reason", remedy="say it in a few words")
    return said
