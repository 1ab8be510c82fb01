"""Every hostile file is refused with its own code, and nothing is written; no byte of a good one can be changed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.operations.packages import import_package
from conf.compose import compose
from conf.scenarios import scenarios
from conf.schema.settings import Settings
from runtime import verification
from runtime.container import Container
from runtime.verification import Admission, demand_bounded
from tests.packages.hostile import cases
from tests.packages.support import TEXT, file_of, frame_of, good, members, packed, tar_of, unsigned
from tests.support.houses import conf_copy
from tradewright.dsl.check import compiled
from tradewright.dsl.effort import values_in_a_bar
from tradewright.model.bars import BarKind, Timeframe
from tradewright.packages.fault import REMEDY, PackageFault, PackageRefused
from tradewright.packages.package import read
from tradewright.scenarios.document import ScenarioDocument

corpus = cache(cases)
BOTH = Admission(unsigned=True, untrusted=True)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Path]]:
    """Settings of a project of its own, and the folder that holds all of it."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(conf_copy(folder)))
        yield compose([f"storage.root={folder / 'data'}"]), folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_corpus_is_large_and_each_rule_is_met() -> None:
    found = corpus()
    assert len(found) >= 150
    assert len({name for name, _, _ in found}) == len({data for _, data, _ in found}) == len(found)
    elsewhere = {"UNREADABLE", "UNSIGNED", "UNTRUSTED_KEY", "NO_DOCUMENT", "NOT_PORTABLE", "NAME_TAKEN", "KEY_PLACE",
                 "NO_KEY", "LIBRARIES_MISSING"}  # fmt: skip
    assert {code for *_, code in found} | elsewhere == {fault.value.removeprefix("PACKAGE_") for fault in PackageFault}


@pytest.mark.parametrize("part", range(8))
def test_a_hostile_file_is_refused_with_its_code_and_nothing_is_written(
    part: int, house: tuple[Settings, Path], tmp_path: Path
) -> None:
    chosen, folder = house
    before, wrong = content(folder), []
    for name, data, code in corpus()[part::8]:
        file = tmp_path / "hostile.hsp"
        file.write_bytes(data)
        try:
            import_package(chosen, file, BOTH)
        except PackageRefused as error:
            said = (error.code, error.where.startswith(str(file)), bool(error.remedy))
            if said != (f"PACKAGE_{code}", True, True):
                wrong.append(f"{name}: {error.code} instead of {code}: {error}")
        else:
            wrong.append(f"{name}: taken")
    assert wrong == []
    assert content(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.hsp"]


def test_the_good_one_is_none_of_them() -> None:
    assert read(good()).manifest.name == "ma_crossover"
    assert set(REMEDY) <= set(PackageFault)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_byte_of_a_package_can_be_changed(data: st.DataObject) -> None:
    whole = bytearray(good())
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=3, unique=True)):
        whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PackageRefused) as refused:
        read(bytes(whole))
    assert refused.value.code in set(PackageFault)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_nor_by_one_who_packs_it_anew(data: st.DataObject) -> None:
    plain = bytearray(tar_of(members()))
    plain[data.draw(st.integers(0, len(plain) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PackageRefused) as refused:
        read(file_of(frame_of(bytes(plain))))
    assert refused.value.code in set(PackageFault)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 3))
def test_noise_at_every_layer_is_refused_and_never_a_traceback(noise: bytes, layer: int) -> None:
    made = [
        lambda: noise, lambda: file_of(noise), lambda: file_of(frame_of(noise)),
        lambda: packed(unsigned(manifest_json=noise)),
    ][layer]()  # fmt: skip
    with pytest.raises(PackageRefused):
        read(made)


def test_work_on_stored_bars_and_scenarios_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its maker chose the rules and the scenarios; the bars are the receiver's, those of its period alone."""
    base = (f"storage.root={tmp_path}", "feed=files", "backtest.timeframe=1d", "universe.instruments=[BTC,ETH]")
    text = TEXT.replace("ma(close, fast)", "ma(close + open, fast)")
    document, program = compiled(text)
    a_bar = values_in_a_bar(program, document.values())
    assert a_bar > 20
    days = pd.date_range("2026-01-01", periods=300, tz="UTC")
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), 100.0)
    with Container(compose(base)) as house:
        for symbol, kept in (("BTC", days), ("ETH", days[:100]), ("SPY", days)):
            house.bar_store.upsert(symbol, Timeframe.D1, BarKind.TRADE, pd.DataFrame({"ts": kept, **prices}))
    (crash,) = scenarios(["scenario_flash_crash"])

    def most(bars: float, *more: str, on: tuple[ScenarioDocument, ...] = ()) -> str:
        monkeypatch.setattr(verification, "MOST_WORK", bars * a_bar)
        try:
            demand_bounded(compose((*base, *more)), document, program, on)
        except PackageRefused as error:
            return error.code
        return ""

    refused = PackageFault.TOO_MUCH_WORK.value
    assert [most(400), most(399)] == ["", refused]
    period = "backtest.start=2026-01-11", "backtest.end=2026-01-20"
    assert [most(20, *period), most(19, *period)] == ["", refused]
    bars = crash.duration_bars * crash.instruments
    assert [most(max(400, bars), on=(crash,)), most(bars - 1, *period, on=(crash,))] == ["", refused]
    with Container(compose(base)) as house:
        house.bar_store.upsert("BTC", Timeframe.M1, BarKind.TRADE, pd.DataFrame({"ts": days, **prices}))
    assert [most(400), most(399)] == ["", refused], "minutes make no more days than they last"
    assert [most(0, "universe.instruments=[EURUSD]")] == [""], "the receiver may have no bars yet"
