"""Strategies that are documents: YAML files of ``conf/strategy`` with rules or an allocation instead of a kind."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field, make_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from strategies.base import BaseAllocation, BaseParameters, BaseStrategy, Kind
from tradewright.dsl.problem import DocumentRefused
from tradewright.dsl.source import read
from tradewright.model.errors import ConfigError
from tradewright.model.strategy import Feature

if TYPE_CHECKING:  # the grammar is loaded where there is a document
    from tradewright.dsl.document import StrategyDocument
    from tradewright.dsl.program import Program

LIBRARY = Path(__file__).resolve().parent / "library"
"""The documents that ship as examples; copied to ``conf/strategy``, each is a strategy."""

_FORM = re.compile(r"""(?:^|[{,])\s*["']?(?:rules|allocate)["']?\s*:""", re.MULTILINE)
_KIND = re.compile(r"""^kind\s*:|["']kind["']\s*:""", re.MULTILINE)


@functools.lru_cache(maxsize=256)
def is_document(text: str) -> bool:
    """Whether a strategy file is a document: it has ``rules`` or ``allocate``, and no ``kind``."""
    if _FORM.search(text) is None:
        return False
    if _KIND.search(text) is None:
        return True
    try:
        said = read(text).values  # a note may speak of a "kind:"
    except DocumentRefused:
        return False
    return ("rules" in said or "allocate" in said) and "kind" not in said


def documents_in(folder: Path) -> dict[Path, str]:
    """The documents among the YAML files of a folder with their texts, sorted.

    Files are told apart by what they say: two may have one size and one time of change. Hidden files, as editors leave
    them, what is no plain file, such as a link to nowhere, and what cannot be read are none.
    """
    found = {}
    with os.scandir(folder) as rows:
        for row in rows:
            if row.name.endswith(".yaml") and not row.name.startswith("."):
                with suppress(OSError, UnicodeDecodeError):  # it was removed meanwhile, or links to itself
                    if row.is_file() and is_document(text := Path(row.path).read_text(encoding="utf-8")):
                        found[folder / row.name] = text
    return dict(sorted(found.items()))


def document_class(path: Path, text: str | None = None) -> Kind:
    """The strategy of a document.

    Args:
        text: of the file; it is read when left out.

    Raises:
        DocumentRefused: with every error in it.
        ConfigError: its id is not the name of its file.
    """
    from tradewright.dsl.check import compiled

    place = "/".join(path.parts[-3:])
    document, program = compiled(path.read_text(encoding="utf-8") if text is None else text, place)
    if document.id != path.stem:
        raise ConfigError(f"id = {document.id!r}", where=place, remedy=f"write id: {path.stem}, the name of the file")
    return strategy_class(document, program, place)


def is_from_document(kind: type[object]) -> bool:
    """Whether a strategy's class was made of a document."""
    return kind.__module__ == __name__


def program_of(kind: type[object]) -> Program | None:
    """What the document of a strategy's class means; None for a strategy in Python."""
    return vars(kind)["program"] if is_from_document(kind) else None


def strategy_class(document: StrategyDocument, program: Program, place: str = "") -> Kind:
    """The strategy or the allocation that a program is, with its parameters as fields.

    Args:
        place: the file, for messages.
    """
    from tradewright.dsl.effort import AdmittedValues

    (columns, own, base), admitted = _lowered(program), AdmittedValues(program)
    rows: list[Any] = [
        (name, int if bounds.whole else float, field(default=int(value) if bounds.whole else float(value)))
        for name, (value, bounds) in program.parameters.items()
    ]

    def prepare_state(self: BaseParameters) -> tuple[Feature, ...]:
        """The columns that the document reads."""
        return columns({name: float(getattr(self, name)) for name in program.parameters})

    def demand_admitted(self: BaseParameters) -> None:
        """Refuse parameters out of their bounds, and those that are not admitted together."""
        base.__post_init__(self)
        values = {name: float(getattr(self, name)) for name in program.parameters}
        admitted.demand(values, f"strategy {document.id}")

    namespace: dict[str, Any] = {
        "__doc__": f"{document.name}: the document {document.id}.",
        "__module__": __name__,
        "name": document.id,
        "bounds": MappingProxyType({name: (b.least, b.most) for name, (_, b) in program.parameters.items()}),
        **own,
        "prepare_state": prepare_state,
        "__post_init__": demand_admitted,
        "place": place,
        "program": program,
    }
    title = "".join(part.capitalize() for part in document.id.split("_"))
    made: Kind = make_dataclass(title, rows, bases=(base,), namespace=namespace, frozen=True)
    return made


def _lowered(program: Program) -> tuple[Callable[[Mapping[str, float]], tuple[Feature, ...]], dict[str, Any], Kind]:
    """How the features of a program are found, what its class has of its own, and the base of that."""
    if program.allocation is None:
        from tradewright.dsl.lowering import lower

        single = lower(program)
        return single.features, {"generate_signal": staticmethod(single.generate_signal)}, BaseStrategy
    from tradewright.dsl.allocation_lowering import lower_allocation

    shared = lower_allocation(program, program.allocation)
    own = {"allocate": staticmethod(shared.allocate), "rebalance": program.allocation.every}
    return shared.features, own, BaseAllocation
