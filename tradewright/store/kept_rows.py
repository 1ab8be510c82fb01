"""Rows of a long computation on disk while it runs, so that one that is stopped goes on where it was."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tradewright.model.errors import StoreError
from tradewright.store.files import private, private_folder

Rows = npt.NDArray[np.float64]


class KeptRows:
    """A table that is computed block by block. A block counts as kept when its checksum is that of its rows.

    Args:
        path: the file, whose name must tell everything that the rows depend on.
        shape: rows and columns.
        blocks: of rows, ascending, without a gap.

    Raises:
        StoreError: the file cannot be made.
    """

    def __init__(self, path: Path, shape: tuple[int, int], blocks: Sequence[slice]) -> None:
        self._path, self._places = path, {block.start: place for place, block in enumerate(blocks)}
        self._blocks, size = blocks, len(blocks) + shape[0] * shape[1]
        try:
            private_folder(path.parent)
            with open(path, "ab", opener=private) as file:
                if file.tell() != size * 8:
                    file.truncate(0)
                    file.write(bytes(size * 8))  # a hole in the file would end the process where the disk is full
            whole = np.memmap(path, np.uint64, "r+", shape=(size,))
        except OSError as error:
            remedy = "free space, or make the folder writable"
            raise StoreError(f"the rows cannot be kept ({error})", where=str(path), remedy=remedy) from error
        self._sums = whole[: len(blocks)]
        self.rows: Rows = whole[len(blocks) :].view(np.float64).reshape(shape)

    def has(self, start: int) -> bool:
        """Whether the block that begins at row ``start`` is kept."""
        place = self._places[start]
        return bool(self._sums[place] == self._sum(place))

    def keep(self, start: int) -> None:
        """Say that the block that begins at row ``start`` is computed."""
        place = self._places[start]
        self._sums[place] = self._sum(place)

    def remove(self) -> None:
        """The computation has ended: the file goes, the rows stay usable."""
        self._path.unlink(missing_ok=True)

    def _sum(self, place: int) -> int:
        """Never 0, which stands for a block that was not computed."""
        return 1 << 32 | zlib.crc32(self.rows[self._blocks[place]].tobytes())
