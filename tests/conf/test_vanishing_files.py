"""Files of ``conf`` that go while they are read: an error of ours that names them, or a composition as before."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conf import compose as composing
from conf import composition
from conf.sources import digest_of_sources
from tests.support.houses import conf_copy
from tradewright.model.errors import ConfigError

STEPS = 5
"""Moments at which something goes, spread over all reads."""
ENTRANCES: dict[str, Callable[[], object]] = {
    "compose": composing.compose,
    "compose_without_strategy": composing.compose_without_strategy,
    "compose_strategies": composing.compose_strategies,
    "digest_of_sources": digest_of_sources,
}
LOST = {"the folder": ".", "the chosen strategy": "strategy/buy_and_hold.yaml", "a group": "policy"}


class Thief:
    """Moves a part of the folder away at one of the reads below it."""

    def __init__(self, conf: Path, part: Path, at: int) -> None:
        self.conf, self.part, self.at, self.reads = conf, part, at, 0

    def watching(self, read: Callable[..., Any]) -> Callable[..., Any]:
        def watched(path: Any, *given: Any, **more: Any) -> Any:
            if isinstance(path, str | Path) and str(path).startswith(str(self.conf)):
                self.reads += 1
                if self.reads == self.at:
                    shutil.move(self.part, self.conf.parent / "taken")
            return read(path, *given, **more)

        return watched


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_what_goes_while_it_is_read_is_named(
    entrance: str, lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = conf_copy(tmp_path, ("buy_and_hold", "ema_crossover"))
    root = conf / "config.yaml"
    root.write_text(root.read_text().replace("strategy: sma_crossover", "strategy: buy_and_hold"))
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf))
    part, taken = (conf / LOST[lost]).resolve(), tmp_path / "taken"
    every = _stolen(entrance, Thief(conf, part, 0), monkeypatch)
    for step in range(STEPS):
        thief = Thief(conf, part, 1 + step * every // STEPS)
        refused = None
        try:
            _stolen(entrance, thief, monkeypatch)
        except ConfigError as error:
            refused = error
        assert refused is None or "conf" in str(refused)
        assert taken.exists(), "it was taken"
        shutil.move(taken, part)


def _stolen(entrance: str, thief: Thief, monkeypatch: pytest.MonkeyPatch) -> int:
    """Call an entrance under the eyes of a thief; the number of reads."""
    composition._bases.clear()
    with monkeypatch.context() as patch:
        patch.setattr(io, "open", thief.watching(io.open))
        patch.setattr(os, "scandir", thief.watching(os.scandir))
        ENTRANCES[entrance]()
    return thief.reads
