"""Which tests are traced for the coverage of the rooms, since tracing makes a test three times as slow.

Of a test with many parameters the first cases and every eighth one are traced, and of two cases that differ in the
kind of database alone, the one on SQLite. What only the others cover is not counted: the figures are a lower bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator

import pytest
from coverage import Coverage

FIRST, EVERY = 4, 8
UNTRACED = pytest.StashKey[bool]()


def choose_traced(items: list[pytest.Item]) -> None:
    """Choose the cases that are traced; the choice depends on the tests alone, whichever worker runs them."""
    names = {item.nodeid for item in items}
    cases: Counter[str] = Counter()
    for item in items:
        function, _, parameters = item.nodeid.partition("[")
        on_sqlite = "-".join("sqlite" if part == "postgres" else part for part in parameters[:-1].split("-"))
        twin = f"{function}[{on_sqlite}]"
        if twin != item.nodeid and twin in names:
            item.stash[UNTRACED] = True
            continue
        item.stash[UNTRACED] = cases[function] >= FIRST and cases[function] % EVERY > 0
        cases[function] += 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that is not traced without the tracer."""
    tracer = Coverage.current()
    if tracer is None or not item.stash[UNTRACED]:
        return (yield)
    tracer.stop()
    try:
        return (yield)
    finally:
        tracer.start()
