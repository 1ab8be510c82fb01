"""A scenario as a document: a synthetic market that is told in numbers, and the JSON Schema that accepts the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, RootModel, TypeAdapter

from tradewright.model.bars import Timeframe
from tradewright.model.base import FrozenModel
from tradewright.model.hashing import content_hash
from tradewright.scenarios.events import (
    AnyEvent,
    CorrelationShift,
    Delisting,
    Event,
    LimitDown,
    Split,
    WeekendGap,
    last_bar,
)

VERSION = "0.1"
SCHEMA_ID = f"urn:tradewright:scenario-document:{VERSION}"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
MOST_BARS, MOST_SERIES = 5_000_000, 50
MOST_SPLIT = 10_000.0
"""All splits of a document together, in either direction; beyond it prices would meet the bound of their level."""
MOST_DRIFT = 8.0
"""A drift of more deviations is no market, and would break the guard of 25 of them."""

Bps = Annotated[float, Field(ge=-1_000, le=1_000)]
"""A move per bar, in basis points of log return."""

Sigma = Annotated[float, Field(gt=0, le=2_000)]
"""A deviation of log returns, in basis points per square root of bar."""

Below1 = Annotated[float, Field(ge=0, lt=1)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Family(StrEnum):
    """The laws by which a synthetic market moves (R-SCEN-01, R-SCEN-15)."""

    TREND = "trend"
    MEAN_REVERT = "mean_revert"
    VOL_CLUSTER = "vol_cluster"
    SHOCK_MIX = "shock_mix"
    REGIME_SWITCH = "regime_switch"


class VolumeModel(StrEnum):
    """How volumes are drawn: all the same, or lognormal around ``volume``."""

    CONST = "const"
    LOGNORMAL = "lognormal"


class TrendParams(FrozenModel):
    """Normal log returns: their mean and deviation (R-SCEN-02)."""

    drift: Bps
    sigma: Sigma


class MeanRevertParams(FrozenModel):
    """An Ornstein-Uhlenbeck process of the log price (R-SCEN-03).

    Args:
        kappa: the share of the distance to ``theta`` that is made good per bar, in continuous time.
        theta: the price that it returns to.
    """

    kappa: Annotated[float, Field(gt=0, le=5)]
    theta: Annotated[float, Field(gt=0.001, le=1_000_000)]
    sigma: Sigma


class VolClusterParams(FrozenModel):
    """GARCH(1,1): variance = omega + alpha x last shock squared + beta x last variance (R-SCEN-04).

    Args:
        mu: the mean log return in basis points.
        omega: in square basis points.
    """

    mu: Bps
    omega: Annotated[float, Field(gt=0, le=1_000_000)]
    alpha: Below1
    beta: Below1


class ShockMixParams(FrozenModel):
    """Normal returns, and with probability ``p_jump`` a bar that opens with a jump (R-SCEN-05); all in basis points."""

    p_jump: Annotated[float, Field(ge=0, le=1)]
    jump_mu: Annotated[float, Field(ge=-5_000, le=5_000)]
    jump_sigma: Annotated[float, Field(ge=0, le=5_000)]
    base_sigma: Sigma = 5.0


class Regime(FrozenModel):
    """One state of a market, which lasts ``mean_bars`` bars on average (geometric)."""

    drift: Bps
    sigma: Sigma
    mean_bars: Annotated[float, Field(ge=1, le=5_000_000)]


class RegimeSwitchParams(FrozenModel):
    """A Markov chain of states, each with its own normal returns; the next state is any of the others, evenly."""

    regimes: Annotated[tuple[Regime, ...], Field(min_length=2, max_length=6)]


class Hours(FrozenModel):
    """When the market is open; UTC. Daily bars stand at 00:00 whatever the times are.

    Args:
        weekdays_only: whether Saturdays and Sundays have no bars.
        start, end: of the bars' starts within a day; the end is no start itself, and 00:00 is the end of the day.
    """

    weekdays_only: bool
    start: TimeOfDay = "00:00"
    end: TimeOfDay = "00:00"

    @property
    def minutes(self) -> tuple[int, int]:
        """Start and end in minutes of the day."""
        start, end = (60 * int(text[:2]) + int(text[3:]) for text in (self.start, self.end))
        return start, end or 1_440


class ScenarioDocument(FrozenModel):
    """What the documents of all families have (ScenarioDSL 0.1).

    Args:
        id: the name of the scenario and of its file.
        version: of the language.
        duration_bars: of the dataset.
        seed: of every draw (PCG64).
        volume_model: see :class:`VolumeModel`.
        volume: of a bar, in units; the median of a lognormal one.
        price: the first open.
        hours: when there are bars; around the clock when null.
        instruments: the series of a panel.
        correlation: between the moves of two series.
        events: what happens beside.
        notes: for people; no part of the hash.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    version: Literal["0.1"]
    timeframe: Literal["1m", "5m", "15m", "1h", "4h", "1d"]
    duration_bars: Annotated[int, Field(ge=100, le=MOST_BARS)]
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)]
    family: Family
    volume_model: VolumeModel
    volume: Annotated[float, Field(gt=0, le=1e12)] = 100_000.0
    price: Annotated[float, Field(gt=0.001, le=1_000_000)] = 100.0
    hours: Hours | None = None
    instruments: Annotated[int, Field(ge=1, le=MOST_SERIES)] = 1
    correlation: Annotated[float, Field(ge=0, le=1)] = 0.0
    events: Annotated[tuple[AnyEvent, ...], Field(max_length=50)] = ()
    notes: Annotated[str, Field(max_length=1_000)] = ""

    @property
    def length(self) -> Timeframe:
        """The timeframe of the bars."""
        return Timeframe(self.timeframe)

    @property
    def scenario_hash(self) -> str:
        """SHA-256 of the canonical JSON, with seed and timeframe (R-SCEN-11); a key at its default is left out."""
        return content_hash(self.model_dump(mode="json", exclude_defaults=True, exclude={"notes"}))


class TrendScenario(ScenarioDocument):
    """A market that drifts."""

    family: Literal[Family.TREND]
    params: TrendParams


class MeanRevertScenario(ScenarioDocument):
    """A market that returns to a price."""

    family: Literal[Family.MEAN_REVERT]
    params: MeanRevertParams


class VolClusterScenario(ScenarioDocument):
    """A market whose storms last."""

    family: Literal[Family.VOL_CLUSTER]
    params: VolClusterParams


class ShockMixScenario(ScenarioDocument):
    """A market that jumps."""

    family: Literal[Family.SHOCK_MIX]
    params: ShockMixParams


class RegimeSwitchScenario(ScenarioDocument):
    """A market with states."""

    family: Literal[Family.REGIME_SWITCH]
    params: RegimeSwitchParams


AnyScenario = Annotated[
    TrendScenario | MeanRevertScenario | VolClusterScenario | ShockMixScenario | RegimeSwitchScenario,
    Field(discriminator="family"),
]


class ScenarioFile(RootModel[AnyScenario]):
    """A document of any family, as a file holds it."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of scenario documents (2020-12)."""
    schema = TypeAdapter(AnyScenario).json_schema(mode="validation")
    return {"$schema": DIALECT, "$id": SCHEMA_ID, **schema, "title": "Tradewright scenario document"}


class BrokenRule(NamedTuple):
    """What is wrong between the keys of a document: the key, its value, what is demanded."""

    key: tuple[str, ...]
    value: object
    rule: str


def broken_rules(document: ScenarioDocument) -> Iterator[BrokenRule]:
    """Everything that no single key can state; such a document is not generated."""
    if document.hours is not None:
        start, end = document.hours.minutes
        if start >= end:
            yield BrokenRule(("hours", "start"), document.hours.start, "must be before hours.end")
        elif document.length is not Timeframe.D1 and (end - start) * 60 < document.length.seconds:
            rule = f"leaves no room for a bar of {document.timeframe}"
            yield BrokenRule(("hours", "end"), document.hours.end, rule)
    for key, drift, sigma in _drifts(document):
        if abs(drift) > MOST_DRIFT * sigma:
            yield BrokenRule(key, drift, f"must be at most {MOST_DRIFT:g} times the deviation of a bar, {sigma:g}")
    if document.duration_bars * document.instruments > MOST_BARS:
        rule = f"times duration_bars, {document.duration_bars:,}, must be at most {MOST_BARS:,} bars of all series"
        yield BrokenRule(("instruments",), document.instruments, rule)
    ratios = [math.log(event.ratio) for event in document.events if isinstance(event, Split)]
    if sum(map(abs, ratios)) > math.log(MOST_SPLIT):
        yield BrokenRule(("events",), "split", f"all ratios together must be a factor of at most {MOST_SPLIT:,.0f}")
    for place, event in enumerate(document.events):
        for name, value, rule in _wrong_event(document, event):
            yield BrokenRule(("events", str(place), name), value, rule)


def _drifts(document: ScenarioDocument) -> Iterator[tuple[tuple[str, ...], float, float]]:
    """Every drift of a document with the least deviation of its bars, in basis points."""
    match document:
        case TrendScenario():
            yield ("params", "drift"), document.params.drift, document.params.sigma
        case VolClusterScenario():
            yield ("params", "mu"), document.params.mu, math.sqrt(document.params.omega)
        case RegimeSwitchScenario():
            for place, regime in enumerate(document.params.regimes):
                yield ("params", "regimes", str(place), "drift"), regime.drift, regime.sigma


def _wrong_event(document: ScenarioDocument, event: Event) -> Iterator[tuple[str, object, str]]:
    last = last_bar(event)
    if last >= document.duration_bars:
        rule = f"the event ends at bar {last}, and the last bar is {document.duration_bars - 1}"
        yield "at", getattr(event, "at", None), rule
    if event.only is not None and event.only >= document.instruments:
        rule = f"must be below instruments, {document.instruments}"
        yield "only", event.only, rule
    if isinstance(event, WeekendGap) and (document.hours is None or not document.hours.weekdays_only):
        yield "kind", "weekend_gap", "needs hours with weekdays_only: true, or there is no weekend"
    if isinstance(event, CorrelationShift) and document.instruments == 1:
        yield "kind", "correlation", "needs instruments: 2 or more"
    if isinstance(event, CorrelationShift) and event.only is not None:
        yield "only", event.only, "must be null: a correlation is of all series"
    if isinstance(event, LimitDown | Delisting) and event.at + 1 >= document.duration_bars:
        yield "at", event.at, "must be followed by bars"
