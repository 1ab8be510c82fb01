"""Which tests run on PostgreSQL in ``make test``: each of a few cases, and some of many. ``make verify`` runs all."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.extent import is_whole

FIRST, EVERY = 4, 4


def without_many_on_postgres(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out cases of tests with many cases that run on SQLite as well.

    Of the cases of one function on PostgreSQL the first ones and every fourth one stay.
    """
    if is_whole():
        return
    seen: Counter[str] = Counter()
    left_out = []
    for item in items:
        if item.get_closest_marker("postgres") is None:
            continue
        function = item.nodeid.partition("[")[0]
        if seen[function] >= FIRST and seen[function] % EVERY > 0:
            left_out.append(item)
        seen[function] += 1
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]
