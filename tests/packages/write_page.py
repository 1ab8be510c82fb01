"""Write the table of codes in ``docs/packages.md``: ``python -m tests.packages.write_page``."""

from __future__ import annotations

import re
from pathlib import Path

from tradewright.packages.fault import MEANING

PAGE = Path(__file__).resolve().parents[2] / "docs" / "packages.md"


def page(text: str) -> str:
    """The page with its table as the code has it."""
    rows = [
        "| code | the rule that was broken |",
        "|---|---|",
        *(f"| `{code}` | {rule} |" for code, rule in MEANING.items()),
    ]
    table = "\n".join(rows)
    return re.sub(r"<!-- codes -->\n.*?<!-- end -->", f"<!-- codes -->\n{table}\n<!-- end -->", text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
