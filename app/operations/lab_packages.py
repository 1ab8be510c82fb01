"""The lab's buttons for strategies that are documents: versions, packages to pass on, and packages that came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.operations import saved_strategies, visitors
from app.operations.documents import text_of
from app.operations.formatting import local, refusal_text
from app.operations.lab import Choice, settings_of
from app.operations.lab_questions import ONE_ACCOUNT
from app.operations.package_text import (
    comparison_lines,
    package_rows,
    saved_text,
    shortened,
    verified_text,
    what_trades,
)
from app.tokens import Scope
from conf.compose import compose_without_strategy
from conf.documents import load_option
from conf.environment import conf_folder, environment, in_project
from conf.schema.settings import Settings
from conf.strategy_kinds import is_allocation_file, kinds
from runtime.packages import KEY
from strategies.documents import is_document, is_from_document
from tradewright.dsl.check import compiled
from tradewright.model.errors import ConfigError, TradewrightError
from tradewright.packages.fault import PackageFault, PackageRefused, demand_libraries

if TYPE_CHECKING:
    from types import ModuleType

    from tradewright.packages.manifest import Manifest

FOLDER = "packages"
"""The place of packages in the storage folder."""
NO_KEY = (
    "Packages are signed, and there is no key of yours: `tradewright package key ~/.config/tradewright/package.key` "
    f"makes one. Then say `{KEY}_FILE=~/.config/tradewright/package.key` in `.env`, and start the lab again."
)
WITHIN = {"overflow-wrap": "anywhere"}
"""The style of messages that may hold long paths, for narrow windows."""
SHOWN_HASH, FILE_HASH = 16, 12
"""Characters of the hash of a meaning: in the list of versions, and in the name of a package's file."""
_OPTION = {PackageFault.UNSIGNED: " --allow-unsigned", PackageFault.UNTRUSTED_KEY: " --allow-untrusted"}

Row = Mapping[str, object]


@dataclass(frozen=True)
class Outcome:
    """What a button did, or why it was refused, as text.

    Args:
        strategy: that is new in ``conf/strategy``.
    """

    text: str = ""
    is_done: bool = False
    strategy: str = ""


@dataclass(frozen=True)
class Shelf:
    """What can be kept of the picked strategy, and what is kept of it already.

    Args:
        why_not: in one sentence, why it can be neither saved nor exported; empty for a document.
        no_key: what is to be done before a package can be signed; empty where there is a key.
        versions: the saved ones, the newest first.
        problem: why none of this can be read.
    """

    why_not: str = ""
    no_key: str = ""
    versions: tuple[Row, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Checked:
    """A package that was verified here.

    Args:
        text: the result in words, or a refusal.
        holds: whether it gives here what it says.
        says: what it says of itself, by name.
        differences: what differs, and why.
        manifest: of the package that was verified; None where it was refused.
    """

    text: str = ""
    holds: bool = False
    file: str = ""
    says: tuple[tuple[str, object], ...] = ()
    differences: tuple[Row, ...] = ()
    manifest: Manifest | None = None


@dataclass(frozen=True)
class Compared:
    """How two saved versions differ, in words and in rows; empty until two are chosen."""

    text: str = ""
    rows: tuple[Row, ...] = ()


def shelf(overrides: Sequence[str], strategy: str) -> Shelf:
    """What can be kept of a strategy of ``conf/strategy``; a refusal comes back as ``problem``."""
    try:
        settings = compose_without_strategy(overrides)
        why_not = _why_not(strategy)
        found = () if why_not else saved_strategies.saved_strategies(settings)
        rows = [
            {
                "version": row.version,
                "meaning": row.ir_hash[:SHOWN_HASH],
                "saved": local(row.saved_at, settings.base.tz),
                "verdict": row.verdict,
                "net profit": _rounded(row.metrics.get("net_profit")),
                "Sharpe": _rounded(row.metrics.get("sharpe")),
            }
            for row in reversed(found)
            if row.name == strategy
        ]
        return Shelf(why_not, _no_key(), tuple(rows))
    except (TradewrightError, OSError) as error:
        return Shelf(problem=refusal_text(error))


def _rounded(value: object) -> object:
    return round(value, 2) if isinstance(value, float) else value


def _no_key() -> str:
    try:
        return "" if environment(KEY) else NO_KEY
    except TradewrightError as error:
        return str(error)


def _why_not(strategy: str) -> str:
    path = conf_folder() / "strategy" / f"{strategy}.yaml"
    if is_document(text_of(path)):
        return ""
    kind = str(load_option(path).get("kind"))
    made = kinds().usable.get(kind)
    if made is not None and is_from_document(made):
        return (
            f"{strategy} holds values for the document {kind}, and only a document itself is saved as a version or "
            f"exported: pick {kind}, or write the values into it."
        )
    return (
        f"The rules of {strategy} are Python code, and only a document is saved as a version or exported, because an "
        "import never runs foreign code; `tradewright dsl example ma_crossover > conf/strategy/ma_crossover.yaml` "
        "makes a document to begin with (docs/dsl.md), and the page [documents](../documents/) writes one."
    )


def save(overrides: Sequence[str], choice: Choice) -> Outcome:
    """Backtest the picked document under the choices and save it; its version rises with its meaning alone."""

    def act(_actor: str) -> Outcome:
        done = saved_strategies.save(_settings(overrides, choice))
        told = "" if done.is_new else "; no new version is made"
        return Outcome(f"{saved_text(done)}{told}", is_done=True)

    return _carried_out(act)


def export(overrides: Sequence[str], choice: Choice) -> Outcome:
    """Backtest and certify the picked document under the choices, and sign its package with the person's own key.

    It is written to ``<storage.root>/packages``, under a name that tells its meaning.
    """

    def act(_actor: str) -> Outcome:
        if not environment(KEY):
            return Outcome(NO_KEY)
        packages, settings = _packages(), _settings(overrides, choice)
        text = saved_strategies.document_text(settings)
        meaning = compiled(text, choice.strategy)[1].hash
        file = folder(settings) / f"{choice.strategy}-{meaning[:FILE_HASH]}.hsp"
        made = packages.export(settings, file, text=text)
        told = f"exported {choice.strategy}@{made.manifest.version} to {file}, signed with your key"
        return Outcome(told, is_done=True)

    return _carried_out(act)


def compared(overrides: Sequence[str], strategy: str, chosen: Sequence[Row]) -> Compared:
    """How two chosen versions of a strategy differ, the older one first; nothing for another number of them."""
    if len(chosen) != 2:
        return Compared()
    older, newer = sorted(int(str(row["version"])) for row in chosen)
    try:
        found = saved_strategies.compare(
            compose_without_strategy(overrides), f"{strategy}@{older}", f"{strategy}@{newer}"
        )
    except TradewrightError as error:
        return Compared(str(error))
    rows: list[Row] = [
        {"what": "rule", "of": one or other, found.one: "yes" if one else "", found.other: "yes" if other else ""}
        for _, one, other in ((row.name, row.one, row.other) for row in found.rules)
    ]
    for what, differing in (("parameter", found.parameters), ("figure", found.figures)):
        for row in differing:
            one, other = shortened(row.one, row.other)
            rows.append({"what": what, "of": row.name, found.one: one, found.other: other})
    return Compared("; ".join(comparison_lines(found)), tuple(rows))


def folder(settings: Settings) -> Path:
    """Where the lab's packages are written, and offered from."""
    return in_project(settings.storage.root) / FOLDER


def packages_here(overrides: Sequence[str]) -> tuple[str, ...]:
    """The names of the packages in their folder; none where it cannot be read."""
    try:
        found = folder(compose_without_strategy(overrides)).glob("*.hsp")
        return tuple(sorted(path.name for path in found if path.is_file()))
    except (TradewrightError, OSError):
        return ()


def verify(overrides: Sequence[str], chosen: str | None, path: str) -> Checked:
    """Check a package and backtest it again here, under the rules of trust of ``tradewright package verify``.

    Args:
        chosen: a name of :func:`packages_here`.
        path: of any file, for a visitor of the scope admin; it counts before ``chosen``.
    """
    file, visitor = path.strip(), visitors.present()
    try:
        if file:
            visitors.demand(visitor, Scope.ADMIN)
        settings = compose_without_strategy(overrides)
        packages = _packages()
        found = packages.verify(settings, _file(settings, chosen, file), packages.Admission())
    except PackageRefused as error:
        return Checked(f"refused: {_on_the_command_line(error, file or str(chosen))}")
    except (TradewrightError, OSError) as error:
        return Checked(f"refused: {refusal_text(error)}")
    void = found.package.manifest.evaluation.void
    return Checked(
        text=f"{verified_text(found)}{f'. VOID: {void}' if void else ''}",
        holds=found.holds,
        file=found.package.file,
        says=tuple(package_rows(found.package)),
        differences=tuple(
            {"part": row.part, "of": row.name, "the package says": row.said, "found here": row.found, "why": row.why}
            for row in found.differences
        ),
        manifest=found.package.manifest,
    )


def _file(settings: Settings, chosen: str | None, path: str) -> Path:
    if path:
        if not path.isprintable():
            raise ConfigError(f"{path!r} is no path", where="path", remedy="write the path of a package file")
        return Path(path).expanduser() if path.startswith("~/") else Path(path)
    if not chosen or Path(chosen).name != chosen:
        remedy = "choose one of the folder, or write the path of a file"
        raise ConfigError("no package is chosen", where="package", remedy=remedy)
    return folder(settings) / chosen


def _on_the_command_line(error: PackageRefused, file: str) -> str:
    """A refusal; where the command admits the package after all, with the command."""
    option = _OPTION.get(PackageFault(error.code))
    return f"{error}. On the command line: tradewright package verify {file}{option}" if option else str(error)


def bring_in(overrides: Sequence[str], checked: Checked, name: str) -> Outcome:
    """Write the document of a package that was verified, and held, into ``conf/strategy``.

    It does so by the rules of ``tradewright package import``, without its options for packages of others.

    Args:
        name: of the strategy here; its own when empty.
    """

    def act(actor: str) -> Outcome:
        if not checked.holds:
            remedy = "verify one that gives here what it says; tradewright package import takes others too"
            raise ConfigError("no package was verified that could be imported", where="package", remedy=remedy)
        packages, settings = _packages(), compose_without_strategy(overrides)
        file = Path(checked.file)
        if packages.show(settings, file).manifest != checked.manifest:
            raise ConfigError("it is another package by now", where=checked.file, remedy="verify it again")
        done = packages.import_package(settings, file, packages.Admission(), name.strip(), actor)
        if not done.is_written:
            return Outcome(f"{done.file}: is there already, the same", is_done=True)
        return Outcome(f"{done.file}: written; {what_trades(done.name)}", is_done=True, strategy=done.name)

    return _carried_out(act)


def _packages() -> ModuleType:
    """The operations on packages, whose libraries are an extra.

    Raises:
        PackageRefused: they are not installed.
    """
    demand_libraries()
    from app.operations import packages

    return packages


def _settings(overrides: Sequence[str], choice: Choice) -> Settings:
    if not choice.instruments:
        raise ConfigError("no instrument is picked", where="Instruments", remedy="pick at least one")
    one = (ONE_ACCOUNT,) if is_allocation_file(choice.strategy) else ()
    return settings_of((*overrides, *one), choice)


def _carried_out(act: Callable[[str], Outcome]) -> Outcome:
    """Carry out an act of a visitor who may save what others trade; a refusal comes back as text.

    Args:
        act: gets the visitor's name for the audit log.
    """
    visitor = visitors.present()
    try:
        visitors.demand(visitor, Scope.ADMIN)
        return act(visitor.actor)
    except (TradewrightError, OSError) as error:
        told = refusal_text(error).replace("or leave the override out", "or move the slider back")
        return Outcome(f"refused: {told}")
