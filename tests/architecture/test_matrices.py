"""What ``make test`` leaves out of a test with several parameters: no value, and of three no pair of values."""

from __future__ import annotations

from itertools import combinations, product

import pytest

from tests.support.matrices import chosen, combination_of


def matrix(*sizes: int) -> dict[int, tuple[object, ...]]:
    return dict(enumerate(product(*(range(size) for size in sizes))))


@pytest.mark.parametrize("sizes", [(4, 5), (2, 30), (7, 2)])
def test_of_two_parameters_each_value_is_met_in_as_few_cases_as_can_be(sizes: tuple[int, int]) -> None:
    whole = matrix(*sizes)
    kept = [whole[each] for each in chosen(whole)]
    assert [len({case[place] for case in kept}) for place in (0, 1)] == list(sizes)
    assert len(kept) == max(sizes)


@pytest.mark.parametrize("sizes", [(3, 4, 5), (7, 5, 4, 3), (2, 2, 2, 2)])
def test_of_more_parameters_each_pair_of_values_is_met(sizes: tuple[int, ...]) -> None:
    whole = matrix(*sizes)
    kept = [whole[each] for each in chosen(whole)]
    for first, second in combinations(range(len(sizes)), 2):
        assert len({(case[first], case[second]) for case in kept}) == sizes[first] * sizes[second]
    assert len(kept) < len(whole)


def test_values_that_are_given_together_are_one_parameter(request: pytest.FixtureRequest) -> None:
    values: dict[str, object] = {"present": "A", "wanted": "B", "ledger": "postgres", "size": 3}
    request.applymarker(pytest.mark.parametrize(("present", "wanted"), [("A", "B")]))
    database, combination = combination_of(request.node, values)
    assert (database, len(combination)) == (("postgres",), 2)
