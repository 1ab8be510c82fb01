"""Markup: HTML elements whose text is escaped unless it is known to be HTML, and Markdown tables."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence


class Html(str):
    """Text that is already HTML and must not be escaped again."""

    __slots__ = ()


def element(name: str, *children: str, **attributes: str) -> Html:
    """``<name attribute="...">children</name>``; ``class_`` stands for ``class``, ``data_for`` for ``data-for``."""
    inside = "".join(child if isinstance(child, Html) else html.escape(child) for child in children)
    written = "".join(f' {_attribute(key)}="{html.escape(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{written}>{inside}</{name}>")


def _attribute(keyword: str) -> str:
    return keyword.strip("_").replace("_", "-")


def join(parts: Iterable[Html]) -> Html:
    """The parts one after the other."""
    return Html("".join(parts))


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """A Markdown table whose first ``text_columns`` columns are left-aligned, the others right-aligned."""
    rule = [":--" if column < text_columns else "--:" for column in range(len(header))]
    return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in (header, rule, *rows))


def _cell(text: str) -> str:
    escaped = html.escape(text, quote=False) if not text.startswith((":--", "--:")) else text
    return escaped.replace("|", "\\|").replace("\n", " ")
