"""Signed strategy packages: keys, export, verification, import, and what is told of one."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from app.operations.actors import actor_name
from app.operations.package_certificates import ShownCertificate, told_certificate
from app.operations.saved_strategies import Tested, backtest_of, save_tested
from app.operations.trading import opened_ledger
from app.operations.variants import RESERVED, place
from conf.environment import conf_folder, display_path, environment, in_project
from conf.package_settings import refuse_traps, unpacked_settings
from conf.scenarios import scenarios
from conf.schema.market import ScenarioFeedSettings
from conf.schema.settings import Settings
from conf.secret_files import read_secret
from conf.strategy_kinds import kinds
from runtime.container import Container
from runtime.packages import backtested, certified, engine
from strategies.discovery import RESERVED as RESERVED_KINDS
from strategies.documents import strategy_class
from tradewright.dsl.check import compiled
from tradewright.dsl.document import VERSION, StrategyDocument
from tradewright.dsl.layout import renamed
from tradewright.dsl.program import Program
from tradewright.model.clock import SystemClock
from tradewright.model.errors import StoreError, TradewrightError
from tradewright.model.hashing import SCHEMA_VERSION, content_hash
from tradewright.packages.comparison import PackageDifference, certificate_differences, differences
from tradewright.packages.fault import PackageFault, PackageRefused, refusal
from tradewright.packages.manifest import FORMAT, KIND, Manifest, package_id
from tradewright.packages.package import Package, Trust, entries, listed_files, read_file, written
from tradewright.packages.signing import new_private_key, public_key_of
from tradewright.store.files import sync, write_bytes

KEY = "TRADEWRIGHT_PACKAGE_KEY"
"""The variable with the private key that signs packages, or with ``_FILE`` behind it, that of its file."""


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


@dataclass(frozen=True)
class Admission:
    """Which packages are taken beside those that are signed with a trusted key.

    ``key`` is the file of one's own private key, whose packages are taken; None takes ``TRADEWRIGHT_PACKAGE_KEY``,
    where it is set.
    """

    unsigned: bool = False
    untrusted: bool = False
    key: Path | None = None


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
    private_key, where = (None, "") if unsigned else _key(key)
    if private_key is not None:
        public_key_of(private_key, where)  # a wrong key is told before the backtest
    _refuse_other_file(file)
    known = scenarios()  # a wrong one is told before the backtest
    found = backtest_of(settings, text)
    version = save_tested(settings, found).item.version
    carried = unpacked_settings(settings, found.configuration, found.text)
    certificate = certified(carried, found.document, found.program, known).canonical_json().encode()
    package = _package(found, version, certificate, SystemClock().now().replace(microsecond=0))
    write_bytes(file.absolute(), written(package, private_key, where, settings.packages.level))
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


def _key(file: Path | None) -> tuple[str, str]:
    """The private key, and where it stands."""
    if file is not None:
        return read_secret(file.expanduser(), "--key"), "--key"
    said = environment(KEY)
    if said is None:
        remedy = f"--key FILE, or {KEY}_FILE=FILE in .env; tradewright package key FILE makes one; or say --unsigned"
        raise refusal(PackageFault.NO_KEY, "there is no key to sign with", KEY, remedy)
    return said, KEY


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


def _trust(settings: Settings, package: Package, key: Path | None) -> tuple[Trust, str]:
    """What is known of who made it; one's own key is looked at where the settings do not list the package's."""
    trust, signer = package.trust(settings.packages.trusted)
    if package.signature is None or trust is not Trust.UNTRUSTED or (key is None and environment(KEY) is None):
        return trust, signer
    is_own = public_key_of(*_key(key)) == package.signature.public_key
    return Trust.OWN if is_own else trust, signer


def _shown(settings: Settings, file: Path, package: Package, key: Path | None) -> Shown:
    trust, signer = _trust(settings, package, key)
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
    package, document, program, chosen = _admitted(settings, file, admitted)
    shown, certificate = _shown(settings, file, package, admitted.key), package.certified()
    known = {document.id: document for document in scenarios()} if certificate else {}
    with _anew(chosen) as used:
        with Container(used) as house:
            done = backtested(house, document, program)
        found = differences(package.manifest, engine(), done.data, done.expected)
        if certificate:
            here = [known[row.scenario] for row in certificate.scenarios if row.scenario in known]
            again = certified(used, document, program, here, certificate.limits)
            made_with = package.manifest.engine.digest
            found += certificate_differences(certificate, again, document.certify, made_with)
    holds = not any(row.part != "engine" for row in found)
    return Verified(holds, shown, found)


@contextmanager
def _anew(settings: Settings) -> Iterator[Settings]:
    """The settings with an empty cache, so that the backtest is run and not remembered.

    Where the bars are a scenario's, all that is stored lies in that folder: none of them may reach the store.
    """
    with tempfile.TemporaryDirectory(prefix="tradewright-") as folder:
        places: dict[str, str | None] = {"cache_dir": f"{folder}/cache"}
        if isinstance(settings.feed, ScenarioFeedSettings):
            places |= {"root": folder, "ledger_url": None, "quotes_url": None}
        try:
            yield settings.model_copy(update={"storage": settings.storage.model_copy(update=places)})
        finally:
            Container(settings)  # the log goes on where it was


class Admitted(NamedTuple):
    """A package of somebody who is trusted, or that was asked for all the same.

    Args:
        settings: those of its backtest here.
    """

    package: Package
    document: StrategyDocument
    program: Program
    settings: Settings


def _admitted(settings: Settings, file: Path, admitted: Admission) -> Admitted:
    package = read_file(file)
    trust, _ = _trust(settings, package, admitted.key)
    if trust is Trust.UNSIGNED and not admitted.unsigned:
        raise refusal(PackageFault.UNSIGNED, "nobody has signed it", str(file))
    if trust is Trust.UNTRUSTED and not admitted.untrusted:
        public = package.signature.public_key if package.signature else ""
        raise refusal(PackageFault.UNTRUSTED_KEY, f"it is signed with {public}, a key that is not trusted", str(file))
    try:
        document, program = package.compiled()
        refuse_traps(package.document)
        chosen = unpacked_settings(settings, package.configuration, package.document)
    except PackageRefused as error:
        raise error.at(str(file)) from error
    return Admitted(package, document, program, chosen)


def import_package(settings: Settings, file: Path, admitted: Admission, name: str = "") -> Imported:
    """Write the document of a package into ``conf/strategy``, whole or not at all; the audit log holds who did.

    Args:
        name: of the strategy here; its own when empty.

    Raises:
        PackageRefused: as :func:`verify`, for a name that is taken by another strategy, and a document that needs an
            instrument which is not defined here.
        TradewrightError: when it cannot be written or recorded; nothing is left behind.
    """
    package, document, program, _ = _admitted(settings, file, admitted)
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
        _record(settings, path, told)
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


def _record(settings: Settings, path: Path, told: Shown) -> None:
    detail = {
        "file": display_path(path, conf_folder()),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "package": told.manifest.id,
        "trust": told.trust.value,
        "public_key": told.public_key,
    }
    with opened_ledger(settings) as ledger:
        ledger.audit.append(actor_name(), "IMPORT_PACKAGE", f"strategy:{path.stem}", detail)
