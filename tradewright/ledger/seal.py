"""The seal of a ledger: a key and the end of the chain, both kept outside of the database (D5).

Whoever writes the database can compute plain hashes anew. Each event therefore has a keyed hash as well (HMAC-SHA-256
over its plain hash, which covers its content and the event before it), and the newest event is noted beside the key
after every commit: an event that was not written by a holder of the key, and a chain that was cut, are found.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tradewright.ledger.errors import LedgerKeyMissing
from tradewright.model.errors import LedgerError
from tradewright.store.files import private_folder, sync

VARIABLE = "TRADEWRIGHT_KEYS"
"""The environment variable that names another folder of keys."""
KEY_FILE, END_FILE, COMPARED = "ledger.key", "end.json", "compared"
REKEY = 'tradewright ledger rekey --reason "..."'
_TRIES, _TRY_SECONDS = 100, 0.01
"""How often the lock of a folder is tried before the end that is noted there is left as it is."""
_ID, _KEY = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}\n")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest event that is known outside of the database. It may lag behind the chain, never lead."""

    seq: int
    hash: str


START = Anchor(0, "0" * 64)
"""Before the first event."""


def keys_folder() -> Path:
    """Where keys are kept: ``TRADEWRIGHT_KEYS``, else ``tradewright/keys`` in the user's folder of configuration."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "tradewright" / "keys"


def keyed_hash(key: bytes, text: str) -> str:
    """HMAC-SHA-256 of a text, as 64 hexadecimal digits."""
    return hmac.digest(key, text.encode("utf-8", "replace"), "sha256").hex()


def is_sealed(key: bytes, text: str, mac: object) -> bool:
    """Whether a keyed hash belongs to a text."""
    return hmac.compare_digest(keyed_hash(key, text), str(mac).encode("ascii", "replace").decode())


def new_id() -> str:
    """A name for a ledger that no other has."""
    return secrets.token_hex(16)


class Keyring:
    """The keys and the anchored ends of all ledgers of a user, one folder each; files 0600, folders 0700."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or keys_folder()
        self._known: dict[str, bytes] = {}

    def path(self, ledger_id: str) -> Path:
        """The file of a ledger's key."""
        return self.folder / ledger_id / KEY_FILE

    def key(self, ledger_id: str) -> bytes | None:
        """The key of a ledger; None when there is none.

        Raises:
            LedgerKeyMissing: when its file is no plain file, may be read by others, or holds no key.
        """
        if ledger_id in self._known or not _ID.fullmatch(ledger_id):
            return self._known.get(ledger_id)
        path = self.path(ledger_id)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, f"cannot be opened: {error.strerror}", "make it a file of its owner alone") from error
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode) or stat.S_IMODE(mode) & 0o077:
                raise _unusable(path, "may be read by others, or is no plain file", f"chmod 600 {path}")
            text = os.read(handle, 1024).decode("ascii", "replace")
        finally:
            os.close(handle)
        if not _KEY.fullmatch(text):
            raise _unusable(path, "holds no key", f"restore it, or: {REKEY}")
        self._known[ledger_id] = bytes.fromhex(text)
        return self._known[ledger_id]

    def make(self, ledger_id: str) -> bytes:
        """Make the key of a new ledger.

        Raises:
            LedgerError: when it cannot be written, or is there already.
        """
        path, key = self.path(ledger_id), secrets.token_bytes(32)
        try:
            private_folder(path.parent)
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "w") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(key.hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            _note_end(path.parent, START)
            for folder in (path.parent, self.folder):
                sync(folder)
        except OSError as error:
            remedy = f"make the folder writable, or name another one in {VARIABLE}"
            what = f"the ledger's key cannot be written: {error.strerror or error}"
            raise LedgerError(what, where=str(path), remedy=remedy) from error
        self._known[ledger_id] = key
        return key

    def anchor(self, ledger_id: str) -> Anchor | None:
        """The anchored end of a ledger; None when there is none that can be read."""
        if not _ID.fullmatch(ledger_id):
            return None
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            told = json.loads(_plain_bytes(self.folder / ledger_id / END_FILE))
            if type(told["seq"]) is int and told["seq"] >= 0:
                return Anchor(told["seq"], str(told["hash"]))
        return None

    def move_anchor(self, ledger_id: str, end: Anchor, holds: Callable[[Anchor], bool]) -> None:
        """Note a newer end, after its commit. Where that fails the old one stays: it lags, which is allowed.

        Args:
            holds: whether the chain still has the end that is noted. One that was cut is not noted anew: the old note
                is the proof.
        """
        folder = self.folder / ledger_id
        with suppress(OSError), _locked(folder):
            present = self.anchor(ledger_id)
            if present is not None and present.seq < end.seq and holds(present):
                _note_end(folder, end)

    def compared(self, ledger_id: str, name: str) -> Anchor | None:
        """Up to which event the rows of some name were compared, and their digest; None without a note of this key."""
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError, LedgerKeyMissing):
            key, told = self.key(ledger_id), json.loads(_plain_bytes(self._comparison(ledger_id, name)))
            seq, digest = told["seq"], told["hash"]
            is_whole = key is not None and type(seq) is int and _DIGEST.fullmatch(digest) is not None
            if is_whole and is_sealed(key or b"", _comparison_text(name, Anchor(seq, digest)), told["mac"]):
                return Anchor(seq, digest)
        return None

    def note_compared(self, ledger_id: str, name: str, upto: Anchor) -> None:
        """Note what was compared, under the key. Without the key, or where it cannot be written, nothing is noted."""
        with suppress(OSError, LedgerKeyMissing):
            if (key := self.key(ledger_id)) is not None:
                path = self._comparison(ledger_id, name)
                private_folder(path.parent)
                told = {"seq": upto.seq, "hash": upto.hash, "mac": keyed_hash(key, _comparison_text(name, upto))}
                _replace(path, json.dumps(told))

    def _comparison(self, ledger_id: str, name: str) -> Path:
        return self.folder / ledger_id / COMPARED / hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]

    def known_at(self, place: str) -> str:
        """The id of the ledger that was last sealed at a place; empty when none was."""
        with suppress(OSError):
            return _plain_bytes(self._place(place)).decode("ascii", "replace").strip()
        return ""

    def note_place(self, place: str, ledger_id: str) -> None:
        """Remember which ledger is sealed at a place, so that one that is put there instead is not taken for it."""
        path = self._place(place)
        with suppress(OSError):
            private_folder(path.parent)
            _replace(path, ledger_id + "\n")

    def _place(self, place: str) -> Path:
        return self.folder / "places" / hashlib.sha256(place.encode("utf-8", "replace")).hexdigest()[:32]


def _comparison_text(name: str, upto: Anchor) -> str:
    """The text whose keyed hash a note carries; no hash of an event looks like it."""
    return f"compared {upto.seq} {upto.hash} {name}"


def _note_end(folder: Path, end: Anchor) -> None:
    _replace(folder / END_FILE, json.dumps({"seq": end.seq, "hash": end.hash}))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The lock of a folder.

    Raises:
        OSError: when another process keeps it: a stopped one must not keep a kill waiting.
    """
    handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        for _ in range(_TRIES):
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(_TRY_SECONDS)
        else:
            raise BlockingIOError("another process keeps the lock")
        yield
    finally:
        os.close(handle)


def _plain_bytes(path: Path) -> bytes:
    """The content of a small plain file; nothing else keeps the reader waiting.

    Raises:
        OSError: for anything else.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("is no plain file")
        return os.read(handle, 1024)
    finally:
        os.close(handle)


def _replace(path: Path, text: str) -> None:
    """Whole or not at all. It is not synchronised: a crash of the machine leaves an older end, which may lag."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    draft.replace(path)


def _unusable(path: Path, what: str, remedy: str) -> LedgerKeyMissing:
    return LedgerKeyMissing(f"the ledger's key {what}; nothing is sent", where=str(path), remedy=remedy)
