"""Keys of packages, whom the settings trust, and how saved strategies are compared."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.operations import packages
from app.operations.packages import export
from conf.compose import compose
from conf.problems import ConfigProblems
from runtime.container import CATALOG_FILE, Container
from runtime.verification import private_key
from strategies.documents import LIBRARY
from tests.app.conftest import say
from tests.support.houses import House, conf_copy
from tradewright.catalog.saved_strategies import Kept, SavedStrategies
from tradewright.database.address import sqlite_url
from tradewright.dsl.check import compiled
from tradewright.model.clock import SystemClock
from tradewright.model.errors import TradewrightError
from tradewright.packages.fault import PackageRefused
from tradewright.packages.signing import public_key_of

DOCUMENT = LIBRARY / "ma_crossover.yaml"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A project with one document."""
    folder = tmp_path_factory.mktemp("desk")
    made = House(conf_copy(folder), folder / "data")
    shutil.copy(DOCUMENT, made.conf / "strategy")
    return made


@pytest.fixture(autouse=True)
def in_force(desk: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(desk.conf))
    monkeypatch.delenv("TRADEWRIGHT_PACKAGE_KEY", raising=False)


@pytest.fixture
def key(desk: House, tmp_path: Path) -> Path:
    """The file of a private key, made by the command."""
    file = tmp_path / "keys" / "package.key"
    assert say("package", "key", str(file), f"storage.root={desk.root}").status == 0
    return file


@pytest.fixture
def public(key: Path) -> str:
    return public_key_of(key.read_text(), "test")


def test_a_private_key_is_its_owners_alone_and_lies_outside(
    desk: House, key: Path, public: str, tmp_path: Path
) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().startswith("-----BEGIN")
    (desk.root.parent / "way").symlink_to(desk.conf)
    root = f"storage.root={desk.root}"
    for place in (key, desk.root / "new.key", desk.conf / "new.key", desk.root.parent / "way" / "new.key"):
        said = say("package", "key", str(place), root, "--json")
        assert (said.status, said.json["error"]["code"]) == (1, "PACKAGE_KEY_PLACE")
    assert public_key_of(key.read_text(), "test") == public
    (tmp_path / "a file").touch()
    (tmp_path / "gone.key").symlink_to(tmp_path / "nowhere")
    for place in (tmp_path / "a file" / "new.key", tmp_path / "gone.key", tmp_path):
        assert say("package", "key", str(place), root, "--json").json["error"]["code"] == "PACKAGE_KEY_PLACE"
    assert list(desk.root.parent.rglob("*new*")) == list(tmp_path.rglob("*new*")) == []
    assert not (tmp_path / "nowhere").exists()
    told = say("package", "key", str(tmp_path / "other.key"), root).out
    assert public_key_of((tmp_path / "other.key").read_text(), "test") in told
    assert "PRIVATE" not in told


def test_a_key_is_taken_from_its_file_or_the_environment(
    desk: House, key: Path, public: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = compose((f"storage.root={desk.root}", "strategy=ma_crossover"))
    with pytest.raises(PackageRefused) as refused:
        export(settings, tmp_path / "a.hsp")
    assert refused.value.code == "PACKAGE_NO_KEY"
    assert private_key(key) == (key.read_text().rstrip(), "--key")
    monkeypatch.setenv("TRADEWRIGHT_PACKAGE_KEY_FILE", str(key))
    assert private_key(None) == (key.read_text().rstrip(), "TRADEWRIGHT_PACKAGE_KEY")
    assert public_key_of(private_key(None)[0], "test") == public
    monkeypatch.delenv("TRADEWRIGHT_PACKAGE_KEY_FILE")
    monkeypatch.setenv("TRADEWRIGHT_PACKAGE_KEY", key.read_text())
    assert private_key(None) == (key.read_text(), "TRADEWRIGHT_PACKAGE_KEY")
    shared = tmp_path / "shared.key"
    shared.write_text(key.read_text())
    shared.chmod(0o644)
    with pytest.raises(TradewrightError, match="others may read"):
        export(settings, tmp_path / "b.hsp", shared)
    shared.chmod(0o600)
    shared.write_text("no key")
    with pytest.raises(PackageRefused, match="no private key"):
        export(settings, tmp_path / "b.hsp", shared)
    assert not (tmp_path / "b.hsp").exists()


def test_a_comparison_tells_rules_parameters_and_figures(tmp_path: Path) -> None:
    root, text = f"storage.root={tmp_path}", DOCUMENT.read_text()
    other = text.replace("fast: 10", "fast: 12").replace("crossunder(ma(close, fast)", "crossunder(ema(close, fast)")
    with SavedStrategies(sqlite_url(tmp_path / CATALOG_FILE), SystemClock()) as catalog:
        for document, profit in ((text, 1.0), (other, 2.0), (text, 1.0)):
            catalog.save(Kept("cross", compiled(document)[1].hash, document, {"net_profit": profit}, "LUCK", "c0"))
    found = say("package", "compare", "cross@1", "cross@2", root, "--json").json
    assert found["parameters"] == [{"name": "fast", "one": "10", "other": "12"}]
    assert [row["name"].partition(" if ")[0] for row in found["rules"]] == ["sell", "sell"]
    assert found["figures"] == [{"name": "net_profit", "one": "1.0", "other": "2.0"}]
    assert (found["same_meaning"], found["same_settings"]) == (False, True)
    assert 0.0 < found["similarity"] < 1.0
    same = say("package", "compare", "cross@1", "cross", root, "--json").json
    assert (same["other"], same["same_meaning"], same["similarity"]) == ("cross@3", True, 1.0)
    assert same["rules"] == same["parameters"] == same["figures"] == []
    assert "cross@1 and cross@3: the same meaning" in say("package", "compare", "cross@1", "cross@3", root).out
    told = say("package", "compare", "cross@1", "cross@2", root).out.splitlines()
    sides = [line.split()[0] for line in told if " if " in line and "sell" in line]
    assert sides == ["cross@1", "cross@2"], "each rule once, beside the version that has it"
    wrong = say("package", "compare", "cross@9", "cross", root, "--json")
    assert (wrong.status, "cross@2" in wrong.json["error"]["remedy"]) == (1, True)


def test_a_project_of_before_trusts_nobody_and_a_wrong_key_is_named(tmp_path: Path) -> None:
    folder = conf_copy(tmp_path)
    root = folder / "config.yaml"
    root.write_text("".join(line for line in root.read_text().splitlines(True) if "packages:" not in line))
    shutil.rmtree(folder / "packages")
    assert (compose(folder=folder).packages.level, compose(folder=folder).packages.trusted) == (19, {})
    for wrong in ("packages.trusted={ann: 'ssh-ed25519 AAAA'}", "packages.level=22"):
        with pytest.raises(ConfigProblems, match=wrong.partition("=")[0]):
            compose([wrong])


def test_the_catalog_stands_beside_the_ledger_and_never_in_its_file(desk: House) -> None:
    settings = compose((f"storage.root={desk.root}",))

    def of(url: str | None) -> str:
        named = None if url is None else SecretStr(url)
        storage = settings.storage.model_copy(update={"ledger_url": named})
        return Container(settings.model_copy(update={"storage": storage})).catalog_url()

    own, server = f"sqlite:///{desk.root / CATALOG_FILE}", "postgresql+psycopg2://user@host/name"
    assert [of(None), of("sqlite:////tmp/ledger.sqlite3"), of(server)] == [own, own, server]


def test_a_key_that_is_not_whole_is_not_kept(desk: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    settings = compose((f"storage.root={desk.root}",))
    with monkeypatch.context() as patch:
        patch.setattr("app.operations.packages.os.fsync", full)
        with pytest.raises(PackageRefused, match="No space left"):
            packages.make_key(settings, tmp_path / "new.key")
    assert list(tmp_path.iterdir()) == []
    assert packages.make_key(settings, tmp_path / "new.key").public_key
