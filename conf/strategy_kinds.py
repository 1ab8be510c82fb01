"""The kinds of strategies that the settings may name: those that ship and those of the project's own folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from conf.documents import load_option
from conf.environment import conf_folder, documents_folder, options, own_strategies
from conf.yaml_reader import lint_yaml
from strategies.base import BaseAllocation, BaseStrategy, Parameter
from strategies.discovery import Discovery, found_in, with_documents
from strategies.documents import is_from_document
from tradewright.model.errors import ConfigError

_found: ContextVar[Discovery | None] = ContextVar("found", default=None)


def kinds() -> Discovery:
    """All strategies found; a Python file that is written later is found by the next process."""
    return _found.get() or _kinds(documents_folder())


def _kinds(documents: Path | None) -> Discovery:
    return with_documents(found_in(own_strategies()), documents)


@contextmanager
def found_once(folder: Path) -> Iterator[None]:
    """Look for strategies once for all that is done inside: hundreds of options are validated against the same ones.

    Args:
        folder: of the YAML files that are looked at, which may be a copy; their documents are strategies too.
    """
    documents = folder / "strategy"
    token = _found.set(_kinds(documents if documents.is_dir() else None))
    try:
        yield
    finally:
        _found.reset(token)


def parameters_of(kind: str) -> dict[str, Parameter]:
    """The parameters of a kind by name: default, bounds, whether whole.

    Raises:
        ConfigError: no such kind, or a broken one.
    """
    return kinds().strategy_class(kind).parameter_rules()


def file_of_none(kind: str) -> str:
    """The own file that has the name of a kind and holds no such strategy, as a message names it; empty without one."""
    folder = own_strategies()
    return f"strategies/{kind}.py" if folder and kind.isidentifier() and (folder / f"{kind}.py").is_file() else ""


def other_instruments_of(kind: str) -> dict[str, str]:
    """The keys of a kind that name another instrument, each with its default.

    Raises:
        ConfigError: no such kind, or a broken one.
    """
    return kinds().strategy_class(kind).other_instruments()


def build(kind: str, values: Mapping[str, float | str]) -> BaseStrategy | BaseAllocation:
    """The strategy of a kind with these parameters and other instruments; what is not named keeps its default.

    Raises:
        ConfigError: no such kind or parameter (the nearest name is given), or a value that is not admitted.
    """
    return kinds().build(kind, values)


def named_in_rules(kind: str, values: Mapping[str, float | str]) -> set[str]:
    """The other instruments that the rules of a document read; none of another strategy, or where it cannot be made."""
    try:
        made = build(kind, values)
    except ConfigError:
        return set()
    return {feature.of for feature in made.prepare_state() if feature.of} if is_from_document(type(made)) else set()


def is_allocation_file(option: str) -> bool:
    """Whether a file of ``conf/strategy`` is of an allocation; one that cannot be read is told of elsewhere."""
    path = conf_folder() / "strategy" / f"{option}.yaml"
    with suppress(OSError):  # it was removed meanwhile
        if not lint_yaml(path, option):
            return kinds().is_allocation(str(load_option(path).get("kind")))
    return False


def tradable(account: str) -> list[str]:
    """The files of ``conf/strategy`` that can be traded; those of allocations need one account for all instruments.

    Args:
        account: ``backtest.account``, split or shared.
    """
    return [option for option in options("strategy") if account == "shared" or not is_allocation_file(option)]
