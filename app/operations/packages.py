"""Signed strategy packages: keys, export, verification, import, and what is told of one."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.operations.actors import actor_name
from app.operations.package_certificates import ShownCertificate, told_certificate
from app.operations.saved_strategies import Tested, backtest_of, save_tested
from app.operations.trading import opened_ledger
from app.operations.variants import RESERVED, place
from conf.environment import conf_folder, display_path, in_project
from conf.package_settings import unpacked_settings
from conf.scenarios import scenarios
from conf.schema.settings import Settings
from conf.strategy_kinds import kinds
from runtime.packages import certified, engine
from runtime.verification import Admission, admitted_package, demand_bounded, holds, private_key, trust_in, verified
from strategies.discovery import RESERVED as RESERVED_KINDS
from strategies.documents import strategy_class
from tradewright.dsl.check import compiled
from tradewright.dsl.document import VERSION, StrategyDocument
from tradewright.dsl.layout import renamed
from tradewright.dsl.program import Program
from tradewright.model.clock import SystemClock
from tradewright.model.errors import StoreError, TradewrightError
from tradewright.model.hashing import SCHEMA_VERSION, content_hash
from tradewright.packages.comparison import PackageDifference
from tradewright.packages.fault import PackageFault, PackageRefused, refusal
from tradewright.packages.manifest import FORMAT, KIND, Manifest, package_id
from tradewright.packages.package import Package, Trust, entries, listed_files, read_file, written
from tradewright.packages.signing import new_private_key, public_key_of
from tradewright.store.files import sync, write_bytes


@dataclass(frozen=True)
class KeyReply:
    """A new key: the file of its private half, and its public half in one line."""

    file: str
    public_key: str


@dataclass(frozen=True)
class Shown:
    """A package as people read it: the manifest, and what is known of who made it.

    ``public_key`` and ``signer`` (the name in ``packages.trusted``) are empty where there are none.
    """

    file: str
    manifest: Manifest
    trust: Trust
    signer: str
    public_key: str
    certificate: ShownCertificate | None


@dataclass(frozen=True)
class Verified:
    """What verification found; ``holds`` where nothing differs that the package says of its backtest."""

    holds: bool
    package: Shown
    differences: tuple[PackageDifference, ...]


@dataclass(frozen=True)
class Imported:
    """An imported document: its file, and whether it was written or was there already, the same."""

    file: str
    name: str
    ir_hash: str
    is_written: bool
    package: Shown


def make_key(settings: Settings, file: Path) -> KeyReply:
    """Make a private key for its owner alone.

    Raises:
        PackageRefused: the file is there, lies in the storage folder or among the YAML files, or cannot be made.
    """
    target = file.expanduser().absolute()
    _refuse_place(settings, target)
    key = new_private_key()
    ready = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        write_bytes(ready, key.encode())
        os.link(ready, target)  # whole or not at all, and never over another file
        sync(target.parent)
    except FileExistsError as error:
        what = "there is a file of that name, and no key is overwritten"
        raise refusal(PackageFault.KEY_PLACE, what, str(file), "name a new file") from error
    except (OSError, StoreError) as error:
        what = f"it cannot be made: {error.strerror if isinstance(error, OSError) else error.what}"
        raise refusal(PackageFault.KEY_PLACE, what, str(file), "name a file in a folder of yours") from error
    finally:
        with suppress(OSError):
            ready.unlink()
    return KeyReply(str(target), public_key_of(key, str(file)))


def _refuse_place(settings: Settings, target: Path) -> None:
    real = target.parent.resolve() / target.name
    for folder, what in ((in_project(settings.storage.root), "the storage folder"), (conf_folder(), "the YAML files")):
        if real.is_relative_to(folder.resolve()):
            told = f"it would lie among {what} ({folder}), which are copied, backed up and shared"
            remedy = "name a file elsewhere, such as ~/.config/tradewright/package.key"
            raise refusal(PackageFault.KEY_PLACE, told, str(target), remedy)


def export(
    settings: Settings, file: Path, key: Path | None = None, *, unsigned: bool = False, text: str | None = None
) -> Shown:
    """Backtest the document in force, certify it on all scenarios, and write its package.

    The file is the old one or the new one.

    The strategy is saved as well, which gives the package its version.

    Args:
        key: the file of the private key; None takes ``TRADEWRIGHT_PACKAGE_KEY``.
        unsigned: whether it is left unsigned.
        text: as of :func:`app.operations.saved_strategies.backtest_of`.

    Raises:
        PackageRefused: for a strategy in Python, overrides of its parameters, settings that name this machine, no key
            or a wrong one, and a file in its place that is no package.
        TradewrightError: as :func:`app.operations.saved_strategies.backtest_of`.
    """
    signing, where = (None, "") if unsigned else private_key(key)
    if signing is not None:
        public_key_of(signing, where)  # a wrong key is told before the backtest
    _refuse_other_file(file)
    known = scenarios()  # a wrong one is told before the backtest
    found = backtest_of(settings, text)
    version = save_tested(settings, found).item.version
    carried = unpacked_settings(settings, found.configuration, found.text)
    demand_bounded(carried, found.document, found.program, known)  # what nobody would verify
    certificate = certified(carried, found.document, found.program, known).canonical_json().encode()
    package = _package(found, version, certificate, SystemClock().now().replace(microsecond=0))
    write_bytes(file.absolute(), written(package, signing, where, settings.packages.level))
    return show(settings, file, key)


def _package(found: Tested, version: int, certificate: bytes, at: datetime) -> Package:
    name, told = found.document.id, content_hash(found.configuration)
    manifest = Manifest(
        format=FORMAT,  # type: ignore[arg-type]
        kind=KIND,  # type: ignore[arg-type]
        id=package_id(name, version, found.program.hash, told, at),
        name=name,
        version=version,
        ir_hash=found.program.hash,
        dsl_version=VERSION,
        schema_version=SCHEMA_VERSION,
        engine=engine(),
        created_at=at,
        files=entries(listed_files(found.text, found.configuration, certificate)),
        configuration_hash=told,
        data=found.done.data,
        expected=found.done.expected,
        evaluation=found.done.evaluation,
    )
    return Package(manifest, found.text, found.configuration, certificate)


def _refuse_other_file(file: Path) -> None:
    if not (file.exists() or file.is_symlink()):
        return
    try:
        read_file(file)
    except TradewrightError as error:
        what = "there is a file of that name that is no package, and it is not overwritten"
        raise refusal(PackageFault.NAME_TAKEN, what, str(file), "name another file") from error


def show(settings: Settings, file: Path, key: Path | None = None) -> Shown:
    """What a package says of itself; nothing of it is run or written.

    Args:
        key: as of :class:`Admission`.

    Raises:
        PackageRefused: it breaks a rule; the key is none.
    """
    return _shown(settings, file, read_file(file), key)


def _shown(settings: Settings, file: Path, package: Package, key: Path | None) -> Shown:
    trust, signer = trust_in(settings, package, key)
    public = package.signature.public_key if package.signature else ""
    try:
        certificate = package.certified()
    except PackageRefused as error:
        raise error.at(str(file)) from error
    return Shown(str(file), package.manifest, trust, signer, public, told_certificate(certificate, settings.certify))


def verify(settings: Settings, file: Path, admitted: Admission) -> Verified:
    """Backtest a package again on the bars that are here, and compare all that it says with what was found.

    A scenario's bars are made again, in a folder of their own; all others are those that are stored here.

    Raises:
        PackageRefused: it breaks a rule, or its key is not trusted and ``admitted`` does not say so.
        TradewrightError: the backtest cannot be run, as when there are no bars of an instrument.
    """
    taken = admitted_package(settings, file, admitted)
    shown, found = _shown(settings, file, taken.package, admitted.key), verified(settings, taken)
    return Verified(holds(found), shown, found)


def import_package(settings: Settings, file: Path, admitted: Admission, name: str = "", actor: str = "") -> Imported:
    """Write the document of a package into ``conf/strategy``, whole or not at all; the audit log holds who did.

    Args:
        name: of the strategy here; its own when empty.
        actor: whom the audit log names beside the user of the operating system.

    Raises:
        PackageRefused: as :func:`verify`, for a name that is taken by another strategy, and a document that needs an
            instrument which is not defined here.
        TradewrightError: when it cannot be written or recorded; nothing is left behind.
    """
    package, document, program, _ = admitted_package(settings, file, admitted)
    wanted, text = name or document.id, package.document
    if wanted != document.id:
        text = _renamed(text, wanted, program)
    path = conf_folder() / "strategy" / f"{wanted}.yaml"
    told = _shown(settings, file, package, admitted.key)
    if path.is_file() and path.read_bytes() == text.encode():
        return Imported(display_path(path, conf_folder()), wanted, program.hash, False, told)
    _refuse_name(wanted, path)
    _refuse_unknown_instruments(settings, document, program)
    place(path, text.encode())
    try:
        _record(settings, path, told, actor)
    except BaseException:  # Ctrl-C too: what the audit log does not hold is not kept
        path.unlink()
        raise
    return Imported(display_path(path, conf_folder()), wanted, program.hash, True, told)


def _renamed(text: str, name: str, program: Program) -> str:
    """The document under another id, with the same meaning."""
    made = renamed(text, name)
    document, other = compiled(made, f"--as {name}")
    if document.id != name or other.hash != program.hash:
        raise refusal(
            PackageFault.OTHER_MEANING, "it cannot be renamed without a change of its meaning", f"--as {name}"
        )
    return made


def _refuse_name(name: str, path: Path) -> None:
    found = kinds()
    if name in RESERVED | RESERVED_KINDS:
        what = f"{name} has another meaning"
    elif path.exists() or path.is_symlink():
        what = f"there is another strategy of that name, {display_path(path, conf_folder())}"
    elif name in found.usable or name in found.broken:
        what = f"{name} is a strategy in Python here"
    else:
        return
    raise refusal(PackageFault.NAME_TAKEN, f"{what}, and none is overwritten", name, "give it a new name: --as NAME")


def _refuse_unknown_instruments(settings: Settings, document: StrategyDocument, program: Program) -> None:
    rules = strategy_class(document, program)().prepare_state()
    needed = {*(document.instruments or ()), *(feature.of for feature in rules if feature.of)}
    if unknown := sorted(needed - settings.instruments.keys()):
        what = f"it needs {', '.join(unknown)}, which {'is' if len(unknown) == 1 else 'are'} not defined here"
        remedy = "declare it in a file of conf/instruments (docs/instruments.md), then import again"
        raise refusal(PackageFault.BAD_CONFIGURATION, what, "conf/instruments", remedy)


def _record(settings: Settings, path: Path, told: Shown, actor: str) -> None:
    detail = {
        "file": display_path(path, conf_folder()),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "package": told.manifest.id,
        "trust": told.trust.value,
        "public_key": told.public_key,
    }
    with opened_ledger(settings) as ledger:
        ledger.audit.append(actor_name(actor), "IMPORT_PACKAGE", f"strategy:{path.stem}", detail)
