import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tradewright.indicators.cross import crossover, crossunder
from tradewright.indicators.errors import IndicatorArguments

NAN = np.nan


@pytest.mark.parametrize(
    ("line", "over", "under"),
    [
        ([1, 3, 1, 3], [0, 1, 0, 1], [0, 0, 1, 0]),
        ([1, 2, 3], [0, 0, 1], [0, 0, 0]),  # through the tie: crossed when it is above
        ([3, 2, 1], [0, 0, 0], [0, 0, 1]),
        ([3, 2, 3], [0, 0, 1], [0, 0, 0]),  # touched from above and turned
        ([2, 2, 2], [0, 0, 0], [0, 0, 0]),
        ([3, 3, 3], [0, 0, 0], [0, 0, 0]),
        ([NAN, 3, 1], [0, 0, 0], [0, 0, 1]),
        ([1, NAN, 3], [0, 0, 0], [0, 0, 0]),
        ([3], [0], [0]),
        ([], [], []),
    ],
)
def test_crossings_of_the_level_two(line, over, under):
    level = np.full(len(line), 2.0)
    assert_array_equal(crossover(line, level), np.array(over, dtype=bool))
    assert_array_equal(crossunder(line, level), np.array(under, dtype=bool))


def test_lines_of_different_length_are_refused():
    with pytest.raises(IndicatorArguments, match="one length"):
        crossover([1.0], [1.0, 2.0])
