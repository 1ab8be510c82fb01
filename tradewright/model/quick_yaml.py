"""Simple YAML by the parser in C: the nodes that ruamel.yaml makes of the same text, in a fraction of its time.

The parser in C follows YAML 1.1. A text of simple lines has the same structure in both versions; which of its words
are numbers or truth values is decided by ruamel.yaml's rules of YAML 1.2. Every other text, and every one that is no
YAML, is left to ruamel.yaml, which also tells what is wrong with it. A value that is left out lies behind its key here,
and before the next key there.
"""

from __future__ import annotations

import re
from typing import Any, cast

import yaml
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import BaseResolver

_IN_C = getattr(yaml, "CBaseLoader", None)
"""None where PyYAML was built without libyaml."""
_QUOTED = r"\"[^\"\\]*\"|'[^']*'"
_PART = r"[^\s:#]+(?::[^\s:#]+)*"
_WORDS = rf"(?:[^\s:#?,&*!|>'\"%@`~\[\]{{}}-]|-[0-9.])[^\s:#]*(?::[^\s:#]+)*(?: {_PART})*"
"""Words with single spaces between them; a colon stands within a word."""
_KEY = rf"(?:[A-Za-z0-9_][\w./-]*|{_QUOTED})"
_LINE = re.compile(rf" *(?:(?:- )?{_KEY}:|-)?(?: (?:{_WORDS}|{_QUOTED}|([\[{{].*?[\]}}])))?(?: +#.*)?|#.*", re.ASCII)
"""A line; its group is a value in brackets."""
_INNER = rf"(?:[A-Za-z0-9_.+][\w.+/-]*|-[0-9.]+|{_QUOTED})"
_FLAT = re.compile(rf"[\[{{](?:{_INNER}(?:: {_INNER})?(?:, (?![\]}}])|(?=[\]}}])))*[\]}}]", re.ASCII)
_SOME = rf"{_INNER}(?:, {_INNER})*"
_LINES_OF_A_LIST = re.compile(rf"^( *(?:- )?{_KEY}: )\[\n(?: +{_SOME},\n)* +{_SOME},?\n *\]$", re.ASCII | re.MULTILINE)
"""A list in brackets over several lines, each of which ends with a comma."""
_CLOSED_KEY = re.compile(r"[\]}] *:")
_MOST_IN_A_LINE = 1000
"""A key is sought within 1,024 characters."""


class NotSimple(Exception):
    """A text that the parser in C may read otherwise, or not at all."""


def is_simple(text: str) -> bool:
    """Whether each line is a comment, a key, or an item of a list, its value in words, in quotes or in brackets.

    Only a list of words in brackets may take several lines.
    """
    if "[\n" in text:
        text = _LINES_OF_A_LIST.sub(r"\1[]", text)
    return all(map(_is_simple_line, text.split("\n")))


def _is_simple_line(line: str) -> bool:
    found = _LINE.fullmatch(line) if line.isprintable() else None
    if found is None or (len(line) >= _MOST_IN_A_LINE and not 0 < found.start(1) < _MOST_IN_A_LINE):
        return False
    return found[1] is None or _is_simple_flow(found[1])


def _is_simple_flow(value: str) -> bool:
    """Whether brackets hold words, pairs, and brackets that hold no further ones."""
    inner = _FLAT.sub("_", value[1:-1])
    return not _CLOSED_KEY.search(value[:-1]) and _FLAT.fullmatch(f"{value[0]}{inner}{value[-1]}") is not None


def quick_root(text: str, most_levels: int, resolver: Any) -> Node | None:
    """The root node of a simple text; None for one without values.

    Args:
        most_levels: a text with more of them is not simple.
        resolver: ruamel.yaml's, which tells the tag of a word.

    Raises:
        NotSimple: the text is to be read by ruamel.yaml.
    """
    if _IN_C is None or not is_simple(text):
        raise NotSimple
    open_nodes: list[tuple[Any, list[Any]]] = []
    root: Node | None = None
    try:
        for event in yaml.parse(text, Loader=_IN_C):
            match event:
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    open_nodes.append((event, []))
                    if len(open_nodes) > most_levels:
                        raise NotSimple
                    continue
                case yaml.ScalarEvent():
                    root = _scalar(event, resolver)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    root = _collection(*open_nodes.pop(), event)
                case _:
                    continue
            if open_nodes:
                open_nodes[-1][1].append(root)
    except yaml.YAMLError:
        raise NotSimple from None
    return root


def _scalar(event: Any, resolver: Any) -> ScalarNode:
    tag = resolver.resolve(ScalarNode, event.value, event.implicit)
    return ScalarNode(tag, event.value, event.start_mark, event.end_mark, style=event.style or None)


def _collection(start: Any, children: list[Node], end: Any) -> Node:
    if isinstance(start, yaml.SequenceStartEvent):
        made: Any = SequenceNode(BaseResolver.DEFAULT_SEQUENCE_TAG, children)
    else:
        pairs = list(zip(children[::2], children[1::2], strict=True))
        made = MappingNode(BaseResolver.DEFAULT_MAPPING_TAG, pairs)
    made.start_mark, made.end_mark, made.flow_style = start.start_mark, end.end_mark, start.flow_style
    return cast("Node", made)
