"""``tradewright init``: a folder of one's own in which commands work; whole or not at all, and left alone later."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from app.operations import new_project
from conf.compose import check, compose
from conf.environment import MARKER, SOURCE, load_environment
from conf.ledger_place import LEDGER_FILE, ledger_place
from runtime import project_files
from runtime.container import Container
from runtime.project_files import changed_since, read_marker, shipped_files, upgrade_since
from tests.app.conftest import say
from tradewright.model.errors import ConfigError

MADE = {
    "conf", "docs", "strategies", "notebooks", "workspace.yaml", ".env.example", ".gitignore", "README.md", MARKER,
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project, in which the test stands."""
    made = new_project.make_project(tmp_path / "mine").folder
    monkeypatch.chdir(made)
    return made


def test_a_new_project_holds_what_a_project_needs(tmp_path: Path) -> None:
    said = say("init", str(tmp_path / "mine"), "--json")
    assert said.status == 0
    assert said.json["folder"] == str(tmp_path / "mine")
    written = {str(path.relative_to(tmp_path / "mine")) for path in (tmp_path / "mine").rglob("*") if path.is_file()}
    assert written == set(said.json["files"])
    assert {name.partition("/")[0] for name in written} == MADE
    assert {path.name for path in tmp_path.iterdir()} == {"mine"}
    shipped = {f"conf/{path.relative_to(SOURCE / 'conf')}" for path in (SOURCE / "conf").rglob("*.yaml")}
    assert shipped | {"conf/strategy/example.yaml", "notebooks/lab.py", "strategies/example.py"} < written
    assert not [name for name in written if name.endswith("__init__.py")], "it would hide what ships"


@pytest.mark.parametrize("where", ["clone", "project"])
def test_git_takes_no_export_of_a_notebook_and_no_secret(tmp_path: Path, where: str) -> None:
    """D11: an exported notebook holds positions and equity."""
    (tmp_path / ".gitignore").write_bytes(
        (SOURCE / ".gitignore").read_bytes() if where == "clone" else shipped_files()[".gitignore"].read_bytes()
    )
    kept = ("notebooks/monitor.py", "conf/config.yaml", "strategies/mine.py", ".env.example")
    left_out = ("notebooks/monitor.html", "notebooks/lab.ipynb", "notebooks/__marimo__/monitor.json", ".env",
                "data/ledger.sqlite3", ".dagster/history.db")  # fmt: skip
    git = ["git", "-c", f"core.excludesFile={os.devnull}", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    told = subprocess.run([*git, "check-ignore", *kept, *left_out], capture_output=True, text=True, check=False)
    assert told.stdout.split() == list(left_out)


def test_the_files_of_the_clone_are_those_of_a_project() -> None:
    files = shipped_files()
    for name in ("workspace.yaml", ".env.example"):
        assert files[name].read_text() == (SOURCE / name).read_text()


def test_the_pages_are_there_and_every_link_between_them_leads_somewhere(project: Path) -> None:
    """Messages and comments name pages as ``docs/NAME.md``."""
    pages = {path.relative_to(SOURCE).as_posix() for path in (SOURCE / "docs").rglob("*.md")}
    assert {path.relative_to(project).as_posix() for path in (project / "docs").rglob("*.md")} == pages
    for page in (project / "README.md", *(project / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).is_file(), f"{page.name} -> {target}"
    named = {
        name
        for folder in ("app", "conf", "runtime", "strategies", "tradewright")
        for path in (SOURCE / folder).rglob("*")
        if path.suffix in (".py", ".yaml")
        for name in re.findall(r"docs/[a-z-]+\.md", path.read_text())
    }
    assert len(named) > 5
    assert named <= pages


def test_without_a_checkout_the_pages_are_those_that_the_wheel_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "lib" / "site-packages"
    told = tmp_path / "share" / "doc" / "tradewright"
    (told / "decisions").mkdir(parents=True)
    for name in ("data.md", "decisions/0001.md"):
        (told / name).write_text(name)
    (installed / "tradewright-1.dist-info").mkdir(parents=True)
    (installed / "tradewright-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tradewright\nVersion: 1\n"
    )
    rows = [
        "tradewright/__init__.py",
        *(f"../../share/doc/tradewright/{name}" for name in ("data.md", "decisions/0001.md", "gone.md")),
    ]
    (installed / "tradewright-1.dist-info" / "RECORD").write_text("".join(f"{row},,\n" for row in rows))
    monkeypatch.setattr(project_files, "SOURCE", installed)
    monkeypatch.syspath_prepend(str(installed))
    assert project_files.pages() == {
        "docs/data.md": told / "data.md", "docs/decisions/0001.md": told / "decisions" / "0001.md",
    }  # fmt: skip


def test_the_text_tells_the_next_command(tmp_path: Path) -> None:
    said = say("init", str(tmp_path / "my own"))
    assert f"cd '{tmp_path / 'my own'}'" in said.out.replace("\n", "")
    assert "tradewright check" in said.out


@pytest.mark.parametrize("name", ["a", ".hidden"])
def test_a_folder_that_is_not_empty_is_refused_and_left_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("mine")
    said = say("init", str(tmp_path / "mine"))
    assert said.status == 1
    assert f"is not empty: {name}" in said.err
    assert [(path.name, path.read_text()) for path in (tmp_path / "mine").iterdir()] == [(name, "mine")]
    assert {path.name for path in tmp_path.iterdir()} == {"mine"}


def test_a_refusal_names_a_few_of_many(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"f{number}").write_text("")
    with pytest.raises(ConfigError, match="f0, f1, f2, f3, f4 and 4 more"):
        new_project.make_project(tmp_path)


def test_a_second_init_is_refused(project: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    assert say("init", str(project)).status == 1
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def test_an_empty_folder_stays_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that stands in it still does."""
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    assert say("init", ".").status == 0
    assert tmp_path.stat().st_ino == before
    assert {path.name for path in tmp_path.iterdir()} == MADE


def test_a_file_and_a_link_to_nothing_are_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link", "file/below"):
        assert say("init", str(tmp_path / name)).status == 1
    assert (tmp_path / "file").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}


@pytest.mark.parametrize("exists", [False, True])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool) -> None:
    folder = tmp_path / "mine"
    if exists:
        folder.mkdir()
    real = Path.rename

    def full(self: Path, target: Path) -> Path:
        if self.name == "workspace.yaml" or not exists:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", full)
    said = say("init", str(folder))
    assert said.status == 1
    assert "No space left" in said.err
    assert [path.name for path in tmp_path.rglob("*")] == (["mine"] if exists else [])


def test_the_project_is_sound_and_its_own(project: Path) -> None:
    assert check() == []
    with Container(compose(("strategy=example",))) as made:
        assert made.root == project / "data"
        assert made.strategy.name == "example"
        assert made.ledger_url() == ledger_place(()).url
    wrong = project / "conf" / "backtest" / "default.yaml"
    wrong.write_text(wrong.read_text().replace("cash: 100000", "cash: -1"))
    assert {(problem.file, problem.key) for problem in check()} == {("conf/backtest/default.yaml", "backtest.cash")}


def test_commands_work_from_a_folder_below_and_by_the_variable(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    below = project / "notebooks"
    for folder, named in ((below, ""), (tmp_path, str(project))):
        monkeypatch.chdir(folder)
        monkeypatch.setenv("TRADEWRIGHT_PROJECT", named)
        said = say("doctor", "--json")
        assert said.status == 0, said.out
        (row,) = [row for row in said.json["findings"] if row["what"] == "project"]
        assert (row["state"], row["detail"]) == ("good", str(project))


def test_the_ledger_of_the_project_is_the_one_that_commands_use(project: Path) -> None:
    assert say("kill", "--reason", "a test").status == 0
    assert (project / "data" / LEDGER_FILE).is_file()
    said = say("resume", "--reason", "a test")
    assert said.status == 0
    assert str(project / "data" / LEDGER_FILE) in said.out + said.err
    assert say("orders").status == 0


def test_the_env_file_of_the_project_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADEWRIGHT_ENV_FILE")
    text = (project / ".env.example").read_text().replace("MODE=sim", "MODE=paper")
    (project / ".env").write_text(f"{text}TRADEWRIGHT_PROJECT=/elsewhere\n")
    load_environment()
    assert (os.environ["MODE"], "TRADEWRIGHT_PROJECT" in os.environ) == ("paper", False)


def test_the_apps_of_the_project_are_served_before_ours(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import serve

    served: list[str] = []

    class Builder:
        def with_app(self, path: str, root: str) -> Builder:
            served.append(f"{path} {root}")
            return self

        def build(self) -> object:
            return object()

    monkeypatch.setattr(serve.marimo, "create_asgi_app", lambda **_: Builder())
    (project / "notebooks" / "monitor.py").unlink()
    serve.build(8000, "a-token-that-is-long-enough")
    assert served == [f"/lab {project / 'notebooks/lab.py'}", f"/documents {project / 'notebooks/documents.py'}",
                      f"/monitor {SOURCE / 'notebooks/monitor.py'}",
                      f"/quality {project / 'notebooks/quality.py'}"]  # fmt: skip


def test_an_upgrade_is_told_and_changes_nothing(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = read_marker(project)
    assert made is not None
    assert (changed_since(made), upgrade_since(project)) == ([], "")
    (project / "conf" / "risk" / "default.yaml").write_text("mine: 1\n")
    assert changed_since(made) == [], "a file that the user changed ships as before"
    newer = tmp_path / "newer"
    newer.write_text("new: 1\n")
    ships = {**shipped_files(), "conf/config.yaml": newer, "conf/new/default.yaml": newer}
    del ships["notebooks/lab.py"]
    monkeypatch.setattr(project_files, "shipped_files", lambda: ships)
    monkeypatch.setattr(project_files, "package_version", lambda: "9.9")
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert changed_since(made) == ["conf/config.yaml", "conf/new/default.yaml", "notebooks/lab.py"]
    (row,) = [row for row in say("doctor", "--json").json["findings"] if row["what"] == "project"]
    assert row["state"] == "look"
    for words in (f"made by version {made.version}", "this is 9.9", "conf/config.yaml, conf/new/default.yaml"):
        assert words in row["detail"]
    said = say("check", "--json")
    assert said.status == 1
    assert "made by version" in said.err
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("text", ["", "version = 1", "not toml [", 'version = "1"\nfiles = 3\n'])
def test_a_damaged_marker_is_told_and_stops_nothing(project: Path, text: str) -> None:
    (project / MARKER).write_text(text)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_marker(project)
    assert compose().mode.name == "sim"


def test_a_checkout_has_no_marker() -> None:
    assert read_marker(SOURCE) is None
    assert upgrade_since(SOURCE) == ""
