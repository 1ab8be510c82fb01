"""The lab's buttons on documents: versions, signed packages, verification, import; every refusal as text."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app import operations
from app.operations import lab, lab_packages, visitors
from app.operations.lab_packages import (
    NO_KEY,
    Checked,
    Compared,
    Outcome,
    bring_in,
    compared,
    export,
    save,
    shelf,
    verify,
)
from app.operations.packages import show
from app.operations.saved_strategies import saved_strategies
from app.operations.trading import opened_ledger
from app.operations.variants import variant
from app.tokens import Scope, Visitor
from conf.compose import compose
from strategies.documents import LIBRARY
from tests.app.conftest import say
from tests.support.houses import House, conf_copy
from tradewright.packages.manifest import Manifest
from tradewright.packages.package import Package, read_file, written
from tradewright.packages.signing import new_private_key, public_key_of

DOCUMENT = LIBRARY / "ma_crossover.yaml"
SCENARIO = ("feed.days_1m=1", "feed.days_1d=30", "universe.instruments=[BTC]", "strategy=ma_crossover")
PARTS = tuple(f"tradewright.packages.{name}" for name in ("archive", "package", "signing"))
"""What needs the extra."""
KEY = "TRADEWRIGHT_PACKAGE_KEY"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A project with one document, a variant of it, and one scenario."""
    folder = tmp_path_factory.mktemp("desk")
    made = House(conf_copy(folder), folder / "data", SCENARIO)
    for path in (made.conf / "scenario").glob("*.yaml"):
        if path.stem != "scenario_gap_open":
            path.unlink()
    shutil.copy(DOCUMENT, made.conf / "strategy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(made.conf))
        (made.conf / "strategy" / "quick.yaml").write_text(variant(compose((*SCENARIO, "strategy.fast=5")), "quick"))
    return made


@pytest.fixture(scope="module")
def key(desk: House) -> Path:
    file = desk.root.parent / "keys" / "package.key"
    assert say("package", "key", str(file), f"storage.root={desk.root}").status == 0
    return file


@pytest.fixture(autouse=True)
def in_force(desk: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(desk.conf))
    for name in (KEY, f"{KEY}_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def overrides(tmp_path: Path) -> tuple[str, ...]:
    """Of a storage folder of the test's own."""
    return (f"storage.root={tmp_path / 'data'}", *SCENARIO)


@pytest.fixture(scope="module")
def choice(desk: House) -> lab.Choice:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(desk.conf))
        first = lab.lab_options((f"storage.root={desk.root}", *SCENARIO)).first
        controls = lab.parameter_controls(SCENARIO, "ma_crossover")
    return replace(first, parameters={each.name: each.value for each in controls})


@pytest.fixture(scope="module")
def exported(desk: House, key: Path, choice: lab.Choice) -> Path:
    """A package that the button wrote, signed with the person's own key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(desk.conf))
        patch.setenv(f"{KEY}_FILE", str(key))
        done = export((f"storage.root={desk.root}", *SCENARIO), choice)
    (file,) = (desk.root / "packages").iterdir()
    assert (done.is_done, str(file) in done.text, "exported ma_crossover@1" in done.text) == (True, True, True), done
    return file


@pytest.fixture
def own(exported: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The overrides of whoever exported it, with the key."""
    monkeypatch.setenv(f"{KEY}_FILE", str(key))
    return (f"storage.root={exported.parent.parent}", *SCENARIO)


def visited(monkeypatch: pytest.MonkeyPatch, scope: Scope) -> None:
    monkeypatch.setattr(visitors, "present", lambda: Visitor("ann", scope))


# versions --------------------------------------------------------------------------------------------------------


def test_a_document_is_saved_and_a_version_rises_with_its_meaning_alone(
    desk: House, overrides: tuple[str, ...], choice: lab.Choice
) -> None:
    """R-PORT-01, R-PORT-02: what the command lists is what the lab lists."""
    path, text = desk.conf / "strategy" / "ma_crossover.yaml", DOCUMENT.read_text()
    assert shelf(overrides, "ma_crossover").versions == ()
    assert save(overrides, choice) == Outcome("saved ma_crossover@1: a new version", is_done=True)
    path.write_text(f"# a remark\n{text}")
    again = save(overrides, choice)
    assert (again.is_done, again.text) == (
        True,
        "saved ma_crossover@1: the same meaning as before, with new figures; no new version is made",
    )
    try:
        path.write_text(text.replace("fast: 10", "fast: 12"))
        moved = replace(choice, parameters={**(choice.parameters or {}), "fast": 12})
        assert save(overrides, moved).text == "saved ma_crossover@2: a new version"
    finally:
        path.write_text(text)
    rows = shelf(overrides, "ma_crossover").versions
    kept = saved_strategies(compose(overrides))
    assert [(row["version"], row["meaning"], row["verdict"], str(row["saved"])[:10]) for row in rows] == [
        (row.version, row.ir_hash[:16], row.verdict, f"{row.saved_at:%Y-%m-%d}") for row in reversed(kept)
    ]
    found = compared(overrides, "ma_crossover", rows)
    assert "ma_crossover@1 and ma_crossover@2: " in found.text
    told = {"what": "parameter", "of": "fast", "ma_crossover@1": "10", "ma_crossover@2": "12"}
    assert [row for row in found.rows if row["what"] == "parameter"] == [told]
    assert compared(overrides, "ma_crossover", rows[:1]) == compared(overrides, "ma_crossover", ()) == Compared()
    assert "there is no saved strategy" in compared(overrides, "other", rows).text


def test_a_moved_slider_is_no_document(overrides: tuple[str, ...], choice: lab.Choice) -> None:
    moved = replace(choice, parameters={**(choice.parameters or {}), "fast": 11})
    said = save(overrides, moved)
    assert (said.is_done, said.text.startswith("refused: ")) == (False, True)
    assert "write the value into conf/strategy/ma_crossover.yaml, or move the slider back" in said.text
    nothing = save(overrides, replace(choice, instruments=()))
    assert (nothing.is_done, "no instrument is picked" in nothing.text) == (False, True)
    assert shelf(overrides, "ma_crossover").versions == ()


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        ("sma_crossover", "The rules of sma_crossover are Python code, and only a document is saved"),
        ("quick", "quick holds values for the document ma_crossover, and only a document itself is saved"),
    ],
)
def test_what_is_no_document_is_told_in_a_sentence(
    own: tuple[str, ...], choice: lab.Choice, strategy: str, told: str
) -> None:
    found = shelf(own, strategy)
    assert found.why_not.startswith(told)
    assert found.versions == ()
    for act in (save, export):
        said = act(own, replace(choice, strategy=strategy, parameters=None))
        assert (said.is_done, f"{strategy} is of the kind" in said.text) == (False, True), said


def test_what_cannot_be_read_is_told(overrides: tuple[str, ...]) -> None:
    assert "cannot be read" in shelf(overrides, "no_such").problem
    assert shelf((*overrides, "policy.max_leverage=nonsense"), "ma_crossover").problem
    assert lab_packages.packages_here((*overrides, "policy.max_leverage=nonsense")) == ()


# export ----------------------------------------------------------------------------------------------------------


def test_without_a_key_nothing_is_signed_and_no_key_is_made(
    overrides: tuple[str, ...], choice: lab.Choice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert shelf(overrides, "ma_crossover").no_key == NO_KEY
    assert "tradewright package key ~/.config/tradewright/package.key" in NO_KEY
    assert export(overrides, choice) == Outcome(NO_KEY)
    assert not (tmp_path / "data" / "packages").exists()
    assert not (tmp_path / ".config").exists()
    monkeypatch.setenv(f"{KEY}_FILE", str(tmp_path / "gone"))
    for told in (shelf(overrides, "ma_crossover").no_key, export(overrides, choice).text):
        assert "gone cannot be read" in told


def test_a_package_is_signed_with_the_own_key_which_is_never_shown(
    own: tuple[str, ...], exported: Path, key: Path
) -> None:
    """R-PORT-12, R-PORT-13."""
    settings = compose(own)
    made = show(settings, exported)
    assert (made.trust.value, made.public_key) == ("OWN", public_key_of(key.read_text(), "test"))
    assert exported.name == f"ma_crossover-{made.manifest.ir_hash[:12]}.hsp"
    assert lab_packages.packages_here(own) == (exported.name,)
    found = shelf(own, "ma_crossover")
    assert (found.no_key, [row["version"] for row in found.versions]) == ("", [1])
    assert "PRIVATE" not in repr((found, verify(own, exported.name, "")))


# verification ----------------------------------------------------------------------------------------------------


def test_a_package_is_verified_in_words(own: tuple[str, ...], exported: Path, tmp_path: Path) -> None:
    found = verify(own, exported.name, "")
    assert (found.holds, found.text, found.differences) == (True, "verified: it gives here what it says", ())
    assert ("strategy", "ma_crossover, version 1") in found.says
    elsewhere = shutil.copy(exported, tmp_path / "received.hsp")
    by_path = verify(own, None, f" {elsewhere} ")
    assert (by_path.holds, by_path.manifest) == (True, found.manifest)


def signed(file: Path, target: Path, private: str | None, profit: float | None = None) -> Path:
    """The package under another signature, and with another figure where one is given."""
    package = read_file(file)
    plain = json.loads(package.manifest.text())
    if profit is not None:
        plain["expected"]["metrics"]["net_profit"] = profit
    made = Package(
        Manifest.model_validate_json(json.dumps(plain)), package.document, package.configuration, package.certificate
    )
    target.write_bytes(written(made, private))
    return target


def test_what_differs_is_told_with_the_reason(own: tuple[str, ...], exported: Path, key: Path, tmp_path: Path) -> None:
    file = signed(exported, tmp_path / "forged.hsp", key.read_text(), 1e6)
    found = verify(own, None, str(file))
    assert (found.holds, found.text) == (False, "NOT verified: see the differences")
    (row,) = found.differences
    assert (row["part"], row["of"], row["the package says"]) == ("metrics", "net_profit", "1000000.0")
    assert row["why"]
    refused = bring_in(own, found, "third")
    assert (refused.is_done, "no package was verified" in refused.text) == (False, True)


def test_whom_nobody_trusts_is_refused_with_the_command(own: tuple[str, ...], exported: Path, tmp_path: Path) -> None:
    stranger = signed(exported, tmp_path / "stranger.hsp", new_private_key())
    unsigned = signed(exported, tmp_path / "unsigned.hsp", None)
    for file, option in ((stranger, "--allow-untrusted"), (unsigned, "--allow-unsigned")):
        found = verify(own, None, str(file))
        assert (found.holds, found.says, found.manifest) == (False, (), None)
        assert found.text.endswith(f"On the command line: tradewright package verify {file} {option}")


@pytest.mark.parametrize(
    ("chosen", "path", "told"),
    [
        (None, "", "no package is chosen"),
        ("../data/packages/x.hsp", "", "no package is chosen"),
        ("gone.hsp", "", "gone.hsp"),
        (None, "/no/such.hsp", "/no/such.hsp"),
        (None, "~nobody-such/x.hsp", "~nobody-such/x.hsp"),
        (None, "a\0b", "is no path"),
        (None, ".", "refused"),
    ],
)
def test_a_file_that_is_no_package_is_refused(own: tuple[str, ...], chosen: str | None, path: str, told: str) -> None:
    found = verify(own, chosen, path)
    assert (found.holds, found.text.startswith("refused: "), told in found.text) == (False, True, True), found.text


def test_a_changed_byte_is_refused(own: tuple[str, ...], exported: Path, tmp_path: Path) -> None:
    data = bytearray(exported.read_bytes())
    data[-9] ^= 1
    (tmp_path / "damaged.hsp").write_bytes(data)
    assert verify(own, None, str(tmp_path / "damaged.hsp")).text.startswith("refused: ")


def test_without_the_extra_everything_names_it(
    own: tuple[str, ...], choice: lab.Choice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradewright.packages.fault.find_spec", lambda _name: None)
    for text in (export(own, choice).text, verify(own, "a.hsp", "").text, bring_in(own, Checked(holds=True), "").text):
        assert "pip install tradewright[packages]" in text


def test_the_lab_opens_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its module loads neither library, so that a lab without packages works."""
    monkeypatch.setattr(operations, "lab_packages", lab_packages)  # what is imported anew stays in here
    for name in ("runtime.verification", "app.operations.packages", "app.operations.lab_packages", *PARTS):
        monkeypatch.delitem(sys.modules, name)
    for name in [each for each in sys.modules if each.partition(".")[0] in ("cryptography", "zstandard")]:
        monkeypatch.setitem(sys.modules, name, None)
    assert importlib.import_module("app.operations.lab_packages").shelf is not shelf
    with pytest.raises(ImportError):
        importlib.import_module("tradewright.packages.signing")


# import ----------------------------------------------------------------------------------------------------------


def test_a_verified_package_is_imported_under_the_visitor_s_name(
    desk: House, own: tuple[str, ...], exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked, strategies = verify(own, exported.name, ""), desk.conf / "strategy"
    assert bring_in(own, checked, "") == Outcome(
        "conf/strategy/ma_crossover.yaml: is there already, the same", is_done=True
    )
    taken = bring_in(own, checked, "sma_crossover")
    assert (taken.is_done, "none is overwritten" in taken.text) == (False, True)
    visited(monkeypatch, Scope.ADMIN)
    done = bring_in(own, checked, " received ")
    assert (done.is_done, done.strategy) == (True, "received")
    assert done.text.startswith("conf/strategy/received.yaml: written; tradewright trade and the schedules trade every")
    assert (strategies / "received.yaml").read_text() == DOCUMENT.read_text().replace(
        "id: ma_crossover", "id: received"
    )
    with opened_ledger(compose(own)) as ledger:
        last = list(ledger.audit.entries())[-1]
    assert (last.action, "token: ann" in last.actor) == ("IMPORT_PACKAGE", True)
    (strategies / "received.yaml").unlink()


def test_another_package_in_the_place_of_the_verified_one_is_not_imported(
    desk: House, own: tuple[str, ...], exported: Path, key: Path, tmp_path: Path
) -> None:
    file = Path(shutil.copy(exported, tmp_path / "received.hsp"))
    checked = verify(own, None, str(file))
    signed(exported, file, key.read_text(), 1e6)
    said = bring_in(own, checked, "received")
    assert (said.is_done, "it is another package by now" in said.text) == (False, True)
    signed(exported, file, new_private_key())
    foreign = bring_in(own, checked, "received")
    assert (foreign.is_done, "a key that is not trusted" in foreign.text) == (False, True)
    assert not (desk.conf / "strategy" / "received.yaml").exists()


# who may ---------------------------------------------------------------------------------------------------------


def test_a_visitor_without_the_scope_keeps_and_passes_on_nothing(
    desk: House,
    own: tuple[str, ...],
    choice: lab.Choice,
    exported: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked, before = verify(own, exported.name, ""), (exported.read_bytes(), shelf(own, "ma_crossover"))
    visited(monkeypatch, Scope.TRADE)
    for said in (save(own, choice), export(own, choice), bring_in(own, checked, "received")):
        assert (said.is_done, "does not allow it" in said.text) == (False, True)
    assert "does not allow it" in verify(own, None, str(exported)).text
    assert before == (exported.read_bytes(), shelf(own, "ma_crossover"))
    assert not (desk.conf / "strategy" / "received.yaml").exists()
    assert verify(own, exported.name, "").holds
