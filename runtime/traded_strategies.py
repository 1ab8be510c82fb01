"""The strategies that are traded: those whose files can be read, and those that are broken, with what to do.

A strategy that is broken makes no new entry, and stops nothing else: every other strategy goes on, and its own holding
stays as it is, protected by the orders that rest at the venue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from conf.compose import compose_strategies
from conf.environment import conf_folder, display_path, options
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from conf.sources import digest_of_sources
from conf.strategy_kinds import kinds, tradable
from runtime.container import Container
from runtime.trading import account_in_force
from tradewright.model.errors import TradewrightError
from tradewright.model.intent import RESERVED

CORRECT_IT = "correct it; tradewright check lists every problem"
START_ANEW = "a loop that runs takes up code when it is started again"


@dataclass(frozen=True)
class BrokenStrategy:
    """A traded strategy that cannot be used: nothing is entered for it.

    Args:
        where: the file, with the line where it is known; else the step that failed.
        remedy: what to do about it.
        holds: what its orders have brought it, by instrument, as the ledger has it.
    """

    strategy: str
    where: str
    what: str
    remedy: str
    holds: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.text} ({self.remedy})"

    @property
    def text(self) -> str:
        """The strategy, what is wrong with it and where, and what becomes of its holding."""
        held = ", ".join(f"{instrument} {units:f}" for instrument, units in sorted(self.holds.items()))
        kept = f"; its holding stays as it is ({held}), protected as before" if held else ""
        place = f"{self.where}: " if self.where else ""
        return f"{self.strategy} is broken, nothing is entered for it{kept}: {place}{self.what}"


class Traded(NamedTuple):
    """The settings of each strategy that can be used, by name, and the broken ones."""

    sound: Mapping[str, Settings]
    broken: tuple[BrokenStrategy, ...]


def traded(overrides: Sequence[str], names: Iterable[str]) -> Traded:
    """The strategies of these names under some overrides.

    Raises:
        ConfigError: when there is no folder of YAML files.
    """
    return _traded(tuple(overrides), tuple(names), digest_of_sources())


@lru_cache(maxsize=8)
def _traded(overrides: tuple[str, ...], names: tuple[str, ...], _sources: str) -> Traded:
    """Kept as long as nothing has changed: a monitor asks every few seconds."""
    found = compose_strategies(overrides, names=names)
    sound = {name: made for name, made in found.items() if isinstance(made, Settings)}
    broken = (broken_by(name, made) for name, made in found.items() if isinstance(made, ConfigProblems))
    return Traded(MappingProxyType(sound), tuple(broken))


def broken_by(name: str, error: TradewrightError) -> BrokenStrategy:
    """A strategy that an error has stopped; where it is its code that cannot be loaded, the place in the code."""
    if isinstance(error, ConfigProblems):
        code = next((kinds().broken.get(row.value) for row in error.problems if row.key == "strategy.kind"), None)
        if code is not None:
            anew = f"; {START_ANEW}" if ".py" in code.where else ""
            return BrokenStrategy(name, code.where, code.what, (code.remedy or CORRECT_IT) + anew)
        first, *others = map(str, error.problems)
        where, _, what = first.partition(": ")
        return BrokenStrategy(name, where, "; ".join((what, *others)), error.remedy or CORRECT_IT)
    return BrokenStrategy(name, error.where, error.what, error.remedy or "correct that; the next round tries again")


def holdings(house: Container) -> dict[str, dict[str, Decimal]]:
    """What the orders of each strategy have brought it on the account in force, by instrument; flat ones are left out.

    Raises:
        LedgerError: when the ledger cannot be used.
    """
    found: dict[str, dict[str, Decimal]] = {}
    for instrument, owners in house.ledger.executions.holders(account_in_force(house.settings, house.ledger)).items():
        for name, units in owners.items():
            found.setdefault(name, {})[instrument] = units
    return found


def without_file(held: Iterable[str]) -> list[BrokenStrategy]:
    """The strategies that hold something and that have no file any more: nothing decides when they leave.

    Args:
        held: the owners of what the account holds; people and other hands among them are no strategies.
    """
    folder, known = conf_folder(), options("strategy")
    what = "the file is gone, and nothing decides when this holding is closed"
    remedy = "put the file back, or close it: tradewright intent --reduce-only, or tradewright flatten"
    return [
        BrokenStrategy(name, display_path(folder / "strategy" / f"{name}.yaml", folder), what, remedy)
        for name in held
        if name and name not in RESERVED and name not in known
    ]


def broken_strategies(house: Container, overrides: Sequence[str]) -> list[BrokenStrategy]:
    """Every strategy of ``conf/strategy`` that is broken, and those that hold something without a file.

    Raises:
        ConfigError, LedgerError: when there is no folder of YAML files, or the ledger cannot be used.
    """
    held = holdings(house)
    found = (*traded(overrides, tradable(house.settings.backtest.account)).broken, *without_file(held))
    return [replace(row, holds=held.get(row.strategy, {})) for row in found]
