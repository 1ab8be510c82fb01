"""Write the tables of ``docs/dsl.md`` from the code: ``python -m tests.dsl.write_page``."""

from __future__ import annotations

import re
from pathlib import Path

from tradewright.dsl.document import KNOWN
from tradewright.dsl.functions import FUNCTIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dsl.md"


def _parameters() -> str:
    rows = ["| parameter | admitted |", "|---|---|"]
    for name, bounds in KNOWN.items():
        kind = "a whole number" if bounds.whole else "a number"
        rows.append(f"| `{name}` | {kind} from {bounds.least:g} to {bounds.most:g} |")
    return "\n".join(rows)


def _functions() -> str:
    rows = ["| function | gives | meaning |", "|---|---|---|"]
    for name, function in FUNCTIONS.items():
        called = f"{name}({', '.join(argument.name for argument in function.arguments)})"
        rows.append(f"| `{called}` | a {function.gives} | {function.about} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page with its tables as the code has them."""
    for name, table in {"known parameters": _parameters(), "functions": _functions()}.items():
        block = re.compile(rf"<!-- {name} -->\n.*?\n<!-- end -->", re.DOTALL)
        text = block.sub(lambda _found, name=name, table=table: f"<!-- {name} -->\n{table}\n<!-- end -->", text)
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
