"""Packages for tests: a good one, and the parts of which broken ones are made."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import zstandard

from conf.compose import compose
from conf.package_settings import packed_settings
from strategies.documents import LIBRARY
from tradewright.dsl.check import compiled
from tradewright.model.hashing import canonical_json, content_hash
from tradewright.packages.manifest import FORMAT, KIND, MANIFEST, Manifest, package_id
from tradewright.packages.package import Package, entries, listed_files, written
from tradewright.packages.signing import new_private_key, sign

START, END = datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
HASH = "ab" * 32
TEXT = (LIBRARY / "ma_crossover.yaml").read_text(encoding="utf-8")
PRIVATE = new_private_key()
HEAD = struct.pack("<II", 0x184D2A50, 32)

Plain = dict[str, Any]


@cache
def configuration_text() -> str:
    settings = compose(["feed.days_1m=2", "feed.days_1d=60", "universe.instruments=[BTC]"])
    return canonical_json(packed_settings(settings, ["BTC"], START, END))


def configuration() -> Plain:
    """The settings of a small scenario, to be changed at will."""
    found: Plain = json.loads(configuration_text())
    return found


def package(
    text: str = TEXT, settings: Mapping[str, Any] | None = None, certificate: bytes | None = None, **told: Any
) -> Package:
    """A package whose figures are made up; ``told`` replaces values of its manifest."""
    carried = dict(settings or configuration())
    document, program = compiled(text)
    told_hash = content_hash(carried)
    name, ir_hash = str(told.get("name", document.id)), str(told.get("ir_hash", program.hash))
    engine = {"program": "0.1.0", "python": "3.11.9", "numpy": "2.4.0", "numba": "0.68.0", "digest": HASH}
    bars = {"use": "traded", "instrument": "BTC", "timeframe": "1m", "bars": 2, "first": START, "last": END}
    evaluation = {"trials": 1, "effective_trials": 1.0, "verdict": "LUCK", "text": "luck", "figures": {}, "void": ""}
    orders = [{"instrument": "BTC", "orders": 1, "fills": 1, "sha256": HASH}]
    rows = {
        "format": FORMAT, "kind": KIND, "id": package_id(name, 1, ir_hash, told_hash, AT), "name": name, "version": 1,
        "ir_hash": ir_hash, "dsl_version": "0.1", "schema_version": "1", "engine": engine, "created_at": AT,
        "files": entries(listed_files(text, carried, certificate)), "configuration_hash": told_hash,
        "data": [{**bars, "sha256": HASH}], "evaluation": evaluation,
        "expected": {"currency": "USD", "code": HASH, "orders": orders, "metrics": {"net_profit": 1.5, "sharpe": None}},
    }  # fmt: skip
    return Package(Manifest.model_validate({**rows, **told}), text, carried, certificate)


@cache
def good() -> bytes:
    """A signed package."""
    return written(package(), PRIVATE)


@cache
def _members() -> dict[str, bytes]:
    made = package()
    files = listed_files(made.document, made.configuration, None)
    manifest = made.manifest.text()
    return {MANIFEST: manifest, "signature.json": sign(manifest, PRIVATE, "test").text(), **files}


def members() -> dict[str, bytes]:
    """The files of a signed package, in their order."""
    return dict(_members())


def unsigned(**changed: bytes | None) -> dict[str, bytes]:
    """The files of an unsigned package, some replaced (``manifest_json=...``) or left out (None)."""
    found: dict[str, bytes | None] = {**members(), "signature.json": None}
    found |= {name.replace("_", "."): content for name, content in changed.items()}
    return {name: content for name, content in found.items() if content is not None}


def tar_of(rows: Mapping[str, bytes] | list[tuple[str, bytes]], change: Callable[[tarfile.TarInfo], None] | None = None,
           form: int = tarfile.USTAR_FORMAT) -> bytes:  # fmt: skip
    """A tar as packages have it; ``change`` alters each header."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for name, content in rows.items() if isinstance(rows, Mapping) else rows:
            row = tarfile.TarInfo(name)
            row.size, row.mode = len(content), 0o600
            if change is not None:
                change(row)
            archive.addfile(row, io.BytesIO(content))
    return made.getvalue()


def frame_of(plain: bytes, **options: bool) -> bytes:
    chosen = {"write_checksum": True, "write_content_size": True, **options}
    return zstandard.ZstdCompressor(level=3, **chosen).compress(plain)


def file_of(frame: bytes) -> bytes:
    """A package file around a frame, with a right digest."""
    return HEAD + hashlib.sha256(frame).digest() + frame


def packed(rows: Mapping[str, bytes] | list[tuple[str, bytes]], **options: Any) -> bytes:
    return file_of(frame_of(tar_of(rows, **options)))


def manifest_of(change: Callable[[Plain], object]) -> bytes:
    """The canonical JSON of a manifest of which something was changed."""
    plain: Plain = json.loads(package().manifest.text())
    change(plain)
    return canonical_json(plain).encode()


def with_manifest(change: Callable[[Plain], object]) -> bytes:
    """An unsigned package with a changed manifest."""
    return packed(unsigned(manifest_json=manifest_of(change)))
