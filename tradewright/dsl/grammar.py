"""Expressions: the grammar, the syntax tree with the place of every node, and the tree as text again."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from tradewright.dsl.problem import Code, Refusal

GRAMMAR = r"""
?start: or
?or: and | or "or" and
?and: not | and "and" not
?not: comparison | "not" not -> negation
?comparison: sum | sum COMPARE sum
?sum: product | sum SIGN product
?product: unary | product TIMES unary
?unary: series | SIGN unary -> sign
?series: atom | atom "of" NAME -> of | atom "on" TIMEFRAME -> on | atom "of" NAME "on" TIMEFRAME -> both
?atom: NUMBER -> number | NAME -> name | NAME "(" [or ("," or)*] ")" -> call | "(" or ")"

COMPARE: "<=" | ">=" | "<" | ">"
SIGN: "+" | "-"
TIMES: "*" | "/"
TIMEFRAME.2: /[0-9]+(mo|m|h|d|w)\b/
NUMBER: /([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
%ignore /[ \t\r\n]+/
"""
"""Lowest precedence first: or, and, not, comparison, + and -, * and /, sign, ``of`` and ``on``, call."""

KEYWORDS = frozenset({"or", "and", "not", "of", "on"})
MAX_LENGTH = 2_000
MAX_NESTING = 64

_RANKS = {
    "or": 0, "and": 1, "not": 2, "<": 3, "<=": 3, ">": 3, ">=": 3,
    "+": 4, "-": 4, "*": 5, "/": 5, "sign": 6, "series": 7,
}  # fmt: skip
_ATOM = 8
_FOREIGN = {
    "&&": "and", "&": "and", "||": "or", "|": "or", "!": "not", "==": "two comparisons, <= and >=", "=": "<= or >=",
    "^": "a product", "%": "0.05 for 5 %", ";": "a comma", "[": "lag(x, n) for the value n bars ago",
}  # fmt: skip
_ALIKE = {
    "\u2212": "-", "\u2013": "-", "\u2014": "-", "\u00d7": "*", "\u00b7": "*", "\u00f7": "/", "\u2264": "<=",
    "\u2265": ">=", "\u2018": "nothing", "\u2019": "nothing", "\u201c": "nothing", "\u201d": "nothing",
}  # fmt: skip
"""Signs that word processors write, and those of the keyboard."""
_SHOWN = {
    "NUMBER": "a number", "NAME": "a name", "LPAR": "(", "RPAR": ")", "COMMA": "a comma", "COMPARE": "< <= > >=",
    "SIGN": "+ -", "TIMES": "* /", "AND": "and", "OR": "or", "NOT": "not", "OF": "of", "ON": "on",
    "TIMEFRAME": "a timeframe", "$END": "the end",
}  # fmt: skip


@dataclass(frozen=True)
class Syntax:
    """A node of an expression. Nodes are equal if they say the same, wherever they stand.

    Args:
        kind: ``number``, ``name``, ``call``, ``series`` (``of`` and ``on``), ``sign`` (minus), or an operator.
        text: of a number, a name, a function; of ``series``: instrument and timeframe, joined by a space.
        children: operands or arguments.
        start, end: characters of the expression, from 0.
    """

    kind: str
    text: str
    children: tuple[Syntax, ...] = ()
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)

    def walk(self) -> Iterator[Syntax]:
        """The node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


_PARSER = Lark(GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def parse(text: str) -> Syntax:
    """The tree of an expression.

    Raises:
        Refusal: with the character at which it stops being one.
    """
    if len(text) > MAX_LENGTH:
        raise Refusal(Code.PARSE_ERROR, f"the expression has more than {MAX_LENGTH} characters", MAX_LENGTH)
    try:
        tree = _PARSER.parse(text)
    except UnexpectedInput as error:
        raise _refusal(error, text) from None
    made: dict[int, tuple[Syntax, int]] = {}
    if isinstance(tree, Tree):
        for each in tree.iter_subtrees():  # children first
            made[id(each)] = _node(each, made)
    return made[id(tree)][0]


def _node(tree: Tree[Token], made: dict[int, tuple[Syntax, int]]) -> tuple[Syntax, int]:
    """A node and how deep it is nested."""
    tokens = [str(each) for each in tree.children if isinstance(each, Token)]
    below = [made[id(each)] for each in tree.children if isinstance(each, Tree)]
    depth = 1 + max((level for _, level in below), default=0)
    start, end = tree.meta.start_pos, tree.meta.end_pos
    if depth > MAX_NESTING:
        raise Refusal(Code.PARSE_ERROR, f"the expression is nested deeper than {MAX_NESTING} levels", start)
    children = tuple(node for node, _ in below)
    kind, made_of = str(tree.data), ("", "")
    match kind:
        case "number" | "name" | "call":
            made_of = kind, tokens[0]
        case "sign":
            if tokens[0] == "+":
                return children[0], depth
            made_of = kind, "-"
        case "of":
            made_of = "series", f"{tokens[0]} "
        case "on":
            made_of = "series", f" {tokens[0]}"
        case "both":
            made_of = "series", " ".join(tokens)
        case "or" | "and":
            made_of = kind, kind
        case "negation":
            made_of = "not", "not"
        case _:
            made_of = tokens[0], tokens[0]
    return Syntax(*made_of, children, start, end), depth


def _refusal(error: UnexpectedInput, text: str) -> Refusal:
    """Where an expression stops being one, and what could have stood there."""
    index = error.pos_in_stream or 0
    if isinstance(error, UnexpectedToken) and _at_end(error):
        index = len(text.rstrip())
        hint = "a ( is not closed" if text.count("(") > text.count(")") else _expected(error)
        return Refusal(Code.PARSE_ERROR, "the expression ends too early", index, hint)
    found = text[index : index + 2] if text[index : index + 2] in _FOREIGN else text[index : index + 1]
    if found in _FOREIGN:
        return Refusal(Code.PARSE_ERROR, f"{found!r} is no operator", index, f"write {_FOREIGN[found]}")
    if isinstance(error, UnexpectedCharacters):
        return Refusal(Code.PARSE_ERROR, f"{found!r} has no meaning here", index, _instead(found))
    token = str(getattr(error, "token", found))
    near = [word for word in difflib.get_close_matches(token.lower(), KEYWORDS, n=1, cutoff=0.6) if word != token]
    hint = f"did you mean {near[0]}?" if near else _expected(error)
    if getattr(getattr(error, "token", None), "type", "") == "COMPARE":
        hint = "two comparisons are joined by and: a < b and b < c"
    return Refusal(Code.PARSE_ERROR, f"{token!r} is not expected here", index, hint)


def _instead(sign: str) -> str:
    """What to do about a sign that is none of the language: many look like one that is."""
    if sign.isascii():
        return "remove it"
    plain = _ALIKE.get(sign) or unicodedata.normalize("NFKC", sign)
    if plain != sign and plain.isascii():
        return "remove it" if plain == "nothing" else f"write {'a space' if plain.isspace() else plain}"
    if sign.isalnum():
        name = unicodedata.name(sign, "a foreign sign").lower()
        return f"it is the {name}: type the word anew in plain letters"
    return "remove it"


def _at_end(error: UnexpectedToken) -> bool:
    return bool(error.token.type == "$END")


def _expected(error: UnexpectedInput) -> str:
    names = getattr(error, "accepts", None) or getattr(error, "expected", None) or ()
    return "expected: " + ", ".join(sorted({_SHOWN.get(name, name) for name in names})) if names else ""


def printed(node: Syntax) -> str:
    """The expression as text, with the fewest parentheses; parsing it gives the same tree."""
    match node.kind:
        case "number" | "name":
            return node.text
        case "call":
            return f"{node.text}({', '.join(map(printed, node.children))})"
        case "series":
            of, on = node.text.split(" ")
            inner = _within(node.children[0], _ATOM)
            return inner + (f" of {of}" if of else "") + (f" on {on}" if on else "")
        case "sign":
            return f"-{_within(node.children[0], _RANKS['sign'])}"
        case "not":
            return f"not {_within(node.children[0], _RANKS['not'])}"
    rank = _RANKS[node.kind]
    compares = rank == _RANKS["<"]
    left = _within(node.children[0], rank + 1 if compares else rank)
    return f"{left} {node.kind} {_within(node.children[1], rank + 1)}"


def _within(node: Syntax, rank: int) -> str:
    text = printed(node)
    return text if _RANKS.get(node.kind, _ATOM) >= rank else f"({text})"
