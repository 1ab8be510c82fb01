"""The supply chain: licences are checked, a bill of materials is made from the locks, an audit of nothing is none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests import audit, licences
from tests.locks import locked
from tests.sbom import bill

ROOT = Path(__file__).resolve().parents[2]
LOCKS = [ROOT / "requirements" / name for name in ("core.txt", "dev.txt", "uv.txt")]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_of_a_lock_is_read_with_its_hashes(lock: Path) -> None:
    text = lock.read_text()
    found = locked(lock)
    assert len(found) == len(re.findall(r"^[A-Za-z0-9][\w.-]*==", text, re.MULTILINE))
    assert sum(len(row.hashes) for row in found) == text.count("--hash=sha256:")


def test_a_lock_without_hashes_is_none(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("a==1\n")
    with pytest.raises(ValueError, match="no hash"):
        locked(tmp_path / "lock")


def test_the_licences_of_all_that_is_locked_are_allowed() -> None:
    assert list(licences.problems(ROOT / "requirements" / "dev.txt")) == []


@pytest.mark.parametrize(
    ("told", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("GNU General Public License v3 (GPLv3)", False),
        ("ISC License (ISCL)", True),
        ("AGPL-3.0-or-later", False),
        ("Other/Proprietary License", False),
        ("", False),
    ],
)
def test_a_licence_is_allowed_by_one_whole_alternative(told: str, allowed: bool) -> None:
    assert licences.is_allowed(told) is allowed


def test_a_package_under_another_licence_fails_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(
        f"typer==1.0 \\\n    --hash=sha256:{'0' * 64}\nabsent-package==1 \\\n    --hash=sha256:{'0' * 64}\n"
    )
    monkeypatch.setattr(licences, "ACCEPTED", {})
    monkeypatch.setattr(licences, "statement", lambda name: licences.metadata(name) and "GPL-3.0-only")
    found = list(licences.problems(lock))
    assert found == ["typer 1.0: GPL-3.0-only", "absent-package 1: is not installed, so that its licence is not known"]
    assert licences.main(str(lock)) == 1


def test_the_bill_of_materials_names_every_locked_package() -> None:
    lock = ROOT / "requirements" / "core.txt"
    made = json.loads(bill(lock, "tradewright", "1"))
    assert made["bomFormat"] == "CycloneDX"
    assert {(row["name"], row["version"]) for row in made["components"]} == {(r.name, r.version) for r in locked(lock)}
    numpy = next(row for row in made["components"] if row["name"] == "numpy")
    assert numpy["purl"] == f"pkg:pypi/numpy@{numpy['version']}"
    assert numpy["licenses"]
    assert all(row["hashes"] for row in made["components"])


@pytest.mark.parametrize(
    ("rows", "status", "text"),
    [
        ([], audit.NOT_AUDITED, "NOT AUDITED"),
        ([{"name": "a", "skip_reason": "no"}], audit.NOT_AUDITED, "knows none"),
        ([{"name": "a", "version": "1", "vulns": []}], 0, "audited 1"),
        ([{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "no"}], 0, "skipped 1"),
        ([{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1"}]}], 1, "a 1: PYSEC-1"),
    ],
)
def test_an_audit_of_nothing_is_no_good_one(rows: list[dict[str, object]], status: int, text: str) -> None:
    found, lines = audit.judged(rows)
    assert found == status
    assert text in "\n".join(lines)


def test_ci_says_aloud_that_nothing_was_audited_and_make_fails() -> None:
    """The one accepted code stands in ``.ci/run``; the verb for people has no exception."""
    steps = (ROOT / ".ci" / "run").read_text()
    assert f"-eq {audit.NOT_AUDITED} ]" in steps
    assert "NOT AUDITED" in steps
    verb = (ROOT / "Makefile").read_text().split("\naudit: ", 1)[1].split("\n\n", 1)[0]
    assert "||" not in verb
