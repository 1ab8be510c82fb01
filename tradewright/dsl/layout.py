"""The expressions of a document in one style, everything else as its author wrote it."""

from __future__ import annotations

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tradewright.dsl.grammar import parse, printed
from tradewright.dsl.problem import Refusal
from tradewright.dsl.reading import ALLOCATED, EXITS, PRICES
from tradewright.dsl.source import read


def formatted(text: str) -> str:
    """A document whose expressions are printed with single spaces and the fewest parentheses; comments stay.

    An expression that cannot be read, that runs over several lines, or that would become a number, stays as it is.

    Raises:
        DocumentRefused: the text is no YAML.
    """
    source = read(text)
    for node in sorted(_expressions(source.root), key=lambda each: -each.start_mark.index):
        start, end = node.start_mark.index, node.end_mark.index
        written = text[start:end]
        quote = node.style if node.style in ("'", '"') else ""
        if "\n" in written or node.style in ("|", ">") or written.strip(quote) != node.value:
            continue
        try:
            said = printed(parse(node.value))
        except Refusal:
            continue
        if not quote and _is_no_text(said):
            continue
        text = f"{text[:start]}{quote}{said}{quote}{text[end:]}"
    return text


def renamed(text: str, name: str) -> str:
    """A document under another id, everything else as its author wrote it.

    Raises:
        DocumentRefused: the text is no YAML.
    """
    rows = dict(_rows(read(text).root))
    node = rows["id"]
    start, end = node.start_mark.index, node.end_mark.index
    quote = node.style if isinstance(node, ScalarNode) and node.style in ("'", '"') else ""
    return f"{text[:start]}{quote}{name}{quote}{text[end:]}"


def _is_no_text(scalar: str) -> bool:
    """Whether YAML takes a plain scalar for a number: ``(100)`` is text, and ``100`` is none."""
    return not isinstance(read(f"said: {scalar}").values["said"], str)


def _expressions(root: Node | None) -> list[ScalarNode]:
    found = []
    for key, value in _rows(root):
        if key == "rules" and isinstance(value, SequenceNode):
            found += [each for rule in value.value for name, each in _rows(rule) if name in ("if", *PRICES)]
        elif key == "exits":
            found += [each for name, each in _rows(value) if name in EXITS]
        elif key == "allocate":
            found += [each for name, each in _rows(value) if name in ALLOCATED]
    return [each for each in found if isinstance(each, ScalarNode) and str(each.tag).endswith(":str")]


def _rows(node: Node | None) -> list[tuple[str, Node]]:
    return [(str(key.value), value) for key, value in node.value] if isinstance(node, MappingNode) else []
