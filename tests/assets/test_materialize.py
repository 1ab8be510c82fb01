"""``python -m assets.materialize``: one line of each asset, recorded in the project's history; clear refusals."""

from __future__ import annotations

import pytest

from assets.home import open_instance
from assets.materialize import main
from tests.support.houses import House


@pytest.fixture
def told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(house.root / "home"))
    monkeypatch.setenv("TRADEWRIGHT_OVERRIDES", " ".join(house.overrides))


@pytest.mark.usefixtures("told")
def test_it_materializes_and_says_one_line_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bars", "features", "--partition", "BTC"]) == 0
    said = capsys.readouterr()
    first, second = said.out.splitlines()
    assert first.startswith("bars: BTC: ")
    assert second.startswith("features: BTC: 21 features on ")
    assert "DEBUG" not in said.err
    with open_instance() as instance:
        (record,) = instance.get_run_records()
    assert record.dagster_run.is_success


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["barz"], "barz: is no asset"),
        (["bars"], "bars: needs a partition"),
        (["bars", "--partition", "GOLD"], "bars: has no partition GOLD"),
        (["strategy/buy_and_hold/signals", "--partition", "BTC"], "leave --partition out"),
    ],
)
def test_a_wrong_word_is_refused(words: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 1
    said = capsys.readouterr().err
    assert named in said
    assert "what to do: " in said
