"""Broker plug-ins by the kind that the configuration names: found in ``brokers/*/plugin.py`` and by entry point."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType

import brokers
from brokers.base import BrokerPlugin
from tradewright.model.errors import ConfigError

ENTRY_POINTS = "tradewright.brokers"
"""The group under which an installed package names its plug-in classes."""


@cache
def plugins() -> Mapping[str, BrokerPlugin]:
    """Every plug-in by its kind, in the order of the kinds.

    Raises:
        ConfigError: for two plug-ins of one kind.
    """
    found: dict[str, BrokerPlugin] = {}
    for made in _classes():
        if made.kind in found:
            where = f"{made.__module__}.{made.__name__}"
            raise ConfigError(f"two brokers are of kind {made.kind!r}", where=where, remedy="rename one")
        found[made.kind] = made()
    return MappingProxyType(dict(sorted(found.items())))


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


def _classes() -> Iterator[type[BrokerPlugin]]:
    for folder in pkgutil.iter_modules(brokers.__path__):
        name = f"{brokers.__name__}.{folder.name}.plugin"
        if folder.ispkg and importlib.util.find_spec(name) is not None:
            module = importlib.import_module(name)
            for _, made in inspect.getmembers(module, inspect.isclass):
                if issubclass(made, BrokerPlugin) and made.__module__ == name:
                    yield made
    for entry in entry_points(group=ENTRY_POINTS):
        yield entry.load()
