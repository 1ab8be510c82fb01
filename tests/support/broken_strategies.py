"""Ways in which the files of one strategy can be broken, each with the words by which it must be told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.houses import House, conf_copy

SOUND = ("buy_and_hold", "ema_crossover")
COMMON = "confidence: 0.5\nsize_pct: 0.01\ninstruments: null\ntimeframe: null\n"
PYTHON = """\
from dataclasses import dataclass
from strategies.base import BaseStrategy
from tradewright.model.strategy import HOLD, Feature
{top}

def generate_signal({arguments}):
    return {decision}

@dataclass(frozen=True)
class Own(BaseStrategy):
    name = "{name}"
    generate_signal = staticmethod(generate_signal)

    def prepare_state(self):
        {state}
"""
DOCUMENT = """\
dsl: "0.1"
id: {name}
name: A document
timeframe: null
params: {size_pct: 0.01}
rules:
  - if: crossover(close, sma(close,
    then: buy
metadata: {}
"""


class Broken(NamedTuple):
    """A strategy whose files are broken.

    Args:
        files: their texts by their places in the project; ``{name}`` in both is the strategy's.
        where: the file, and the line where it is known, that must be named.
        what: words of the message.
    """

    files: Mapping[str, str]
    where: str
    what: str


def _yaml(text: str, where: str, what: str) -> Broken:
    return Broken({"conf/strategy/{name}.yaml": text}, where, what)


def _python(text: str, where: str, what: str) -> Broken:
    own = {"conf/strategy/{name}.yaml": "kind: {name}\n" + COMMON, "strategies/{name}.py": text}
    return Broken(own, where, what)


def python(
    *,
    top: str = "",
    arguments: str = "i, features, params, position",
    decision: str = "HOLD",
    name: str = "{name}",
    state: str = "return (Feature('close'),)",
) -> str:
    """The text of a strategy in Python; sound as it is."""
    text = PYTHON.replace("{top}", top).replace("{arguments}", arguments).replace('"{name}"', f'"{name}"')
    return text.replace("{decision}", decision).replace("{state}", state)


WAYS = {
    "no_yaml": _yaml("kind: [\n", "conf/strategy/{name}.yaml:2", "a bracket is opened and not closed"),
    "wrong_key": _yaml("kind: buy_and_hold\nfsat: 3\n" + COMMON, "conf/strategy/{name}.yaml:2", "is not a parameter"),
    "wrong_value": _yaml("kind: buy_and_hold\n" + COMMON.replace("0.01", "many"), "conf/strategy/{name}.yaml:3", ""),
    "no_kind": _yaml("kind: nothing\n" + COMMON, "conf/strategy/{name}.yaml:1", "must be one of"),
    "nothing": _yaml("", "conf/strategy/{name}.yaml", "is empty"),
    "reference": _yaml("kind: buy_and_hold\nx: ${base.nope}\n" + COMMON, "conf/strategy/{name}.yaml:2", "refers to"),
    "defaults": _yaml("defaults: [nope]\nkind: buy_and_hold\n" + COMMON, "conf/strategy/{name}.yaml", "nope"),
    "document": _yaml(DOCUMENT, "conf/strategy/{name}.yaml:7", "DSL_"),
    "no file name": _yaml("kind: nothing\n" + COMMON, "conf/strategy/{name}.yaml:1", "must be one of"),
    "two-parts": _yaml("kind: nothing\n" + COMMON, "conf/strategy/{name}.yaml:1", "must be one of"),
    "syntax": _python("def x(:\n", "strategies/{name}.py:1", "SyntaxError"),
    "importing": _python(python(top="import not_there"), "strategies/{name}.py:4", "No module named 'not_there'"),
    "signature": _python(python(arguments="i"), "strategies/{name}.py:9", "cannot be called with"),
    "leaving": _python(python(top="raise SystemExit(3)"), "strategies/{name}.py:4", "SystemExit"),
    "namesake": _python(python(name="sma_crossover"), "conf/strategy/{name}.yaml:1", "must be one of"),
    "gone": Broken({"conf/strategy/{name}.yaml": "kind: {name}\n" + COMMON}, "conf/strategy/{name}.yaml:1", "must be"),
}
"""By name of the strategy: its files cannot be read."""
AT_WORK = {
    "raising": _python(python(state="raise ValueError('no idea')"), "raising.py, line 15", "ValueError: no idea"),
    "peeking": _python(
        python(decision="(features[0][len(features[0]) - 1] * 1e-9, HOLD[1], HOLD[2], HOLD[3])"),
        "strategy peeking, signals",
        "look_ahead",
    ),
    "quitting": _python(python(state="raise SystemExit(4)"), "strategy quitting", "SystemExit: 4"),
}
"""By name of the strategy: its files can be read, and its code fails when its signals are made."""


def project(folder: Path, *names: str) -> House:
    """A project with two sound strategies and these broken ones; nothing was made in it yet."""
    made = House(conf_copy(folder, SOUND), folder / "data", ("universe.instruments=[BTC]",))
    root = made.conf / "config.yaml"
    root.write_text(root.read_text().replace("strategy: sma_crossover", "strategy: buy_and_hold"))
    (folder / "strategies").mkdir()
    (folder / "tradewright.toml").touch()
    for name in names:
        break_in(folder, name)
    return made


def break_in(folder: Path, name: str, way: str = "") -> None:
    """Write the files of a broken strategy into a project.

    Args:
        way: of :data:`WAYS` or :data:`AT_WORK`; that of the same name when it is left out.
    """
    for place, text in (WAYS | AT_WORK)[way or name].files.items():
        (folder / place.replace("{name}", name)).write_text(text.replace("{name}", name))
