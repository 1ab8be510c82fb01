"""The manifest of a package: what it holds, what it was made with, and what its backtest gave."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, JsonValue, ValidationError, model_validator

from tradewright.model.bars import Timeframe
from tradewright.model.base import FrozenModel, Instant, Name
from tradewright.model.hashing import canonical_json, content_hash
from tradewright.model.plain_words import plain_rule
from tradewright.packages.fault import PackageFault, PackageRefused, refusal

FORMAT = 1
"""The version of the format that this program writes; a newer one is refused."""
KIND = "tradewright-strategy-package"

MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
DOCUMENT = "strategy.yaml"
CONFIGURATION = "configuration.json"
CERTIFICATE = "certificate.json"
SIZES = {
    MANIFEST: 256 * 1024,
    SIGNATURE: 4 * 1024,
    DOCUMENT: 256 * 1024,
    CONFIGURATION: 512 * 1024,
    CERTIFICATE: 4 * 1024 * 1024,
}
"""The files that a package may hold, in their order, and the most bytes of each."""
LISTED = (DOCUMENT, CONFIGURATION, CERTIFICATE)
"""Those that the manifest lists."""
_DEEPEST = 12
_LARGEST = 2**63
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Signs that steer a terminal, a reading direction or nothing at all."""
Model = TypeVar("Model", bound=FrozenModel)

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
StrategyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Count = Annotated[int, Field(ge=0, le=2**53)]
Words = Annotated[str, Field(max_length=1000)]
Figures = dict[Annotated[str, Field(max_length=64)], JsonValue]


class FileEntry(FrozenModel):
    """A file of the package, with its size in bytes and its SHA-256."""

    name: Literal["strategy.yaml", "configuration.json", "certificate.json"]
    size: Count
    sha256: Sha256


class Engine(FrozenModel):
    """What turned decisions into numbers.

    Args:
        program, python, numpy, numba: versions.
        digest: of the engine's code and those versions.
    """

    program: Words
    python: Words
    numpy: Words
    numba: Words
    digest: Sha256


class DataFingerprint(FrozenModel):
    """Bars that the backtest read.

    Args:
        use: ``traded``, ``read`` beside them by the rules, ``benchmark``, or the ``rates`` of another currency.
        bars: their number.
        first, last: the starts of the first and the last of them; None without bars.
        sha256: of their values, and of the corporate actions within them.
    """

    use: Literal["traded", "read", "benchmark", "rates"]
    instrument: Name
    timeframe: Timeframe
    bars: Count
    first: Instant | None
    last: Instant | None
    sha256: Sha256

    @model_validator(mode="after")
    def _spans(self) -> Self:
        if (self.first is None) != (self.last is None) or (self.first is None) != (self.bars == 0):
            raise ValueError("bars have a first and a last one, and no bars have neither")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError("the first bar starts after the last one")
        return self


class ExpectedFills(FrozenModel):
    """The orders of one instrument: how many were sent and filled, and the SHA-256 of all fills in their order."""

    instrument: Name
    orders: Count
    fills: Count
    sha256: Sha256


class Evaluation(FrozenModel):
    """What was known of luck when the package was made; trials are those of the ledger of the one who made it."""

    trials: Count
    effective_trials: Annotated[float, Field(ge=0)]
    verdict: Words
    text: Words
    figures: Figures
    void: Words


class Expected(FrozenModel):
    """What the backtest gave, and gives again with the same bars, document, configuration and engine.

    Args:
        currency: of all money in it.
        code: the identity of the strategy's code and the engine.
        orders: by instrument.
        metrics: of the whole account; ratios are fractions, None where a figure is not defined.
    """

    currency: Annotated[str, Field(max_length=8)]
    code: Words
    orders: tuple[ExpectedFills, ...]
    metrics: Figures


class Manifest(FrozenModel):
    """Everything that is told of a package; its canonical JSON is what is signed.

    Args:
        format: of the package.
        kind: that it is one.
        id: the first 32 digits of a hash over name, version, meaning, configuration and time.
        version: of the strategy; it rises when its meaning changes.
        ir_hash: of the document's meaning.
        dsl_version, schema_version: of the document's language and of stored tables.
        configuration_hash: of the settings in ``configuration.json``.
    """

    format: Literal[1]
    kind: Literal["tradewright-strategy-package"]
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    name: StrategyName
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    ir_hash: Sha256
    dsl_version: Words
    schema_version: Words
    engine: Engine
    created_at: Instant
    files: Annotated[tuple[FileEntry, ...], Field(min_length=2, max_length=3)]
    configuration_hash: Sha256
    data: Annotated[tuple[DataFingerprint, ...], Field(min_length=1, max_length=2000)]
    expected: Expected
    evaluation: Evaluation

    def text(self) -> bytes:
        """The canonical JSON, which is signed."""
        return canonical_json(self).encode()

    def listed(self) -> tuple[str, ...]:
        """The names of the files."""
        return tuple(row.name for row in self.files)


def package_id(name: str, version: int, ir_hash: str, configuration_hash: str, created_at: Instant) -> str:
    """The id of a package."""
    return content_hash([name, version, ir_hash, configuration_hash, created_at])[:32]


def read_manifest(content: bytes) -> Manifest:
    """The manifest in its only form.

    Raises:
        PackageRefused: naming the key and the rule.
    """
    plain = plain_json(content, MANIFEST)
    told = plain.get("format") if isinstance(plain, dict) else None
    if isinstance(told, int) and told > FORMAT:
        raise refusal(PackageFault.FUTURE_FORMAT, f"format {told}, this program reads {FORMAT}", f"{MANIFEST}, format")
    _refuse_controls(plain)
    manifest = validated(Manifest, content, MANIFEST)
    _canonical(content, manifest.text(), MANIFEST)
    if len(set(manifest.listed())) != len(manifest.files):
        raise refusal(PackageFault.DUPLICATE_NAME, "a file is listed twice", f"{MANIFEST}, files")
    if not {DOCUMENT, CONFIGURATION} <= set(manifest.listed()):
        raise refusal(PackageFault.MISSING_FILE, f"{DOCUMENT} or {CONFIGURATION} is not listed", f"{MANIFEST}, files")
    bars = [(row.use, row.instrument, row.timeframe) for row in manifest.data]
    orders = [row.instrument for row in manifest.expected.orders]
    for key, names in (("data", bars), ("expected.orders", orders)):
        if len(set(names)) != len(names):
            raise refusal(PackageFault.DUPLICATE_NAME, "an instrument is listed twice", f"{MANIFEST}, {key}")
    if "currency" in manifest.expected.metrics:
        what = "it is no figure, and stands beside them"
        raise refusal(PackageFault.BAD_VALUE, what, f"{MANIFEST}, expected.metrics.currency")
    made = package_id(
        manifest.name, manifest.version, manifest.ir_hash, manifest.configuration_hash, manifest.created_at
    )
    if manifest.id != made:
        raise refusal(PackageFault.BAD_VALUE, f"{manifest.id} is not the id of this content", f"{MANIFEST}, id")
    return manifest


def validated(kind: type[Model], content: bytes, where: str) -> Model:
    """A file as a model.

    Raises:
        PackageRefused: naming the first key that is wrong.
    """
    try:
        return kind.model_validate_json(content, strict=True)
    except ValidationError as error:
        row = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in row["loc"])
        place = f"{where}, {key}" if key else where
        if row["type"] == "extra_forbidden":
            raise refusal(PackageFault.UNKNOWN_KEY, "there is no such key", place) from None
        if row["type"] == "missing":
            raise refusal(PackageFault.MISSING_KEY, "the key is missing", place) from None
        raise refusal(PackageFault.BAD_VALUE, plain_rule(dict(row)), place) from None


def plain_json(content: bytes, where: str) -> Any:
    """A file of canonical JSON as plain values.

    Raises:
        PackageRefused: no UTF-8 or JSON, a key that stands twice, a number that is not finite, too deep, or not in
            canonical form.
    """
    try:
        text = content.decode("utf-8")
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_finite)
        _refuse_shape(found, where)
        canonical = canonical_json(found).encode()
    except PackageRefused as error:
        raise PackageRefused(error.what, where=where, remedy=error.remedy, code=error.code) from None
    except (ValueError, RecursionError) as error:
        raise refusal(PackageFault.BAD_JSON, f"it is no plain JSON ({str(error)[:120]})", where) from None
    _canonical(content, canonical, where)
    return found


def _canonical(content: bytes, canonical: bytes, where: str) -> None:
    if content != canonical:
        what = "its JSON is not in canonical form: sorted keys, no white space, each value in its one form"
        raise refusal(PackageFault.NOT_CANONICAL, what, where)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise refusal(PackageFault.BAD_JSON, f"a key stands twice among {', '.join(sorted(found))[:120]}")
    return found


def _finite(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _refuse_shape(value: object, where: str, depth: int = 0) -> None:
    """Refuse what is nested too deep, and whole numbers that no figure has and some readers cannot hold."""
    if depth > _DEEPEST:
        raise refusal(PackageFault.BAD_JSON, f"it is nested deeper than {_DEEPEST} levels", where)
    if isinstance(value, int) and abs(value) >= _LARGEST:
        raise refusal(PackageFault.BAD_JSON, f"a whole number of {value.bit_length()} bits, at most 63", where)
    below: Iterable[object] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in below:
        _refuse_shape(each, where, depth + 1)


def _refuse_controls(value: object, key: str = "") -> None:
    """Refuse texts that would steer the terminal or the page on which the manifest is shown."""
    if isinstance(value, str) and _CONTROL.search(value):
        what = f"{value[:60]!a} holds a sign that steers what is shown and is not seen"
        raise refusal(PackageFault.BAD_VALUE, what, f"{MANIFEST}, {key}" if key else MANIFEST)
    if isinstance(value, dict):
        for name, each in value.items():
            _refuse_controls(name, key)
            _refuse_controls(each, f"{key}.{name}".strip("."))
    if isinstance(value, list):
        for each in value:
            _refuse_controls(each, key)


def finite(value: JsonValue) -> JsonValue:
    """A figure for the manifest; one that is not finite is None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [finite(each) for each in value] if isinstance(value, list) else value
