"""A package as one value: made of its parts, and read from bytes that nobody vouches for."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tradewright.dsl.check import compiled
from tradewright.dsl.document import StrategyDocument
from tradewright.dsl.problem import DocumentRefused
from tradewright.dsl.program import Program
from tradewright.evaluation.certificate import ScenarioCertificate
from tradewright.model.errors import DataError
from tradewright.model.hashing import canonical_json, content_hash
from tradewright.packages.archive import MOST_BYTES, pack, unpack
from tradewright.packages.fault import PackageFault, PackageRefused, refusal
from tradewright.packages.manifest import (
    CERTIFICATE,
    CONFIGURATION,
    DOCUMENT,
    LISTED,
    MANIFEST,
    SIGNATURE,
    SIZES,
    FileEntry,
    Manifest,
    plain_json,
    read_manifest,
)
from tradewright.packages.signing import Signature, read_signature, sign


class Trust(StrEnum):
    """What is known of who made a package."""

    TRUSTED = "TRUSTED"
    """Signed with a key that the settings list."""
    OWN = "OWN"
    """Signed with the key of this desk."""
    UNTRUSTED = "UNTRUSTED"
    """Signed with another key."""
    UNSIGNED = "UNSIGNED"
    """Not signed: anybody may have made or changed it."""


@dataclass(frozen=True)
class Package:
    """A package whose files are those that its manifest lists, and whose signature, where it has one, is right.

    Args:
        document: the text of the strategy document.
        configuration: the settings of its backtest, as plain values.
        certificate: the canonical JSON of its scenario certificate; None without one.
    """

    manifest: Manifest
    document: str
    configuration: Mapping[str, Any]
    certificate: bytes | None = None
    signature: Signature | None = None

    def trust(self, trusted: Mapping[str, str]) -> tuple[Trust, str]:
        """Whether its key is among the trusted ones, and under which name.

        Args:
            trusted: public keys by the names of their owners.
        """
        if self.signature is None:
            return Trust.UNSIGNED, ""
        known = [name for name, key in trusted.items() if key == self.signature.public_key]
        return (Trust.TRUSTED, known[0]) if known else (Trust.UNTRUSTED, "")

    def certified(self) -> ScenarioCertificate | None:
        """Its scenario certificate, read but not made again; None without one.

        Raises:
            PackageRefused: it is none, or of another strategy, or its verdict does not follow from its figures.
        """
        if self.certificate is None:
            return None
        try:
            made = ScenarioCertificate.restored(self.certificate.decode())
        except (DataError, UnicodeDecodeError) as error:
            what = error.what if isinstance(error, DataError) else "is no certificate"
            raise refusal(PackageFault.BAD_CERTIFICATE, what, CERTIFICATE) from error
        if made.strategy != self.manifest.name:
            what = f"it is of {made.strategy}, the package of {self.manifest.name}"
            raise refusal(PackageFault.BAD_CERTIFICATE, what, f"{CERTIFICATE}, strategy")
        return made

    def compiled(self) -> tuple[StrategyDocument, Program]:
        """The document and its meaning, compiled here; no code of the package is run.

        Raises:
            PackageRefused: it is wrong, of another name, or means something else than the manifest says.
        """
        try:
            document, program = compiled(self.document, DOCUMENT)
        except DocumentRefused as error:
            raise refusal(PackageFault.BAD_DOCUMENT, error.what, DOCUMENT) from error
        if document.id != self.manifest.name:
            what = f"the document is called {document.id}, the package {self.manifest.name}"
            raise refusal(PackageFault.OTHER_MEANING, what, f"{DOCUMENT}, id")
        if program.hash != self.manifest.ir_hash:
            what = f"its meaning has the hash {program.hash}, the manifest says {self.manifest.ir_hash}"
            raise refusal(PackageFault.OTHER_MEANING, what, f"{MANIFEST}, ir_hash")
        return document, program


def listed_files(document: str, configuration: Mapping[str, Any], certificate: bytes | None) -> dict[str, bytes]:
    """The files of a package that its manifest lists, by name, in their order."""
    files = {DOCUMENT: document.encode(), CONFIGURATION: canonical_json(configuration).encode()}
    return {**files, CERTIFICATE: certificate} if certificate is not None else files


def entries(files: Mapping[str, bytes]) -> tuple[FileEntry, ...]:
    """The rows of a manifest for its files."""
    rows = ({"name": name, "size": len(text), "sha256": _sha256(text)} for name, text in files.items())
    return tuple(FileEntry.model_validate(row) for row in rows)


def written(package: Package, private: str | None, where: str = "", level: int = 19) -> bytes:
    """The bytes of a package: the same for the same content, time, key and level.

    Args:
        private: the key that signs it, in PEM; None leaves it unsigned.
        where: where the key comes from, for messages.

    Raises:
        PackageRefused: for a key that is none, and a package that no reader would take.
    """
    files = listed_files(package.document, package.configuration, package.certificate)
    manifest = package.manifest.text()
    signature = {SIGNATURE: sign(manifest, private, where).text()} if private is not None else {}
    made = pack({MANIFEST: manifest, **signature, **files}, level)
    read(made)
    return made


def read_file(path: Path) -> Package:
    """A package from a file; nothing is written, and nothing of it is run.

    Raises:
        PackageRefused: naming the file, the member and the rule.
    """
    try:
        return read(_bytes(path))
    except PackageRefused as error:
        raise error.at(str(path)) from error


def read(data: bytes) -> Package:
    """A package from its bytes.

    Raises:
        PackageRefused: naming the member and the rule.
    """
    members = unpack(data, SIZES)
    if list(members) != [name for name in SIZES if name in members] or MANIFEST not in members:
        what = f"the files must be {', '.join(SIZES)}, in this order" if MANIFEST in members else "it has no manifest"
        raise refusal(PackageFault.NOT_CANONICAL if MANIFEST in members else PackageFault.MISSING_FILE, what, MANIFEST)
    manifest = read_manifest(members[MANIFEST])
    signed = members.get(SIGNATURE)
    signature = read_signature(signed, members[MANIFEST]) if signed is not None else None
    _compare(manifest, {name: members[name] for name in LISTED if name in members})
    configuration = plain_json(members[CONFIGURATION], CONFIGURATION)
    if not isinstance(configuration, dict):
        raise refusal(PackageFault.BAD_VALUE, "it is no mapping of settings", CONFIGURATION)
    if content_hash(configuration) != manifest.configuration_hash:
        what = "the hash of its settings is not the one in the manifest"
        raise refusal(PackageFault.WRONG_HASH, what, f"{MANIFEST}, configuration_hash")
    certificate = members.get(CERTIFICATE)
    if certificate is not None:
        plain_json(certificate, CERTIFICATE)
    return Package(manifest, _text(members[DOCUMENT]), configuration, certificate, signature)


def _compare(manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Refuse files that are not those of the manifest."""
    for name in files:
        if name not in manifest.listed():
            raise refusal(PackageFault.UNLISTED_FILE, "the manifest does not list it", name)
    for row in manifest.files:
        if row.name not in files:
            raise refusal(PackageFault.MISSING_FILE, "the manifest lists it and it is not there", row.name)
        content = files[row.name]
        if len(content) != row.size:
            raise refusal(PackageFault.WRONG_SIZE, f"{len(content)} bytes, the manifest says {row.size}", row.name)
        if (found := _sha256(content)) != row.sha256:
            raise refusal(PackageFault.WRONG_HASH, f"its SHA-256 is {found}, the manifest says {row.sha256}", row.name)
    if manifest.listed() != tuple(files):
        raise refusal(PackageFault.NOT_CANONICAL, "the files are listed in another order", f"{MANIFEST}, files")


def _bytes(path: Path) -> bytes:
    """The bytes of a plain file, never more than one above the most."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise refusal(PackageFault.UNREADABLE, "it is no plain file")
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise refusal(PackageFault.UNREADABLE, f"it cannot be read: {error.strerror}") from error


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refusal(PackageFault.BAD_DOCUMENT, f"no UTF-8 text at byte {error.start}", DOCUMENT) from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
