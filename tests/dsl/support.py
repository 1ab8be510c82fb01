"""Documents and bars for the tests of the language."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tests.dsl.random_documents import PARAMETERS
from tradewright.dsl.check import Checked
from tradewright.dsl.document import StrategyDocument, shaped
from tradewright.dsl.problem import Severity
from tradewright.dsl.program import Program
from tradewright.dsl.reading import DocumentReading
from tradewright.dsl.source import read
from tradewright.model.bars import Bars


def text_of(**changes: Any) -> str:
    """A document as JSON; a key that is given as None is left out."""
    document: dict[str, Any] = {
        "id": "planted",
        "name": "Planted",
        "timeframe": None,
        "params": {"size_pct": 0.01},
        "rules": [
            {"if": "crossover(ma(close, 5), ma(close, 20))", "then": "buy"},
            {"if": "crossunder(ma(close, 5), ma(close, 20))", "then": "sell"},
        ],
        "metadata": {},
    } | changes
    return json.dumps({key: value for key, value in document.items() if value is not ...})


def unexamined(*rules: tuple[str, str], **params: Any) -> tuple[StrategyDocument, Program]:
    """A document and its program without the checks of the whole: random rules are often constant."""
    rows = [{"if": condition, "then": action} for condition, action in rules]
    source = read(text_of(params={**PARAMETERS, **params, "size_pct": 0.01}, rules=rows))
    document, problems = shaped(source)
    assert document is not None
    assert not problems
    reading = DocumentReading(source, document)
    reading.program()
    wrong = [str(each) for each in reading.problems if each.severity is Severity.ERROR]
    assert not [each for each in wrong if "is read nowhere" not in each], wrong
    program = reading._made()
    return document, program


def allocation_of(form: dict[str, Any], **params: Any) -> tuple[StrategyDocument, Program]:
    """A document with an allocation and its program without the checks of the whole."""
    part = {"value": 0.8, "min": 0.1, "max": 1.0}
    source = read(text_of(params={**PARAMETERS, "part": part, **params}, rules=..., allocate=form))
    document, problems = shaped(source)
    assert document is not None, problems
    reading = DocumentReading(source, document)
    reading.program()
    wrong = [str(each) for each in reading.problems if each.severity is Severity.ERROR]
    assert not [each for each in wrong if "is read nowhere" not in each], wrong
    return document, reading._made()


def messages(found: Checked) -> list[str]:
    return [str(problem) for problem in found.problems]


def bars_of(size: int = 80, seed: int = 1) -> Bars:
    """Prices in ticks that touch one another now and then, bars of an hour; one volume is unknown."""
    random = np.random.default_rng(seed)
    close = 100.0 + np.cumsum(random.integers(-2, 3, size)) * 0.5
    opened = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(opened, close) + random.integers(0, 3, size) * 0.5
    low = np.minimum(opened, close) - random.integers(0, 3, size) * 0.5
    volume = random.integers(0, 50, size).astype(float)
    volume[size // 2] = np.nan
    ts = np.arange(size, dtype="int64") * 3_600_000_000_000 + 1_700_000_000_000_000_000
    return Bars(ts, opened, high, low, close, volume, np.full(size, np.nan))
