"""Scenarios on disk: ``scenarios/<id>/<hash>/dataset.parquet`` and ``manifest.json`` (R-SCEN-12, R-SCEN-13)."""

from __future__ import annotations

import functools
import hashlib
import io
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from tradewright.model.bars import OHLCV, Bars
from tradewright.model.base import FrozenModel, Instant
from tradewright.model.errors import DataError, StoreError
from tradewright.scenarios.document import ScenarioDocument
from tradewright.scenarios.market import Series, generate, problems
from tradewright.store.files import exclusive, write_bytes

FOLDER, DATASET, MANIFEST = "scenarios", "dataset.parquet", "manifest.json"
SOURCES = ("document.py", "events.py", "effects.py", "families.py", "market.py", "streams.py")
"""The modules that decide on the bytes of a dataset."""


@functools.cache
def generator_digest() -> str:
    """SHA-256 over the sources of the generator and the version of numpy: ``engine_ver`` of a manifest."""
    digest = hashlib.sha256(version("numpy").encode())
    for name in SOURCES:
        digest.update(b"\0" + (Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()


class SplitFact(FrozenModel):
    """A split of a series: its number, the first bar in new units, the new units per old one."""

    series: int
    bar: int
    ratio: float


class Manifest(FrozenModel):
    """What a dataset is.

    Args:
        engine_ver: as :func:`generator_digest`, when it was made.
        bars: of each series.
        low, high: the least and the greatest price of all series.
        sha256: of the dataset's file.
    """

    scenario_id: str
    scenario_hash: str
    engine_ver: str
    family: str
    timeframe: str
    bars: int
    instruments: int
    low: float
    high: float
    seed: int
    splits: tuple[SplitFact, ...]
    generated_at: Instant
    sha256: str


class ScenarioDatasets:
    """The stored scenarios under a storage root."""

    def __init__(self, root: Path) -> None:
        self.root = root / FOLDER

    def folder(self, document: ScenarioDocument) -> Path:
        """Where the dataset of a document lies, whether it is there or not."""
        return self.root / document.id / document.scenario_hash

    def write(self, document: ScenarioDocument, now: datetime) -> tuple[Manifest, bool]:
        """Make and store a dataset; one that is there and sound stays as it is. Also whether it was written.

        Raises:
            ConfigError: a document that contradicts itself.
            DataError: bars that no dataset may have; nothing is stored.
            StoreError: it cannot be written; nothing is half there.
        """
        made = generate(document)
        for number, each in enumerate(made):
            for problem in problems(document, each):
                raise DataError(problem, where=f"scenario {document.id}, series {number}", remedy="report it")
        folder = self.folder(document)
        with exclusive(folder.with_name(f".{document.scenario_hash}.lock")):
            if not self.problem(document):
                return self._manifest(folder), False
            data = _parquet(made)
            manifest = _manifest(document, made, data, now)
            write_bytes(folder / DATASET, data)
            write_bytes(folder / MANIFEST, manifest.model_dump_json(indent=1).encode() + b"\n")
        return manifest, True

    def manifest(self, document: ScenarioDocument) -> Manifest:
        """The manifest of a stored dataset.

        Raises:
            StoreError: it is missing or damaged.
        """
        return self._manifest(self.folder(document))

    def read(self, document: ScenarioDocument) -> list[Bars]:
        """The stored series of a document, verified by their checksum.

        Raises:
            StoreError: they are missing or damaged.
        """
        return _series(self._data(document), self.folder(document))

    def problem(self, document: ScenarioDocument) -> str:
        """What is wrong with the stored dataset of a document; empty for nothing.

        It is compared with a new one: a dataset of another generator is wrong where its bars differ.
        """
        try:
            stored = self.read(document)
        except StoreError as error:
            return error.what
        made = [each.bars for each in generate(document)]
        if len(stored) != len(made) or any(map(_differ, stored, made)):
            return "holds other bars than the document makes"
        return ""

    def is_stored(self, document: ScenarioDocument) -> bool:
        """Whether anything is stored of a document, sound or not."""
        return self.folder(document).is_dir()

    def _data(self, document: ScenarioDocument) -> bytes:
        folder = self.folder(document)
        manifest = self._manifest(folder)
        told = manifest.scenario_id, manifest.scenario_hash, manifest.seed
        if told != (document.id, document.scenario_hash, document.seed):
            raise _damaged("is the manifest of another scenario", folder / MANIFEST)
        try:
            data = (folder / DATASET).read_bytes()
        except FileNotFoundError:
            raise _damaged("the dataset is missing", folder / DATASET) from None
        if hashlib.sha256(data).hexdigest() != manifest.sha256:
            raise _damaged("the dataset is damaged: its checksum is another", folder / DATASET)
        return data

    def _manifest(self, folder: Path) -> Manifest:
        path = folder / MANIFEST
        try:
            return Manifest.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            what = "the manifest is missing" if folder.is_dir() else "is not stored"
            raise _damaged(what, path) from None
        except ValidationError:
            raise _damaged("the manifest is damaged", path) from None


def _damaged(what: str, path: Path) -> StoreError:
    return StoreError(what, where=str(path), remedy="tradewright scenarios generate makes it again")


def _manifest(document: ScenarioDocument, made: list[Series], data: bytes, now: datetime) -> Manifest:
    splits = [(number, *split) for number, each in enumerate(made) for split in each.splits]
    return Manifest(
        scenario_id=document.id,
        scenario_hash=document.scenario_hash,
        engine_ver=generator_digest(),
        family=document.family.value,
        timeframe=document.timeframe,
        bars=document.duration_bars,
        instruments=len(made),
        low=min(float(each.bars.low.min()) for each in made),
        high=max(float(each.bars.high.max()) for each in made),
        seed=document.seed,
        splits=tuple(SplitFact(series=number, bar=bar, ratio=ratio) for number, bar, ratio in splits),
        generated_at=now,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _parquet(made: list[Series]) -> bytes:
    """One table: the number of the series, the start of the bar, prices, volume."""
    columns = {
        "series": np.concatenate([np.full(len(each.bars.ts), number, np.int32) for number, each in enumerate(made)]),
        "ts": pa.array(np.concatenate([each.bars.ts for each in made]), pa.timestamp("ns", "UTC")),
        **{name: np.concatenate([getattr(each.bars, name) for each in made]) for name in OHLCV},
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def _series(data: bytes, folder: Path) -> list[Bars]:
    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
        numbers = table["series"].to_numpy()
        ts = table["ts"].cast(pa.int64()).to_numpy()
        prices = [table[name].to_numpy() for name in OHLCV]
    except (pa.ArrowException, KeyError) as error:
        raise _damaged("the dataset is damaged: it is no table of bars", folder / DATASET) from error
    unknown = np.full(len(ts), np.nan)
    return [
        Bars(*(column[numbers == number] for column in (ts, *prices, unknown)))
        for number in range(int(numbers.max(initial=-1)) + 1)
    ]


def _differ(one: Bars, other: Bars) -> bool:
    return any(not np.array_equal(one[place], other[place]) for place in range(1 + len(OHLCV)))
