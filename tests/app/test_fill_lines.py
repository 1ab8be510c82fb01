"""Fill lines are made only for who reads them: for five million bars they took longer than the backtest (F11)."""

from __future__ import annotations

import pytest

from app.operations import research
from conf.compose import compose
from tests.app.conftest import say
from tests.support.houses import House


def test_a_table_of_figures_makes_no_fill_lines(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("backtest", *house.overrides, "backtest.instruments=[BTC]")
    assert say(*words, "--json").json["fills"]

    def refuse(*_arguments: object) -> list[research.FillLine]:
        raise AssertionError("nobody reads them")

    monkeypatch.setattr(research, "fill_lines", refuse)
    assert say(*words).status == 0
    done = research.run(compose((*house.overrides, "backtest.instruments=[BTC]")))
    assert research.reply_of(compose(house.overrides), done, with_fills=False).fills == []
