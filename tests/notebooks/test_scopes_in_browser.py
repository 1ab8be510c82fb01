"""Scopes of tokens in a real browser, on the real server: who may look may not stop, who may stop may not resume."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.operations import trading
from app.tokens import new_token
from conf.compose import compose
from runtime.trading import system_user
from tests.support.chromium import Page, chromium, needs_chromium
from tests.support.served import Served, served

pytestmark = [pytest.mark.browser, needs_chromium]
REASON = "input[placeholder^='why']"


def press(page: Page, button: str, reason: str) -> None:
    """Give a reason, and press a button beside the kill switch."""
    page.focus(REASON, 0)
    page.call("Input.insertText", text=reason)
    page.click("button", button)


def test_each_token_does_what_its_scope_allows_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, trades = new_token(), new_token()
    tokens = tmp_path / "tokens"
    tokens.touch(0o600)
    tokens.write_text(f"bob look {looks}\nann trade {trades}\n")
    monkeypatch.setenv("TRADEWRIGHT_TOKENS", str(tokens))
    overrides = (f"storage.root={tmp_path / 'new'}",)
    with served(overrides) as running:
        with chromium(tmp_path / "one") as page:
            page.size(1500, 1200)
            page.open(Served(running.port, looks).address("monitor"))
            page.await_text("Kill switch", "nothing is stopped")
            press(page, "Stop and cancel", "a look")
            page.await_text("refused", "a token of the scope look does not allow it")
        with chromium(tmp_path / "two") as page:
            page.size(1500, 1200)
            page.open(Served(running.port, trades).address("monitor"))
            page.await_text("Kill switch", "nothing is stopped")
            press(page, "Stop and cancel", "smoke in the room")
            page.await_text("stopped: everything", "smoke in the room")
            press(page, "Resume", "aired")
            page.await_text("a token of the scope trade does not allow it")
        with chromium(tmp_path / "three") as page:
            page.size(1500, 1200)
            page.open(running.address("monitor"))
            page.await_text("Kill switch", "smoke in the room")
            press(page, "Resume", "aired")
            page.await_text("resumed: everything", "nothing is stopped")
    with trading.opened_ledger(compose(overrides)) as ledger:
        (switch,) = ledger.kill_switches.present()
        told = [(row.action, row.actor) for row in ledger.audit.entries() if row.action in ("KILL", "RESUME")]
    assert (switch.stopped, switch.reason, switch.actor) == (False, "aired", system_user())
    assert told == [("KILL", f"{system_user()} (token: ann)"), ("RESUME", system_user())]
