"""Saved strategies: the versions of documents with the figures of their backtests; how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from app.operations.documents import text_of
from conf.environment import conf_folder, display_path
from conf.package_settings import packed_settings, refuse_traps, strategy_of
from conf.schema.market import ScenarioFeedSettings
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.packages import Backtested, backtested
from strategies.documents import is_document
from tradewright.catalog.saved_strategies import Kept, SavedStrategies, SavedStrategy
from tradewright.database.address import sqlite_file
from tradewright.dsl.check import compiled
from tradewright.dsl.document import StrategyDocument
from tradewright.dsl.program import Program, similarity
from tradewright.model.clock import SystemClock
from tradewright.model.errors import ConfigError
from tradewright.model.hashing import content_hash
from tradewright.packages.fault import PackageFault, refusal


class Tested(NamedTuple):
    """A document with its backtest and the settings that travel with it."""

    text: str
    document: StrategyDocument
    program: Program
    done: Backtested
    configuration: dict[str, JsonValue]

    def kept(self) -> Kept:
        """What the catalog keeps of it."""
        figures = self.done.expected.metrics
        verdict, told = self.done.evaluation.verdict, content_hash(self.configuration)
        return Kept(self.document.id, self.program.hash, self.text, figures, verdict, told)


@dataclass(frozen=True)
class SavedReply:
    """A saved version; ``is_new`` where its meaning is not that of the version before."""

    item: SavedStrategy
    is_new: bool


@dataclass(frozen=True)
class ValueDifference:
    """One value of two versions, as text; empty where a version has none."""

    name: str
    one: str
    other: str


@dataclass(frozen=True)
class Comparison:
    """How two saved versions differ.

    Args:
        one, other: as ``NAME@VERSION``.
        same_meaning: whether their rules, parameters and exits mean the same.
        similarity: the share of sub-expressions that they have in common, from 0 to 1.
        rules: rules and protective orders that one of them alone has.
        parameters, figures: values that differ.
        same_settings: whether both backtests ran under the same settings.
    """

    one: str
    other: str
    same_meaning: bool
    similarity: float
    rules: tuple[ValueDifference, ...]
    parameters: tuple[ValueDifference, ...]
    figures: tuple[ValueDifference, ...]
    same_settings: bool


def backtest_of(settings: Settings, text: str | None = None) -> Tested:
    """The document in force, backtested as ``tradewright backtest`` does.

    Args:
        text: of a document that the settings have as their strategy; None reads its file in ``conf/strategy``.

    Raises:
        PackageRefused: for a strategy in Python, overrides of its parameters, and settings that name this machine.
        ConfigError, StoreError, DataError, StrategyError: as :func:`runtime.packages.backtested`.
    """
    text = text or document_text(settings)
    document, program = compiled(text, settings.strategy.name)
    refuse_traps(text)
    if strategy_of(text) != settings.strategy:
        what = "the strategy in force is not the document as it is written: a key of strategy was overridden"
        remedy = f"write the value into conf/strategy/{document.id}.yaml, or leave the override out"
        raise refusal(PackageFault.NOT_PORTABLE, what, "strategy", remedy)
    with Container(settings) as house:
        done = backtested(house, document, program)
    spans = [(row.first, row.last) for row in done.traded]
    first = min(start for start, _ in spans if start is not None)
    last = max(end for _, end in spans if end is not None)
    if isinstance(settings.feed, ScenarioFeedSettings) and any(row.use == "rates" for row in done.data):
        what = "a scenario makes no exchange rates, so nobody could make them again"
        raise refusal(PackageFault.NOT_PORTABLE, what, "policy.currency", "take instruments in the account's currency")
    read = dict.fromkeys(row.instrument for row in done.data)
    return Tested(text, document, program, done, packed_settings(settings, read, first, last))


def document_text(settings: Settings) -> str:
    """The document in force, as it is written.

    Raises:
        PackageRefused: for a strategy in Python.
        ConfigError: the file cannot be read.
    """
    path = _file(settings.strategy.name)
    text = text_of(path) if path.is_file() else ""
    if not is_document(text):
        what = f"{settings.strategy.name} is of the kind {settings.strategy.kind}, whose rules are Python code"
        remedy = "write its rules as a document (docs/dsl.md): an import never runs foreign code, so none is packed"
        raise refusal(PackageFault.NO_DOCUMENT, what, display_path(path, conf_folder()), remedy)
    return text


def _file(name: str) -> Path:
    return conf_folder() / "strategy" / f"{name}.yaml"


def save(settings: Settings) -> SavedReply:
    """Save the document in force with the figures of its backtest.

    Raises:
        TradewrightError: as :func:`backtest_of`; LedgerError where the catalog cannot be written.
    """
    return save_tested(settings, backtest_of(settings))


def save_tested(settings: Settings, found: Tested) -> SavedReply:
    """Save a document that was backtested.

    Raises:
        LedgerError: the catalog cannot be written.
    """
    with Container(settings) as house, SavedStrategies(house.catalog_url(), SystemClock()) as saved:
        return SavedReply(*saved.save(found.kept()))


def saved_strategies(settings: Settings) -> tuple[SavedStrategy, ...]:
    """Every saved version, by name, the oldest first.

    Raises:
        LedgerError: the catalog cannot be read.
    """
    with Container(settings) as house:
        file = sqlite_file(house.catalog_url())
        if file is not None and not file.exists():
            return ()
        with SavedStrategies(house.catalog_url(), SystemClock()) as saved:
            return saved.all()


def compare(settings: Settings, one: str, other: str) -> Comparison:
    """How two saved versions differ in rules, parameters and figures.

    Args:
        one, other: ``NAME@VERSION``, or ``NAME`` for its newest version.

    Raises:
        ConfigError: there is none of that name or version.
    """
    known = saved_strategies(settings)
    first, second = _picked(known, one), _picked(known, other)
    (left, meaning), (right, other_meaning) = (compiled(row.document, _name(row)) for row in (first, second))
    return Comparison(
        one=_name(first),
        other=_name(second),
        same_meaning=first.ir_hash == second.ir_hash,
        similarity=similarity(meaning, other_meaning),
        rules=tuple(_differing(dict(_rules(left)), dict(_rules(right)))),
        parameters=tuple(_differing(_parameters(left), _parameters(right))),
        figures=tuple(_differing(_figures(first), _figures(second))),
        same_settings=first.configuration_hash == second.configuration_hash,
    )


def _name(item: SavedStrategy) -> str:
    return f"{item.name}@{item.version}"


def _picked(known: tuple[SavedStrategy, ...], asked: str) -> SavedStrategy:
    """A version by ``NAME@VERSION``; the newest one by ``NAME``."""
    found = [row for row in known if asked in (row.name, _name(row))]
    if not found:
        told = ", ".join(map(_name, known)) or "none; tradewright package save STRATEGY makes one"
        raise ConfigError(f"there is no saved strategy {asked!r}", where="package compare", remedy=f"saved are {told}")
    return found[-1]


def _rules(document: StrategyDocument) -> Iterator[tuple[str, str]]:
    """Each rule and protective order as text, under itself, so that their order does not count."""
    for rule in document.rules:
        prices = [f"limit {rule.limit}"] if rule.limit else []
        prices += [f"stop entry {rule.stop_entry}"] if rule.stop_entry else []
        told = ", ".join((f"{rule.action} if {rule.condition}", *prices))
        yield told, told
    if document.allocate is not None:
        for name, said in document.allocate:
            if said is not None:
                yield f"{name} {said}", f"{name} {said}"
    for name in ("stop", "take_profit", "trail"):
        if (price := getattr(document.exits, name)) is not None:
            yield f"{name} {price}", f"{name} {price}"
    yield f"on {document.timeframe or 'bars of the universe'}", f"on {document.timeframe or 'bars of the universe'}"


def _parameters(document: StrategyDocument) -> dict[str, str]:
    return {name: f"{value:g}" for name, value in document.values().items()}


def _figures(item: SavedStrategy) -> dict[str, str]:
    return {**{name: str(value) for name, value in item.metrics.items()}, "verdict": item.verdict}


def _differing(one: dict[str, str], other: dict[str, str]) -> Iterator[ValueDifference]:
    for name in {**one, **other}:
        if one.get(name) != other.get(name):
            yield ValueDifference(name, one.get(name, ""), other.get(name, ""))
