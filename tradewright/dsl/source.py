"""The text of a document as plain values, and the line and column of each of them.

YAML 1.2 and JSON, which is a part of it. Refused are aliases, tags, keys that stand twice, and texts built to exhaust
memory.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Any, NamedTuple

from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tradewright.dsl.problem import Code, DocumentRefused, Location, Problem
from tradewright.model.plain_yaml import (
    PLAIN,
    TAG,
    AliasRefused,
    PlainComposer,
    plain_root,
    plain_values,
    too_deep,
    yaml_fault,
)

MAX_CHARACTERS = 65_536
MAX_DEPTH = 8
_SURROGATE = re.compile("[\ud800-\udfff]")
_HIDDEN_BREAK = re.compile("[\x85\u2028\u2029]")
"""Signs that YAML's parser reads as the end of a line, and editors show within one."""
_BREAK = re.compile("\r\n|\r|\n")


class _Composer(PlainComposer):
    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        if (tag := getattr(event, "tag", None)) is not None:
            place = event.start_mark.line + 1, event.start_mark.column + 1
            raise _refused(f"the tag {tag} is not allowed; write plain values", *place)
        return super().compose_node(parent, index)


class Source(NamedTuple):
    """The values of a text, and its nodes for their places."""

    values: dict[str, Any]
    root: Node | None
    text: str

    def locate(self, path: str, index: int | None = None) -> Location:
        """The place of a value, or of a character in it; of its nearest parent where it is missing."""
        node, at = self.root, self.root
        for part in _parts(path):
            below = _child(node, part)
            if below is None:
                index = None
                break
            at, node = below
        if at is None:
            return Location(path=path, index=index)
        if index is None or not isinstance(node, ScalarNode):
            return Location(path=path, line=at.start_mark.line + 1, column=at.start_mark.column + 1)
        line, column = _inside(self.text, node, index)
        return Location(path=path, index=index, line=line, column=column)


def read(text: str) -> Source:
    """The values of a text.

    Raises:
        DocumentRefused: it is no YAML, no mapping, or holds more than plain values.
    """
    if len(text) > MAX_CHARACTERS:
        raise _refused(f"the document has {len(text)} characters, at most {MAX_CHARACTERS} are read")
    if (nested := too_deep(text, MAX_DEPTH)) is not None:
        raise _refused(f"it is nested deeper than {MAX_DEPTH} levels", text.count("\n", 0, nested) + 1)
    _refuse_odd_lines(text)
    try:
        root = plain_root(text, MAX_DEPTH, _Composer)
    except MaxDepthExceededError as error:
        raise _refused(f"it is nested deeper than {MAX_DEPTH} levels", error.problem_mark.line + 1) from None
    except AliasRefused as error:
        mark = error.problem_mark
        raise _refused(f"{error.problem} is an alias; write the value out", mark.line + 1, mark.column + 1) from None
    except MarkedYAMLError as error:
        lines = text.splitlines()
        found = yaml_fault(error, lines)
        raise _refused(f"it {found.rule}", found.line + 1, found.column(lines) + 1) from None
    except YAMLError:
        raise _refused("it is not YAML: a control character; write it anew with an editor for plain text") from None
    if root is None:
        raise _refused("the document is empty; it wants id, name, params and rules", 1, 1)
    if not isinstance(root, MappingNode):
        raise _refused("a document is a mapping of keys to values", 1, 1)
    _check(root)
    return Source(plain_values(root), root, text)


def _refuse_odd_lines(text: str) -> None:
    """Refuse hidden ends of lines, and directives: ``%YAML 1.1`` makes 8 of ``010``, and another reader 10."""
    if (found := _HIDDEN_BREAK.search(text)) is not None:
        name = f"U+{ord(found.group()):04X}"
        raise _refused(f"{name} is a hidden end of a line; remove it", *_place(text, found.start()))
    for number, line in enumerate(_BREAK.split(text), 1):
        if line.startswith("%"):
            raise _refused("a document has no directives; remove the line", number)
        if line.strip("\ufeff \t") and not line.lstrip("\ufeff \t").startswith("#"):
            return


def _place(text: str, position: int) -> tuple[int, int]:
    """Line and column of a character, from 1."""
    ends = [found.end() for found in _BREAK.finditer(text, 0, position)]
    return len(ends) + 1, position - (ends[-1] if ends else 0) + 1


def _refused(message: str, line: int = 0, column: int = 1, path: str = "") -> DocumentRefused:
    loc = Location(path=path, line=line, column=column if line else 0)
    return DocumentRefused([Problem(code=Code.SCHEMA_INVALID, message=message, loc=loc)])


def _check(node: Node, path: str = "") -> None:
    """Refuse what a document of plain values does not hold."""
    place = node.start_mark.line + 1, node.start_mark.column + 1, path
    if str(node.tag) not in PLAIN:
        raise _refused(f"the tag {node.tag} is not allowed; write plain values", *place)
    if isinstance(node, MappingNode):
        seen = set()
        for key, value in node.value:
            at = key.start_mark.line + 1, key.start_mark.column + 1, path
            if not isinstance(key, ScalarNode):
                raise _refused("a key must be text", *at)
            if str(key.tag) != f"{TAG}str":
                raise _refused(_NO_KEY.get(str(key.tag), "a key must be text, not {}").format(key.value), *at)
            _check(key, path)
            if key.value in seen:
                raise _refused(f"the key {key.value!r} stands twice; keep one", *at)
            seen.add(key.value)
            _check(value, f"{path}.{key.value}".lstrip("."))
    elif isinstance(node, SequenceNode):
        for place_in_list, item in enumerate(node.value):
            _check(item, f"{path}[{place_in_list}]")
    elif _SURROGATE.search(node.value):
        raise _refused("it holds half of a character (a surrogate)", *place)
    elif str(node.tag) in (f"{TAG}float", f"{TAG}int") and (wrong := _no_number(node.value)):
        raise _refused(wrong, *place)


_COMMA = "a key must be text, not {}; a comma parts entries: write 35.5, not 35,5"
_NO_KEY = {
    f"{TAG}int": _COMMA,
    f"{TAG}float": _COMMA,
    f"{TAG}merge": "{} takes the keys of another mapping; write them out",
}
_OTHER_BASE = re.compile(r"[-+]?0[0-9]")


def _no_number(text: str) -> str:
    """Why a number is refused; empty for one that everybody reads alike."""
    if _OTHER_BASE.match(text):
        return f"{text} has leading zeros, by which some read another number; write the digits"
    with suppress(ValueError):
        if len(text) <= 40 and math.isfinite(float(text)) and "_" not in text:
            return ""
    return f"{text} is no finite decimal number"


def _parts(path: str) -> list[str]:
    return [part for part in re.split(r"[.\[\]]", path) if part]


def _child(node: Node | None, part: str) -> tuple[Node, Node] | None:
    """Where the entry of a key begins, and its value."""
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, SequenceNode) and part.isdigit() and int(part) < len(node.value):
        return node.value[int(part)], node.value[int(part)]
    return None


def _inside(text: str, node: ScalarNode, index: int) -> tuple[int, int]:
    """Line and column of a character of a scalar, as the file writes it.

    Quotes, folds and escapes make the text of a file longer than its value: what is not white space is counted in both.
    An escape inside of double quotes counts as its own characters, so that the place is then that of the scalar.
    """
    start, end = node.start_mark.index, node.end_mark.index
    written = text[start:end]
    skip = {"'": 1, '"': 1, "|": written.find("\n") + 1, ">": written.find("\n") + 1}.get(node.style or "", 0)
    wanted = sum(not sign.isspace() for sign in node.value[:index])
    body = written[skip:]
    visible = [place for place, sign in enumerate(body) if not sign.isspace()]
    last = len(body) - (1 if node.style in ("'", '"') else 0)
    at = visible[wanted] if wanted < len(visible) else last
    return _place(text, start + skip + at)
