"""Variants: whole or not at all, never over another file, and the configuration is sound afterwards."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from app.operations import variants, visitors
from app.operations.actors import actor_name
from app.operations.trading import opened_ledger
from app.tokens import Scope, Visitor
from conf.compose import check, compose
from conf.environment import SOURCE, options
from tradewright.model.errors import ConfigError, LedgerError, StoreError

OVERRIDES = ("strategy=sma_crossover", "strategy.fast=7", "backtest.instruments=[BTC]", "backtest.timeframe=1m")


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "conf"
    shutil.copytree(SOURCE / "conf", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "schema"))
    storage = folder / "storage" / "local.yaml"
    storage.write_text(storage.read_text().replace("root: data ", f"root: {tmp_path / 'data'} "))
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(folder))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_variant_is_a_strategy_like_any_other(conf: Path) -> None:
    before = files(conf)
    saved = variants.save(OVERRIDES, "fast_cross")
    assert saved == variants.Saved("fast_cross", "saved as conf/strategy/fast_cross.yaml")
    assert "fast_cross" in options("strategy")
    chosen = compose(["strategy=fast_cross"]).strategy
    base = compose(["strategy=sma_crossover"]).strategy
    assert (chosen.name, chosen.kind, chosen.parameters) == ("fast_cross", "sma_crossover", {"fast": 7, "slow": 30})
    assert (chosen.confidence, chosen.size_pct) == (base.confidence, base.size_pct)
    assert (chosen.instruments, chosen.timeframe) == (("BTC",), "1m")
    assert check() == []
    after = files(conf)
    assert after.pop("strategy/fast_cross.yaml").startswith(b"# A variant of sma_crossover")
    assert after == before


@pytest.mark.usefixtures("conf")
def test_without_wishes_of_its_own_it_trades_the_universe() -> None:
    variants.save_variant(["strategy=macd_trend", "strategy.threshold=1e-05"], "calm")
    chosen = compose(["strategy=calm"]).strategy
    assert chosen.parameters["threshold"] == 1e-05
    assert (chosen.instruments, chosen.timeframe) == (None, None)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "Fast",
        "1st",
        "_x",
        "a-b",
        "a.b",
        "a/b",
        "../evil",
        "a\n",
        "ü",
        "fäst",
        "ｆast",
        "a" * 65,
        "x.yaml",
        "a b",
    ],
)
def test_a_name_that_is_not_plain_is_refused(conf: Path, name: str) -> None:
    before = files(conf)
    saved = variants.save(OVERRIDES, name)
    assert saved.name == ""
    assert "is not admitted" in saved.text
    assert files(conf) == before


@pytest.mark.usefixtures("conf")
@pytest.mark.parametrize("name", sorted(variants.RESERVED))
def test_a_name_that_yaml_reads_otherwise_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="means something else"):
        variants.save_variant(OVERRIDES, name)


def test_nothing_is_overwritten(conf: Path) -> None:
    before = files(conf)
    saved = variants.save(OVERRIDES, "macd_trend")
    assert saved.name == ""
    assert "none is overwritten" in saved.text
    assert files(conf) == before


def test_nothing_is_overwritten_in_a_race_either(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = conf / "strategy" / "raced.yaml"
    monkeypatch.setattr(variants, "rehearse", lambda *_: path.write_text("the other's"))
    with pytest.raises(ConfigError, match="none is overwritten"):
        variants.save_variant(OVERRIDES, "raced")
    assert path.read_text() == "the other's"
    assert [found.name for found in path.parent.iterdir() if found.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("override", "reason"),
    [("strategy.fast=31", "fast < slow"), ("strategy.fast=0", "from 1"), ("strategy.fsat=3", "fsat")],
)
def test_values_that_are_refused_are_not_saved(conf: Path, override: str, reason: str) -> None:
    before = files(conf)
    saved = variants.save(["strategy=sma_crossover", override], "odd")
    assert saved.name == ""
    assert reason in saved.text
    assert files(conf) == before


def test_nothing_is_added_to_a_configuration_that_is_wrong(conf: Path) -> None:
    (conf / "universe" / "crypto.yaml").write_text("name: crypto\ninstruments: [BTC]\ntimeframe: 7m\n")
    before = files(conf)
    assert variants.save(OVERRIDES, "fast_cross").name == ""
    assert files(conf) == before


def test_a_folder_that_cannot_be_written_is_named(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(conf)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.link", full)
    with pytest.raises(StoreError, match=r"fast_cross\.yaml.*No space left"):
        variants.save_variant(OVERRIDES, "fast_cross")
    assert files(conf) == before


@pytest.mark.usefixtures("conf")
def test_a_form_tells_and_picks_what_was_saved() -> None:
    told: list[variants.Saved] = []
    picked: list[str] = []
    submit = variants.saver(OVERRIDES, told.append, picked.append)
    submit(None)
    submit("No")
    submit("fine")
    assert [saved.name for saved in told] == ["", "", "fine"]
    assert picked == ["fine"]


def test_saving_is_in_the_audit_log(conf: Path) -> None:
    """D10: who saved which file, with which content."""
    variants.save_variant(OVERRIDES, "fast_cross")
    with opened_ledger(compose()) as ledger:
        (entry,) = [row for row in ledger.audit.entries() if row.action == "SAVE_VARIANT"]
    digest = hashlib.sha256((conf / "strategy/fast_cross.yaml").read_bytes()).hexdigest()
    assert (entry.actor, entry.subject) == (actor_name(), "strategy:fast_cross")
    assert entry.detail == {"file": "conf/strategy/fast_cross.yaml", "sha256": digest}


def test_what_cannot_be_logged_is_not_saved(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: object) -> None:
        raise LedgerError("the disk is full", where="ledger", remedy="make room")

    monkeypatch.setattr(variants, "record", broken)
    with pytest.raises(LedgerError):
        variants.save_variant(OVERRIDES, "fast_cross")
    assert not (conf / "strategy/fast_cross.yaml").exists()


@pytest.mark.parametrize("scope", [Scope.LOOK, Scope.TRADE])
def test_a_variant_is_traded_so_it_takes_an_admin(conf: Path, monkeypatch: pytest.MonkeyPatch, scope: Scope) -> None:
    monkeypatch.setattr(visitors, "present", lambda: Visitor("ann", scope))
    before = files(conf)
    assert "does not allow it" in variants.save(OVERRIDES, "fast_cross").text
    assert files(conf) == before
