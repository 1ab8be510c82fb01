"""Hostile packages in forms of tar, Zstandard, JSON and Ed25519 that a lenient reader would take."""

from __future__ import annotations

import base64
import io
import json
import struct
import tarfile
from collections.abc import Callable, Iterator, Mapping

import zstandard

from tests.packages.hostile_content import Case
from tests.packages.support import (
    HEAD,
    Plain,
    file_of,
    frame_of,
    members,
    package,
    packed,
    tar_of,
    unsigned,
    with_manifest,
)
from tradewright.model.hashing import canonical_json
from tradewright.packages.signing import new_private_key, sign

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_EIGHTH = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
SMALL = {
    "zero": bytes(32), "one": b"\1" + bytes(31), "minus one": (_P - 1).to_bytes(32, "little"),
    "zero, written as p": _P.to_bytes(32, "little"), "one, written as p + 1": (_P + 1).to_bytes(32, "little"),
    "of order eight": _EIGHTH, "of order eight, the other sign": _EIGHTH[:31] + b"\x85",
    "zero, the other sign": bytes(31) + b"\x80", "one, the other sign": b"\1" + bytes(30) + b"\x80",
    "beyond p": b"\xff" * 32,
}  # fmt: skip
"""Public keys under which one signature fits every manifest, and keys that are written in another form."""


def forms() -> Iterator[Case]:
    """Every one of them."""
    for made in (_pax, _fields, _names, _frames, _numbers, _steering, _spans, _keys, _signatures):
        yield from made()


def _pax() -> Iterator[Case]:
    rows = unsigned()
    for name, value in {
        "path": "../../x", "size": "0", "linkpath": "/etc/passwd", "GNU.sparse.name": "manifest.json",
        "GNU.sparse.realsize": str(2**60), "hdrcharset": "BINARY", "SCHILY.xattr.user.x": "1", "uid": str(2**70),
        "mtime": "nan", "comment": "x" * 3000,
    }.items():  # fmt: skip

        def told(row: tarfile.TarInfo, name: str = name, value: str = value) -> None:
            row.pax_headers = {name: value}

        yield f"a pax header of {name}", packed(rows, change=told, form=tarfile.PAX_FORMAT), "NOT_A_PLAIN_FILE"
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT, pax_headers={name: value}) as archive:
            archive.addfile(tarfile.TarInfo("manifest.json"))
        yield f"a global pax header of {name}", file_of(frame_of(made.getvalue())), "NOT_A_PLAIN_FILE"


def _with(at: int, value: bytes) -> bytes:
    """A tar whose first header has other bytes, with a right sum."""
    plain = bytearray(tar_of(unsigned()))
    plain[at : at + len(value)] = value
    plain[148:156] = b" " * 8
    plain[148:156] = f"{sum(plain[:512]):06o}\0 ".encode()
    return file_of(frame_of(bytes(plain)))


def _fields() -> Iterator[Case]:
    size = len(unsigned()["manifest.json"])
    for name, at, value in (
        ("a user of base 256", 108, b"\x80" + b"\xff" * 7), ("a group below 0", 116, b"\xff" * 8),
        ("a time of base 256", 136, b"\x80" + b"\x7f" * 11), ("a time below 0", 136, b"\xff" * 12),
        ("a size of base 256", 124, b"\x80" + size.to_bytes(11, "big")),
        ("a size with spaces", 124, f"{size:>11o} ".encode()), ("a mode that sets a user", 100, b"0004600\0"),
        ("a name behind the name", 14, b"evil"), ("a prefix behind its end", 346, b"x"), ("version 01", 263, b"01"),
        ("a header of GNU", 257, b"ustar  \0"), ("a header without a form", 257, bytes(8)),
        ("bytes at the end of a header", 500, b"evil"), ("a device of a file", 329, b"0000003\0"),
    ):  # fmt: skip
        yield f"a tar with {name}", _with(at, value), "NOT_CANONICAL"
    for prefix in (b"..", b".", b"/"):
        yield f"a prefix {prefix!r}", _with(345, prefix), "BAD_NAME"
    for kind in b"7SDNIK\0":
        yield f"a member of the type {bytes([kind])!r}", _with(156, bytes([kind])), "NOT_A_PLAIN_FILE"
    yield "a name that is no UTF-8", _with(0, b"\xff\xfe"), "BAD_ARCHIVE"
    plain = tar_of(unsigned())
    yield "a zero block before", file_of(frame_of(bytes(512) + plain)), "TRAILING_BYTES"
    yield "two tars", file_of(frame_of(plain + plain)), "TRAILING_BYTES"
    yield "nothing but zeros", file_of(frame_of(bytes(5120))), "NOT_CANONICAL"


def _names() -> Iterator[Case]:
    rows = unsigned()
    for name in (
        "Strategy.yaml", "\uff53trategy.yaml", "strategy\uff0eyaml", "stra\u0301tegy.yaml", "strategy.yaml\u200b",
        "strategy\u00a0.yaml", "strategy.yam\u217c", "strategy.yaml.",
    ):  # fmt: skip
        yield (
            f"the document as {name!a}",
            packed([(name if k == "strategy.yaml" else k, v) for k, v in rows.items()]),
            ("BAD_NAME"),
        )
    yield "another manifest before", packed([("manifest.json", b"{}"), *rows.items()]), "DUPLICATE_NAME"


def _frames() -> Iterator[Case]:
    plain = tar_of(unsigned())
    frame = frame_of(plain)
    yield "a tar in two frames", file_of(frame_of(plain[:1024]) + frame_of(plain[1024:])), "TRAILING_BYTES"
    yield "a skippable frame of 4 GB", file_of(struct.pack("<II", 0x184D2A50, 2**32 - 1) + frame), "UNPACKS_TOO_LARGE"
    yield "a skippable frame of nothing behind", file_of(frame + struct.pack("<II", 0x184D2A53, 0)), "TRAILING_BYTES"
    yield "the sign of an old version", file_of(b"\x27\xb5\x2f\xfd" + frame[4:]), "BAD_STREAM"
    yield "a frame without its sign", file_of(frame[4:]), "BAD_STREAM"
    yield "a reserved bit", file_of(frame[:4] + bytes([frame[4] | 8]) + frame[5:]), "BAD_STREAM"
    for log in (27, 31):
        terms = zstandard.ZstdCompressionParameters(window_log=log, write_checksum=1, write_content_size=0)
        stream = zstandard.ZstdCompressor(compression_params=terms).compressobj()
        yield f"a window of 2^{log}", file_of(stream.compress(plain) + stream.flush()), "BAD_STREAM"
    head = b"\x28\xb5\x2f\xfd\x84\xff" + struct.pack("<I", len(plain))
    yield "the largest window", file_of(head + b"\x01\0\0" + bytes(4)), "BAD_STREAM"
    yield "a million empty blocks", file_of(frame[:6] + bytes(3) * 1_000_000), "BAD_STREAM"
    yield "two digests", file_of(HEAD + bytes(32) + HEAD + bytes(32) + frame), "BAD_STREAM"


def _manifest(old: bytes, new: bytes) -> bytes:
    return packed(unsigned(manifest_json=package().manifest.text().replace(old, new, 1)))


def _numbers() -> Iterator[Case]:
    for name, text in {
        "1e400": b":1e400", "-1e400": b":-1e400", "10^400": b":1" + b"0" * 400, "10^5000": b":1" + b"0" * 5000,
        "2^63": b":9223372036854775808", "-2^63": b":-9223372036854775808", "minus NaN": b":-NaN",
        "a list of 3000 lists": b":" + b"[" * 3000 + b"]" * 3000, "13 lists": b":" + b"[" * 13 + b"]" * 13,
        "a plus": b":+1", "hexadecimal": b":0x10", "an octal": b":010",
    }.items():  # fmt: skip
        yield f"a figure: {name}", _manifest(b":1.5", text), "BAD_JSON"
    yield "a key twice inside", _manifest(b'"trials":1', b'"trials":2,"trials":1'), "BAD_JSON"
    yield "a key twice, once escaped", _manifest(b"{", b'{"\\u0069d":"x",'), "BAD_JSON"
    for name, key in {"half a pair": b"\\udfff", "half a pair in bytes": b"\xed\xa0\x80", "a long form": b"\xc0\xaf",
                      "a raw end of line": b"a\nb"}.items():  # fmt: skip
        yield f"a key with {name}", _manifest(b'"net_profit"', b'"' + key + b'"'), "BAD_JSON"
    yield "an escaped pair", _manifest(b'"net_profit"', b'"\\ud83d\\ude00"'), "NOT_CANONICAL"
    yield "a hash of other digits", with_manifest(lambda told: told.update(ir_hash="\u0660" * 64)), "BAD_VALUE"
    yield "a name of another alphabet", with_manifest(lambda told: told.update(name="m\u0430_crossover")), "BAD_VALUE"


def _steering() -> Iterator[Case]:
    """Texts that steer a terminal, the direction of reading, or are not seen."""
    places: Mapping[str, Callable[[Plain, str], object]] = {
        "a verdict": lambda told, text: told["evaluation"].update(verdict=text),
        "a version": lambda told, text: told["engine"].update(program=text),
        "a currency": lambda told, text: told["expected"].update(currency=text),
        "the name of a figure": lambda told, text: told["expected"]["metrics"].update({text: 1}),
        "a figure": lambda told, text: told["evaluation"]["figures"].update(x=[{"y": text}]),
    }
    for place, write in places.items():
        for name, text in {
            "an escape": "\x1b[2J",
            "a turn": "a\u202eb",
            "nothing seen": "\u200b",
            "C1": "\x9b1m",
        }.items():
            made = with_manifest(lambda told, write=write, text=text: write(told, text))  # type: ignore[misc]
            yield f"{place} with {name}", made, "BAD_VALUE"


def _spans() -> Iterator[Case]:
    for name, changed in {
        "no bars with a span": {"bars": 0}, "bars without a first": {"first": None},
        "bars without a last": {"last": None},
        "bars without a span": {"first": None, "last": None}, "a span in reverse": {"first": "2026-12-18T00:00:00Z"},
        "more bars than a float counts": {"bars": 2**53 + 1},
    }.items():  # fmt: skip
        made = with_manifest(lambda told, changed=changed: told["data"][0].update(changed))  # type: ignore[misc]
        yield name, made, "BAD_VALUE"


def _signed(**changed: str) -> bytes:
    plain = json.loads(members()["signature.json"])
    return packed({**members(), "signature.json": canonical_json({**plain, **changed}).encode()})


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _keys() -> Iterator[Case]:
    """Each with the signature that would fit under a key of order one, two, four or eight."""
    for name, key in SMALL.items():
        for nonce in (b"\1" + bytes(31), bytes(32)):
            made = _signed(public_key=f"ed25519:{_base64(key)}", signature=_base64(nonce + bytes(32)))
            yield f"the key {name} under {nonce[0]}", made, "BAD_KEY"
    for size in (0, 16, 31, 33, 64):
        yield f"a key of {size} bytes", _signed(public_key=f"ed25519:{_base64(bytes(size))}"), "BAD_KEY"


def _signatures() -> Iterator[Case]:
    plain = json.loads(members()["signature.json"])
    raw = base64.b64decode(plain["signature"])
    more = int.from_bytes(raw[32:], "little") + _ORDER
    yield (
        "a signature in its other form",
        _signed(signature=_base64(raw[:32] + more.to_bytes(32, "little"))),
        ("BAD_SIGNATURE"),
    )
    other = json.loads(sign(members()["manifest.json"], new_private_key(), "").text())
    yield "the signature of another key", _signed(signature=other["signature"]), "BAD_SIGNATURE"
    yield "the key of another signature", _signed(public_key=other["public_key"]), "BAD_SIGNATURE"
    yield "the algorithm rsa", _signed(algorithm="rsa"), "BAD_VALUE"
