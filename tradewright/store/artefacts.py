"""Small results on disk, by key: a table or a JSON document, replaced as a whole and verified at read."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tradewright.model.errors import StoreError
from tradewright.store.files import exclusive, write_bytes

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str, ...]

_ATTEMPTS = 3


class NoArtefact(StoreError):
    """Nothing has been stored under this key."""


class Artefacts:
    """A folder of artefacts. A key is a tuple of names (``("signals", "ema_crossover", "BTC")``), one folder each.

    What a key holds is one content-named file and a ``manifest.json`` that names it with its SHA-256; the manifest's
    rename is the moment of change, so that a reader sees the old artefact or the new one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def write_frame(self, key: Key, frame: pd.DataFrame) -> None:
        """Store a table as Parquet, its index included when it is named.

        Raises:
            StoreError: when it cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        table = pa.Table.from_pandas(frame, preserve_index=None if frame.index.name else False)
        pq.write_table(table, buffer, compression="zstd")
        self._write(key, buffer.getvalue(), ".parquet")

    def read_frame(self, key: Key) -> pd.DataFrame:
        """The table under ``key``.

        Raises:
            NoArtefact: when there is none.
            StoreError: when its file is damaged.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        table: pa.Table = pq.ParquetFile(pa.BufferReader(self._read(key, ".parquet"))).read(use_threads=False)
        frame: pd.DataFrame = table.to_pandas()
        return frame

    def write_json(self, key: Key, value: object) -> None:
        """Store a JSON document.

        Raises:
            StoreError: when it cannot be written.
            ValueError: for NaN or infinity, which JSON does not know.
        """
        text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        self._write(key, text.encode(), ".json")

    def read_json(self, key: Key) -> Any:
        """The document under ``key``.

        Raises:
            NoArtefact: when there is none.
            StoreError: when its file is damaged.
        """
        return json.loads(self._read(key, ".json"))

    def exists(self, key: Key) -> bool:
        """Whether something is stored under ``key``."""
        return self._manifest(key).is_file()

    def folder(self, key: Key) -> Path:
        """Where ``key`` lives."""
        if not key or not all(key):
            raise ValueError(f"a key is a tuple of non-empty names, not {key!r}")
        return self.root.joinpath(*(quote(name, safe=" ,=+").replace(".", "%2E") for name in key))

    def _write(self, key: Key, data: bytes, suffix: str) -> None:
        folder, digest = self.folder(key), hashlib.sha256(data).hexdigest()
        with exclusive(folder / ".lock"):
            name = f"{digest[:16]}{suffix}"
            write_bytes(folder / name, data)
            write_bytes(self._manifest(key), json.dumps({"file": name, "sha256": digest}).encode())
            for old in folder.iterdir():
                if old.is_file() and old.name not in {name, "manifest.json", ".lock"}:
                    old.unlink()

    def _read(self, key: Key, suffix: str) -> bytes:
        for _ in range(_ATTEMPTS):
            file, digest = self._entry(key)
            if file.suffix != suffix:
                raise StoreError(f"holds {file.suffix[1:]}, not {suffix[1:]}", where=str(file))
            try:
                data = file.read_bytes()
            except FileNotFoundError:
                continue  # replaced between the manifest and the file: the new manifest names another
            if hashlib.sha256(data).hexdigest() != digest:
                break
            return data
        raise StoreError("is missing or damaged", where=str(file), remedy="make it again, or restore it from a backup")

    def _entry(self, key: Key) -> tuple[Path, str]:
        manifest = self._manifest(key)
        try:
            entry = json.loads(manifest.read_bytes())
            return manifest.parent / Path(entry["file"]).name, str(entry["sha256"])
        except FileNotFoundError:
            raise self._absent(key) from None
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError("is damaged", where=str(manifest), remedy="make the artefact again") from error

    def _manifest(self, key: Key) -> Path:
        return self.folder(key) / "manifest.json"

    def _absent(self, key: Key) -> NoArtefact:
        return NoArtefact(
            f"no artefact {'/'.join(key)}", where=str(self.root), remedy="materialize what makes it first"
        )
