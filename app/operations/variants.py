"""Variants: a strategy's parameters as a new file of ``conf/strategy``; checked before it is there, never replaced."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from app.operations import visitors
from app.operations.actors import actor_name
from app.operations.conf_draft import draft
from app.operations.trading import opened_ledger
from app.tokens import Scope
from conf.compose import check, compose
from conf.environment import conf_folder, display_path
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from tradewright.model.errors import ConfigError, StoreError, TradewrightError
from tradewright.store.files import write_bytes

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
RESERVED = frozenset({"on", "off", "yes", "no", "y", "n", "true", "false", "null", "none", "nan", "inf"})
"""Words that YAML, in one of its versions, or Hydra reads as another type than text."""


@dataclass(frozen=True)
class Saved:
    """The result of saving, as text; ``name`` is empty where nothing was saved."""

    name: str = ""
    text: str = ""


def save(overrides: Sequence[str], name: str) -> Saved:
    """Save the strategy in force under these overrides as ``conf/strategy/<name>.yaml``; a refusal comes back as text.

    Args:
        overrides: such as those of a :class:`app.operations.lab.Choice`; what they say of instruments and timeframe of
            the backtest becomes the strategy's own.
        name: of the variant, ASCII.
    """
    try:
        path = save_variant(overrides, name)
    except TradewrightError as error:
        return Saved(text=str(error))
    return Saved(name=path.stem, text=f"saved as {display_path(path, conf_folder())}")


def saver(
    overrides: Sequence[str], tell: Callable[[Saved], None], pick: Callable[[str], None]
) -> Callable[[str | None], None]:
    """The callback of a form that takes a name: it saves, reports the result, and picks the saved strategy."""

    def act(name: str | None) -> None:
        saved = save(overrides, name or "")
        tell(saved)
        if saved.name:
            pick(saved.name)

    return act


def save_variant(overrides: Sequence[str], name: str) -> Path:
    """As :func:`save`. The audit log holds who saved which file with which content; what it cannot hold is not kept.

    Raises:
        ConfigError: for a name that is not admitted or taken, and for settings that are refused.
        ScopeMissing: for a visitor without the scope admin: the schedules trade what stands in ``conf/strategy``.
        StoreError, LedgerError: when it cannot be written; nothing is left behind.
    """
    visitor, folder = visitors.present(), conf_folder()
    visitors.demand(visitor, Scope.ADMIN)
    path = folder / "strategy" / f"{admitted_name(name)}.yaml"
    if path.exists():
        raise _taken(name)
    settings = compose(overrides)
    data = variant(settings, name).encode()
    rehearse(folder, path, data)
    place(path, data)
    try:
        record(settings, path, data, visitor.actor, "SAVE_VARIANT")
    except TradewrightError:
        path.unlink()
        raise
    return path


def record(settings: Settings, path: Path, data: bytes, actor: str, action: str, before: bytes = b"") -> None:
    """Note in the audit log who saved a strategy's file with which content.

    Args:
        before: the content that it replaced; empty for a new file.

    Raises:
        LedgerError: it cannot be written.
    """
    detail = {"file": display_path(path, conf_folder()), "sha256": hashlib.sha256(data).hexdigest()}
    if before:
        detail["replaced_sha256"] = hashlib.sha256(before).hexdigest()
    with opened_ledger(settings) as ledger:
        ledger.audit.append(actor_name(actor), action, f"strategy:{path.stem}", detail)


def variant(settings: Settings, name: str) -> str:
    """The YAML of the strategy in force under a new name."""
    chosen, backtest = settings.strategy, settings.backtest
    own = {
        "name": name,
        "instruments": backtest.instruments or chosen.instruments,
        "timeframe": backtest.timeframe or chosen.timeframe,
    }
    # Every key of the settings is written, so that a key added to them is kept by variants without an edit here.
    content = chosen.model_copy(update=own).model_dump(mode="json")
    own_keys = {**content.pop("parameters"), **content.pop("others")}
    content = {"name": content.pop("name"), "kind": content.pop("kind"), **own_keys, **content}
    head = f"# A variant of {chosen.name}, saved by the strategy lab.\n"
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(content, text)
    return head + text.getvalue()


def admitted_name(name: str) -> str:
    """The name of a strategy's file, looked at.

    Raises:
        ConfigError: it is not admitted, or means something else in YAML.
    """
    where, remedy = "name of the strategy", "use a to z, 0 to 9 and _, a letter first, as in fast_cross"
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is not admitted", where=where, remedy=remedy)
    if name in RESERVED:
        raise ConfigError(f"{name!r} means something else in YAML", where=where, remedy="choose another name")
    return name


def _taken(name: str) -> ConfigError:
    return ConfigError(
        "there is a strategy of that name, and none is overwritten",
        where=f"conf/strategy/{name}.yaml",
        remedy="choose another name",
    )


def rehearse(folder: Path, path: Path, data: bytes) -> None:
    """Check the whole configuration with the new file in it, on a copy.

    Raises:
        ConfigProblems: with every problem.
    """
    with draft(folder, {path: data}) as copy:
        problems = check([f"strategy={path.stem}"], copy)
    if problems:
        raise ConfigProblems(problems)


def place(path: Path, data: bytes) -> None:
    """Put a file of a strategy there whole, unless there is one by now.

    Raises:
        ConfigError: there is one.
        StoreError: it cannot be written; nothing is left behind.
    """
    ready = path.with_name(f".{path.name}.{os.getpid()}.new")
    write_bytes(ready, data)
    try:
        os.link(ready, path)
    except FileExistsError as error:
        raise _taken(path.stem) from error
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path), remedy="check the folder") from error
    finally:
        ready.unlink(missing_ok=True)
