"""The built wheel in a clean environment: init makes a project in which commands, Dagster and the apps work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from conf.environment import SOURCE
from tests.support.houses import QUICK, free_port, stop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PACKAGES = ("tradewright", "conf", "runtime", "assets", "strategies", "brokers", "app", "notebooks")
TRADED = (*QUICK, "strategy=example", "universe.instruments=[BTC]")


class Installed(NamedTuple):
    """The wheel installed beside the dependencies, and a project that it made."""

    bin: Path
    project: Path
    environment: Mapping[str, str]

    def run(self, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """A program of the environment, in the project."""
        program = [str(self.bin / words[0]), *words[1:]]
        return subprocess.run(
            program, cwd=folder or self.project, env=dict(self.environment), timeout=900,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def ok(self, *words: str) -> str:
        """As :meth:`run`, for a program that must succeed; what it wrote on standard output."""
        done = self.run(*words)
        assert done.returncode == 0, f"{words}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout


def wheel(folder: Path) -> Path:
    """The wheel of a copy of the source, without what earlier builds left in it."""
    copy = folder / "source"
    for name in PACKAGES:
        shutil.copytree(SOURCE / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(SOURCE / name, copy)
    shutil.copytree(SOURCE / "docs", copy / "docs")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(copy))
    shutil.rmtree(copy)
    (made,) = folder.glob("*.whl")
    return made


def _pip(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *words], check=True, timeout=900)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A virtual environment with the wheel; dependencies by a path file, by which no editable install is found."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True, timeout=900)
    programs = folder / "venv" / "bin"
    _pip("--python", str(programs / "python"), "install", "--no-deps", "--no-index", str(wheel(folder)))
    (packages,) = (folder / "venv" / "lib").glob("python3*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    outside = ("TRADEWRIGHT_ENV_FILE", "DAGSTER_HOME", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in outside}
    made = Installed(programs, folder / "mine", environment)
    done = made.run("tradewright", "check", folder=folder)
    assert done.returncode == 1
    assert "tradewright init FOLDER" in done.stderr
    done = made.run("tradewright", "init", "mine", folder=folder)
    assert done.returncode == 0, done.stderr
    return made


def test_the_code_is_that_of_the_wheel(installed: Installed) -> None:
    code = f"import {', '.join(PACKAGES)}; print(*(each.__file__ for each in ({', '.join(PACKAGES)})), sep=chr(10))"
    for file in installed.ok("python", "-c", code).split():
        assert Path(file).is_relative_to(installed.bin.parent), file


def test_the_pages_are_in_the_project(installed: Installed) -> None:
    pages = {path.relative_to(SOURCE).as_posix() for path in (SOURCE / "docs").rglob("*.md")}
    assert {path.relative_to(installed.project).as_posix() for path in installed.project.rglob("docs/**/*.md")} == pages


def test_commands_work_and_the_order_is_in_the_project(installed: Installed) -> None:
    before = {path: path.read_bytes() for path in installed.project.rglob("*") if path.is_file()}
    installed.ok("tradewright", "check")
    words = ("backtest", "strategy=example", "backtest.instruments=[BTC]", "--json", *QUICK)
    figures = installed.ok("tradewright", *words, "--report", "report.html")
    assert json.loads(figures)["strategy"] == "example"
    assert "example: risk report" in (installed.project / "report.html").read_text()
    done = json.loads(installed.ok("tradewright", "trade", "--once", "--json", *TRADED))
    assert done["failures"] == []
    installed.ok("tradewright", "orders", *TRADED)
    installed.ok("tradewright", "kill", "--reason", "a test")
    installed.ok("tradewright", "resume", "--reason", "a test", *TRADED)
    found = json.loads(installed.ok("tradewright", "doctor", "--json", *TRADED))["findings"]
    assert [row["detail"] for row in found if row["what"] == "project"] == [str(installed.project)]
    assert (installed.project / "data" / "ledger.sqlite3").is_file()
    assert {path: path.read_bytes() for path in before} == before


def test_dagster_loads_the_workspace_of_the_project(installed: Installed) -> None:
    done = installed.run("python", "-m", "dagster", "definitions", "validate")
    assert done.returncode == 0, done.stderr[-2000:]
    for location in ("research", "execution"):
        assert f"Validation successful for code location {location}" in done.stderr + done.stdout


def test_the_apps_are_served(installed: Installed, tmp_path: Path) -> None:
    port = free_port()
    program = [str(installed.bin / "tradewright"), "serve", "--json", f"observability.serve.port={port}"]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(
            program, cwd=installed.project, env=dict(installed.environment), stdout=subprocess.PIPE, stderr=log,
            text=True, start_new_session=True,
        )  # fmt: skip
    try:
        assert running.stdout is not None
        document = ""
        while not document.endswith("}\n"):
            line = running.stdout.readline()
            assert line, (tmp_path / "log").read_text()
            document += line
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
        assert "Strategy lab" in opener.open(json.loads(document)["url"], timeout=240).read().decode()
        assert opener.open(f"http://127.0.0.1:{port}/lab/", timeout=240).status == 200
    finally:
        stop(running)
