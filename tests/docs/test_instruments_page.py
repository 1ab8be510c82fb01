"""``docs/instruments.md``: its files and commands work from nothing to a backtest; its tables are those of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from conf.compose import check, examine
from tests.app.conftest import say
from tests.support.houses import conf_copy
from tradewright.model.base import FrozenModel
from tradewright.model.instrument import AssetClass, Instrument

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "instruments.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`(?P<path>[\w/.]+)`\n\n```\w+\n(?P<text>.*?)```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"```console\n(?P<lines>.*?)```", re.DOTALL)
WRONG = re.compile(r"^\| `(?P<row>.+?)` \| `(?P<said>.+?)` \|$", re.MULTILINE)
ROWS = list(WRONG.finditer(PAGE.partition("## What is said")[2]))
KIND = re.compile(r"^\| [^|`]+ \| `(?P<row>[A-Z].+?)` \|$", re.MULTILINE)


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = conf_copy(tmp_path)
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(made))
    return made


@pytest.mark.usefixtures("conf")
def test_the_page_goes_from_nothing_to_a_backtest(tmp_path: Path) -> None:
    written = {found["path"]: found["text"] for found in FILE.finditer(PAGE)}
    assert set(written) == {"conf/instruments/own.yaml", "conf/instruments/all.yaml", "data/tour/MYCO.csv"}
    for path, text in written.items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    lines = [line for block in COMMANDS.finditer(PAGE) for line in block["lines"].splitlines() if line]
    by_hand, by_command = [line for line in lines if not _registers(line)], [line for line in lines if _registers(line)]
    assert [line.split()[1] for line in by_hand] == ["check", "import", "backtest", "check"]
    assert [line.split()[2] for line in by_command] == ["add", "add", "add", "list", "show", "update", "remove"]
    for line in lines:
        said = say(*shlex.split(line.replace("data/tour", str(tmp_path / "data" / "tour")))[1:])
        assert said.status == 0, (line, said.out, said.err)
        if " import " in line:
            assert "told from the adjusted close: splits 0, dividends 1" in said.out
            assert "next: tradewright backtest" in said.out
        if " backtest " in line:
            assert re.search(r"trades +[1-9]", said.out)


def _registers(line: str) -> bool:
    return line.split()[1] == "instruments"


@pytest.mark.parametrize("found", ROWS, ids=[each["row"] for each in ROWS])
def test_a_wrong_row_is_told_as_the_page_says(conf: Path, found: re.Match[str]) -> None:
    path = conf / "instruments" / "demo.yaml"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, found["row"], ""]))
    place = f"conf/instruments/demo.yaml:{len(lines) + 1}:"
    told = [str(problem) for problem in examine((), conf)[1] or check((), conf)]  # the check looks at tables too
    assert [line for line in told if place in line and found["said"] in line], told


def test_one_of_each_kind_is_sound(conf: Path) -> None:
    rows = [found["row"] for found in KIND.finditer(PAGE.partition("## One of each kind")[2].partition("\n## ")[0])]
    assert len(rows) == len(AssetClass), "metal is a future's, a CFD's or the demo's; London is a second stock"
    path = conf / "instruments" / "demo.yaml"
    path.write_text(path.read_text() + "\n".join(rows) + "\n")
    assert check((), conf) == []


def test_every_key_has_its_default() -> None:
    table = PAGE.partition("## Every key")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", table, re.MULTILINE))
    assert set(rows) == set(Instrument.model_fields)
    made = Instrument(symbol="X", asset_class=AssetClass.STOCK)
    shown = {"feed": made.feed} | made.model_dump(mode="json")
    for name in set(rows) - {"symbol", "asset_class"}:
        default = shown[name]
        text = str(default).lower() if isinstance(default, bool) else str(default)
        assert rows[name] == f"`{text}`", name
    assert issubclass(Instrument, FrozenModel)
