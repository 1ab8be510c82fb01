"""Folders that a command makes, fills and may remove again: those of the demo and of rehearsals."""

from __future__ import annotations

import shutil
from pathlib import Path

from tradewright.model.errors import StoreError
from tradewright.store.files import private_folder


def scratch_folder(folder: Path, command: str, remedy: str) -> Path:
    """An empty folder; what the same command left there is removed, and a folder with other content is left alone.

    Args:
        command: whose folder it is; its name is written into a marker there.
        remedy: what to do where the folder is somebody else's.

    Raises:
        StoreError: when the folder holds anything that this command did not make.
    """
    marker = folder / f".tradewright-{command}"
    if folder.exists() and any(folder.iterdir()):
        if not marker.is_file():
            raise StoreError(f"the folder is not empty and no {command} made it", where=str(folder), remedy=remedy)
        shutil.rmtree(folder)
    private_folder(folder)
    marker.write_text(f"made by tradewright {command}, which may remove this folder\n")
    return folder
