"""Write ``docs/indicators.md`` from the code: ``python -m tests.indicators.write_page``."""

from __future__ import annotations

from pathlib import Path

from tradewright.indicators.page import indicators_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "indicators.md"

if __name__ == "__main__":
    PAGE.write_text(indicators_page(), encoding="utf-8")
