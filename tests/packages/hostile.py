"""Hostile packages by name, each with the code that refuses it."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any

import zstandard

from tests.packages.hostile_content import Case, configurations, documents
from tests.packages.hostile_forms import forms
from tests.packages.support import (
    HASH,
    HEAD,
    TEXT,
    Plain,
    configuration,
    file_of,
    frame_of,
    good,
    manifest_of,
    members,
    package,
    packed,
    tar_of,
    unsigned,
    with_manifest,
)
from tradewright.evaluation.certificate import CertificateRow, CertifiedScenario, ScenarioCertificate
from tradewright.model.certify_limits import CertifyLimits
from tradewright.model.hashing import canonical_json
from tradewright.packages.archive import MOST_BYTES, MOST_UNPACKED
from tradewright.packages.package import written
from tradewright.packages.signing import new_private_key, sign


def cases() -> list[Case]:
    """Every hostile file: its name, its bytes, the code without ``PACKAGE_``."""
    return [*files(), *streams(), *headers(), *names(), *tars(), *texts(), *keys(), *values(), *lists(), *signatures(),
            *documents(), *configurations(), *forms()]  # fmt: skip


def files() -> Iterator[Case]:
    whole = good()
    for size in (0, 1, 4, 8, 39):
        yield f"the first {size} bytes", whole[:size], "NO_PACKAGE"
    for size in (40, 41, 60, 500, len(whole) - 1):
        yield f"the first {size} bytes, cut", whole[:size], "DAMAGED"
    yield "text", b"id: strategy\n" * 10, "NO_PACKAGE"
    yield "gzip", gzip.compress(tar_of(members())), "NO_PACKAGE"
    yield "a plain tar", tar_of(members()), "NO_PACKAGE"
    yield "zstd without digest", frame_of(tar_of(members())), "NO_PACKAGE"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("manifest.json", b"{}")
    yield "zip", zipped.getvalue(), "NO_PACKAGE"
    yield "pickle", b"\x80\x04\x95" + b"cos\nsystem\n" * 9, "NO_PACKAGE"
    yield "one byte too many", whole + bytes(MOST_BYTES + 1 - len(whole)), "TOO_LARGE"
    yield "twice", whole + whole, "DAMAGED"
    yield "a byte behind", whole + b"\0", "DAMAGED"
    yield "another digest", whole[:8] + bytes(32) + whole[40:], "DAMAGED"
    yield "a longer first frame", struct.pack("<II", 0x184D2A50, 33) + whole[8:], "NO_PACKAGE"
    yield "another skippable frame", struct.pack("<II", 0x184D2A51, 32) + whole[8:], "NO_PACKAGE"


def streams() -> Iterator[Case]:
    plain = tar_of(members())
    frame = frame_of(plain)
    yield "nothing in it", file_of(b""), "BAD_STREAM"
    yield "no zstd", file_of(b"not a frame at all"), "BAD_STREAM"
    for part in (6, 20, len(frame) // 2, len(frame) - 4, len(frame) - 1):
        yield f"a frame cut at {part}", file_of(frame[:part]), "BAD_STREAM"
    yield "a wrong checksum", file_of(frame[:-1] + bytes([frame[-1] ^ 1])), "BAD_STREAM"
    yield "no checksum", file_of(frame_of(plain, write_checksum=False)), "BAD_STREAM"
    yield "a size that is not told", file_of(frame_of(plain, write_content_size=False)), "BAD_STREAM"
    yield "a bomb", file_of(frame_of(bytes(3 * MOST_UNPACKED))), "UNPACKS_TOO_LARGE"
    yield "one byte above the most", file_of(frame_of(bytes(MOST_UNPACKED + 1))), "UNPACKS_TOO_LARGE"
    bomb = bytearray(frame_of(bytes(20_000_000)))
    bomb[6:10] = struct.pack("<I", 1000)
    yield "a bomb that says it is small", file_of(bytes(bomb)), "BAD_STREAM"
    yield "a size above its own", file_of(_resized(frame, 100_000)), "BAD_STREAM"
    yield "a byte behind the frame", file_of(frame + b"\0"), "TRAILING_BYTES"
    yield "a frame behind the frame", file_of(frame + frame), "TRAILING_BYTES"
    yield "a skippable frame behind", file_of(frame + HEAD + bytes(32)), "TRAILING_BYTES"
    words = zstandard.ZstdCompressionDict(plain * 2, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    trained = zstandard.ZstdCompressor(dict_data=words, write_checksum=True).compress(plain)
    yield "of a dictionary", file_of(trained), "BAD_STREAM"
    yield "an empty frame", file_of(frame_of(b"")), "BAD_ARCHIVE"
    yield "a first frame that is skipped", file_of(HEAD + bytes(32) + frame), "BAD_STREAM"


def _resized(frame: bytes, size: int) -> bytes:
    """A frame whose header tells another size, in two bytes."""
    told = zstandard.get_frame_parameters(frame).content_size
    packed_size = struct.pack("<H", told - 256)
    return frame.replace(packed_size, struct.pack("<H", (size - 256) & 0xFFFF), 1)


KINDS = {
    "a hard link": tarfile.LNKTYPE, "a symbolic link": tarfile.SYMTYPE, "a character device": tarfile.CHRTYPE,
    "a block device": tarfile.BLKTYPE, "a folder": tarfile.DIRTYPE, "a pipe": tarfile.FIFOTYPE,
    "a contiguous file": tarfile.CONTTYPE, "an old file": tarfile.AREGTYPE, "a sparse file": tarfile.GNUTYPE_SPARSE,
    "a long name": tarfile.GNUTYPE_LONGNAME, "a long link": tarfile.GNUTYPE_LONGLINK,
    "a pax header": tarfile.XHDTYPE, "a global pax header": tarfile.XGLTYPE,
    "a solaris header": tarfile.SOLARIS_XHDTYPE, "a volume": b"V", "a part": b"M", "an unknown type": b"Z",
}  # fmt: skip


def headers() -> Iterator[Case]:
    """Members that are no plain files."""
    for name, kind in KINDS.items():

        def become(row: tarfile.TarInfo, kind: bytes = kind) -> None:
            if row.name == "strategy.yaml":
                row.type = kind

        yield f"{name} as the document", packed(unsigned(), change=become), "NOT_A_PLAIN_FILE"
    for target in ("/etc/passwd", "../../conf/config.yaml", "manifest.json"):

        def link(row: tarfile.TarInfo, target: str = target) -> None:
            row.type, row.linkname, row.size = tarfile.SYMTYPE, target, 0

        yield f"a link to {target}", packed([("manifest.json", b"")], change=link), "NOT_A_PLAIN_FILE"

    def named(row: tarfile.TarInfo) -> None:
        row.linkname = "/etc/passwd"

    yield "a plain file with a target", packed(unsigned(), change=named), "NOT_A_PLAIN_FILE"


PATHS = (
    "../strategy.yaml", "../../../../etc/cron.d/x", "/etc/passwd", "//strategy.yaml", "./manifest.json",
    "manifest.json/..", "a/../manifest.json", "conf/strategy/own.yaml", "..\\strategy.yaml", "C:\\strategy.yaml",
    "\\\\host\\share", "~/.ssh/authorized_keys", ".env", ".bashrc", "MANIFEST.JSON", "manifest.json ", " manifest.json",
    "manifest.json.bak", "strategy.py", "__init__.py", "sitecustomize.py", "model.pkl", "model.pickle", "state.joblib",
    "weights.npy", "weights.pt", "run.sh", "setup.cfg", "strategy.yml", "strategy.json", "certificate.yaml", "...",
    "strategy.yaml\n", "\u202eyaml.strategy", "stratégy.yaml", "x" * 99, "con", "strategy.yaml:stream", "%2e%2e/x",
)  # fmt: skip


def names() -> Iterator[Case]:
    """Members of names that a package does not have."""
    for path in PATHS:
        yield f"a file called {path!a}", packed([*unsigned().items(), (path, b"x")]), "BAD_NAME"
    deep = ("a" * 60 + "/") * 2 + "manifest.json"
    yield "a name in two parts", packed([*unsigned().items(), (deep, b"x")]), "BAD_NAME"


def certificate(name: str) -> bytes:
    """A certificate of a strategy on one scenario, beyond one of its limits."""
    limits = CertifyLimits(max_loss=0.1, max_drawdown=0.1, max_turnover=9.0, max_time_in_market=1.0)
    values = {"max_loss": 0.2, "max_drawdown": 0.1, "max_turnover": 1.0, "max_time_in_market": 0.5}
    rows = [
        CertificateRow(scenario="s", figure=figure, value=value, limit=limit, passed=value <= limit)
        for (figure, value), limit in zip(values.items(), limits.model_dump().values(), strict=True)
    ]
    run = CertifiedScenario(
        scenario="s", scenario_hash=HASH, data_hash=HASH, timeframe="1h", bars=100, seed=1, instruments=1, trades=2,
        total_return=-0.2,
    )  # fmt: skip
    made = ScenarioCertificate(
        version="1", strategy=name, kind=name, parameters={}, identity=HASH, code=HASH, engine=HASH, terms=HASH,
        limits=limits, look_ahead=(), scenarios=(run,), rows=tuple(rows),
    )  # fmt: skip
    return made.canonical_json().encode()


def better() -> bytes:
    """A certificate whose verdict does not follow from its figures."""
    return certificate("ma_crossover").replace(b'"passed":false', b'"passed":true')


def tars() -> Iterator[Case]:
    rows = unsigned()
    plain = tar_of(rows)
    for name in rows:
        yield f"{name} twice", packed([*rows.items(), (name, rows[name])]), "DUPLICATE_NAME"
    full = {**members(), "certificate.json": b"{}"}
    yield "six files", packed([*full.items(), ("more", b"x")]), "TOO_MANY_FILES"
    yield "thousands of files", packed([*full.items(), *[("manifest.json", b"")] * 900]), "TOO_MANY_FILES"
    sizes = {"manifest.json": 256, "signature.json": 4, "strategy.yaml": 256, "configuration.json": 512}
    for name, most in sizes.items():
        yield f"a large {name}", packed([(name, bytes(most * 1024 + 1))]), "FILE_TOO_LARGE"
    yield "a header that is cut", file_of(frame_of(plain[:300])), "BAD_ARCHIVE"
    yield "a wrong sum of a header", file_of(frame_of(b"N" + plain[1:])), "BAD_ARCHIVE"
    yield "noise", file_of(frame_of(bytes(range(256)) * 8)), "BAD_ARCHIVE"
    yield "a member that is cut", file_of(frame_of(plain[:1000])), "BAD_ARCHIVE"
    yield "no end", file_of(frame_of(plain.rstrip(b"\0"))), "BAD_ARCHIVE"
    yield "a short end", file_of(frame_of(plain[:-512])), "NOT_CANONICAL"
    yield "a long end", file_of(frame_of(plain + bytes(512))), "NOT_CANONICAL"
    yield "words behind the end", file_of(frame_of(plain[:-4] + b"evil")), "TRAILING_BYTES"
    at = 512 + len(rows["manifest.json"])
    yield "words in a padding", file_of(frame_of(plain[:at] + b"evil" + plain[at + 4 :])), "NOT_CANONICAL"
    for name, value in {"mode": 0o4755, "uid": 1000, "gid": 7, "mtime": 1_700_000_000, "uname": "root", "gname": "adm",
                        "devmajor": 3, "devminor": 1}.items():  # fmt: skip

        def told(row: tarfile.TarInfo, name: str = name, value: object = value) -> None:
            setattr(row, name, value)
            if name.startswith("dev"):
                row.type = tarfile.BLKTYPE

        code = "NOT_A_PLAIN_FILE" if name.startswith("dev") else "NOT_CANONICAL"
        yield f"a header with {name}", packed(rows, change=told), code
    yield "a tar of GNU", packed(rows, form=tarfile.GNU_FORMAT), "NOT_CANONICAL"
    yield "an empty tar", packed({}), "MISSING_FILE"
    yield "no manifest", packed(unsigned(manifest_json=None)), "MISSING_FILE"
    yield "another order", packed(list(reversed(list(rows.items())))), "NOT_CANONICAL"
    for size in (b"\xff" * 12, b"\x80" + b"\xff" * 11, b"77777777777\0"):
        yield f"the size {size!r}", file_of(frame_of(_with_size(plain, size))), "FILE_TOO_LARGE"
    yield "a size that is no number", file_of(frame_of(_with_size(plain, b"not octal!!\0"))), "BAD_ARCHIVE"


def _with_size(plain: bytes, size: bytes) -> bytes:
    """A tar whose first header tells another size, with a right sum."""
    head = bytearray(plain[:512])
    head[124:136] = size
    head[148:156] = b" " * 8
    head[148:156] = f"{sum(head):06o}\0 ".encode()
    return bytes(head) + plain[512:]


def texts() -> Iterator[Case]:
    """Manifests that are no canonical JSON."""
    whole = package().manifest.text()
    plain = json.loads(whole)
    for name, content in {
        "empty": b"", "half": whole[:-10], "no UTF-8": b"\xff\xfe" + whole, "a mark of order": b"\xef\xbb\xbf" + whole,
        "a comment": whole + b"// x", "a comma at the end": whole[:-1] + b",}", "Python": repr(plain).encode(),
        "two documents": whole + whole, "a key twice": b'{"format":2,' + whole[1:], "a NUL": whole + b"\0",
        "NaN": whole.replace(b":1.5", b":NaN"), "Infinity": whole.replace(b":1.5", b":-Infinity"),
        "a large power": whole.replace(b":1.5", b":1e999"), "half a character": whole.replace(b'"luck"', b'"\\ud800"'),
        "deep": b"[" * 100_000, "deep and closed": b"[" * 500 + b"]" * 500, "long digits": b"9" * 5_000,
    }.items():  # fmt: skip
        yield f"a manifest: {name}", packed(unsigned(manifest_json=content)), "BAD_JSON"
    for name, content in {
        "white space": whole + b"\n", "indented": json.dumps(plain, indent=1).encode(),
        "unordered": json.dumps(dict(reversed(list(plain.items()))), separators=(",", ":")).encode(),
        "escapes": whole.replace(b"LUCK", b"\\u004cUCK"), "another form of a number": whole.replace(b":1.5", b":1.50"),
        "minus nothing": whole.replace(b":1.5", b":-0.0"),
    }.items():  # fmt: skip
        yield f"a manifest: {name}", packed(unsigned(manifest_json=content)), "NOT_CANONICAL"
    for name, content in {"a list": b"[]", "null": b"null", "a number": b"1", "a text": b'"x"'}.items():
        yield f"a manifest that is {name}", packed(unsigned(manifest_json=content)), "BAD_VALUE"


def _parts(plain: Plain) -> dict[str, Plain]:
    """The mappings of a manifest by their place."""
    expected = plain["expected"]
    return {
        "": plain, "engine": plain["engine"], "files[0]": plain["files"][0], "data[0]": plain["data"][0],
        "expected": expected, "expected.orders[0]": expected["orders"][0], "evaluation": plain["evaluation"],
    }  # fmt: skip


def keys() -> Iterator[Case]:
    plain = json.loads(package().manifest.text())
    for place, part in _parts(plain).items():
        yield f"an unknown key in {place or 'the manifest'}", with_manifest(
            lambda told, place=place: _parts(told)[place].update(surprise=1)  # type: ignore[misc]
        ), "UNKNOWN_KEY"  # fmt: skip
        for key in part:
            yield f"no {place}.{key}", with_manifest(
                lambda told, place=place, key=key: _parts(told)[place].pop(key)  # type: ignore[misc]
            ), "MISSING_KEY"  # fmt: skip


WRONG: dict[str, tuple[Any, ...]] = {
    "format": (0, -1, "1", None), "kind": ("other", "", 1), "id": ("", "0" * 32, "../x", 7),
    "name": ("", "../evil", "Evil", "a/b", "x" * 65, "a b", 3), "version": (0, -1, 10**9, "1", 1.5),
    "ir_hash": ("", "AB" * 32, "ab" * 31, None), "created_at": ("yesterday", "2026-11-30T12:00:00", 5, ""),
    "files": ([], {}, "x", [{}] * 9), "configuration_hash": ("x", None), "data": ([], {}, [1]),
    "engine": ([], None, "x"), "expected": (None, []), "evaluation": (None, 3),
}  # fmt: skip


def values() -> Iterator[Case]:
    for key, wrongs in WRONG.items():
        for wrong in wrongs:
            made = with_manifest(lambda told, key=key, wrong=wrong: told.update({key: wrong}))  # type: ignore[misc]
            yield f"{key} is {wrong!r}"[:60], made, "MISSING_KEY" if wrong == [{}] * 9 else "BAD_VALUE"
    for future in (2, 3, 10**6):
        yield f"format {future}", with_manifest(lambda told, f=future: told.update(format=f)), "FUTURE_FORMAT"  # type: ignore[misc]
    for key, wrong in {"created_at": "2026-11-30T14:00:00+02:00", "version": 1.0, "format": True}.items():
        made = with_manifest(lambda told, key=key, wrong=wrong: told.update({key: wrong}))  # type: ignore[misc]
        yield f"{key} in another form", made, "BAD_VALUE" if key == "version" else "NOT_CANONICAL"
    for timeframe in ("2m", "", None):
        made = with_manifest(lambda told, t=timeframe: told["data"][0].update(timeframe=t))  # type: ignore[misc]
        yield f"the timeframe {timeframe!r}", made, "BAD_VALUE"
    for instrument in ("../BTC", "", "a" * 65):
        made = with_manifest(lambda told, i=instrument: told["data"][0].update(instrument=i))  # type: ignore[misc]
        yield f"the instrument {instrument[:9]!r}", made, "BAD_VALUE"


def lists() -> Iterator[Case]:
    """Files that are not those that the manifest lists."""

    def row(told: Plain, place: int = 0, **changed: object) -> None:
        told["files"][place].update(changed)

    yield "a wrong hash", with_manifest(lambda told: row(told, sha256=HASH)), "WRONG_HASH"
    yield "a wrong size", with_manifest(lambda told: row(told, size=1)), "WRONG_SIZE"
    yield "a negative size", with_manifest(lambda told: row(told, size=-1)), "BAD_VALUE"
    for name in ("model.pkl", "../strategy.yaml", "strategy.py", "manifest.json", "signature.json", "/etc/passwd"):
        yield f"lists {name}", with_manifest(lambda told, n=name: row(told, name=n)), "BAD_VALUE"  # type: ignore[misc]
    yield "lists one twice", with_manifest(lambda told: told["files"].append(told["files"][0])), "DUPLICATE_NAME"
    yield "lists them in another order", with_manifest(lambda told: told["files"].reverse()), "NOT_CANONICAL"
    ghost = {"name": "certificate.json", "size": 2, "sha256": HASH}
    yield "lists one that is not there", with_manifest(lambda told: told["files"].append(ghost)), "MISSING_FILE"
    yield "no document", packed(unsigned(strategy_yaml=None)), "MISSING_FILE"
    yield "no configuration", packed(unsigned(configuration_json=None)), "MISSING_FILE"
    yield "a certificate that is not listed", packed(unsigned(certificate_json=b"{}")), "UNLISTED_FILE"
    for key, rows in (("data", ("data",)), ("orders", ("expected", "orders"))):
        yield f"{key} that stand twice", with_manifest(lambda told, r=rows: doubled(told, *r)), "DUPLICATE_NAME"  # type: ignore[misc]
    currency = manifest_of(lambda told: told["expected"]["metrics"].update(currency="GBP"))
    yield "a currency among the figures", packed(unsigned(manifest_json=currency)), "BAD_VALUE"
    for what, text in (("none", b"{}"), ("of another strategy", certificate("other")), ("made better", better())):
        yield f"a certificate that is {what}", written(package(certificate=text), None), "BAD_CERTIFICATE"
    yield "another document", packed(unsigned(strategy_yaml=TEXT.replace("10", "11").encode())), "WRONG_HASH"
    longer = TEXT.replace("10", "100").encode()
    yield "a longer document", packed(unsigned(strategy_yaml=longer)), "WRONG_SIZE"
    other = canonical_json({**configuration(), "currency": "EUR"}).encode()
    yield "another configuration", packed(unsigned(configuration_json=other)), "WRONG_HASH"
    only = manifest_of(lambda told: told.update(configuration_hash=HASH, id="0" * 32))
    yield "the hash of another configuration", packed(unsigned(manifest_json=only)), "BAD_VALUE"


def doubled(told: Plain, *path: str) -> None:
    """List the first row of a list twice, once with another value."""
    for part in path[:-1]:
        told = told[part]
    first = told[path[-1]][0]
    told[path[-1]].insert(0, {**first, "sha256": "cd" * 32})


def signatures() -> Iterator[Case]:
    rows = members()
    told = json.loads(rows["signature.json"])
    stranger = new_private_key()

    def signed(**changed: object) -> bytes:
        return packed({**rows, "signature.json": canonical_json({**told, **changed}).encode()})

    raw = base64.b64decode(told["signature"])
    other = json.loads(sign(rows["manifest.json"], stranger, "test").text())
    zeros = base64.b64encode(bytes(64)).decode()
    for name, wrong in {
        "zeros": zeros, "empty": "", "no base64": "!!!!", "short": base64.b64encode(raw[:63]).decode(),
        "long": base64.b64encode(raw + b"\0").decode(), "a bit": base64.b64encode(raw[:-1] + b"\xff").decode(),
        "of another key": other["signature"], "with a line end": told["signature"] + "\n",
    }.items():  # fmt: skip
        yield f"a signature: {name}", signed(signature=wrong), "BAD_SIGNATURE"
    yield "the key of another", signed(public_key=other["public_key"]), "BAD_SIGNATURE"
    low = "ed25519:" + base64.b64encode(bytes([1] + [0] * 31)).decode()
    for name, wrong in {
        "none": "", "rsa": "rsa:AAAA", "short": "ed25519:AAAA", "no base64": "ed25519:" + "!" * 43 + "=",
        "bits beyond": low[:-2] + "B=", "a path": "/etc/passwd",
    }.items():  # fmt: skip
        yield f"a public key: {name}", signed(public_key=wrong), "BAD_KEY"
    for algorithm in ("none", "ED25519", "hmac", ""):
        yield f"the algorithm {algorithm!r}", signed(algorithm=algorithm), "BAD_VALUE"
    yield "a further key of a signature", signed(note="x"), "UNKNOWN_KEY"
    for key in told:
        less = {name: value for name, value in told.items() if name != key}
        made = packed({**rows, "signature.json": canonical_json(less).encode()})
        yield f"a signature without {key}", made, "MISSING_KEY"
    yield "a signature that is a list", packed({**rows, "signature.json": b"[]"}), "BAD_VALUE"
    yield "a signature of nothing", packed({**rows, "signature.json": b""}), "BAD_JSON"
    for key, value in {"version": 2, "created_at": "2026-11-30T12:00:01+00:00"}.items():
        manifest = manifest_of(lambda plain, key=key, value=value: plain.update({key: value}))  # type: ignore[misc]
        yield f"a manifest with another {key}", packed({**rows, "manifest.json": manifest}), "BAD_VALUE"
    richer = manifest_of(lambda plain: plain["expected"]["metrics"].update(net_profit=9e9))
    yield "better figures under the old signature", packed({**rows, "manifest.json": richer}), "BAD_SIGNATURE"
