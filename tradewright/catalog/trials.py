"""The trial ledger: every parameter set that was ever evaluated, counted for good.

``<root>/trials/trials.log`` has a line for each evaluation: a hash over the line before and this one, and the
evaluation as JSON. The sets of a sweep stand in a file beside it. Nothing here takes a count from its caller, changes a
line or removes one, and a ledger that was changed by other hands is refused.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tradewright.catalog.data_sketch import Sketch, share_bars, share_rates
from tradewright.evaluation.trial_count import TrialCount
from tradewright.model.bars import Timeframe
from tradewright.model.base import FrozenModel, Instant, Name
from tradewright.model.errors import StoreError
from tradewright.store.files import exclusive, private, private_folder, write_bytes

TRIAL = np.dtype([("key", np.uint64), ("sharpe", np.float64)])
"""One evaluated set: what tells it from others on the same bars, and its Sharpe ratio per bar."""

START = "0" * 64
"""The hash before the first line."""


class TrialSource(StrEnum):
    """What evaluated the sets."""

    BACKTEST = "backtest"
    SWEEP = "sweep"
    WALK_FORWARD = "walkforward"


class RatesUsed(FrozenModel):
    """Exchange rates that an evaluation converted with.

    Args:
        instrument: on whose bars.
        use: ``prices`` for the currency of the instrument, ``fees`` for that of the fees.
        source, target: the currencies: units of the second per unit of the first.
        origin: the file or the bars that they came from, in words.
        fingerprint: the hash of the rates at those bars. It tells them also where the file was replaced since.
    """

    instrument: Name
    use: Literal["prices", "fees"]
    source: str
    target: str
    origin: str
    fingerprint: str


class EvaluationFacts(FrozenModel):
    """What was evaluated: the strategy, the bars and the settings.

    Args:
        code: the identity of the strategy's code.
        data_hash: of the bars, and of the exchange rates where there are any.
        settings_hash: of all settings in force.
        first, last: the starts of the first and the last bar, nanoseconds UTC.
        rates: the exchange rates; none in an account of one currency, and in lines of before they were recorded.
    """

    source: TrialSource
    strategy: Name
    code: str
    instruments: tuple[Name, ...]
    timeframe: Timeframe
    data_hash: str
    settings_hash: str
    first: int
    last: int
    rates: tuple[RatesUsed, ...] = Field(default=(), exclude_if=lambda rates: not rates)


class TrialLine(FrozenModel):
    """One evaluation as it is kept.

    Args:
        number: its place, from 1.
        sketch: of its bars, in hexadecimal.
        trials: how many sets it evaluated.
        added: how many of them had not been evaluated on these bars, at these exchange rates, before.
        effective: how many independent trials those count for.
        overfitting: the probability of backtest overfitting over its sets, None where it was not computed.
        rows: the sets, in hexadecimal; empty where they have a file of their own.
        rows_hash: the SHA-256 of the sets.
        rates: the sketch of its exchange rates, in hexadecimal; empty without any.
    """

    number: int
    at: Instant
    facts: EvaluationFacts
    sketch: str
    trials: int
    added: int
    effective: float
    overfitting: float | None
    rows: str
    rows_hash: str
    rates: str = Field(default="", exclude_if=lambda rates: not rates)


@dataclass(frozen=True)
class Evaluation:
    """Sets that were evaluated on one set of bars, to be recorded.

    Args:
        sketch: of the bars.
        rows: an array of :data:`TRIAL`, one per set.
        judged: the row of the set whose verdict is asked for.
        effective: how many independent trials the sets count for, from 1 to their number.
        overfitting: as for :class:`TrialLine`.
        searched: whether a search chose each set by the results of others. Its best is as lucky as the best of all sets
            that it could choose, so ``effective`` is the number of those and may exceed that of the sets.
        rates: the sketch of the exchange rates; a set on others is another trial on the same bars.
    """

    facts: EvaluationFacts
    sketch: Sketch
    rows: npt.NDArray[np.void]
    judged: int = 0
    effective: float = 1.0
    overfitting: float | None = None
    searched: bool = False
    rates: Sketch = field(default_factory=lambda: np.empty(0, np.uint64))


class Trials:
    """The trial ledger under a storage folder.

    Args:
        root: the storage folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "trials"
        self._file = self._folder / "trials.log"

    def record(self, done: Sequence[Evaluation], at: Instant, *, home: int = 0) -> TrialCount:
        """Record evaluations that one result was chosen from; how many trials there have been on all of their bars.

        Sets that were evaluated on these bars before are no further trials. New ones among known ones count for as many
        independent trials as they are, or as all of them together where that is fewer. Sets of different evaluations
        count as independent of one another.

        Args:
            home: the place of the evaluation whose judged set is the chosen one.

        Raises:
            StoreError: the ledger is damaged, or cannot be written; then not all of them were recorded.
        """
        try:
            private_folder(self._folder)
        except OSError as error:
            raise self._unwritten(error) from error
        with exclusive(self._folder / "_lock"):
            kept = list(self._lines())
            lines, last = [line for line, _hash in kept], kept[-1][1] if kept else START
            self._refuse_lost_lines(len(lines))
            for each in done:
                line = self._new_line(each, at, lines)
                last = self._append(line, last, each.rows)
                lines.append(line)
        new = lines[len(lines) - len(done) :]
        counted = {line.number: line for each in new for line in self.family(each, lines)}
        return TrialCount(
            trials=sum(each.added for each in counted.values()),
            effective=sum(each.effective for each in counted.values()),
            overfitting=self._overfitting(self.family(new[home], lines), done[home].rows["key"][done[home].judged]),
        )

    def _overfitting(self, family: Sequence[TrialLine], judged: np.uint64) -> float | None:
        """That of the newest evaluation that holds the judged set and has one."""
        for line in reversed(family):
            if line.overfitting is not None and judged in self._rows(line)["key"]:
                return line.overfitting
        return None

    def _new_line(self, done: Evaluation, at: Instant, lines: Sequence[TrialLine]) -> TrialLine:
        """The line of an evaluation after all others."""
        family = _family(done.facts, done.sketch, lines)
        known = [self._rows(line)["key"] for line in family if share_rates(_numbers(line.rates), done.rates)]
        keys = np.unique(done.rows["key"])
        before = np.concatenate(known) if known else np.empty(0, np.uint64)
        added = int(np.count_nonzero(np.isin(keys, before, invert=True)))
        return _line(len(lines) + 1, done, at, added, len(keys))

    def family(self, line: TrialLine, lines: Sequence[TrialLine]) -> tuple[TrialLine, ...]:
        """Those of some evaluations that were made on bars of one of them; it is one of them itself."""
        found = _family(line.facts, _sketch(line), lines)
        return tuple(found) if line in found else (*found, line)

    def all(self) -> tuple[TrialLine, ...]:
        """Every evaluation, the oldest first.

        Raises:
            StoreError: the ledger is damaged.
        """
        return tuple(line for line, _hash in self._lines())

    def _lines(self) -> Iterator[tuple[TrialLine, str]]:
        """The lines with their hashes, each checked; an unfinished last one was never recorded."""
        try:
            content = self._file.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._damaged(1, "it cannot be read") from error
        previous, finished = START, content[: content.rfind(b"\n") + 1]
        for number, text in enumerate(finished.splitlines(), start=1):
            told, _, document = text.partition(b" ")
            previous = _hash(previous, document)
            if told.decode(errors="replace") != previous:
                raise self._damaged(number, "it is not what was recorded after the line before")
            yield TrialLine.model_validate_json(document), previous

    def _rows(self, line: TrialLine) -> npt.NDArray[np.void]:
        """The sets of a line.

        Raises:
            StoreError: they are not what was recorded.
        """
        try:
            plain = bytes.fromhex(line.rows) if line.rows else np.load(self._beside(line.number)).tobytes()
        except (OSError, ValueError, EOFError) as error:
            raise self._damaged(line.number, f"{self._beside(line.number).name} cannot be read") from error
        if hashlib.sha256(plain).hexdigest() != line.rows_hash:
            raise self._damaged(line.number, "its sets are not those that were recorded")
        return np.frombuffer(plain, TRIAL)

    def _append(self, line: TrialLine, previous: str, rows: npt.NDArray[np.void]) -> str:
        """Write a line; its hash."""
        if not line.rows:
            buffer = io.BytesIO()
            np.save(buffer, rows)
            write_bytes(self._beside(line.number), buffer.getvalue())
        document = line.model_dump_json().encode()
        own = _hash(previous, document)
        text = f"{own} ".encode() + document + b"\n"
        try:
            with open(self._file, "ab", opener=private) as file:
                size = file.tell()
                file.truncate(self._finished(size))
                try:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(size)
                    raise
        except OSError as error:
            raise self._unwritten(error) from error
        return own

    def _finished(self, size: int) -> int:
        """The size of the file without a last line that a crash left unfinished."""
        return self._file.read_bytes().rfind(b"\n") + 1 if size else 0

    def _refuse_lost_lines(self, lines: int) -> None:
        """Refuse sets whose line is gone. Those of the next line may be there: a crash came before the line."""
        numbers = (path.stem.partition("-")[2] for path in self._folder.glob("sets-*.npy"))
        if any(number.isdigit() and int(number) > lines + 1 for number in numbers):
            raise self._damaged(lines + 1, "lines at its end are gone, whose sets are still here")

    def _beside(self, number: int) -> Path:
        return self._folder / f"sets-{number}.npy"

    def _damaged(self, number: int, why: str) -> StoreError:
        return StoreError(
            f"the trial ledger is damaged: {why}",
            where=f"{self._file}, line {number}",
            remedy="restore the folder from a backup; without the number of trials no backtest can be judged",
        )

    def _unwritten(self, error: OSError) -> StoreError:
        remedy = "free space, or make the folder writable; nothing is shown that was not counted"
        return StoreError(f"the trial could not be recorded ({error})", where=str(self._file), remedy=remedy)


def _line(number: int, done: Evaluation, at: Instant, added: int, distinct: int) -> TrialLine:
    plain = done.rows.tobytes()
    return TrialLine(
        number=number,
        at=at,
        facts=done.facts,
        sketch=done.sketch.tobytes().hex(),
        trials=distinct,
        added=added,
        effective=max(done.effective, 1.0) if done.searched and added else min(max(done.effective, 1.0), float(added)),
        overfitting=done.overfitting,
        rows=plain.hex() if len(done.rows) == 1 else "",
        rows_hash=hashlib.sha256(plain).hexdigest(),
        rates=done.rates.tobytes().hex(),
    )


def _family(facts: EvaluationFacts, sketch: Sketch, lines: Sequence[TrialLine]) -> list[TrialLine]:
    """The lines on bars of a set of bars, in their order.

    Through lines of the same instruments and timeframe the bars of further ones are found: a piece that is too short to
    be recognised in a long history is recognised in another piece.
    """
    waiting, found = [sketch], set[int]()
    while waiting:
        own = waiting.pop()
        for line in lines:
            if line.number in found or not share_bars(other := _sketch(line), own):
                continue
            found.add(line.number)
            if (line.facts.instruments, line.facts.timeframe) == (facts.instruments, facts.timeframe):
                waiting.append(other)
    return [line for line in lines if line.number in found]


def _hash(previous: str, document: bytes) -> str:
    return hashlib.sha256(previous.encode() + document).hexdigest()


def _sketch(line: TrialLine) -> Sketch:
    return _numbers(line.sketch)


def _numbers(sketch: str) -> Sketch:
    return np.frombuffer(bytes.fromhex(sketch), np.uint64)
