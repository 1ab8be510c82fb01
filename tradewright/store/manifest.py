"""What a set of bars consists of: its files with their checksums, and its revisions."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import Field, ValidationError

from tradewright.model.base import FrozenModel, Instant
from tradewright.model.errors import StoreError
from tradewright.model.hashing import SCHEMA_VERSION
from tradewright.store.atomic import write_bytes


class Part(FrozenModel):
    """One file: the bars of one year (or the rows that one revision replaced)."""

    file: str
    """Relative to the folder of the manifest."""
    rows: int
    first: int
    last: int
    """Starts of the first and the last bar, nanoseconds since 1970 UTC."""
    sha256: str


class Revision(FrozenModel):
    """A vendor's correction: how many bars changed, over which span, and where the old rows are."""

    number: int
    recorded_at: Instant
    source: str
    replaced: Part


class Manifest(FrozenModel):
    """The one file whose rename changes what a reader sees. ``parts`` is keyed by year."""

    schema_version: str = SCHEMA_VERSION
    parts: dict[str, Part] = Field(default_factory=dict)
    revisions: tuple[Revision, ...] = ()

    @property
    def rows(self) -> int:
        """Bars in all parts."""
        return sum(part.rows for part in self.parts.values())

    @classmethod
    def load(cls, path: Path) -> Manifest | None:
        """The manifest at ``path``; None when there is none.

        Raises:
            StoreError: when it is damaged, or written by another version.
        """
        try:
            digest, _, body = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        if hashlib.sha256(body).hexdigest().encode() != digest:
            raise StoreError("the manifest is damaged", where=str(path), remedy=REMEDY)
        try:
            manifest = cls.model_validate_json(body)
        except ValidationError as error:
            raise StoreError(
                f"the manifest has another form: {error.errors()[0]['msg']}", where=str(path), remedy=REMEDY
            ) from error
        if manifest.schema_version != SCHEMA_VERSION:
            raise StoreError(
                f"written as schema {manifest.schema_version}, this is {SCHEMA_VERSION}", where=str(path), remedy=REMEDY
            )
        return manifest

    def save(self, path: Path) -> None:
        """Write it, its own SHA-256 on the first line.

        Raises:
            StoreError: when it cannot be written.
        """
        body = json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True).encode()
        write_bytes(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


REMEDY = "restore it from a backup, or remove the instrument's folder and import again"
