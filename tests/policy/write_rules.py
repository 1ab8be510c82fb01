"""Write ``docs/rules.md`` from the code: ``python -m tests.policy.write_rules``."""

from __future__ import annotations

from pathlib import Path

from tradewright.policy.rules_reference import rules_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rules.md"

if __name__ == "__main__":
    PAGE.write_text(rules_page(), encoding="utf-8")
