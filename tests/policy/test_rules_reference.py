"""The page of rules and the version of their code agree with the code."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TypeGuard

from tests.policy.write_rules import PAGE
from tradewright.model.hashing import content_hash
from tradewright.policy import gate
from tradewright.policy.rules_reference import catalogue, rules_page

RULE_MODULES = (
    "caps",
    "decimals",
    "exchange_rate",
    "gate",
    "market_rules",
    "missing_inputs",
    "order_context",
    "order_rules",
    "price_rules",
    "review_rules",
    "snapshot",
)
DIGESTS = {
    "1": "d733a92029afbf431e478c418228b775b8c0d3e275995e1f00674483d072b076",
    "2": "8053e78284277ebd4e52ee3077391d23a32404acf778688bd64f05e365ac13bd",
    "3": "dc2f158929d8f021aefce1103d90364463103524da40ea07cb2dade4d0294dfa",
    "4": "b621036ccf6b86c9a9b32d5369b40c3c560c419b55eea485a5d3ed8b268feab5",
    "5": "098b82157f836f1e5f1612bfc31747aa2543f201d897b970ae7a8b0ad6749d35",
    "6": "8d775285c2d789525965cceb8226945fde051483137cc3f686afa099d6826174",
    "7": "cb461480d529141a2edfbf4ce0c61682ca80d4ba9720dc3c35b4b0387623b58c",
    "8": "d42e13b13476207cbf15b422e4504c722093d5ae54edfc064f086552f3a8c41f",
    "9": "786031560362477ba59bf19a8805393cddfe9eee694b2383b59c65658310573f",
    "10": "d48bca02678e8d1c115d04e573c3ccc91cb2a95e290b35b84ae21dbce09effad",
    "11": "6587e4778debef2e466430fdf064b0b3dfeaf57a758e17279e03f511b184a178",
    "12": "1a24c069c869836b15ef99cd008833f48ecd103b5f1fc169d97239a0e37ece3d",
    "13": "d96bdab1ad6691346e398daaf397f312a03c3925ad8db0ab8d60954c91936b1b",
    "14": "799fe01476fe37fc96d69860198eef50ff5b7a4c8d7d4b6d79c09a50157f2004",
}
"""The digest of the rules' code, by version. A new digest needs a new version, unless the change is only of form."""


def digest() -> str:
    """Of the code of the rules without comments and docstrings."""
    folder = Path(gate.__file__).parent
    return content_hash([bare((folder / f"{name}.py").read_text(encoding="utf-8")) for name in RULE_MODULES])


def bare(source: str) -> list[str]:
    """The lines of code; the same on every version of Python, which an unparsed tree is not."""
    texts = [node for node in ast.walk(ast.parse(source)) if _is_text(node)]
    prose = {line for node in texts for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    lines = (line for number, line in enumerate(source.splitlines(), 1) if number not in prose)
    return [line for line in lines if line.strip() and not line.strip().startswith("#")]


def _is_text(node: ast.AST) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def test_the_page_is_generated_from_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == rules_page(), "run: python -m tests.policy.write_rules"


def test_every_code_is_listed_once() -> None:
    listed = [entry.code for entry in catalogue()]
    assert len(set(listed)) == len(listed)
    assert all(f"| {code} |" in rules_page() for code in listed)


def test_changed_rules_have_another_version() -> None:
    assert digest() == DIGESTS[gate.RULES_VERSION], "the rules' code changed: raise RULES_VERSION and pin the digest"


def test_the_digest_sees_code_and_not_prose() -> None:
    assert bare('def f(x):\n    """Doc."""\n\n    # note\n    return x > 1\n') == bare("def f(x):\n    return x > 1")
    assert bare("def f(x): return x > 1") != bare("def f(x): return x >= 1")
