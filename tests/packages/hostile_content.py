"""Hostile packages that are whole: a wrong document, or settings that no package may carry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.packages.support import HASH, PRIVATE, TEXT, Plain, configuration, manifest_of, package, packed, unsigned
from tradewright.packages.package import entries, written

Case = tuple[str, bytes, str]
"""The name of a hostile file, its bytes, and the code that refuses it, without ``PACKAGE_``."""


def documents() -> Iterator[Case]:
    """Packages that are whole, with documents that are wrong."""
    for name, text in {
        "no YAML": "id: [", "Python": "import os\nos.system('x')\n", "a tag": "!!python/object/apply:os.system [x]\n",
        "aliases": "a: &a [x]\nb: *a\n", "a list": "- 1\n",
        "look-ahead": TEXT.replace("ma(close, fast)", "lag(close, -1)"),
        "an unknown function": TEXT.replace("crossover(", "exec("), "an unknown key": TEXT + "code: import os\n",
        "no rules": TEXT.partition("rules:")[0], "nothing": "", "a NUL": "id: a\0b",
        "YAML 1.1": f"%YAML 1.1\n---\n{TEXT}", "a number of another base": TEXT.replace("fast: 10", "fast: 010"),
        "a hidden end of a line": TEXT.replace("metadata:", "# a\u2028metadata: {}\nmetadata:"),
        "a merge key": f"{TEXT}<<: {{confidence: 1}}\n", "no instruments": f"{TEXT}instruments: []\n",
        "shorter bars": TEXT.replace("timeframe: null", "timeframe: 1d").replace("close, fast", "close on 1m, fast"),
        "a quotient by zero": TEXT.replace("ma(close, fast)", "close / 0"),
        "a name of another alphabet": TEXT.replace("crossover(", "\u0441rossover("),
    }.items():  # fmt: skip
        yield f"a document: {name}", _with_document(text.encode()), "BAD_DOCUMENT"
    for name, line in {
        "a secret in a comment": "# ${oc.env:AWS_SECRET_ACCESS_KEY}", "a reference": "# ${storage.root}",
        "a moved package": "# @package _global_",
    }.items():  # fmt: skip
        yield f"a document: {name}", _with_document(f"{line}\n{TEXT}".encode()), "BAD_DOCUMENT"
    yield "a document: no plain rules", _with_document(TEXT.replace("rules:", "? rules\n:").encode()), "BAD_DOCUMENT"
    yield "a document: no UTF-8", _with_document(b"\xff" + TEXT.encode()), "BAD_DOCUMENT"
    deep = TEXT.replace("ma(close, fast)", "ma(ma(close + open, 90), 90)", 1)
    yield "a document that computes for hours", written(package(deep, _long()), PRIVATE), "TOO_MUCH_WORK"
    yield "a document of another name", _with_document(TEXT.replace("id: ma_", "id: na_").encode()), "OTHER_MEANING"
    yield (
        "a document of another meaning",
        _with_document(TEXT.replace("fast: 10", "fast: 11").encode()),
        "OTHER_MEANING",
    )
    yield "another meaning in the manifest", written(package(ir_hash=HASH), PRIVATE), "OTHER_MEANING"
    yield "another name in the manifest", written(package(name="other"), PRIVATE), "OTHER_MEANING"


def _with_document(content: bytes) -> bytes:
    """A package whose manifest lists this document."""

    def change(told: Plain) -> None:
        (row,) = entries({"strategy.yaml": content})
        told["files"][0] = row.model_dump(mode="json")

    return packed(unsigned(manifest_json=manifest_of(change), strategy_yaml=content))


def _long() -> Plain:
    """The settings of a scenario of ten years of minutes."""
    settings: Plain = configuration()
    settings["feed"]["days_1m"] = 3650
    return settings


def configurations() -> Iterator[Case]:
    """Packages that are whole, with settings that no package may carry."""

    def made(*path: str, value: object) -> bytes:
        settings: Any = configuration()
        inner = settings
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value
        return written(package(settings=settings), PRIVATE)

    yield "a further group", made("storage", value={"root": "/"}), "UNKNOWN_KEY"
    yield "a further key", made("backtest", "hook", value="os.system"), "UNKNOWN_KEY"
    yield "a strategy of its own", made("strategy", value={"kind": "evil"}), "UNKNOWN_KEY"
    yield "a file of rates", made("backtest", "rates", value={"JPY": "/dev/zero"}), "BAD_CONFIGURATION"
    yield "a file of yields", made("evaluation", "risk_free_rates", value="/etc/passwd"), "BAD_CONFIGURATION"
    yield "a moment of a store", made("backtest", "known_at", value="2026-01-01"), "BAD_CONFIGURATION"
    yield "a feed of a vendor", made("feed", value={"kind": "polygon"}), "BAD_CONFIGURATION"
    yield "a scenario without end", made("feed", "end", value=None), "BAD_CONFIGURATION"
    for end in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        yield f"a scenario that ends in {end[:4]}", made("feed", "end", value=end), "BAD_CONFIGURATION"
    yield "a symbol of another row", made("instruments", "BTC", "symbol", value="ETH"), "BAD_CONFIGURATION"
    yield "a scenario of a century", made("feed", "days_1d", value=10**9), "BAD_CONFIGURATION"
    far = {**configuration()["feed"], "end": "2199-12-31T00:00:00Z", "days_1d": 36_500}
    yield "a scenario of a hundred and forty years", made("feed", value=far), "TOO_MUCH_WORK"
    yield "no instruments", made("instruments", value={}), "BAD_CONFIGURATION"
    yield "cash that is a text", made("backtest", "cash", value="much"), "BAD_CONFIGURATION"
    yield "cash in another form", made("backtest", "cash", value=1), "NOT_CANONICAL"
    yield "a timeframe that is none", made("universe", "timeframe", value="9q"), "BAD_CONFIGURATION"
    yield "no currency", made("currency", value=""), "BAD_CONFIGURATION"
    yield "a zone that leads away", made("base", "tz", value="../../etc/passwd"), "BAD_CONFIGURATION"
