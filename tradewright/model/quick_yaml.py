"""Simple YAML by the parser in C: the nodes that ruamel.yaml makes of the same text, in a fraction of its time.

The parser in C follows YAML 1.1. A text of simple lines has the same structure in both versions; which of its words
are numbers or truth values is decided by ruamel.yaml's rules of YAML 1.2. Every other text, and every one that is no
YAML, is left to ruamel.yaml, which also tells what is wrong with it.
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
_INNER = rf"(?:[A-Za-z0-9_.+][A-Za-z0-9_.+/-]*|-[0-9.]+|{_QUOTED})"
_ITEM = rf"(?:{_INNER}(?:: {_INNER})?)"
_FLAT = rf"\[(?:{_ITEM}(?:, {_ITEM})*)?\]|\{{(?:{_ITEM}(?:, {_ITEM})*)?\}}"
_NESTED = rf"(?:{_INNER}(?:: (?:{_INNER}|{_FLAT}))?|{_FLAT})"
_FLOW = rf"\[{_NESTED}(?:, {_NESTED})*\]|\{{{_NESTED}(?:, {_NESTED})*\}}|\[\]|\{{\}}"
_PART = r"[^\s:#]+(?::[^\s:#]+)*"
_PLAIN = rf"(?![-?:,\[\]{{}}#&*!|>'\"%@`~])[^\s:#]+(?::[^\s:#]+)*(?: {_PART})*|-[0-9.]+"
"""Words with single spaces between them; a colon stands within a word."""
_VALUE = rf"(?:{_PLAIN}|{_QUOTED}|{_FLOW})"
_KEY = rf"(?:[A-Za-z0-9_][A-Za-z0-9_./-]*|{_QUOTED})"
_LINE = re.compile(rf" *(?:(?:- )?{_KEY}:(?: {_VALUE})?|- {_VALUE})?(?: +#.*)?|#.*")
_STRANGE = re.compile("[^\n\x20-\x7e\u00a1-\u2027\u2030-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
"""Tabs, other ends of lines, controls and marks of the byte order."""
_MOST_IN_A_LINE = 1000
"""A key is sought within 1,024 characters."""


class NotSimple(Exception):  # noqa: N818
    """A text that the parser in C may read otherwise, or not at all."""


def is_simple(text: str) -> bool:
    """Whether each line is a comment, a key, or an item of a list, its value in words, in quotes or in brackets."""
    lines = text.split("\n")
    return not _STRANGE.search(text) and all(len(line) < _MOST_IN_A_LINE and _LINE.fullmatch(line) for line in lines)


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
