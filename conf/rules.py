"""Rules that span several groups, and the parameters of strategies, which the schema of one group cannot state."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from brokers.alerts.channels import wrong_address
from brokers.discovery import plugin
from conf.environment import ALERT_WEBHOOK, environment
from conf.problems import RuleViolation, nearest
from conf.schema.research import ExtraFeature, StrategySettings
from conf.schema.settings import Settings
from conf.strategy_kinds import build, file_of_none, kinds, named_in_rules, other_instruments_of, parameters_of
from conf.yaml_reader import Key
from strategies.base import Parameter
from tradewright.execution.types import ProtocolTimes
from tradewright.indicators.catalogue import resolve
from tradewright.model.currency import base_currency
from tradewright.model.errors import ConfigError
from tradewright.model.intent import RESERVED
from tradewright.model.mode import Mode, Stage
from tradewright.model.strategy import Feature

NEVER_SHORTER = ("acknowledge", "settle", "absence", "lease")
"""Waits of the order protocol that live mode may prolong and not shorten."""

MARKET_TABLES = ("instruments", "calendars", "events", "risk")
TABLE_GROUPS = frozenset({*MARKET_TABLES, "strategy"})
"""Groups that hold a table (``conf/table_rules.py``); every order depends on the former."""

LIVE_CEILING = {"max_trade_value": 100, "max_daily_loss": 50}
"""Money of ``conf/stage/live_small.yaml`` as it ships, in the policy's currency."""

MOST_SETS = 1_000_000
"""Of a grid: a typing error must not fill the memory."""

_DIGITS = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
STRATEGY_KEYS = frozenset(StrategySettings.model_fields) - {"parameters", "others"}


def parameter_errors(kind: object, given: Mapping[str, object]) -> Iterator[RuleViolation]:
    """The wrong parameters of a strategy; keys are relative to ``strategy``."""
    usable, broken = kinds()
    if isinstance(kind, str) and kind in broken:
        yield RuleViolation(("kind",), kind, f"must be a strategy that can be loaded: {broken[kind]}")
        return
    if not isinstance(kind, str) or kind not in usable:
        rule = f"must be one of {', '.join(usable)}"
        if kind is None or kind == "":
            yield RuleViolation(("kind",), None, f"is missing; it {rule}")
        elif isinstance(kind, str) and (file := file_of_none(kind)):
            wanted = f"{file} holds no strategy of this name: a class of BaseStrategy with name = {kind!r}"
            yield RuleViolation(("kind",), kind, f"{rule}; {wanted} is missing", nearest(kind, usable))
        else:
            yield RuleViolation(("kind",), kind, rule, nearest(str(kind), usable))
        return
    known, others = parameters_of(kind), other_instruments_of(kind)
    for name, value in given.items():
        if name in others:
            if not isinstance(value, str):
                yield RuleViolation((name,), value, "must be the name of an instrument")
        elif name not in known:
            near = nearest(name, [*known, *others, *STRATEGY_KEYS])
            yield RuleViolation((name,), None, f"is not a parameter of {kind}", near)
        elif not is_allowed(known[name], value):
            is_quoted = isinstance(value, str) and _DIGITS.fullmatch(value)
            yield RuleViolation((name,), value, demand(known[name]) + (", without quotes" if is_quoted else ""))
    for name in {*known, *others} - given.keys():
        yield RuleViolation((name,), None, "is missing")


def demand(parameter: Parameter) -> str:
    """The rule of a parameter as text."""
    number = "a whole number" if parameter.whole else "a number"
    return f"must be {number} from {parameter.least:g} to {parameter.most:g}"


def is_allowed(parameter: Parameter, value: object) -> bool:
    """Whether a value is one that the parameter takes."""
    if isinstance(value, bool) or not isinstance(value, int | float) or (parameter.whole and value % 1 != 0):
        return False
    return parameter.least <= value <= parameter.most


def broken_rules(settings: Settings, alone: str = "", *, swept: bool = False) -> Iterator[RuleViolation]:
    """Everything that is wrong between keys and between groups.

    Args:
        alone: a group that is looked at by itself, while the others are as they ship: its own rules alone count.
        swept: whether the strategy's parameters are but one set of a sweep, which need not go together.
    """
    yield from _left_to_defaults(settings)
    yield from _order_of_times(settings)
    yield from _named_twice(settings)
    yield from _longer_base(settings)
    if not swept:
        yield from _strategy_as_a_whole(settings)
    yield from grid_errors(settings)
    yield from _unknown_features(settings)
    yield from _short_look_back(settings)
    if alone != "instruments":
        yield from _unknown_instruments(settings)
        yield from _useless_windows(settings)
        yield from _useless_rates(settings)
        yield from _two_risk_free_rates(settings)
    if not alone:
        yield from _mode_and_broker(settings)
        yield from _ledger_url(settings)
    if alone in ("", "observability"):
        yield from _alerts(settings)


def _left_to_defaults(settings: Settings) -> Iterator[RuleViolation]:
    """Limits have defaults in code, for tests; a configuration spells every one of them out."""
    for group, limits in (("policy", settings.policy), ("risk", settings.risk)):
        for name in type(limits).model_fields:
            if name not in limits.model_fields_set:
                yield RuleViolation((group, name), None, "is missing")


def _named_twice(settings: Settings) -> Iterator[RuleViolation]:
    """Instruments that stand twice in a list; a slip of the second name would leave another one out."""
    lists = {
        ("universe", "instruments"): settings.universe.instruments,
        ("strategy", "instruments"): settings.strategy.instruments or (),
        ("backtest", "instruments"): settings.backtest.instruments or (),
        ("policy", "restricted"): settings.policy.restricted,
    }
    for key, names in lists.items():
        for name in dict.fromkeys(name for index, name in enumerate(names) if name in list(names)[:index]):
            yield RuleViolation(key, name, "is given twice; keep one")


def _longer_base(settings: Settings) -> Iterator[RuleViolation]:
    """Bars are made of shorter ones alone."""
    universe = settings.universe
    if universe.base_timeframe.seconds > universe.timeframe.seconds:
        rule = f"must not be longer than universe.timeframe, {universe.timeframe}, whose bars are made of these"
        yield RuleViolation(("universe", "base_timeframe"), str(universe.base_timeframe), rule)


def _ledger_url(settings: Settings) -> Iterator[RuleViolation]:
    if settings.storage.kind == "postgres" and settings.storage.ledger_url is None:
        rule = "is missing: set POSTGRES_URL in the environment, or POSTGRES_URL_FILE"
        yield RuleViolation(("storage", "ledger_url"), None, rule)


def _alerts(settings: Settings) -> Iterator[RuleViolation]:
    alerts, key = settings.observability.alerts, ("observability", "alerts", "channels")
    if alerts.enabled and not alerts.channels:
        yield RuleViolation(key, "[]", "names no channel, so no alert would be told: file, webhook, or both")
    if alerts.enabled and "webhook" in alerts.channels and (problem := _wrong_webhook()):
        yield RuleViolation(key, "webhook", problem)


def _wrong_webhook() -> str:
    """What is wrong with the address for alerts; empty when nothing is."""
    try:
        problem = wrong_address(environment(ALERT_WEBHOOK))
    except ConfigError as error:
        return f"{error.where}: {error.what}; {error.remedy}"
    return f"{problem}: set {ALERT_WEBHOOK} in the environment, or {ALERT_WEBHOOK}_FILE" if problem else ""


def _unknown_instruments(settings: Settings) -> Iterator[RuleViolation]:
    known = list(settings.instruments)
    places: dict[Key, Iterable[str]] = {
        ("universe", "instruments"): settings.universe.instruments,
        ("strategy", "instruments"): settings.strategy.instruments or (),
        ("backtest", "instruments"): settings.backtest.instruments or (),
        ("evaluation", "benchmark"): (settings.evaluation.benchmark,) if settings.evaluation.benchmark else (),
    }
    places |= {("strategy", key): (name,) for key, name in settings.strategy.others.items()}
    named = named_in_rules(settings.strategy.kind, settings.strategy.values)
    form = "allocate" if kinds().is_allocation(settings.strategy.kind) else "rules"
    places[("strategy", form)] = sorted(named - {*settings.strategy.others.values()})
    for index, window in enumerate(settings.events.windows):
        places["events", "windows", str(index), "instrument"] = filter(None, [window.instrument])
    for key, names in places.items():
        for name in names:
            if name not in known:
                yield RuleViolation(key, name, "is not in conf/instruments; declare it there", nearest(name, known))


def _useless_windows(settings: Settings) -> Iterator[RuleViolation]:
    """Event windows of a currency in which nothing is: a slip of it would keep nothing back."""
    rows = settings.instruments.values()
    known = {row.currency for row in rows} | {base for row in rows if (base := base_currency(row))}
    for index, window in enumerate(settings.events.windows):
        if window.currency is not None and window.currency not in known:
            rule = "is the currency of no instrument, so that the window would keep nothing back"
            key = ("events", "windows", str(index), "currency")
            yield RuleViolation(key, window.currency, rule, nearest(window.currency, known))


def _useless_rates(settings: Settings) -> Iterator[RuleViolation]:
    """Files of rates that nothing would read: a slip of the currency would go unnoticed."""
    account, quoted = settings.policy.currency, {row.currency for row in settings.instruments.values()}
    if settings.backtest.costs.currency is not None:
        quoted.add(settings.backtest.costs.currency)
    for currency, file in settings.backtest.rates.items():
        key = ("backtest", "rates", currency)
        if currency == account:
            yield RuleViolation(key, file, "is for the account's own currency; name the one that instruments are in")
        elif currency not in quoted:
            yield RuleViolation(
                key,
                file,
                "is for a currency that neither instruments nor backtest.costs are in",
                nearest(currency, quoted),
            )


def _two_risk_free_rates(settings: Settings) -> Iterator[RuleViolation]:
    evaluation = settings.evaluation
    if evaluation.risk_free_rates is not None and evaluation.risk_free != 0.0:
        rule = "stands in place of evaluation.risk_free, which must be 0 then"
        yield RuleViolation(("evaluation", "risk_free_rates"), evaluation.risk_free_rates, rule)


def _mode_and_broker(settings: Settings) -> Iterator[RuleViolation]:
    mode, broker = settings.mode.name, settings.broker
    for key, value, rule in plugin(broker.kind).account_rules(mode, broker):
        yield RuleViolation(("broker", key), value, rule)
    if mode is Mode.LIVE:
        yield from _live(settings)


def _live(settings: Settings) -> Iterator[RuleViolation]:
    if settings.stage.name is not Stage.LIVE_SMALL:
        yield RuleViolation(("stage", "name"), settings.stage.name, "mode=live needs stage=live_small")
    yield from _ceiling(settings)
    for name in NEVER_SHORTER:
        least, given = getattr(ProtocolTimes(), name), getattr(settings.execution, name)
        if given < least:
            yield RuleViolation(("execution", name), given, f"must be at least {least:g} s in live mode")


def _ceiling(settings: Settings) -> Iterator[RuleViolation]:
    """The stage of live trading never allows more than the shipped one, whatever its file says."""
    for name, most in LIVE_CEILING.items():
        given = getattr(settings.stage, name)
        if given is None or given > most:
            rule = f"must be at most {most} in live mode; more is not for this version to allow"
            yield RuleViolation(("stage", name), "null" if given is None else given, rule)
    if not settings.stage.manual_approval:
        yield RuleViolation(("stage", "manual_approval"), False, "must be true in live mode")


def sealed_stage(stage: Mapping[str, object], file: Mapping[str, object]) -> Iterator[RuleViolation]:
    """The values that depart from the stage's file without tightening it; a looser stage is another file.

    Args:
        stage: the values in force.
        file: the values of the chosen file of ``conf/stage``.
    """
    for name, value in stage.items():
        said = file.get(name)
        if value == said or _tightens(name, said, value):
            continue
        given, in_file = ("null" if each is None else each for each in (value, said))
        rule = f"is {in_file} in the stage's file and may only be tightened; choose another stage"
        if name == "name":
            rule = f"belongs to its file, which says {said}; choose a stage by its file: stage={value}"
        yield RuleViolation(("stage", name), given, rule)


def _tightens(name: str, said: object, value: object) -> bool:
    """Whether a value of a stage allows less than the file does; null is no limit."""
    if isinstance(value, bool):
        return name == "manual_approval" and value
    if name == "name" or not isinstance(value, int | float):
        return False
    return said is None or (isinstance(said, int | float) and not isinstance(said, bool) and 0 < value <= said)


def strategy_name(option: str, name: object) -> Iterator[RuleViolation]:
    """The file's name is the strategy's name: it may be left out of the file, and nothing else may stand there."""
    if option in RESERVED:
        rule = f"{option!r} is the name of a person's own orders; rename the file"
        yield RuleViolation(("strategy", "name"), option, rule)
    elif name != option:
        rule = f"must be the file's name, {option}, or be left out; rename the file to rename the strategy"
        yield RuleViolation(("strategy", "name"), name, rule)


def _order_of_times(settings: Settings) -> Iterator[RuleViolation]:
    backtest = settings.backtest
    if backtest.start and backtest.end and str(backtest.start) > str(backtest.end):
        yield RuleViolation(("backtest", "start"), backtest.start, f"is after backtest.end ({backtest.end})")
    for index, window in enumerate(settings.events.windows):
        if window.start >= window.end:
            yield RuleViolation(("events", "windows", str(index), "start"), window.start, "must be before its end")


def _strategy_as_a_whole(settings: Settings) -> Iterator[RuleViolation]:
    """Rules between parameters, which the strategy's own class knows; the kind itself was looked at before."""
    if settings.strategy.kind not in kinds().usable:
        return
    try:
        build(settings.strategy.kind, settings.strategy.values)
    except ConfigError as error:
        words = set(re.findall(r"\w+", f"{error.what} {error.remedy}"))
        keys = tuple(("strategy", name) for name in settings.strategy.values if name in words)
        told = f"{error.what}; {error.remedy}" if error.remedy else error.what
        yield RuleViolation(keys[0] if keys else ("strategy",), None, told, "", keys[1:])


def grid_errors(settings: Settings) -> Iterator[RuleViolation]:
    """The wrong names and the wrong size of a strategy's grid; its sets are a table (``conf/table_rules.py``)."""
    kind, grid = settings.strategy.kind, settings.strategy.grid
    if kind not in kinds().usable:
        return
    known = parameters_of(kind)
    for name in grid.keys() - known.keys():
        yield RuleViolation(("strategy", "grid", name), None, f"is not a parameter of {kind}", nearest(name, known))
    sets = math.prod(len(values) for values in grid.values())
    if sets > MOST_SETS:
        yield RuleViolation(("strategy", "grid"), None, f"makes {sets:,} parameter sets, more than {MOST_SETS:,}")


def refusal(kind: str, values: Mapping[str, float | str]) -> str:
    """Why a strategy of this kind does not take these values; empty where it does."""
    try:
        build(kind, values)
    except ConfigError as error:
        return f"{error.what}; {error.remedy}"
    return ""


def _unknown_features(settings: Settings) -> Iterator[RuleViolation]:
    """Indicators of ``features`` that do not exist, or do not take these arguments; columns that are there twice."""
    lists: dict[Key, Sequence[ExtraFeature]] = {("features", "extra"): settings.features.extra}
    lists |= {("features", "sets", name, "columns"): row.columns for name, row in settings.features.sets.items()}
    for key, rows in lists.items():
        seen = set()
        for index, row in enumerate(rows):
            try:
                resolve(Feature(row.indicator, row.arguments))
            except ConfigError as error:
                what = f"{error.what}; {error.remedy}"
                yield RuleViolation((*key, str(index), "indicator"), row.indicator, what)
            if (column := (row.indicator.lower(), row.arguments)) in seen:
                yield RuleViolation((*key, str(index)), row.indicator, "is a column that the list has already")
            seen.add(column)


def _short_look_back(settings: Settings) -> Iterator[RuleViolation]:
    """A look-back that the indicator itself refuses, for no divergence can show in it."""
    chosen = settings.features
    reach, lookback = chosen.divergence_reach, chosen.divergence_lookback
    try:
        resolve(Feature("rsi_divergence", (chosen.rsi, reach, lookback)))
    except ConfigError:
        rule = f"must be at least 2 x divergence_reach + 2 = {2 * reach + 2}, to hold two turning points"
        yield RuleViolation(("features", "divergence_lookback"), lookback, rule)
