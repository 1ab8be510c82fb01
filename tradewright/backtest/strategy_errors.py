"""Errors in a strategy's own code: told with the file and the line, whether Python or the compiler finds them."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numba.core.errors import NumbaError

from tradewright.model.errors import StrategyError, TradewrightError
from tradewright.model.strategy import Strategy

_PLACE = re.compile(r'File "([^"]+)", line (\d+)')


@contextmanager
def located_errors(strategy: Strategy) -> Iterator[None]:
    """Name the line of the strategy's file in which an error arises; an error from elsewhere passes unchanged.

    Raises:
        StrategyError: the decision failed, or uses what cannot be compiled.
    """
    file = strategy.generate_signal.__code__.co_filename
    try:
        yield
    except TradewrightError:
        raise
    except NumbaError as error:
        lines = [line for name, line in _PLACE.findall(str(error)) if Path(name).name == Path(file).name]
        reasons = [line for line in str(error).splitlines() if line and not line.startswith("Failed in")]
        remedy = "the decision is compiled: use numbers, tuples, numpy and the math module there"
        raise _error(strategy, f"cannot be compiled: {reasons[0]}", file, lines[:1], remedy) from error
    except Exception as error:  # a person's code may raise anything
        lines = [str(frame.lineno) for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        if not lines:
            raise
        what = f"{type(error).__name__}: {error}"
        raise _error(strategy, what, file, lines[-1:], "correct the line; a decision gets numbers only") from error


def _error(strategy: Strategy, what: str, file: str, lines: list[str], remedy: str) -> StrategyError:
    line = f", line {lines[0]}" if lines else ""
    return StrategyError(f"generate_signal: {what}", where=f"strategy {strategy.name}, {file}{line}", remedy=remedy)
