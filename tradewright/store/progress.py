"""Progress: up to which bars a stage of the daily loop has come, so that the next stage can tell what is new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from tradewright.model.errors import StoreError
from tradewright.store.artefacts import Artefacts, Key, NoArtefact

_NAME = "progress"


class Progress(NamedTuple):
    """The newest try of one stage at one thing: an instrument, a strategy, a job.

    Args:
        at: when it began.
        bars: the newest bar that it saw, as its start in nanoseconds UTC, by instrument or timeframe.
        identity: of the settings under which it worked; another identity makes its bars new again.
        finished: False while it works, and for ever when it failed.
    """

    at: datetime
    bars: Mapping[str, int]
    identity: str = ""
    finished: bool = True


_STORED = TypeAdapter(tuple[AwareDatetime, dict[str, int], str, bool])


def read_progress(artefacts: Artefacts, stage: Key) -> Progress | None:
    """The progress of a stage; None before its first try.

    Raises:
        StoreError: when it is damaged.
    """
    try:
        stored = artefacts.read_json((*stage, _NAME))
    except NoArtefact:
        return None
    try:
        return Progress(*_STORED.validate_python(stored, strict=False))
    except ValidationError as error:
        where, remedy = str(artefacts.folder((*stage, _NAME))), "remove it: what it is about is then done again"
        raise StoreError("holds no progress of a stage", where=where, remedy=remedy) from error


def write_progress(artefacts: Artefacts, stage: Key, progress: Progress) -> None:
    """Replace the progress of a stage.

    Raises:
        StoreError: when it cannot be written.
    """
    artefacts.write_json((*stage, _NAME), list(_STORED.dump_python(tuple(progress), mode="json")))  # type: ignore[arg-type]
