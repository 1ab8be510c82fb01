"""Why a package is refused: one code for each rule, where it was broken, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from importlib.util import find_spec

from tradewright.model.errors import TradewrightError


class PackageFault(StrEnum):
    """The rules that a package can break, the first ones before anything of it is unpacked."""

    UNREADABLE = "PACKAGE_UNREADABLE"
    TOO_LARGE = "PACKAGE_TOO_LARGE"
    NO_PACKAGE = "PACKAGE_NO_PACKAGE"
    DAMAGED = "PACKAGE_DAMAGED"
    BAD_STREAM = "PACKAGE_BAD_STREAM"
    TRAILING_BYTES = "PACKAGE_TRAILING_BYTES"
    UNPACKS_TOO_LARGE = "PACKAGE_UNPACKS_TOO_LARGE"
    BAD_ARCHIVE = "PACKAGE_BAD_ARCHIVE"
    TOO_MANY_FILES = "PACKAGE_TOO_MANY_FILES"
    NOT_A_PLAIN_FILE = "PACKAGE_NOT_A_PLAIN_FILE"
    BAD_NAME = "PACKAGE_BAD_NAME"
    DUPLICATE_NAME = "PACKAGE_DUPLICATE_NAME"
    FILE_TOO_LARGE = "PACKAGE_FILE_TOO_LARGE"
    NOT_CANONICAL = "PACKAGE_NOT_CANONICAL"
    MISSING_FILE = "PACKAGE_MISSING_FILE"
    UNLISTED_FILE = "PACKAGE_UNLISTED_FILE"
    WRONG_SIZE = "PACKAGE_WRONG_SIZE"
    WRONG_HASH = "PACKAGE_WRONG_HASH"
    BAD_JSON = "PACKAGE_BAD_JSON"
    FUTURE_FORMAT = "PACKAGE_FUTURE_FORMAT"
    UNKNOWN_KEY = "PACKAGE_UNKNOWN_KEY"
    MISSING_KEY = "PACKAGE_MISSING_KEY"
    BAD_VALUE = "PACKAGE_BAD_VALUE"
    BAD_SIGNATURE = "PACKAGE_BAD_SIGNATURE"
    UNSIGNED = "PACKAGE_UNSIGNED"
    UNTRUSTED_KEY = "PACKAGE_UNTRUSTED_KEY"
    BAD_DOCUMENT = "PACKAGE_BAD_DOCUMENT"
    OTHER_MEANING = "PACKAGE_OTHER_MEANING"
    BAD_CONFIGURATION = "PACKAGE_BAD_CONFIGURATION"
    BAD_CERTIFICATE = "PACKAGE_BAD_CERTIFICATE"
    TOO_MUCH_WORK = "PACKAGE_TOO_MUCH_WORK"
    NO_DOCUMENT = "PACKAGE_NO_DOCUMENT"
    NOT_PORTABLE = "PACKAGE_NOT_PORTABLE"
    NAME_TAKEN = "PACKAGE_NAME_TAKEN"
    BAD_KEY = "PACKAGE_BAD_KEY"
    KEY_PLACE = "PACKAGE_KEY_PLACE"
    NO_KEY = "PACKAGE_NO_KEY"
    LIBRARIES_MISSING = "PACKAGE_LIBRARIES_MISSING"


MEANING: Mapping[PackageFault, str] = {
    PackageFault.UNREADABLE: "a package is a plain file that can be read",
    PackageFault.TOO_LARGE: "a package has at most 4 MiB",
    PackageFault.NO_PACKAGE: "it begins with the frame that holds its digest",
    PackageFault.DAMAGED: "its bytes are those that its digest names",
    PackageFault.BAD_STREAM: "then comes one zstd frame with its size, a checksum and no dictionary",
    PackageFault.TRAILING_BYTES: "nothing stands behind the frame, nor behind the archive inside of it",
    PackageFault.UNPACKS_TOO_LARGE: "it unpacks to at most 8 MiB",
    PackageFault.BAD_ARCHIVE: "each header of the archive is whole, and so is each file",
    PackageFault.TOO_MANY_FILES: "there are at most five files",
    PackageFault.NOT_A_PLAIN_FILE: "each is a plain file: no link, device, pipe, folder or extension",
    PackageFault.BAD_NAME: "each has one of the five names: no paths, no code, no pickles",
    PackageFault.DUPLICATE_NAME: "no file stands or is listed twice, nor the bars or orders of an instrument",
    PackageFault.FILE_TOO_LARGE: "none is larger than a file of its name may be",
    PackageFault.NOT_CANONICAL: "archive and JSON have their one form: order, headers, paddings, white space, values",
    PackageFault.MISSING_FILE: "manifest, document and configuration are there, and every file that is listed",
    PackageFault.UNLISTED_FILE: "there is no file that the manifest does not list",
    PackageFault.WRONG_SIZE: "each has the size that is listed",
    PackageFault.WRONG_HASH: "each has the SHA-256 that is listed, and the settings theirs",
    PackageFault.BAD_JSON: "JSON is UTF-8, with each key once, finite numbers, and at most 12 levels",
    PackageFault.FUTURE_FORMAT: "its format is one that this program knows",
    PackageFault.UNKNOWN_KEY: "there is no key that the format does not have",
    PackageFault.MISSING_KEY: "each key that the format has is there",
    PackageFault.BAD_VALUE: "each value is of its kind and within its bounds",
    PackageFault.BAD_SIGNATURE: "the signature is that of the manifest under the key beside it",
    PackageFault.UNSIGNED: "it is signed, or `--allow-unsigned` is said",
    PackageFault.UNTRUSTED_KEY: "its key is your own or one of `packages.trusted`, or `--allow-untrusted` is said",
    PackageFault.BAD_DOCUMENT: "the document has no error and refers to no setting or variable, in a comment neither",
    PackageFault.OTHER_MEANING: "name and meaning of the document are those of the manifest",
    PackageFault.BAD_CONFIGURATION: "the settings are those that a package may carry, and what it needs is defined",
    PackageFault.BAD_CERTIFICATE: "its certificate is of this strategy, has each scenario once, and the verdict "
    "follows from the figures",
    PackageFault.TOO_MUCH_WORK: "its scenario and its decisions keep to what is computed to verify a package",
    PackageFault.NO_DOCUMENT: "only a document is exported and saved, no strategy in Python",
    PackageFault.NOT_PORTABLE: "only what another machine can read is exported",
    PackageFault.NAME_TAKEN: "nothing is overwritten: no other strategy, no file that is no package",
    PackageFault.BAD_KEY: "a key is one of Ed25519: PEM the private one, `ed25519:` and base64 the public one",
    PackageFault.KEY_PLACE: "a private key is a new file outside of the storage folder and the YAML files",
    PackageFault.NO_KEY: "there is a key to sign with, or `--unsigned` is said",
    PackageFault.LIBRARIES_MISSING: "the extra `packages` is installed",
}
"""The rule behind each code, for people."""

_ASK = "ask who sent it for a new one; nothing was written"
_MADE = "take a file that tradewright package export wrote; nothing was written"
REMEDY: Mapping[PackageFault, str] = {
    PackageFault.UNREADABLE: "name a package file that is there and that this user may read",
    PackageFault.TOO_LARGE: _MADE,
    PackageFault.NO_PACKAGE: _MADE,
    PackageFault.DAMAGED: "send or download it again; nothing was written",
    PackageFault.FUTURE_FORMAT: "upgrade Tradewright; nothing was written",
    PackageFault.UNSIGNED: "ask for a signed one, or add --allow-unsigned when you know where it comes from",
    PackageFault.UNTRUSTED_KEY: "compare the key with its owner's by another way and list it under packages.trusted in "
    "conf/packages/default.yaml, or add --allow-untrusted; where it is your own, name its file: --key FILE, or "
    "TRADEWRIGHT_PACKAGE_KEY_FILE=FILE in .env",
    PackageFault.BAD_SIGNATURE: "somebody changed it after it was signed: ask for a new one; nothing was written",
}
"""What to do, by code; :data:`_ASK` for all others."""


class PackageRefused(TradewrightError):
    """A package that breaks a rule, named by ``code``; nothing of it was written or run."""

    def at(self, place: str) -> PackageRefused:
        """The same refusal with the package's file named before the member and the key."""
        where = f"{place}: {self.where}" if self.where else place
        return PackageRefused(self.what, where=where, remedy=self.remedy, code=self.code)


def refusal(fault: PackageFault, what: str, where: str = "", remedy: str = "") -> PackageRefused:
    """The refusal of a package.

    Args:
        where: the member and the key; empty for the whole file.
        remedy: that of the rule when empty.
    """
    return PackageRefused(what, where=where, remedy=remedy or REMEDY.get(fault, _ASK), code=fault)


def demand_libraries() -> None:
    """Refuse where the libraries of packages, an extra, are not installed.

    Raises:
        PackageRefused: naming them.
    """
    missing = [name for name in ("cryptography", "zstandard") if find_spec(name) is None]
    if missing:
        what, remedy = (
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed",
            "pip install tradewright[packages]",
        )
        raise refusal(PackageFault.LIBRARIES_MISSING, what, "extra packages", remedy)
