"""Strategies that are documents, as the strategy files that they stand for; their problems, with line and column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conf.problems import Problem
from conf.yaml_reader import Key, load, locate
from strategies.documents import is_document

if TYPE_CHECKING:  # the grammar is loaded where there is a document
    from tradewright.dsl.problem import Problem as DocumentProblem

STRATEGY = "strategy"
SIZE = 0.01
"""``size_pct`` of a document that leaves it out and has a stop: a hundredth of the equity."""

CONFIDENCE = 0.5
_SAME = ("confidence", "instruments", "timeframe", "grid", "certify")


def load_option(path: Path) -> dict[str, Any]:
    """The values of an option's file; a document as the strategy file that it stands for."""
    said = load(path)
    return as_option(said) if path.parent.name == STRATEGY else said


def as_option(said: dict[str, Any]) -> dict[str, Any]:
    """The keys of a strategy file that a document stands for; any other strategy file as it is.

    ``id`` is name and kind, each of ``params`` a key, and ``size_pct`` one of them. What is wrong with the document is
    told by :func:`document_problems`.
    """
    if not _stands_for_one(said):
        return said
    given = said.get("params")
    params = {name: _value(value) for name, value in given.items()} if isinstance(given, dict) else {}
    size = params.pop("size_pct", SIZE)
    kept = {name: said[name] for name in _SAME if name in said}
    common = {"confidence": CONFIDENCE, "instruments": None, "timeframe": None, **kept}
    return {"name": said.get("id"), "kind": said.get("id"), "size_pct": size, **common, **params}


def _stands_for_one(said: Mapping[str, Any]) -> bool:
    """Whether values are those of a document."""
    return "kind" not in said and ("rules" in said or "allocate" in said)


def _value(given: Any) -> Any:
    return given.get("value") if isinstance(given, Mapping) else given


def key_in_document(key: Key) -> Key:
    """Where a key of a strategy file stands in a document."""
    if key[:1] in (("name",), ("kind",)):
        return ("id", *key[1:])
    return ("params", *key) if key and key[0] not in (*_SAME, "rules", "allocate") else key


def document_problems(path: Path, shown: str) -> list[Problem]:
    """All that is wrong with a strategy that is a document; none for any other file, which has been linted.

    Args:
        shown: the file's name in messages.
    """
    if path.parent.name != STRATEGY:
        return []
    text = path.read_text(encoding="utf-8")
    if not is_document(text):
        said = load(path)
        if not said:
            rule = "is empty: a strategy wants kind and the keys beside it, or is a document with id and rules"
            return [Problem(shown, 0, "", "", rule)]
        if not _stands_for_one(said):
            return []
        key = next(name for name in ("rules", "allocate") if name in said)  # else a namesake in Python would be run
        return [Problem(shown, locate(path, (key,)), key, "", f"must be written plainly, as {key}: with its values")]
    from tradewright.dsl.check import check

    found = check(text)
    problems = [as_problem(each, shown) for each in found.errors]
    if found.document is not None and not problems and found.document.id != path.stem:
        rule = f"must be the name of the file, {path.stem}"
        problems.append(Problem(shown, locate(path, ("id",)), "id", found.document.id, rule))
    return problems


def as_problem(problem: DocumentProblem, shown: str) -> Problem:
    """A problem of a document as one of the configuration; both read alike."""
    place, told = problem.loc, "; ".join(hint.text for hint in problem.hints)
    rule = problem.message + (f" ({told})" if told else "")
    return Problem(shown, place.line, place.path, "", rule, column=place.column, code=problem.code, hint=told)
