"""Errors that a person can act on: a code, what is wrong, where, and what to do."""

from __future__ import annotations

import re

_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


class TradewrightError(Exception):
    """A refusal or failure with a clear reason; the command line prints it and exits with status 1.

    Args:
        what: what is wrong, with the offending value.
        where: the file, key, row or address it concerns; empty when there is none.
        remedy: what the reader can do about it; empty when nothing helps.
        code: the kind of error in capitals, for programs; that of the class (``LEDGER_ERROR``) when empty.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "", code: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        self.code = code or _WORDS.sub("_", type(self).__name__).upper()
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.remedy})" if self.remedy else text

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.remedy, self.code)


def _rebuild(kind: type[TradewrightError], what: str, where: str, remedy: str, code: str) -> TradewrightError:
    made = kind(what, where=where, remedy=remedy)
    made.code = code
    return made


class ConfigError(TradewrightError):
    """A configuration file, key or override is wrong."""


class DataError(TradewrightError):
    """A data file or table breaks its contract."""


class StrategyError(TradewrightError):
    """A strategy's own code fails, or cannot be compiled."""


class StoreError(TradewrightError):
    """The bars store or the artefact store cannot be read or written."""


class LedgerError(TradewrightError):
    """The ledger is locked, full, unreachable or inconsistent. Nothing may be sent."""


class NotApproved(TradewrightError):
    """Something other than the gate tried to make an approved order, or an approved order was altered."""


class BrokerError(TradewrightError):
    """The broker refused, is unreachable, or did not answer. Never evidence about an order."""


class OrderNotAccepted(BrokerError):
    """The order provably cannot be sent: unknown contract, wrong step, missing permission, a kind the venue lacks.

    Raised by ``Broker.check`` before anything is written down; nothing has left the process.
    """
