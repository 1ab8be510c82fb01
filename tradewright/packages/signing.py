"""Ed25519 keys and signatures (RFC 8032) of packages.

A private key is a text in PEM (PKCS 8), as ``openssl genpkey -algorithm ed25519`` writes it too. A public key is
``ed25519:`` and the base64 of its 32 bytes: one line, which people can read to one another.
"""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tradewright.model.base import FrozenModel
from tradewright.model.hashing import canonical_json
from tradewright.packages.fault import PackageFault, refusal
from tradewright.packages.manifest import SIGNATURE, plain_json, validated

ALGORITHM = "ed25519"
_PUBLIC = re.compile(r"ed25519:([A-Za-z0-9+/]{43}=)")
_CONTEXT = b"tradewright strategy package 1\n"
"""Stands before the manifest in what is signed, so that no signature of another purpose fits a package."""


_P = 2**255 - 19
_EIGHTH = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = frozenset({0, 1, _P - 1, _EIGHTH, _P - _EIGHTH})
"""The y of the points whose order divides 8 (RFC 8032, 5.1.7): under such a key one signature fits every text."""


class Signature(FrozenModel):
    """A signature of a manifest, and the key that made it."""

    algorithm: str
    public_key: str
    signature: str

    def text(self) -> bytes:
        """Its canonical JSON."""
        return canonical_json(self).encode()


def new_private_key() -> str:
    """A new private key from the random source of the operating system, as PEM."""
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def public_key_of(private: str, where: str) -> str:
    """The public key that belongs to a private one.

    Raises:
        PackageRefused: as :func:`sign`.
    """
    return _told(_private(private, where).public_key())


def sign(manifest: bytes, private: str, where: str) -> Signature:
    """The signature of a manifest.

    Args:
        private: a key in PEM.
        where: where it comes from, for messages, which never repeat it.

    Raises:
        PackageRefused: it is no private key of Ed25519, or it is encrypted.
    """
    key = _private(private, where)
    made = base64.b64encode(key.sign(_CONTEXT + manifest)).decode()
    return Signature(algorithm=ALGORITHM, public_key=_told(key.public_key()), signature=made)


def read_signature(content: bytes, manifest: bytes) -> Signature:
    """A signature that is one of this manifest.

    Raises:
        PackageRefused: it has another form, or is of something else.
    """
    plain_json(content, SIGNATURE)
    told = validated(Signature, content, SIGNATURE)
    if told.algorithm != ALGORITHM:
        what = f"the algorithm {told.algorithm[:20]!r}, known is {ALGORITHM}"
        raise refusal(PackageFault.BAD_VALUE, what, f"{SIGNATURE}, algorithm")
    key = read_public_key(told.public_key, f"{SIGNATURE}, public_key")
    try:
        raw = base64.b64decode(told.signature, validate=True)
        if base64.b64encode(raw).decode() != told.signature:
            raise ValueError
        key.verify(raw, _CONTEXT + manifest)
    except (InvalidSignature, binascii.Error, ValueError):
        what = f"it is not the signature of {told.public_key} under this manifest"
        raise refusal(PackageFault.BAD_SIGNATURE, what, f"{SIGNATURE}, signature") from None
    return told


def read_public_key(text: str, where: str) -> Ed25519PublicKey:
    """A public key in its one form.

    Raises:
        PackageRefused: it has another form.
    """
    found = _PUBLIC.fullmatch(text)
    raw = base64.b64decode(found[1]) if found else b""
    if found is None or base64.b64encode(raw).decode() != found[1]:
        what = f"{text[:60]!r} is no public key: ed25519: and 44 characters of base64"
        raise refusal(PackageFault.BAD_KEY, what, where, "take the line that tradewright package key printed")
    y = int.from_bytes(raw, "little") % 2**255
    if y >= _P or y in _SMALL_ORDER:
        what = f"{text} is no key that somebody holds: under it one signature fits every package"
        raise refusal(PackageFault.BAD_KEY, what, where, "ask for a key that tradewright package key made")
    return Ed25519PublicKey.from_public_bytes(raw)


def _private(text: str, where: str) -> Ed25519PrivateKey:
    remedy = "make one with tradewright package key FILE"
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # whose texts may tell of the content
        what = "it is no private key in PEM, or it is encrypted"
        raise refusal(PackageFault.BAD_KEY, what, where, remedy) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise refusal(PackageFault.BAD_KEY, "it is a key of another algorithm than Ed25519", where, remedy)
    return key


def _told(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return f"ed25519:{base64.b64encode(raw).decode()}"
