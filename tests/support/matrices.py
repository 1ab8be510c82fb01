"""Which combinations of a test with several parameters are tried in ``make test``; ``make verify`` tries them all.

Of two parameters each value is met at least once, of three and more each pair of values of any two. Values that are
given together, as a row of a table, are one parameter: no row is ever left out. Each kind of database is treated for
itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import TypeVar

import pytest

from tests.support.extent import is_whole

FEW = 8
"""So many combinations of one test, or fewer, are all tried."""
DATABASES = ("sqlite", "postgres")
Key = TypeVar("Key")
Combination = tuple[object, ...]
"""The value of each parameter."""


def without_most_of_matrices(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out combinations of parameters whose values, or pairs of values, others have as well."""
    if is_whole():
        return
    matrices: defaultdict[tuple[str, object], dict[pytest.Item, Combination]] = defaultdict(dict)
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            database, combination = combination_of(item, item.callspec.params)
            if len(combination) > 1:
                matrices[item.nodeid.partition("[")[0], database][item] = combination
    gone = {item for matrix in matrices.values() if len(matrix) > FEW for item in matrix.keys() - chosen(matrix)}
    if gone:
        config.hook.pytest_deselected(items=[item for item in items if item in gone])
        items[:] = [item for item in items if item not in gone]


def combination_of(item: pytest.Item, values: dict[str, object]) -> tuple[object, Combination]:
    """The kind of database, if a test has one, and the identities of the values of its other parameters."""
    given = [marker.args[0] for marker in item.iter_markers("parametrize")]
    together = [tuple(each.replace(" ", "").split(",")) if isinstance(each, str) else tuple(each) for each in given]
    alone = [(name,) for name in values if not any(name in names for names in together)]
    found = [tuple(values[name] for name in names) for names in (*together, *alone)]
    database = next((value for value in found if isinstance(value[0], str) and value[0] in DATABASES), None)
    return database, tuple(tuple(map(id, value)) for value in found if value is not database)


def chosen(matrix: Mapping[Key, Combination]) -> set[Key]:
    """Combinations that have every value between them, of three and more parameters every pair, and not many others.

    Those with nothing that is met already come first, so that few are needed.
    """
    needs: Callable[[Combination], Iterable[object]] = _values if len(next(iter(matrix.values()))) == 2 else _pairs
    met: set[object] = set()
    found: set[Key] = set()
    for all_new in (True, False):
        for item, combination in matrix.items():
            wanted = set(needs(combination))
            new = wanted - met
            if new == wanted if all_new else new:
                found.add(item)
                met |= wanted
    return found


def _values(combination: Sequence[object]) -> Iterable[object]:
    return enumerate(combination)


def _pairs(combination: Sequence[object]) -> Iterable[object]:
    return combinations(enumerate(combination), 2)
