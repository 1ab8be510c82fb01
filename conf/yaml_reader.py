"""YAML files before anybody composes them: traps and bombs are refused by file and line, and keys are found again.

YAML 1.1 reads ``ON`` as true, ``00700`` as 448 and ``12:30:45`` as 45045; a user who wrote a ticker or a time never
meant that. Everything here works on the parser's events, so an alias bomb is counted and never expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from conf.problems import Problem

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 12
MAX_ALIASES = 8
Key = tuple[str, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TRUTH_WORDS = re.compile(r"(?i:on|off|yes|no|y|n)|TRUE|True|FALSE|False")
_NULL_WORDS = re.compile(r"NULL|Null|~")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_UNDERSCORED = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?")
_CLOCK = re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|(?i:[-+]?inf(inity)?|nan)")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_RESOLVER = re.compile(r"\$\{\s*([a-zA-Z_][\w.]*)\s*:")
_RESOLVERS = ("oc.env", "oc.decode")
_REFERENCE = re.compile(r"\$\{\s*(oc\.(env|decode):|[a-zA-Z_][\w.]*\s*\})")
_PACKAGE = re.compile(r"^[ \t]*#[ \t]*@package\b", re.MULTILINE)


def vet(path: Path, shown: str) -> list[Problem]:
    """All traps in one YAML file; ``shown`` is how the file is named to people."""

    def refuse(rule: str, line: int = 0, value: str = "") -> list[Problem]:
        return [Problem(shown, line, "", value, rule)]

    try:
        data = path.read_bytes()
    except OSError as error:
        return refuse(f"cannot be read: {error.strerror}")
    if len(data) > MAX_BYTES:
        return refuse(f"is larger than {MAX_BYTES} bytes; split it", value=f"{len(data)} bytes")
    try:
        text = data.decode("utf-8")
        if moved := _PACKAGE.search(text):
            rule = "@package would move the keys of this file elsewhere; remove the line"
            return refuse(rule, text.count("\n", 0, moved.end()) + 1)
        bombs = _bombs(text, shown)
        if bombs:
            return bombs
        root = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        return refuse(f"is not UTF-8 text at byte {error.start}; save it as UTF-8")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return refuse(f"is not YAML: {error.problem or error.context}", mark.line + 1 if mark else 0)
    except yaml.YAMLError as error:
        return refuse(f"is not YAML: {error}")
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        return refuse("must be a mapping of keys to values", root.start_mark.line + 1)
    return list(_traps(root, (), shown))


def _bombs(text: str, shown: str) -> list[Problem]:
    """Refuses nesting and alias bombs while they are still a stream of events."""
    aliases, opened = 0, list[str | None]()
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            aliases += 1
            if event.anchor in opened:
                return [Problem(shown, line, "", f"*{event.anchor}", "stands inside of what it repeats")]
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            opened.pop()
        if len(opened) > MAX_DEPTH:
            return [Problem(shown, line, "", str(len(opened)), f"is nested deeper than {MAX_DEPTH} levels")]
        if aliases > MAX_ALIASES:
            return [Problem(shown, line, "", "", f"uses more than {MAX_ALIASES} aliases; write the values out")]
    return []


def _traps(node: yaml.Node, key: Key, shown: str) -> Iterator[Problem]:
    if node.tag not in _PLAIN_TAGS:
        rule = "has a tag that is not allowed; write plain values"
        yield Problem(shown, node.start_mark.line + 1, _dotted(key), node.tag, rule)
    elif isinstance(node, yaml.MappingNode):
        yield from _mapping_traps(node, key, shown)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            if isinstance(item, yaml.ScalarNode) and item.tag == "tag:yaml.org,2002:null":
                rule = "reads as nothing inside a list; quote it if it is a name"
                yield Problem(
                    shown, item.start_mark.line + 1, _dotted((*key, str(index))), item.value or "nothing", rule
                )
            else:
                yield from _traps(item, (*key, str(index)), shown)
    elif isinstance(node, yaml.ScalarNode):
        rule = _scalar_rule(node)
        if rule:
            yield Problem(shown, node.start_mark.line + 1, _dotted(key), node.value, rule)


def _mapping_traps(node: yaml.MappingNode, key: Key, shown: str) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for name, value in node.value:
        line = name.start_mark.line + 1
        if not isinstance(name, yaml.ScalarNode) or name.tag != "tag:yaml.org,2002:str":
            text = str(getattr(name, "value", "a collection"))
            yield Problem(
                shown, line, _dotted(key), text, 'is not read as a text key; quote it, as in "ON": or "00700":'
            )
            continue
        path = (*key, name.value)
        if name.value in seen:
            yield Problem(shown, line, _dotted(path), "", f"is given twice, first on line {seen[name.value]}; keep one")
        seen[name.value] = line
        if name.value.startswith("_"):
            rule = "is not allowed: configuration names things by `kind:` and never calls code"
            yield Problem(shown, line, _dotted(path), "", rule)
        yield from _traps(value, path, shown)


def _scalar_rule(node: yaml.ScalarNode) -> str:
    text = node.value
    if any(resolver not in _RESOLVERS for resolver in _RESOLVER.findall(text)):
        return "uses a resolver that is not allowed; only ${oc.env:NAME,default} and ${oc.decode:...} are"
    if text.count("${") != len(_REFERENCE.findall(text)):
        return "refers to nothing; write ${base.tz} or ${oc.env:NAME,default}"
    if node.style:  # quoted; the C loader says "" for plain, the Python loader None
        return ""
    if _TRUTH_WORDS.fullmatch(text):
        return "reads as a truth value; write true or false, or quote it if it is a name"
    if _NULL_WORDS.fullmatch(text):
        return "reads as nothing; write null, or quote it if it is a name"
    if _NOT_FINITE.fullmatch(text) or (_NUMBER.fullmatch(text) and abs(float(text)) == float("inf")):
        return "is not a finite number"
    if _LEADING_ZERO.fullmatch(text):
        return "has leading zeros and reads as an octal number; quote it if it is a name"
    if _UNDERSCORED.fullmatch(text):
        return "has underscores inside a number; write the digits only"
    if _CLOCK.fullmatch(text):
        return "reads as a number of base 60; quote times"
    return "" if _is_readable(node) else "reads as a date or a number that does not exist; quote it if it is a name"


def _is_readable(node: yaml.ScalarNode) -> bool:
    try:
        SafeConstructor().construct_object(node)
    except (AttributeError, LookupError, ValueError, yaml.YAMLError):
        return False
    return True


_PLAIN_NAMES = ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in _PLAIN_NAMES}


def locate(path: Path, key: Key) -> int:
    """The 1-based line of a key in a file, or of its nearest parent that is there; 0 when nothing of it is."""
    try:
        node: yaml.Node | None = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return 0
    line = 0
    for part in key:
        found = _child(node, part)
        if found is None:
            break
        node, line = found
    return line


def holds(path: Path, key: Key) -> bool:
    """Whether a file gives a value to the whole of ``key``."""
    node: yaml.Node | None = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    for part in key:
        found = _child(node, part)
        if found is None:
            return False
        node = found[0]
    return True


def _child(node: yaml.Node | None, part: str) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == part:
                return value, name.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        item = node.value[int(part)]
        return item, item.start_mark.line + 1
    return None


def _dotted(key: Key) -> str:
    return ".".join(key)
