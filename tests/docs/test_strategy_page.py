"""The worked example of ``docs/strategies.md``: its files are written into a new project, its commands are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.operations.new_project import make_project

SOURCE = Path(__file__).resolve().parents[2]
PAGE = (SOURCE / "docs" / "strategies.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`(?P<path>[\w/.]+)`\n\n```\w+\n(?P<text>.*?)```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"```console\n(?P<lines>.*?)```", re.DOTALL)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_example_works_from_an_empty_file_to_signals(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mine").folder
    written = {found["path"]: found["text"] for found in FILE.finditer(PAGE)}
    made = {"strategies/breakout.py", "conf/strategy/breakout.yaml"}
    assert set(written) == made
    for path, text in written.items():
        (project / path).write_text(text)
    (tmp_path / "dagster").mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "DAGSTER_HOME": str(tmp_path / "dagster")}
    lines = [line for block in COMMANDS.finditer(PAGE) for line in block["lines"].splitlines() if line]
    assert [line.split()[1] for line in lines[:3]] == ["check", "backtest", "sweep"]
    for line in lines:
        command = ["bash", "-c", line.replace("data/tour", str(tmp_path / "tour"))]
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert list((tmp_path / "tour" / "artefacts" / "signals" / "breakout").iterdir())


def test_the_page_s_numbers_are_those_of_the_test() -> None:
    from tradewright.backtest.lookahead import POSITIONS

    assert POSITIONS == (0.0, 1.0, -1.0, 1000.0, -1000.0), "docs/strategies.md names them"
