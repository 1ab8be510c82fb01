"""Venues by the kind that the configuration names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches

from pydantic import ValidationError

from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.settings import IbkrSettings
from brokers.sim.settings import SimSettings, sim_broker
from tradewright.fills.costs import CostModel
from tradewright.model.broker import Broker
from tradewright.model.clock import Clock
from tradewright.model.errors import ConfigError
from tradewright.model.instrument import Instrument

Factory = Callable[[Mapping[str, object], Iterable[Instrument], Clock, CostModel], Broker]


def _sim(values: Mapping[str, object], instruments: Iterable[Instrument], clock: Clock, costs: CostModel) -> Broker:
    return sim_broker(SimSettings.model_validate(values), instruments, clock, costs)


def _ibkr(values: Mapping[str, object], instruments: Iterable[Instrument], clock: Clock, _costs: CostModel) -> Broker:
    return IbkrBroker(IbkrSettings.model_validate(values), instruments, clock)


KINDS: dict[str, Factory] = {"sim": _sim, "ibkr": _ibkr}


def make_broker(
    kind: str, values: Mapping[str, object], instruments: Iterable[Instrument], clock: Clock, costs: CostModel
) -> Broker:
    """A broker of a kind, not yet connected.

    Args:
        kind: ``sim`` or ``ibkr``.
        values: the settings of that kind (``SimSettings``, ``IbkrSettings``).
        costs: what the simulated venue charges; a real one charges what it charges.

    Raises:
        ConfigError: for an unknown kind, naming the nearest one, or wrong settings, naming all of them.
    """
    if kind not in KINDS:
        near = get_close_matches(kind, KINDS, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(KINDS)}"
        raise ConfigError(f"unknown kind {kind!r}", where="broker", remedy=remedy)
    try:
        return KINDS[kind](values, instruments, clock, costs)
    except ValidationError as problem:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'settings'}: {item['msg']}" for item in problem.errors()
        )
        raise ConfigError(wrong, where=f"broker={kind}", remedy=f"see conf/broker/{kind}*.yaml") from problem
