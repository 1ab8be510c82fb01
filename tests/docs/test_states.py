"""``docs/when-it-stops.md`` has a section for each code of what is not well, and each command in it exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from app.cli import app
from tradewright.execution.health import AccountCode
from tradewright.ledger.errors import LedgerKeyMissing, LedgerTampered
from tradewright.ledger.freezes import FreezeCode

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "when-it-stops.md").read_text(encoding="utf-8")
OTHERS = (LedgerKeyMissing("x").code, LedgerTampered("x").code, "SEAL_IN_DOUBT", "CLIENT_ID_TAKEN")
CODES = [*map(str, AccountCode), *map(str, FreezeCode), *OTHERS]
COMMAND = re.compile(r"`(tradewright [^`]+)`|^(tradewright .+)$", re.MULTILINE)
TEACHING = ("when-it-stops.md", "safety.md", "trading.md", "instruments.md", "data.md", "strategies.md")


def section(code: str) -> str:
    return PAGE.partition(f"\n### {code}\n")[2].partition("\n### ")[0].partition("\n## ")[0]


@pytest.mark.parametrize("code", CODES)
def test_every_state_has_a_section_with_the_way_back(code: str) -> None:
    found = section(code)
    assert found.strip(), f"### {code} is missing"
    assert "**Back:**" in found
    assert COMMAND.search(found) or code in ("BREAKER_TRIPPED",)


def test_no_section_is_about_a_code_that_is_none() -> None:
    assert set(re.findall(r"^### ([A-Z_]{4,})$", PAGE, re.MULTILINE)) == set(CODES)


@pytest.mark.parametrize("page", TEACHING)
def test_every_command_of_a_page_exists_with_its_options(page: str) -> None:
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    found = [one or other for one, other in COMMAND.findall(text)]
    assert found
    for line in found:
        assert wrong(line) == "", line


def wrong(line: str) -> str:
    """What is wrong with a command of a page: its name, or an option that it does not have; else empty."""
    words = shlex.split(line)[1:]
    here: Any = get_command(app)
    while words and hasattr(here, "commands"):
        name = words.pop(0)
        if name not in here.commands:
            return f"no command {name}"
        here = here.commands[name]
    known = {option for param in here.params for option in param.opts}
    return " ".join(word for word in words if word.startswith("--") and word.partition("=")[0] not in known)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tradewright kil", "no command kil"),
        ("tradewright kill --reson x", "--reson"),
        ("tradewright ledger verify", ""),
    ],
)
def test_a_wrong_command_is_seen(line: str, said: str) -> None:
    assert wrong(line) == said


def test_freezes_leads_to_the_page() -> None:
    assert "docs/when-it-stops.md" in (PROJECT / "app" / "commands" / "trading_command.py").read_text()
