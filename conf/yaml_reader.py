"""YAML files before they are composed: YAML 1.2 by ruamel.yaml, the line of every key, and traps refused.

In YAML 1.2 ``no``, ``on`` and ``12:30`` are text. Refused are the other surprises: numbers such as ``00700`` that may
be names, keys that are not text or stand twice, tags, keys that would call code, and files built to exhaust memory.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from conf.problems import Problem
from tradewright.model.plain_yaml import PLAIN, TAG, AliasRefused, plain_root, plain_values, too_deep, yaml_fault

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 12
Key = tuple[str, ...]

_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF|nan|NaN|NAN)")
_RESOLVER = re.compile(r"\$\{\s*([a-zA-Z_][\w.]*)\s*:")
_RESOLVERS = ("oc.env", "oc.decode")
_REFERENCE = re.compile(r"\$\{\s*(oc\.(env|decode):|[a-zA-Z_][\w.]*\s*\})")
_STEERING = re.compile(r"@|(^|[\s/])hydra/")
_BREAK = re.compile("\r\n|\r|\n")
_HIDDEN_BREAK = re.compile("[\x85\u2028\u2029]")
"""Signs that YAML's parser reads as the end of a line, and editors show within one."""
_PACKAGE = re.compile(r"^[ \t]*#[ \t]*@package\b", re.MULTILINE)


@lru_cache(maxsize=128)
def _root(text: str) -> Node | None:
    """The root node of a text; kept, because one composition asks for the nodes of a file many times.

    Raises:
        YAMLError: when the text is no YAML.
    """
    if (nested := too_deep(text, MAX_DEPTH)) is not None:
        mark = StringMark(None, nested, text.count("\n", 0, nested), 0, None, 0)
        raise MaxDepthExceededError(f"brackets within {MAX_DEPTH} brackets", problem_mark=mark)
    return plain_root(text, MAX_DEPTH)


def load(path: Path) -> dict[str, Any]:
    """The plain values of a file that :func:`lint_yaml` has found in order; an empty file holds none."""
    found: dict[str, Any] | None = values(path.read_text(encoding="utf-8"))
    return found or {}


def values(text: str) -> Any:
    """The plain values of a text, in time that grows with its length alone; None for an empty one.

    Raises:
        YAMLError: when it is no YAML, or is nested more than ``MAX_DEPTH`` levels.
    """
    root = _root(text)
    return None if root is None else plain_values(root)


class _Trap(NamedTuple):
    line: int
    key: Key
    value: str
    rule: str

    def problem(self, shown: str) -> Problem:
        return Problem(shown, self.line + 1, ".".join(self.key), self.value, self.rule)


class _Refused(Exception):
    """A text that is not given to the parser."""

    def __init__(self, rule: str, line: int = -1, value: str = "") -> None:
        super().__init__(rule)
        self.trap = _Trap(line, (), value, rule)


def lint_yaml(path: Path, shown: str) -> list[Problem]:
    """All traps in one YAML file; ``shown`` is the file's name in messages."""
    try:
        if path.exists() and not path.is_file():
            raise _Refused("is no plain file")
        data = path.read_bytes()
    except (_Refused, OSError) as error:
        return [_refusal(error).problem(shown)]
    return lint_bytes(data, shown)


def lint_bytes(data: bytes, shown: str) -> list[Problem]:
    """All traps in the content of a YAML file; ``shown`` is the file's name in messages."""
    return [trap.problem(shown) for trap in _traps_of(data)]


@lru_cache(maxsize=128)
def _traps_of(data: bytes) -> tuple[_Trap, ...]:
    """All traps of a content; kept as its root is."""
    try:
        text = _text(data)
    except (_Refused, UnicodeDecodeError) as error:
        return (_refusal(error),)
    try:
        root = _root(text)
    except YAMLError as error:
        return (_syntax_trap(error, text),)
    if root is None:
        return ()
    line = root.start_mark.line
    if not isinstance(root, MappingNode):
        return (_Trap(line, (), "", "must be a mapping of keys to values"),)
    return tuple(_traps(root, (), line))


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _Refused(f"is larger than {MAX_BYTES} bytes; split it", value=f"{len(data)} bytes")
    text = data.decode("utf-8")
    if (hidden := _HIDDEN_BREAK.search(text)) is not None:
        rule = f"holds U+{ord(hidden.group()):04X}, a hidden end of a line; remove it"
        raise _Refused(rule, len(_BREAK.findall(text, 0, hidden.start())))
    if moved := _PACKAGE.search(text):
        rule = "@package would move the keys of this file elsewhere; remove the line"
        raise _Refused(rule, text.count("\n", 0, moved.end()))
    return text


def _refusal(error: Exception) -> _Trap:
    match error:
        case _Refused():
            return error.trap
        case UnicodeDecodeError():
            return _Trap(-1, (), "", f"is not UTF-8 text at byte {error.start}; save it as UTF-8")
        case OSError():
            return _Trap(-1, (), "", f"cannot be read: {error.strerror}")
    raise error


def _syntax_trap(error: YAMLError, text: str) -> _Trap:
    """A text that is no YAML: the line that a person must change, and how."""
    match error:
        case MaxDepthExceededError():
            return _Trap(error.problem_mark.line, (), "", f"is nested deeper than {MAX_DEPTH} levels")
        case AliasRefused():
            rule = "is an alias, which is not allowed; write the value out"
            return _Trap(error.problem_mark.line, (), str(error.problem), rule)
        case MarkedYAMLError():
            return _scanner_trap(error, text.splitlines())
    return _Trap(-1, (), "", "is not YAML: a control character; write the file anew with an editor for plain text")


def _scanner_trap(error: MarkedYAMLError, lines: list[str]) -> _Trap:
    found = yaml_fault(error, lines)
    return _Trap(found.line, (), _shown(lines, found.line) if found.shows_line else "", found.rule)


def _shown(lines: list[str], line: int) -> str:
    """A line as a message repeats it: up to its colon, because a value may be a secret."""
    return lines[line].partition(":")[0].strip()[:60] if 0 <= line < len(lines) else ""


def _traps(node: Node, key: Key, line: int) -> Iterator[_Trap]:
    if isinstance(node, MappingNode):
        yield from _mapping_traps(node, key)
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield from _item_traps(item, (*key, str(index)))
    elif rule := _scalar_rule(node.value, _tag(node)):
        yield _Trap(line, key, node.value, rule)
    if str(node.tag) not in PLAIN:
        yield _Trap(line, key, str(node.tag), "has a tag that is not allowed; write plain values")


def _item_traps(item: Node, key: Key) -> Iterator[_Trap]:
    line = item.start_mark.line
    if _tag(item) == "null":
        yield _Trap(line, key, item.value or "nothing", "reads as nothing inside a list; quote it if it is a name")
    else:
        yield from _traps(item, key, line)


def _mapping_traps(node: MappingNode, key: Key) -> Iterator[_Trap]:
    seen: dict[str, int] = {}
    for name, value in node.value:
        line = name.start_mark.line
        if not isinstance(name, ScalarNode) or _tag(name) != "str":
            text = name.value if isinstance(name, ScalarNode) else "a collection"
            yield _Trap(line, key, text, 'is not read as a text key; quote it, as in "700":')
            continue
        path = (*key, name.value)
        if name.value in seen:
            yield _Trap(line, path, "", f"is given twice, first on line {seen[name.value] + 1}; keep one")
        seen[name.value] = line
        if path in (("hydra",), ("defaults",)):
            yield from _steering_traps(path, value)
        if name.value.startswith("_"):
            yield _Trap(line, path, "", "is not allowed: configuration names things by `kind:` and never calls code")
        yield from _traps(value, path, value.start_mark.line)


def _steering_traps(key: Key, node: Node) -> Iterator[_Trap]:
    """Settings of Hydra itself, which would have it read files that are not looked at, or in another place."""
    rule = "is not allowed: the files of this folder are all that is read"
    if key == ("hydra",):
        yield _Trap(node.start_mark.line, key, "", rule)
    for item in node.value if isinstance(node, SequenceNode) else ():
        names = [(name, "/") for name, _ in item.value] if isinstance(item, MappingNode) else [(item, "")]
        for name, after in names:
            if isinstance(name, ScalarNode) and _STEERING.search(name.value + after):
                yield _Trap(name.start_mark.line, key, name.value, rule)


def _tag(node: Node) -> str:
    return str(node.tag).removeprefix(TAG)


def reference_rule(text: str) -> str:
    """What is wrong with the references in a text, ``${...}``; empty where nothing is."""
    if any(resolver not in _RESOLVERS for resolver in _RESOLVER.findall(text)):
        return "uses a resolver that is not allowed; only ${oc.env:NAME,default} and ${oc.decode:...} are"
    if text.count("${") != len(_REFERENCE.findall(text)):
        return "refers to nothing; write ${base.tz} or ${oc.env:NAME,default}"
    return ""


def _scalar_rule(text: str, tag: str) -> str:
    if rule := reference_rule(text):
        return rule
    if tag == "bool" and text.lower() not in ("true", "false"):
        return "is neither true nor false"
    if tag not in ("int", "float"):
        return ""
    if _NOT_FINITE.fullmatch(text):
        return "is not a finite number"
    if not _NUMBER.fullmatch(text) or not any(map(str.isdigit, text)):
        return "has leading zeros, underscores or another base than 10; write the digits, or quote it if it is a name"
    return "" if math.isfinite(float(text)) else "is not a finite number"


def locate(path: Path, key: Key) -> int:
    """The 1-based line of a key in a file, or of its nearest parent that is there; 0 when nothing of it is."""
    lines = _lines(path, key)
    return lines[-1] if lines else 0


def column_of(path: Path, key: Key) -> int:
    """The 1-based column at which a key of a file begins; 0 where the whole of it is not there."""
    places = _places(path, key)
    return places[-1][1] if places and len(places) == len(key) else 0


def holds(path: Path, key: Key) -> bool:
    """Whether a file gives a value to the whole of ``key``."""
    return len(_lines(path, key)) == len(key)


def _lines(path: Path, key: Key) -> list[int]:
    """The 1-based lines of the parts of a key, as far as they are there; none for a file that cannot be read."""
    return [line for line, _column in _places(path, key)]


def _places(path: Path, key: Key) -> list[tuple[int, int]]:
    """The 1-based lines and columns of the parts of a key, as far as they are there."""
    places: list[tuple[int, int]] = []
    try:
        node = _root(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError):
        return places
    for part in key:
        if (found := _child(node, part)) is None:
            break
        node, mark = found
        places.append((mark.line + 1, mark.column + 1))
    return places


def _child(node: Node | None, part: str) -> tuple[Node, Any] | None:
    """The value under a key or a place in a list, and the mark at which the key or the item begins."""
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if name.value == part:
                return value, name.start_mark
    if isinstance(node, SequenceNode) and part.isdigit() and int(part) < len(node.value):
        item = node.value[int(part)]
        return item, item.start_mark
    return None
