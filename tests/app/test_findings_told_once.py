"""A finding that several accounts have is one line for people; scripts get one for each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from app.commands.research import _findings
from app.operations.research import BacktestReply


def lines(*rows: tuple[str, str, str, str]) -> list[tuple[object, object]]:
    found = [dict(zip(("severity", "code", "account", "message"), row, strict=True)) for row in rows]
    return _findings(cast("BacktestReply", SimpleNamespace(findings=found)))


def test_one_account_has_no_name() -> None:
    rows = [("warning", "LOSS", "BTC", "It lost 1."), ("info", "FEW", "BTC", "3 trades.")]
    assert lines(*rows) == [("warning", "It lost 1."), ("info", "3 trades.")]


def test_several_accounts_are_named_together_and_the_gravest_stays_first() -> None:
    rows = [
        ("critical", "NO", "ETH", "Nothing."),
        ("warning", "LOSS", "BTC", "It lost 1."),
        ("warning", "LOSS", "ETH", "It lost 2."),
        ("warning", "NO", "AAPL", "Nothing."),
        ("warning", "LOSS", "AAPL", "It lost 1."),
    ]
    assert lines(*rows) == [
        ("critical", "ETH: Nothing."),
        ("warning", "BTC, AAPL: It lost 1. Likewise, with figures of their own: ETH."),
        ("warning", "AAPL: Nothing."),
    ]
