"""The environment: its variables and ``.env``, the overrides in it, the project's folder and its YAML files.

The project's folder holds the files of a user (``conf``, ``strategies``, ``notebooks``, ``.env``, the stored data);
:data:`SOURCE` holds the code with the files that ship. In a checkout of the source the two are one.

Only this module reads the environment. Its names here start with ``TRADEWRIGHT_``; a YAML file refers to others by
``${oc.env:NAME,default}``.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from conf.env_file import demand_sound, values_of
from conf.secret_files import SUFFIX, read_secret
from conf.variables import demand_read
from tradewright.model.errors import ConfigError

SOURCE = Path(__file__).resolve().parent.parent
"""The folder of the code, with the YAML files, notebooks and strategies that ship."""
PROJECT_VARIABLE = "TRADEWRIGHT_PROJECT"
MARKER = "tradewright.toml"
"""The file that makes a folder a project; written by ``tradewright init``."""
ROOT = "config"
COMMAND_LINE = "command line"
OVERRIDES = "TRADEWRIGHT_OVERRIDES"
ENV_FILE = "TRADEWRIGHT_ENV_FILE"
TOKEN = "TRADEWRIGHT_TOKEN"  # noqa: S105 - the name of a variable  # nosec B105  the name of a variable
TOKENS_FILE = "TRADEWRIGHT_TOKENS"
_REFERENCE = re.compile(r"\$\{oc\.env:(\w+)")
_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|AUTH(?!OR)|COOKIE|DSN|API_?KEY|(^|_)(KEYS?|PAT|PWD)(_|$)"
)
_SECRET_VALUE = re.compile(r"://[^/@\s]*:[^/@\s]+@|-----BEGIN|[?&;\s](password|pwd)=", re.IGNORECASE)
_NO_SECRETS = frozenset({"PWD", "OLDPWD", "SSH_AUTH_SOCK", "XAUTHORITY", "TRADEWRIGHT_KEYS"})
"""Variables that look like secrets and name a folder or a file, which every program has to find."""
ALERT_WEBHOOK = "TRADEWRIGHT_ALERT_WEBHOOK"
_UNSPOKEN = frozenset({"POSTGRES_URL", "REDIS_URL", "OANDA_ACCOUNT_ID", ALERT_WEBHOOK})
"""Variables whose names do not say that they are secrets: addresses, and the number of an account."""
_SEARCHABLE = 6
"""Characters that a secret has at least, for texts to be searched for it."""
_NOT_COMPOSED = {".", "expectations", "scenario"}
"""Folders that are no group: the root, and suites of expectations and scenarios, which are read by name."""


def environment(name: str) -> str | None:
    """A value of the environment, such as the token of the served apps; None where it is unset or empty.

    A secret may stand in a file instead, which ``NAME_FILE`` names.

    Raises:
        ConfigError: as :func:`secret_in_file`.
    """
    return secret_in_file(name) or os.environ.get(name) or None


def secret_in_file(name: str) -> str | None:
    """The secret in the file that ``NAME_FILE`` names; None where it names none, or ``NAME`` is no secret.

    Raises:
        ConfigError: where ``NAME`` is set as well, or the file is not one to keep a secret in.
    """
    if (path := _secret_path(name)) is None:
        return None
    where = place_of_variable(name + SUFFIX)
    if os.environ.get(name):
        what = f"{name} and {name}{SUFFIX} are both set"
        raise ConfigError(what, where=where, remedy="unset one of the two")
    return read_secret(path, where)


def forgiving_environment(name: str) -> str | None:
    """As :func:`environment`, for what must not fail: ``NAME`` first, else its file, whoever may read that."""
    if said := os.environ.get(name):
        return said
    with suppress(ConfigError, OSError):
        if path := _secret_path(name):
            return read_secret(path, name + SUFFIX, guarded=False)
    return None


def secrets() -> tuple[str, ...]:
    """The secrets of the environment and its files; those too short to be searched for are left out."""
    files = {name.removesuffix(SUFFIX) for name in os.environ if name.endswith(SUFFIX)}
    in_files = {name for name in files if _is_secret(name)}
    names = {*_secret_names(os.environ), *_UNSPOKEN} - _NO_SECRETS - {name + SUFFIX for name in in_files}
    found = {os.environ.get(name) or "" for name in names} | {forgiving_environment(name) or "" for name in in_files}
    return tuple(sorted(value for value in found if len(value) >= _SEARCHABLE))


def is_secret_value(text: str) -> bool:
    """Whether a text holds a secret by its form: an address with a password, or a key."""
    return _SECRET_VALUE.search(text) is not None


def _secret_path(name: str) -> Path | None:
    """The file that ``NAME_FILE`` names for a secret; None where there is none."""
    named = os.environ.get(name + SUFFIX) if _is_secret(name) else None
    return in_project(os.path.expanduser(named)) if named else None


def _is_secret(name: str) -> bool:
    """Whether a variable is a secret by its name, and no place of secrets."""
    named = name in _UNSPOKEN or _SECRET_NAME.search(name.upper()) is not None
    return named and name not in {*_NO_SECRETS, TOKENS_FILE}


def working_directory() -> Path:
    """The working directory; ``.`` where it was deleted, which stops no kill."""
    try:
        return Path.cwd()
    except OSError:
        return Path()


def find_project() -> Path | None:
    """The project's folder; None where there is none.

    It is the one that ``TRADEWRIGHT_PROJECT`` names, else the nearest one with a ``tradewright.toml`` from the working
    directory upwards, else the checkout of the source from which this code runs.

    Raises:
        ConfigError: when the variable names no folder, or the folder that was found belongs to another user, whose
            strategies would be run.
    """
    if named := environment(PROJECT_VARIABLE):
        folder = Path(named).expanduser().resolve()
        if not folder.is_dir():
            remedy = f"tradewright init {named}, or unset {PROJECT_VARIABLE}"
            raise ConfigError(f"{named} is no folder", where=PROJECT_VARIABLE, remedy=remedy)
        return folder
    here = working_directory()
    for folder in (here, *here.parents):
        if (marker := folder / MARKER).is_file():
            if marker.stat().st_uid != os.getuid():
                remedy = f"{PROJECT_VARIABLE}={folder} takes it all the same: its strategies are run as your own"
                raise ConfigError("the project belongs to another user", where=str(folder), remedy=remedy)
            return folder
    return SOURCE if (SOURCE / "pyproject.toml").is_file() else None


def project_folder() -> Path:
    """As :func:`find_project`.

    Raises:
        ConfigError: also when there is none.
    """
    found = find_project()
    if found is None:
        remedy = "tradewright init FOLDER, then cd FOLDER"
        raise ConfigError("there is no project here", where=str(working_directory()), remedy=remedy)
    return found


def in_project(path: str | Path) -> Path:
    """A path as settings give it: absolute, or relative to the project's folder.

    Raises:
        ConfigError: for a relative one where there is no project.
    """
    return Path(path) if Path(path).is_absolute() else project_folder() / path


def own_or_shipped(path: str) -> Path:
    """A file of the project's folder; the one that ships where the project has none of its own.

    Args:
        path: relative, such as ``notebooks/lab.py``.
    """
    project = find_project()
    own = project / path if project else None
    return own if own is not None and own.is_file() else SOURCE / path


def own_strategies() -> Path | None:
    """The folder of the project's own strategies; None where there is none beside those that ship."""
    project = find_project()
    folder = project / "strategies" if project else None
    return folder if folder is not None and folder.is_dir() and project != SOURCE else None


def documents_folder() -> Path | None:
    """The folder in which strategies may be documents: ``strategy`` of the YAML files; None where there is none."""
    with suppress(ConfigError):
        folder = conf_folder() / "strategy"
        return folder if folder.is_dir() else None
    return None


def load_environment() -> None:
    """Read ``.env`` of the project's folder, or the file that ``TRADEWRIGHT_ENV_FILE`` names, into the environment.

    Every program (command line, Dagster, the served apps) calls this before it composes. A variable that is set already
    keeps its value, and so does a secret whose file is; an empty line is ignored, and so is ``TRADEWRIGHT_PROJECT``, by
    which the file itself was found.
    """
    file, before = _env_file(), {name for name, value in os.environ.items() if value}
    for name, value in values_of(file).items() if file else ():
        other = name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else name + SUFFIX
        said_otherwise = other in before and _is_secret(min(name, other, key=len))
        if value and name != PROJECT_VARIABLE and not said_otherwise:
            os.environ.setdefault(name, value)


def _env_file() -> Path | None:
    """The file of variables: the one that is named, else the project's, whether it is there or not."""
    project = find_project()
    if named := os.environ.get(ENV_FILE):
        return Path(named)
    return project / ".env" if project else None


def unneeded_secrets(variables: Mapping[str, str], folder: Path | None = None) -> list[str]:
    """The names of variables that look like secrets and that no YAML file refers to; sorted.

    A secret shows by its name (``BROKER_SECRET``, ``AWS_ACCESS_KEY``) or by its value (an address with a password).

    Args:
        folder: of the YAML files; the one in force when it is left out.
    """
    return sorted(_secret_names(variables) - _NO_SECRETS - _referred_to(folder))


def _secret_names(variables: Mapping[str, str]) -> set[str]:
    rows = variables.items()
    return {name for name, value in rows if _SECRET_NAME.search(name.upper()) or _SECRET_VALUE.search(value)}


def code_location_overrides() -> tuple[str, ...]:
    """As :func:`environment_overrides`, for a process that a run's config steers; unneeded secrets are gone afterwards.

    Dagster resolves ``{"env": NAME}`` in a run's config when the definitions stand, so it finds none of them.
    """
    overrides = environment_overrides()
    for name in unneeded_secrets(os.environ):
        del os.environ[name]
    return overrides


def environment_overrides() -> tuple[str, ...]:
    """The overrides of ``TRADEWRIGHT_OVERRIDES``, separated by spaces, which every program applies first.

    Raises:
        ConfigError: where a quote is opened and not closed, ``TRADEWRIGHT_ENV_FILE`` names nothing that is there, a
            line of ``.env`` would be passed over, or a variable has a name that is misspelt.
    """
    named = os.environ.get(ENV_FILE)
    if named and not Path(named).exists():
        remedy = "correct the path, or unset the variable: then .env of the project's folder is read"
        raise ConfigError(f"there is no file {named!r}", where=f"{ENV_FILE} in the environment", remedy=remedy)
    file = _env_file()
    demand_read(demand_sound(file) if file else {}, file, os.environ, _referred_to)
    load_environment()
    text = os.environ.get(OVERRIDES, "")
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        what = f"a quote is opened and not closed in {text!r}"
        remedy = f"close it, as in {OVERRIDES}=\"strategy=macd_trend 'storage.root=my data'\""
        raise ConfigError(what, where=place_of_variable(OVERRIDES), remedy=remedy) from error


def _referred_to(folder: Path | None = None) -> set[str]:
    """The variables that YAML files refer to, and the files that secrets among them may stand in."""
    texts = [path.read_text(errors="replace") for path in yaml_files(folder or conf_folder())]
    named = {name for text in texts for name in _REFERENCE.findall(text)}
    return named | {name + SUFFIX for name in named if _is_secret(name)}


def place_of_variable(name: str) -> str:
    """Where a variable of the environment was set: ``MODE in .env:3``, or ``MODE in the environment``."""
    path = _env_file()
    with suppress(OSError, UnicodeDecodeError):
        if path is not None and path.is_file() and values_of(path).get(name) == os.environ.get(name):
            lines = path.read_text(encoding="utf-8").splitlines()
            written = [row for row, line in enumerate(lines, 1) if re.match(rf"\s*(export\s+)?{name}\s*=", line)]
            return f"{name} in {path.name}:{written[-1]}" if written else f"{name} in {path.name}"
    return f"{name} in the environment"


def place_of_override(text: str) -> str:
    """Where an override was written: on the command line, or in ``TRADEWRIGHT_OVERRIDES`` or ``MODE``."""
    said = os.environ.get(OVERRIDES, "")
    with suppress(ValueError):
        if text in shlex.split(said):
            return place_of_variable(OVERRIDES)
    if text == f"mode={os.environ.get('MODE')}":
        return place_of_variable("MODE")
    return COMMAND_LINE


def variable_behind(text: str) -> str:
    """The variable of the environment that a line of YAML refers to, as ``${oc.env:TZ,UTC}`` does; empty when not set.

    A variable that is set to nothing is set: its emptiness takes the place of the default. For a secret in a file it is
    the one that names the file.
    """
    for name in _REFERENCE.findall(text):
        if _is_secret(name) and os.environ.get(name + SUFFIX):
            return str(name + SUFFIX)
        if name in os.environ:
            return str(name)
    return ""


def conf_folder() -> Path:
    """The folder of the YAML files: the one that ``TRADEWRIGHT_CONF`` names, else ``conf`` of the project.

    Raises:
        ConfigError: when neither is there.
    """
    named = environment("TRADEWRIGHT_CONF")
    return Path(named).resolve() if named else project_folder() / "conf"


def yaml_files(folder: Path) -> list[Path]:
    """All YAML files of a conf folder, sorted; hidden ones, as editors and file managers leave them, are none.

    Raises:
        ConfigError: when the folder has no root file.
    """
    if not (folder / f"{ROOT}.yaml").is_file():
        remedy = "let TRADEWRIGHT_CONF name a folder of YAML files, or unset it for conf of the project"
        raise ConfigError(f"there is no {ROOT}.yaml", where=str(folder), remedy=remedy)
    return sorted(_files_below(folder, ".yaml"))


def unread_files(folder: Path) -> list[Path]:
    """The files of a conf folder that end with ``.yml`` or ``.YAML``, which nothing reads, sorted; no hidden ones."""
    found = (path for path in _files_below(folder, "") if path.suffix != ".yaml")
    return sorted(path for path in found if path.suffix.lower() in (".yml", ".yaml"))


def odd_files(folder: Path) -> list[Path]:
    """What ends with ``.yaml`` and is neither file nor folder, as links to nowhere are, sorted, none hidden."""
    return sorted(_files_below(folder, ".yaml", plain=False))


def _files_below(
    folder: Path, ending: str, above: frozenset[str] = frozenset(), *, plain: bool = True
) -> Iterator[Path]:
    """The files with an ending, hidden ones left out, in linked folders too, which Hydra reads as any other.

    A link to a folder that it lies in itself is not followed.

    Args:
        plain: whether files, or what is neither file nor folder.
    """
    real = os.path.realpath(folder)
    try:
        entries = [] if real in above else list(os.scandir(folder))
    except OSError:  # it may not be read, or is gone by now
        entries = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is(entry, os.DirEntry.is_dir):
            yield from _files_below(folder / entry.name, ending, above | {real}, plain=plain)
        elif entry.name.endswith(ending) and _is(entry, os.DirEntry.is_file) == plain:
            yield folder / entry.name


def _is(entry: os.DirEntry[str], kind: Callable[[os.DirEntry[str]], bool]) -> bool:
    """What a folder says of an entry, which asks no file again; a link to itself is nothing."""
    try:
        return kind(entry)
    except OSError:
        return False


def groups(folder: Path | None = None) -> list[str]:
    """All groups, nested ones as ``backtest/costs``."""
    folder = folder or conf_folder()
    return sorted({str(path.parent.relative_to(folder)) for path in yaml_files(folder)} - _NOT_COMPOSED)


def options(group: str, folder: Path | None = None) -> list[str]:
    """The options of a group: the names of its files; hidden ones, and what is no file, are left out."""
    found = (path.stem for path in ((folder or conf_folder()) / group).glob("*.yaml") if path.is_file())
    return sorted(name for name in found if not name.startswith("."))


def display_path(path: Path, folder: Path) -> str:
    """A file of a conf folder as a message names it: ``conf/strategy/macd_trend.yaml``."""
    return str(Path(folder.name) / path.relative_to(folder))
