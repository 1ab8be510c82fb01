"""The coverage of the domain by the tests of this process: ``pytest -p tests.support.coverage``.

SlipCover changes the code of the domain as it is imported. A tracer is told of every line of every library besides, and
makes a test up to twice as slow. Each process writes what it saw into the folder ``COVERAGE_FOLDER``;
``tests/coverage_floors.py`` adds it up.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import slipcover
from slipcover.importer import SlipcoverLoader

FOLDER = "COVERAGE_FOLDER"
PACKAGE = "tradewright"
SOURCE = Path(__file__).resolve().parents[2] / PACKAGE
EXCLUDED = ("if TYPE_CHECKING:", "@overload", r"\.\.\.$")
"""Lines that nothing runs."""
COMPILED = (
    *(f"backtest/{name}.py" for name in ("account", "actions", "compiled", "exits", "kernel")),
    *(
        f"backtest/{name}.py"
        for name in (
            "lookahead_scan",
            "orders",
            "pooled_sets",
            "remembered_scan",
            "set_returns",
            "sizing",
            "sound_bars",
        )
    ),
    *(
        f"backtest/panel/{name}.py"
        for name in ("actions", "allocation_kernel", "book", "decision_kernel", "given_weights")
    ),
    "dsl/arithmetic.py",
    "evaluation/resampling.py",
    *(f"fills/{name}.py" for name in ("costs", "rules", "slippage")),
    *(
        f"indicators/{name}.py"
        for name in ("anchored", "momentum", "moving", "regime", "trend", "volatility", "windows")
    ),
    "model/strategy.py",
)
"""Files with functions that numba compiles. It refuses changed code, and nothing follows what it makes: such functions
are compared with independent derivations instead."""

_omitted = [str(SOURCE / name) for name in COMPILED]
_seen = slipcover.Slipcover(branch=True, exclude_also=list(EXCLUDED))
_files = slipcover.FileMatcher(sources=[str(SOURCE)], omit=_omitted)
_spec_of_file = importlib.util.spec_from_file_location


def _changed(found: ModuleSpec | None) -> ModuleSpec | None:
    """The place of a module, whose loader changes its code where it is one of the domain's."""
    if found and isinstance(found.loader, SourceFileLoader) and _files.matches(found.origin):
        found.loader = SlipcoverLoader(_seen, found.loader, found.origin)
    return found


def _changed_spec_of_file(*given: Any, **more: Any) -> ModuleSpec | None:
    """As ``spec_from_file_location``, by which Alembic finds migrations."""
    return _changed(_spec_of_file(*given, **more))


class _DomainFinder(MetaPathFinder):
    """Finds the modules of the domain before pytest does, which takes ``permutation_test`` for tests."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The place of a module; None for one of another package."""
        return _changed(PathFinder.find_spec(name, path, target)) if name.partition(".")[0] == PACKAGE else None


sys.meta_path.insert(0, _DomainFinder())
importlib.util.spec_from_file_location = _changed_spec_of_file


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Write what the tests of this process ran."""
    folder = Path(os.environ[FOLDER])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{os.getpid()}.json").write_text(json.dumps(_seen.get_coverage()))
