"""``tradewright package``: a strategy goes out, is proved elsewhere, and comes in; nothing is overwritten, or half."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.operations import packages
from app.operations.package_text import what_trades
from app.operations.packages import export, import_package, verify
from app.operations.trading import opened_ledger
from conf.compose import compose
from conf.schema.settings import Settings
from runtime.verification import Admission
from strategies.documents import LIBRARY
from tests.app.conftest import daily, say
from tests.app.test_json_contract import PACKAGE, SAVED, misfits
from tests.packages.write_page import PAGE
from tests.support.houses import House, conf_copy
from tradewright.dsl.check import compiled
from tradewright.model.errors import LedgerError, StoreError, TradewrightError
from tradewright.model.hashing import canonical_json, content_hash
from tradewright.packages.fault import PackageRefused
from tradewright.packages.manifest import Manifest, package_id
from tradewright.packages.package import Package, entries, listed_files, read_file, written
from tradewright.packages.signing import public_key_of

DOCUMENT = LIBRARY / "ma_crossover.yaml"
SCENARIO = ("feed.days_1m=1", "feed.days_1d=30", "universe.instruments=[BTC]", "strategy=ma_crossover")
FILES = ("feed=files", "backtest.instruments=[GOOG]", "backtest.timeframe=1d", "backtest.prices=raw")
NOBODY, ANYBODY = Admission(), Admission(unsigned=True, untrusted=True)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A project with one document."""
    folder = tmp_path_factory.mktemp("desk")
    made = House(conf_copy(folder), folder / "data", SCENARIO)
    shutil.copy(DOCUMENT, made.conf / "strategy")
    return made


@pytest.fixture(autouse=True)
def in_force(desk: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(desk.conf))
    monkeypatch.delenv("TRADEWRIGHT_PACKAGE_KEY", raising=False)


@pytest.fixture(scope="module")
def key(desk: House) -> Path:
    """The file of a private key, made by the command."""
    file = desk.root.parent / "keys" / "package.key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(desk.conf))
        assert say("package", "key", str(file), f"storage.root={desk.root}").status == 0
    return file


@pytest.fixture(scope="module")
def public(key: Path) -> str:
    return public_key_of(key.read_text(), "test")


@pytest.fixture(scope="module")
def file(desk: House, key: Path) -> Path:
    """A package of the document, as the command wrote it."""
    made = desk.root.parent / "ma_crossover.hsp"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(desk.conf))
        said = say("package", "export", "ma_crossover", str(made), *settings_of(desk), "--key", str(key), "--json")
    assert said.status == 0, said.err
    assert list(misfits(said.json, PACKAGE)) == []
    assert said.json["manifest"]["version"] == 1
    return made


def settings_of(house: House, *more: str) -> tuple[str, ...]:
    return (f"storage.root={house.root}", *house.more[:-1], *more)


def composed(house: House, *more: str) -> Settings:
    return compose((f"storage.root={house.root}", *house.more, *more))


def elsewhere(folder: Path, public: str = "") -> Settings:
    """The settings of another project, which trusts a key, with the same YAML and nothing stored."""
    trusted = (f"packages.trusted={{ann: '{public}'}}",) if public else ()
    return compose((f"storage.root={folder / 'elsewhere'}", *trusted))


def forged(file: Path, key: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A package whose maker says something else of its backtest, and signs that."""
    package = read_file(file)
    plain = json.loads(package.manifest.text())
    change(plain)
    manifest = Manifest.model_validate_json(json.dumps(plain))
    path = folder / "forged.hsp"
    made = Package(manifest, package.document, package.configuration, package.certificate)
    path.write_bytes(written(made, key.read_text()))
    return path


def recertified(file: Path, key: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A package whose maker says something else in its certificate, and signs that."""
    package = read_file(file)
    assert package.certificate is not None
    plain = json.loads(package.certificate)
    change(plain)
    text = canonical_json(plain).encode()
    files = entries(listed_files(package.document, package.configuration, text))
    manifest = package.manifest.model_copy(update={"files": files})
    path = folder / "recertified.hsp"
    path.write_bytes(written(Package(manifest, package.document, package.configuration, text), key.read_text()))
    return path


# out, proved, in -------------------------------------------------------------------------------------------------


def test_a_package_proves_itself_where_nothing_is_known(desk: House, file: Path, public: str, tmp_path: Path) -> None:
    """Export, wipe, verify, import: equal meaning (R-PORT-13). The bars of a scenario never reach the store."""
    trusting = elsewhere(tmp_path, public)
    found = verify(trusting, file, NOBODY)
    assert (found.holds, found.differences, found.package.signer) == (True, (), "ann")
    assert not list((tmp_path / "elsewhere").rglob("*.parquet"))
    (desk.conf / "strategy" / "ma_crossover.yaml").unlink()
    done = import_package(trusting, file, NOBODY)
    assert done.is_written
    assert (desk.conf / "strategy" / "ma_crossover.yaml").read_bytes() == DOCUMENT.read_bytes()
    assert compiled(DOCUMENT.read_text())[1].hash == done.ir_hash == found.package.manifest.ir_hash
    assert not import_package(trusting, file, NOBODY).is_written
    assert compose(["strategy=ma_crossover"]).strategy.parameters == {"fast": 10, "slow": 30}
    with opened_ledger(trusting) as ledger:
        (row,) = [row for row in ledger.audit.entries() if row.action == "IMPORT_PACKAGE"]
    assert (row.subject, row.detail["public_key"]) == ("strategy:ma_crossover", public)


@pytest.mark.parametrize(
    ("name", "told"), [("momentum_rotation", "where backtest.account=shared"), ("sma_crossover", "this one too")]
)
def test_only_what_makes_signals_is_said_to_be_traded(name: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADEWRIGHT_CONF")  # of what ships
    assert what_trades(name).endswith(told)


def test_people_and_scripts_are_told(desk: House, file: Path, key: Path, public: str) -> None:
    trusted = f"packages.trusted={{ann: '{public}'}}"
    shown = say("package", "show", str(file))
    assert "ma_crossover, version 1" in shown.out
    assert "a key that is not trusted" in shown.out
    said = say("package", "verify", str(file), *settings_of(desk, trusted), "--json")
    assert (said.status, said.json["holds"], said.json["differences"]) == (0, True, [])
    assert list(misfits(said.json["package"], PACKAGE)) == []
    lines = say("package", "verify", str(file), *settings_of(desk), "--allow-untrusted").out.splitlines()
    assert "verified: it gives here what it says" in lines
    taken = say("package", "import", str(file), *settings_of(desk, trusted), "--as", "bought", "--json")
    kinds = {"file": str, "name": str, "ir_hash": str, "is_written": bool, "package": PACKAGE}
    assert list(misfits(taken.json, kinds)) == []
    assert (taken.status, taken.json["is_written"], taken.json["name"]) == (0, True, "bought")
    own = say("package", "import", str(file), *settings_of(desk), "--key", str(key), "--as", "bought").out
    assert f"verify {file} --key {key}" in " ".join(own.split())
    assert "with your own key" in say("package", "show", str(file), "--key", str(key)).out
    again = say("package", "import", str(file), *settings_of(desk), "--allow-untrusted", "--as", "bought").out
    (proof,) = [line for line in again.splitlines() if line.startswith("prove what it says")]
    assert f"verify {file} --allow-untrusted" in proof
    (desk.conf / "strategy" / "bought.yaml").unlink()


@pytest.mark.parametrize(("option", "code"), [("untrusted", "PACKAGE_UNSIGNED"), ("unsigned", "PACKAGE_UNTRUSTED_KEY")])
def test_unsigned_and_untrusted_ones_are_taken_when_that_is_said(
    file: Path, tmp_path: Path, option: str, code: str
) -> None:
    settings, path = elsewhere(tmp_path), file
    if code == "PACKAGE_UNSIGNED":
        path = tmp_path / "unsigned.hsp"
        path.write_bytes(written(replace(read_file(file), signature=None), None))
    for act in (verify, import_package):
        with pytest.raises(PackageRefused) as refused:
            act(settings, path, Admission(**{option: True}))  # type: ignore[operator]
        assert refused.value.code == code
    assert not import_package(settings, path, ANYBODY).is_written


@pytest.mark.parametrize("by", ["option", "variable", "neither", "another"])
def test_ones_own_key_is_known_and_admits_its_packages(
    file: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    other = tmp_path / "other.key"
    packages.make_key(elsewhere(tmp_path), other)
    given = {"option": key, "another": other}.get(by)
    if by == "variable":
        monkeypatch.setenv("TRADEWRIGHT_PACKAGE_KEY", key.read_text())
    is_own = by in ("option", "variable")
    shown = packages.show(elsewhere(tmp_path), file, given)
    assert (shown.trust, shown.signer) == ("OWN" if is_own else "UNTRUSTED", "")
    if is_own:
        assert not import_package(elsewhere(tmp_path), file, Admission(key=given)).is_written
        return
    with pytest.raises(PackageRefused, match="PACKAGE_KEY_FILE") as refused:
        import_package(elsewhere(tmp_path), file, Admission(key=given))
    assert refused.value.code == "PACKAGE_UNTRUSTED_KEY"


# what a package says and is not so -------------------------------------------------------------------------------


def test_figures_that_were_made_up_are_found(desk: House, file: Path, key: Path, tmp_path: Path) -> None:
    def better(told: dict[str, Any]) -> None:
        told["expected"]["metrics"].update(net_profit=1e9)
        told["expected"]["orders"][0].update(sha256="00" * 32)

    path = forged(file, key, tmp_path, better)
    said = say("package", "verify", str(path), *settings_of(desk), "--allow-untrusted", "--json")
    rows = [(row["part"], row["name"]) for row in said.json["differences"]]
    assert (said.status, said.json["holds"], rows) == (1, False, [("orders", "BTC"), ("metrics", "net_profit")])
    assert all("does not tell what it was made of" in row["why"] for row in said.json["differences"])
    assert "NOT verified" in say("package", "verify", str(path), *settings_of(desk), "--allow-untrusted").out


def test_a_package_carries_the_certificate_of_its_strategy(file: Path) -> None:
    shown = say("package", "show", str(file), "--json").json["certificate"]
    again = say("certify", "ma_crossover", "--json")
    assert (shown["passed"], shown["scenarios"], shown["beyond"]) == (True, len(again.json["scenarios"]), [])
    assert shown["certificate_hash"] == again.json["certificate_hash"]
    assert f"passed on {shown['scenarios']} synthetic markets with" in say("package", "show", str(file)).out


def test_a_certificate_that_was_made_up_is_found(file: Path, key: Path, tmp_path: Path) -> None:
    def better(told: dict[str, Any]) -> None:
        told["rows"][0]["value"] = -0.0
        told["rows"][1]["value"] /= 2

    found = verify(elsewhere(tmp_path), recertified(file, key, tmp_path, better), ANYBODY)
    assert not found.holds
    assert {(row.part, row.name.split(", ")[1]) for row in found.differences} == {("certificate", "max_drawdown")}
    assert all("does not tell what it was made of" in row.why for row in found.differences)


def test_a_certificate_of_another_strategy_or_engine_is_found(file: Path, key: Path, tmp_path: Path) -> None:
    def other(told: dict[str, Any]) -> None:
        told.update(identity="00" * 32, kind="better", version="9", stated={"size": "next to nothing"})

    found = verify(elsewhere(tmp_path), recertified(file, key, tmp_path, other), ANYBODY)
    assert [row.name for row in found.differences] == ["version", "kind", "stated", "identity"]
    path = recertified(file, key, tmp_path, lambda told: told.update(engine="00" * 32))
    assert [row.name for row in verify(elsewhere(tmp_path), path, ANYBODY).differences] == ["engine"]


def test_limits_and_scenarios_that_the_maker_chose_are_told(file: Path, key: Path, tmp_path: Path) -> None:
    """A certificate under wide limits, on the one market that suits, passed: beside the limits of here it did not."""

    def chosen(told: dict[str, Any]) -> None:
        one = told["scenarios"][0]["scenario"]
        told["scenarios"] = told["scenarios"][:1]
        told["rows"] = [{**row, "limit": 1.0} for row in told["rows"] if row["scenario"] == one]
        told["rows"][2].update(limit=1e6)
        told["rows"][3].update(limit=1.0)
        told["limits"] = {"max_loss": 1.0, "max_drawdown": 1.0, "max_turnover": 1e6, "max_time_in_market": 1.0}

    path = recertified(file, key, tmp_path, chosen)
    strict = compose(("certify.max_time_in_market=0.0", "certify.max_turnover=0"))
    told = packages.show(strict, path).certificate
    assert told is not None
    (one,) = {row.partition(", ")[0] for row in told.beyond_here}
    assert (told.passed, told.scenarios, told.trades > 0, told.limits.max_loss) == (True, 1, True, 1.0)
    assert told.beyond_here == (f"{one}, max_turnover", f"{one}, max_time_in_market")
    assert len(told.left_out) == 18
    said = say("package", "show", str(path), "certify.max_time_in_market=0.0").out
    assert f"BEYOND the limits of this project: {one}, max_time_in_market. LEFT OUT: scenario_" in said


def test_a_scenario_that_is_missing_or_another_one_here_is_named(desk: House, file: Path, tmp_path: Path) -> None:
    folder = desk.conf / "scenario"
    gone, changed = folder / "scenario_halt.yaml", folder / "scenario_shocky.yaml"
    before = {path: path.read_text() for path in (gone, changed)}
    try:
        gone.unlink()
        changed.write_text(before[changed].replace("seed: ", "seed: 9"))
        found = verify(elsewhere(tmp_path), file, ANYBODY)
    finally:
        for path, text in before.items():
            path.write_text(text)
    told = {row.name: row.why for row in found.differences}
    assert (found.holds, {row.part for row in found.differences}) == (False, {"certificate"})
    assert told == {
        "scenario_halt": "there is no scenario of that name here; ask for its file of conf/scenario",
        "scenario_shocky": "the scenario of that name is another one here",
    }


def test_a_certificate_beyond_its_limits_travels_and_says_so(file: Path, key: Path, tmp_path: Path) -> None:
    def worse(told: dict[str, Any]) -> None:
        told["limits"]["max_loss"] = told["rows"][0]["limit"] = 0.0
        for row in told["rows"]:
            if row["figure"] == "max_loss":
                row.update(limit=0.0, passed=row["value"] <= 0.0)
        told["passed"] = all(row["passed"] for row in told["rows"])

    path = recertified(file, key, tmp_path, worse)
    assert verify(elsewhere(tmp_path), path, ANYBODY).holds
    assert re.search(
        "FAILED on 19 synthetic markets with [0-9]+ trades: scenario_", say("package", "show", str(path)).out
    )


def test_another_engine_is_told_and_is_no_fault_while_the_results_are_equal(
    file: Path, key: Path, tmp_path: Path
) -> None:
    before = recertified(file, key, tmp_path, lambda told: told.update(engine="00" * 32, code="other"))
    path = forged(before, key, tmp_path, lambda told: told["engine"].update(digest="00" * 32, numba="0.1"))
    found = verify(elsewhere(tmp_path), path, ANYBODY)
    assert [(row.part, row.name) for row in found.differences] == [("engine", "numba"), ("engine", "digest")]
    assert found.holds


def test_a_scenario_of_another_seed_is_other_data(file: Path, key: Path, tmp_path: Path) -> None:
    package = read_file(file)
    settings: Any = json.loads(json.dumps(package.configuration))
    settings["base"]["seed"] += 1
    told, manifest = content_hash(settings), package.manifest
    changed = {
        "configuration_hash": told,
        "files": entries(listed_files(package.document, settings, None)),
        "id": package_id(manifest.name, manifest.version, manifest.ir_hash, told, manifest.created_at),
    }
    path = tmp_path / "other.hsp"
    path.write_bytes(written(Package(manifest.model_copy(update=changed), package.document, settings), key.read_text()))
    found = verify(elsewhere(tmp_path), path, ANYBODY)
    first = found.differences[0]
    assert (found.holds, first.part, first.name) == (False, "data", "BTC 1m (traded)")
    assert "have other values here" in first.why
    assert {row.why for row in found.differences if row.part != "data"} == {"the bars differ"}


@pytest.fixture(scope="module")
def stocked_file(desk: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package on imported bars of GOOG."""
    folder = tmp_path_factory.mktemp("goog")
    bring(folder, 60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(desk.conf))
        settings = compose((f"storage.root={folder / 'data'}", *FILES, "strategy=ma_crossover"))
        export(settings, folder / "goog.hsp", unsigned=True)
    return folder / "goog.hsp"


def bring(folder: Path, count: int, wrong: float = 0.0) -> None:
    bars = daily(count, [100.0 + row % 7 for row in range(count)])
    bars.loc[count - 3, "Close"] += wrong
    bars.to_csv(folder / "GOOG.csv", index=False)
    said = say("import", "csv", str(folder / "GOOG.csv"), "--instrument", "GOOG", f"storage.root={folder / 'data'}")
    assert said.status == 0, said.err


def test_stored_bars_are_those_of_the_place_and_newer_ones_do_not_count(stocked_file: Path, tmp_path: Path) -> None:
    settings = compose((f"storage.root={tmp_path / 'data'}", "feed=files"))
    with pytest.raises(StoreError, match="GOOG"):
        verify(settings, stocked_file, ANYBODY)
    bring(tmp_path, 63)
    assert verify(settings, stocked_file, ANYBODY).differences == ()
    assert not list((tmp_path / "data").rglob("backtests")), "it was run, and not taken from a cache or kept in one"


def test_rates_of_another_currency_are_read_again_too(tmp_path: Path) -> None:
    """Bars of a pair stand for the rates; a scenario makes none."""
    daily(60, [150.0 + row % 7 for row in range(60)]).to_csv(tmp_path / "USDJPY.csv", index=False)
    for name in ("one", "other"):
        pair = ("--instrument", "USDJPY", "--timeframe", "1d")
        assert say("import", "csv", str(tmp_path / "USDJPY.csv"), *pair, f"storage.root={tmp_path / name}").status == 0
    chosen = ("strategy=ma_crossover", "backtest.instruments=[USDJPY]", "backtest.timeframe=1d")
    made = export(
        compose((f"storage.root={tmp_path / 'one'}", "feed=files", *chosen)), tmp_path / "a.hsp", unsigned=True
    )
    assert [row.use for row in made.manifest.data] == ["traded", "rates"]
    assert verify(compose((f"storage.root={tmp_path / 'other'}",)), tmp_path / "a.hsp", ANYBODY).differences == ()
    with pytest.raises(PackageRefused, match="makes no exchange rates"):
        export(compose((f"storage.root={tmp_path / 'one'}", *chosen)), tmp_path / "b.hsp", unsigned=True)


def test_other_values_and_a_shorter_history_name_the_instrument(stocked_file: Path, tmp_path: Path) -> None:
    for name, count, wrong, why in (("a", 60, 0.5, "have other values here"), ("b", 50, 0.0, "end at another time")):
        (tmp_path / name).mkdir()
        bring(tmp_path / name, count, wrong)
        found = verify(compose((f"storage.root={tmp_path / name / 'data'}",)), stocked_file, ANYBODY)
        data = [row for row in found.differences if row.part == "data"]
        assert (found.holds, [row.name for row in data]) == (False, ["GOOG 1d (traded)"])
        assert why in data[0].why


# what is refused, and stays as it was ----------------------------------------------------------------------------


def test_another_document_is_never_overwritten(desk: House, file: Path, tmp_path: Path) -> None:
    settings = elsewhere(tmp_path)
    variant = desk.conf / "strategy" / "variant.yaml"
    shutil.copy(desk.conf / "strategy" / "sma_crossover.yaml", variant)
    for name in ("variant", "buy_and_hold", "macd_trend", "manual", "on"):
        with pytest.raises(PackageRefused) as refused:
            import_package(settings, file, ANYBODY, name)
        assert (refused.value.code, "--as" in refused.value.remedy) == ("PACKAGE_NAME_TAKEN", True), name
    variant.unlink()
    for name in ("../evil", "Evil", "a b", "x # y", "x\ny"):
        with pytest.raises(TradewrightError):
            import_package(settings, file, ANYBODY, name)
    own = desk.conf / "strategy" / "ma_crossover.yaml"
    own.write_text(own.read_text() + "# my own remark\n")
    with pytest.raises(PackageRefused, match="none is overwritten"):
        import_package(settings, file, ANYBODY)
    done = import_package(settings, file, ANYBODY, "second")
    second = desk.conf / "strategy" / "second.yaml"
    assert second.read_text() == DOCUMENT.read_text().replace("id: ma_crossover", "id: second")
    assert compiled(second.read_text())[1].hash == done.ir_hash
    second.unlink()
    shutil.copy(DOCUMENT, own)


@pytest.mark.parametrize("error", [LedgerError("the disk is full"), KeyboardInterrupt(), OSError(28, "full")])
def test_what_cannot_be_recorded_is_not_kept(
    desk: House, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def full(_settings: Settings) -> None:
        raise error

    before = sorted(path.name for path in (desk.conf / "strategy").iterdir())
    monkeypatch.setattr(packages, "opened_ledger", full)
    with pytest.raises(type(error)):
        import_package(elsewhere(tmp_path), file, ANYBODY, "third")
    assert sorted(path.name for path in (desk.conf / "strategy").iterdir()) == before


def test_an_instrument_that_is_not_defined_here_is_named(desk: House, key: Path, tmp_path: Path, file: Path) -> None:
    settings = elsewhere(tmp_path)
    fewer = settings.model_copy(update={"instruments": {"ETH": settings.instruments["ETH"]}})
    text = DOCUMENT.read_text().replace("timeframe: null", "instruments: [BTC]\ntimeframe: null")
    package = read_file(file)
    manifest = package.manifest.model_copy(update={"files": entries(listed_files(text, package.configuration, None))})
    path = tmp_path / "needs.hsp"
    path.write_bytes(written(Package(manifest, text, package.configuration), key.read_text()))
    with pytest.raises(PackageRefused, match="needs BTC"):
        import_package(fewer, path, ANYBODY, "needy")
    assert not (desk.conf / "strategy" / "needy.yaml").exists()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("strategy=sma_crossover",), "PACKAGE_NO_DOCUMENT"),
        (("strategy.fast=11",), "PACKAGE_NOT_PORTABLE"),
        (("feed.end=null",), "PACKAGE_NOT_PORTABLE"),
        (("backtest.known_at=2026-11-20",), "PACKAGE_NOT_PORTABLE"),
    ],
)
def test_what_cannot_travel_is_not_exported(desk: House, tmp_path: Path, more: tuple[str, ...], code: str) -> None:
    with pytest.raises(PackageRefused) as refused:
        export(composed(desk, *more), tmp_path / "a.hsp", unsigned=True)
    assert (refused.value.code, bool(refused.value.remedy)) == (code, True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_package_is_not_overwritten(desk: House, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("notes")
    with pytest.raises(PackageRefused) as refused:
        export(composed(desk), other, unsigned=True)
    assert (refused.value.code, other.read_text()) == ("PACKAGE_NAME_TAKEN", "notes")
    copy = Path(shutil.copy(file, tmp_path / "again.hsp"))
    export(composed(desk), copy, unsigned=True)
    assert read_file(copy).signature is None
    assert read_file(copy).manifest.created_at - read_file(file).manifest.created_at < timedelta(minutes=10)


# saved versions --------------------------------------------------------------------------------------------------


def test_a_version_rises_with_the_meaning_alone(desk: House, tmp_path: Path) -> None:
    """R-PORT-01, R-PORT-02: saved and listed; equal meaning is one version, whatever else was written."""
    path, text = desk.conf / "strategy" / "ma_crossover.yaml", DOCUMENT.read_text()
    where = (f"storage.root={tmp_path / 'data'}", *SCENARIO[:-1])

    def saved(text: str) -> tuple[str, int, bool]:
        path.write_text(text)
        said = say("package", "save", "ma_crossover", *where, "--json")
        assert said.status == 0, said.err
        assert list(misfits(said.json, {"item": SAVED, "is_new": bool})) == []
        return said.json["item"]["name"], said.json["item"]["version"], said.json["is_new"]

    try:
        assert say("package", "list", *where, "--json").json == {"saved": []}
        assert not (tmp_path / "data" / "catalog.sqlite3").exists()
        assert saved(text) == ("ma_crossover", 1, True)
        assert saved(f"# a remark\n{text}") == ("ma_crossover", 1, False)
        assert saved(text.replace("fast: 10", "fast: 12")) == ("ma_crossover", 2, True)
    finally:
        path.write_text(text)
    rows = say("package", "list", *where, "--json").json["saved"]
    assert [(row["name"], row["version"]) for row in rows] == [("ma_crossover", 1), ("ma_crossover", 2)]
    assert rows[0]["document"].startswith("# a remark")
    assert rows[0]["metrics"]["net_profit"] != rows[1]["metrics"]["net_profit"]
    assert stat.S_IMODE((tmp_path / "data" / "catalog.sqlite3").stat().st_mode) == 0o600
    assert "ma_crossover        2" in say("package", "list", *where).out


# the page --------------------------------------------------------------------------------------------------------


def test_the_page_s_commands_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of one's own, on a small scenario."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf_copy(tmp_path)))
    monkeypatch.setenv("TRADEWRIGHT_OVERRIDES", "feed.days_1m=1 feed.days_1d=30")
    monkeypatch.chdir(tmp_path)
    for line in "".join(blocks).splitlines():
        words, _, file = line.partition(" > ")
        local = words.replace("data/", f"{tmp_path}/data/")
        said = say(*shlex.split(local)[1:])
        assert said.status == 0, (line, said.err)
        if file:
            (tmp_path / file).write_text(said.out)
    assert (tmp_path / "conf" / "strategy" / "crossover_received.yaml").is_file()
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "conf" / "packages" / "default.yaml").write_text(example)
    assert set(compose().packages.trusted) == {"ann"}
