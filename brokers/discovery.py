"""Plug-ins of brokers and vendors by the kind that the configuration names.

They are found in ``brokers/*/plugin.py`` and ``brokers/vendors/*/plugin.py``, and by entry point.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType, ModuleType
from typing import TypeVar

import brokers
import brokers.vendors
from brokers.base import BrokerPlugin
from brokers.vendors.base import VendorPlugin
from tradewright.model.errors import ConfigError
from tradewright.model.installed import entry_points

ENTRY_POINTS = "tradewright.brokers"
VENDORS = "tradewright.vendors"
"""The groups under which an installed package names its plug-in classes."""


Plugin = TypeVar("Plugin", bound=BrokerPlugin | VendorPlugin)


@cache
def plugins() -> Mapping[str, BrokerPlugin]:
    """Every broker by its kind, in the order of the kinds.

    Raises:
        ConfigError: for two plug-ins of one kind.
    """
    return _found(BrokerPlugin, brokers, ENTRY_POINTS)  # type: ignore[type-abstract]  # only its subclasses are made


@cache
def vendors() -> Mapping[str, VendorPlugin]:
    """Every vendor of bars by its kind, in the order of the kinds.

    Raises:
        ConfigError: for two plug-ins of one kind.
    """
    return _found(VendorPlugin, brokers.vendors, VENDORS)  # type: ignore[type-abstract]  # only its subclasses are made


def plugin(kind: str) -> BrokerPlugin:
    """The plug-in of a kind.

    Raises:
        ConfigError: for an unknown kind, naming the nearest one.
    """
    known = plugins()
    if kind not in known:
        near = get_close_matches(kind, known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)}"
        raise ConfigError(f"unknown kind {kind!r}", where="broker", remedy=remedy)
    return known[kind]


def _found(base: type[Plugin], package: ModuleType, group: str) -> Mapping[str, Plugin]:
    found: dict[str, Plugin] = {}
    for made in _classes(base, package, group):
        if made.kind in found:
            where = f"{made.__module__}.{made.__name__}"
            raise ConfigError(f"two plug-ins are of kind {made.kind!r}", where=where, remedy="rename one")
        found[made.kind] = made()
    return MappingProxyType(dict(sorted(found.items())))


def _classes(base: type[Plugin], package: ModuleType, group: str) -> Iterator[type[Plugin]]:
    for folder in pkgutil.iter_modules(package.__path__):
        name = f"{package.__name__}.{folder.name}.plugin"
        if folder.ispkg and importlib.util.find_spec(name) is not None:
            module = importlib.import_module(name)
            for _, made in inspect.getmembers(module, inspect.isclass):
                if issubclass(made, base) and made.__module__ == name:
                    yield made
    for entry in entry_points(group=group):
        yield entry.load()
