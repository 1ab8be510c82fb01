"""The commands in the documents are run, in their order, and end well.

In a shell: each line that needs one, and the first of each kind of work. The others run in this process, by the same
entry; that each starts from nothing is proven by the first, by the wheel and by the demo.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from app.cli import app
from tests.app.conftest import say
from tests.conftest import REAL_DATA
from tests.support.extent import cases

SOURCE = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"```console\n(?P<lines>.*?)```", re.DOTALL)
DOCUMENTS = (
    "README.md",
    "docs/configuration.md",
    "docs/data.md",
    "docs/scenarios.md",
    "docs/trading.md",
    "docs/when-it-stops.md",
)
WHOLE_JOBS = ("make demo", "make test")
"""The first is run by ``tests/app/test_demo.py``, the second by CI itself."""
TOUR = ("check", "backtest", "trade", "send", "reconcile")
IN_A_SHELL = {
    "README.md": tuple(cases(("check", "trade", "send"), TOUR)),  # as a newcomer does
    "docs/data.md": ("import lean",),
}
"""Commands by their document that run as processes, beside lines that only a shell understands."""


def commands(document: str) -> list[str]:
    text = (SOURCE / document).read_text()
    lines = [line for block in BLOCK.finditer(text) for line in block["lines"].splitlines() if line]
    return [line for line in lines if line not in WHOLE_JOBS]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_commands_of_a_document_work(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.environ.get(REAL_DATA, "")
    monkeypatch.chdir(SOURCE)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    (tmp_path / "dagster").mkdir()
    found = commands(document)
    assert found
    absent: set[str] = set()
    for command in found:
        if not real and ("DATA/" in command or absent & set(re.findall(r"\w+", command))):
            absent.update(re.findall(r"--instruments? (\w+)", command))  # what is done with them cannot be done either
            continue
        line = command.replace("data/tour", str(tmp_path / "tour")).replace("DATA/", f"{real}/")
        if needs_a_shell(document, command):
            done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        else:
            said = say(*shlex.split(line)[1:])
            assert said.status == 0, f"{command}\n{said.out[-2000:]}\n{said.err[-2000:]}"


def needs_a_shell(document: str, command: str) -> bool:
    """Whether a line is run as a person runs it, in processes of its own."""
    words = command.removeprefix("tradewright ")
    return words == command or "&&" in words or words.startswith(IN_A_SHELL.get(document, ()))


def test_the_tour_fills_an_order() -> None:
    """What the tour promises is in it, in this order."""
    text = " ".join(commands("README.md"))
    steps = (
        "check",
        "backtest",
        "sweep",
        "materialize",
        "trade --once",
        "explain",
        "intent --",
        "send",
        "orders",
        "reconcile",
    )
    places = [text.index(step) for step in steps]
    assert places == sorted(places)


def test_links_between_documents_lead_somewhere() -> None:
    for document in [SOURCE / "README.md", *(SOURCE / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} -> {target}"


def test_every_command_is_in_a_document() -> None:
    text = "".join(path.read_text() for path in [SOURCE / "README.md", *(SOURCE / "docs").glob("*.md")])
    missing = [name for name in get_command(app).commands if f"tradewright {name}" not in text]  # type: ignore[attr-defined]
    assert missing == []
