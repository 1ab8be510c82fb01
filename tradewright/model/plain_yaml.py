"""YAML 1.2 of plain values alone; what its parser stumbles over, in the words of a person, and where it really is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import Node

from tradewright.model.quick_yaml import NotSimple, quick_root

TAG = "tag:yaml.org,2002:"
PLAIN = frozenset(f"{TAG}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq"))
"""The tags of plain values."""


class AliasRefused(MarkedYAMLError):
    """A few aliases, nested, stand for more values than the memory holds."""


class PlainComposer(Composer):
    """Refuses aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node.

        Raises:
            AliasRefused: for an alias.
        """
        if self.parser.check_event(AliasEvent):
            event = self.parser.peek_event()
            raise AliasRefused(problem=f"*{event.anchor}", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


class _Constructor(SafeConstructor):
    """Plain values; dates stay text, and who reads them expects one or not."""


_Constructor.add_constructor(f"{TAG}timestamp", SafeConstructor.construct_yaml_str)


def plain_yaml(most_levels: int, composer: type[PlainComposer] = PlainComposer) -> Any:
    """The parser of texts with at most so many levels."""
    yaml = YAML(typ="safe", pure=True)  # pure: the C parser reads YAML 1.1
    yaml.Composer, yaml.Constructor = composer, _Constructor
    yaml.max_depth = most_levels + 1  # a scalar counts as a level
    yaml.composer.warn_double_anchors = False
    return yaml


_READ_ONLY = plain_yaml(0)
"""The resolver that every constructor of values asks; to make one takes longer than to read most files."""


def plain_root(text: str, most_levels: int, composer: type[PlainComposer] = PlainComposer) -> Node | None:
    """The root node of a text with at most so many levels; None for one without values.

    Raises:
        YAMLError: when the text is no YAML, or is nested more deeply.
    """
    try:
        return quick_root(text, most_levels, _READ_ONLY.resolver)
    except NotSimple:
        root: Node | None = plain_yaml(most_levels, composer).compose(text)
        return root


def plain_values(node: Node) -> Any:
    """The values below a node that :func:`plain_yaml` has composed."""
    return _Constructor(loader=_READ_ONLY).construct_document(node)


def too_deep(text: str, most_levels: int) -> int | None:
    """Where brackets open within more brackets than that: the scanner takes a third of a second for a file of them."""
    found = re.search(rf"(?:[\[{{]\s*){{{most_levels + 2}}}", text)
    return None if found is None else found.end()


class YamlFault(NamedTuple):
    """A place at which a text is no YAML.

    Args:
        line: from 0; -1 where the parser does not know it.
        rule: ``is not YAML: ...``, with what to do.
        shows_line: whether the line helps a person; an indent is not seen in it.
    """

    line: int
    rule: str
    shows_line: bool = True

    def column(self, lines: Sequence[str]) -> int:
        """The first sign of the line that is no space, from 0."""
        text = lines[self.line] if 0 <= self.line < len(lines) else ""
        return len(text) - len(text.lstrip(" "))


def yaml_fault(error: MarkedYAMLError, lines: Sequence[str]) -> YamlFault:
    """Where a text stops being YAML, and what to do; an unclosed quote or bracket is told where it was opened."""
    mark, opened = error.problem_mark or error.context_mark, error.context_mark or error.problem_mark
    line, first = (mark.line if mark else -1), (opened.line if opened else -1)
    if (found := _foreign(lines, line)) is not None:
        return found
    problem, context = str(error.problem), str(error.context)
    if "quoted scalar" in context or "flow" in context:
        what = "quote" if "quoted" in context else "bracket"
        return YamlFault(first, f"is not YAML: a {what} is opened and not closed")
    if "\\t" in problem or _begins_with_tab(lines, line):
        return YamlFault(line, "is not YAML: indented with a tab; indent with spaces", shows_line=False)
    if "cannot start any token" in problem:
        return YamlFault(line, "is not YAML: a value begins with a sign that wants quotes around the value")
    above = next((row for row in range(line - 1, -1, -1) if lines[row].partition("#")[0].strip()), -1)
    if "mapping values" in problem and above >= 0 and ":" not in lines[above]:
        return YamlFault(above, "is not YAML: there is no colon; write KEY: VALUE")
    if "mapping values" in problem:
        rule = "is not YAML: indented deeper than the key above it, or a second colon; write KEY: VALUE, quote a text"
        return YamlFault(line, rule)
    if "expected ':'" in problem:
        return YamlFault(first, "is not YAML: there is no colon; write KEY: VALUE")
    if "block end" in problem:
        return YamlFault(
            line, "is not YAML: indented otherwise than the lines above it, or a key among the items of a list"
        )
    if "comment or a line break" in problem:
        return YamlFault(line, "is not YAML: a value that begins with > or | wants quotes around the whole of it")
    return YamlFault(line, "is not YAML; write KEY: VALUE, a list as [A, B], and a text with other signs in quotes")


def _foreign(lines: Sequence[str], line: int) -> YamlFault | None:
    """The marks of a merge anywhere, and a space of a text processor on a line or above it, which no one sees."""
    for row, text in enumerate(lines):
        if text.startswith(("<<<<<<< ", ">>>>>>> ")):
            return YamlFault(row, "is not YAML: the mark of a merge that was not finished; keep one side")
    for row in (line, line - 1):
        if 0 <= row < len(lines) and "\u00a0" in lines[row]:
            return YamlFault(row, "is not YAML: a no-break space stands where a space belongs; type the space anew")
    return None


def _begins_with_tab(lines: Sequence[str], line: int) -> bool:
    return 0 <= line < len(lines) and lines[line].lstrip(" ").startswith("\t")
