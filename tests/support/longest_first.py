"""The longest files begin first: under ``--dist loadfile`` a run ends with its last file, however short the others."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
LONGEST = (
    "assets/test_pages_in_browser.py",
    "app/test_wheel.py",
    "app/test_demo.py",
    "app/test_every_way_back.py",
    "docs/test_commands.py",
    "notebooks/test_apps_in_browser.py",
    "app/test_rehearse.py",
    "app/test_trade.py",
    "assets/test_daemon.py",
    "app/test_kill_without_configuration.py",
    "app/test_exit_codes.py",
    "app/test_bad_input.py",
    "app/test_cli.py",
    "assets/test_days.py",
    "conf/test_compose.py",
    "execution/test_sender.py",
    "ledger/test_transitions.py",
    "execution/test_actor.py",
    "execution/test_bad_data.py",
)
"""By the time that they take beside others on two cores; of less than a minute none matters."""
assert all((TESTS / name).is_file() for name in LONGEST)
_RANK = {TESTS / name: rank for rank, name in enumerate(LONGEST)}


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files before all others; each file's tests stay together, in their order."""
    items.sort(key=lambda item: _RANK.get(item.path, len(_RANK)))
