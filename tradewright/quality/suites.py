"""Suites of expectations as they are declared; to run one, which takes seconds, is that of ``expectations.py``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tradewright.model.base import FrozenModel, Name


class Expectation(FrozenModel):
    """One expectation: its Great Expectations name, its arguments, and whether failing it blocks (``critical``)."""

    type: str = Field(pattern=r"^expect_[a-z_]+$")
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Literal["critical", "warning", "info"] = "critical"


class Suite(FrozenModel):
    """A named list of expectations, as ``conf/expectations/<name>.yaml`` declares it."""

    name: Name
    expectations: tuple[Expectation, ...] = Field(min_length=1)


def known_types() -> frozenset[str]:
    """The expectations that the installed library brings, by the names of its files: to load it takes five seconds.

    Empty where it is not installed.
    """
    found = find_spec("great_expectations")
    folders = found.submodule_search_locations if found else None
    return frozenset(
        file.stem for folder in folders or () for file in Path(folder, "expectations", "core").glob("expect_*.py")
    )
