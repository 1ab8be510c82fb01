"""The import contracts hold, and each of them refuses a planted wrong import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
PACKAGES = ("tradewright", "conf", "runtime", "assets", "strategies", "brokers", "app", "notebooks")
OTHER_FOLDERS = {"tests", "docs", "deploy", "benchmarks", "requirements"}
CONTRACTS = tomllib.loads((SOURCE / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

# contract id -> (file to plant, its one wrong line)
PLANTED = {
    "floors": ("tradewright/model/planted.py", "import conf.compose"),
    "domain-floors": ("tradewright/model/planted.py", "import tradewright.policy.approval"),
    "dagster": ("tradewright/model/planted.py", "import dagster"),
    "hydra": ("assets/planted.py", "import hydra"),
    "ib-async": ("brokers/planted.py", "import ib_async"),
    "httpx": ("brokers/planted.py", "import httpx"),
    "redis": ("brokers/planted.py", "import redis"),
    "yfinance": ("brokers/planted.py", "import yfinance"),
    "marimo": ("app/planted.py", "import marimo"),
    "vectorbt": ("tradewright/evaluation/planted.py", "import vectorbt"),
    "optuna": ("runtime/planted.py", "import optuna"),
    "ray": ("app/planted.py", "import ray"),
    "packages": ("app/planted.py", "import cryptography"),
    "sqlalchemy": ("tradewright/execution/planted.py", "import sqlalchemy"),
    "great-expectations": ("assets/planted.py", "import great_expectations"),
    "starlette": ("assets/planted.py", "import starlette.applications"),
    "no-road-to-the-venue": ("strategies/planted.py", "import tradewright.execution"),
    "light-execution": ("tradewright/execution/planted.py", "import tradewright.backtest.engine"),
}


# further walls of a contract: (contract id, file to plant, its one wrong line)
MORE_PLANTED = [
    ("floors", "conf/planted.py", "import runtime.container"),
    ("floors", "brokers/planted.py", "import conf.compose"),
    ("floors", "runtime/planted.py", "import assets.runs"),
    ("domain-floors", "tradewright/research/planted.py", "import tradewright.execution.settings"),
    ("domain-floors", "tradewright/evaluation/planted.py", "import tradewright.research.bars"),
    ("httpx", "tradewright/model/planted.py", "import websockets"),
    ("packages", "runtime/planted.py", "import zstandard"),
    ("hydra", "runtime/planted.py", "import omegaconf"),
    ("dagster", "runtime/planted.py", "import dagster"),
    ("starlette", "runtime/planted.py", "import fastapi"),
    ("no-road-to-the-venue", "notebooks/planted.py", "import tradewright.ledger.ledger"),
    ("no-road-to-the-venue", "strategies/planted.py", "import tradewright.store.bars"),
    ("light-execution", "runtime/trading.py", "import tradewright.research.study"),
]


def lint(folder: Path, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    command += ["--config", "pyproject.toml", *(["--contract", contract] if contract else [])]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house in which walls may be broken."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(SOURCE / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(SOURCE / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.yaml"))
    return folder


def test_every_contract_has_a_planted_violation() -> None:
    assert {contract["id"] for contract in CONTRACTS} == set(PLANTED)


def test_the_house_keeps_its_contracts(house: Path) -> None:
    result = lint(house)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("contract", "name", "line"), [*((contract, *PLANTED[contract]) for contract in sorted(PLANTED)), *MORE_PLANTED]
)
def test_a_planted_import_is_refused(house: Path, contract: str, name: str, line: str) -> None:
    planted = house / name
    before = planted.read_text() if planted.exists() else None
    planted.write_text(f"{before or chr(34) * 3 + 'Planted.' + chr(34) * 3}\n\n{line}\n")
    try:
        result = lint(house, contract)
    finally:
        planted.unlink()
        if before is not None:
            planted.write_text(before)
    assert result.returncode == 1, result.stdout
    assert planted.stem in result.stdout


def test_a_new_room_in_the_domain_is_refused(house: Path) -> None:
    drawer = house / "tradewright" / "utils.py"
    drawer.write_text('"""A drawer."""\n')
    try:
        result = lint(house, "domain-floors")
    finally:
        drawer.unlink()
    assert result.returncode == 1
    assert "utils" in result.stdout + result.stderr


def test_no_unknown_package_at_the_top() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=SOURCE, capture_output=True, text=True, check=True).stdout
    folders = {line.split("/")[0] for line in listed.splitlines() if "/" in line}
    assert {name for name in folders if not name.startswith(".")} <= set(PACKAGES) | OTHER_FOLDERS


def test_light_packages_load_nothing_heavy() -> None:
    """What the execution location imports brings in neither numba nor vectorbt nor Great Expectations."""
    rooms = "tradewright.execution.sender, tradewright.policy.gate, tradewright.ledger.ledger, brokers.discovery"
    heavy = "{'numba', 'vectorbt', 'great_expectations'} & set(sys.modules)"
    code = f"import sys, {rooms}; heavy = {heavy}; sys.exit(str(heavy) if heavy else 0)"
    result = subprocess.run([sys.executable, "-c", code], cwd=SOURCE, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
