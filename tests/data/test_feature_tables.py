"""A stored feature table grows by the rows of new bars, and equals one that is made anew, whatever happened between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from tests.indicators.conftest import make_bars, walk
from tradewright.indicators.feature_set import FeatureSet
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.strategy import Feature
from tradewright.research import feature_tables
from tradewright.research.feature_tables import Updated, update_table
from tradewright.store.artefacts import Artefacts

KEY = ("features", "BTC", "sets", "mine")
SET = FeatureSet("mine", "1", Timeframe.H1, (Feature("sma", (5,)), Feature("ema", (3,)), Feature("returns")))
BARS = make_bars(walk(60, decimals=2))


def update(root: Path, bars: Bars, chosen: FeatureSet = SET) -> Updated:
    return update_table(Artefacts(root), KEY, chosen.identity, bars, chosen.table)


def same(found: pd.DataFrame, bars: Bars, chosen: FeatureSet = SET) -> bool:
    assert_frame_equal(found, chosen.table(bars), check_exact=True)
    return True


@settings(max_examples=20)
@given(counts=st.lists(st.integers(0, 60), min_size=1, max_size=5), corrected=st.none() | st.integers(0, 59))
def test_any_course_of_updates_ends_in_the_table_of_all_bars(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], corrected: int | None
) -> None:
    root, known = tmp_path_factory.mktemp("store"), 0
    for step, count in enumerate(counts):
        bars = BARS.head(count)
        if step and corrected is not None:
            bars = bars._replace(close=np.where(np.arange(count) == corrected, 77.0, bars.close))
        found = update(root, bars)
        assert same(found.table, bars)
        assert same(Artefacts(root).read_frame(KEY), bars)
        goes_on = known <= count and not (step == 1 and corrected is not None and corrected < known)
        assert found.made == (count - known if goes_on else count)
        known = count


def reversion(_root: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(feature_tables, "engine_digest", lambda: "other code")


def scramble(root: Path, _patch: pytest.MonkeyPatch) -> None:
    (path,) = root.rglob("*.parquet")
    path.write_bytes(b"PAR1")


def lose(root: Path, _patch: pytest.MonkeyPatch) -> None:
    for path in (root / "features").rglob("*.json"):
        path.unlink()


def end_between(root: Path, patch: pytest.MonkeyPatch) -> None:
    """The program ends after the table of other bars was written and before the note on it."""
    other = BARS._replace(close=BARS.close * 2.0).head(40)
    write = Artefacts.write_json
    with patch.context() as broken:
        broken.setattr(
            Artefacts, "write_json", lambda self, key, value: write(self, key, value) if not value else 1 / 0
        )
        with pytest.raises(ZeroDivisionError):
            update(root, other)


@pytest.mark.parametrize("spoil", [reversion, scramble, lose, end_between])
def test_rows_that_cannot_be_gone_on_from_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    assert update(tmp_path, BARS.head(40)).made == 40
    spoil(tmp_path, monkeypatch)
    found = update(tmp_path, BARS)
    assert found.made == 60
    assert same(found.table, BARS)
    assert update(tmp_path, BARS).made == 0


def test_another_version_or_content_makes_the_table_anew(tmp_path: Path) -> None:
    update(tmp_path, BARS)
    for chosen in (
        FeatureSet("mine", "2", Timeframe.H1, SET.features),
        FeatureSet("mine", "2", Timeframe.H1, SET.features[:2]),
    ):
        found = update(tmp_path, BARS, chosen)
        assert (found.made, set(found.table["version"])) == (60, {chosen.identity})
        assert same(Artefacts(tmp_path).read_frame(KEY), BARS, chosen)
