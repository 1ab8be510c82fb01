"""Configuration that is a table: rules between its rows, which the schema of one row does not see.

They are looked at by ``tradewright check``, by the asset checks and before a sweep, and not before a kill switch: a
table with a doubtful row still composes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from brokers.discovery import plugins
from conf.problems import RuleViolation, nearest
from conf.rules import demand, grid_errors, is_allowed, refusal
from conf.schema.settings import Settings
from conf.strategy_kinds import kinds, parameters_of

MOST_RISK = 1_000_000
LONGEST_NAME = 32
"""Characters of an instrument's name at a venue."""
USUAL_CALENDARS = ("24/7", "24/5", "XNYS", "CMES")
CAPS = ("max_size_pct", "max_position", "max_gross")
"""Limits of ``risk`` that must not fall in this order: of an order, a position, the account."""


def broken_tables(settings: Settings, groups: Iterable[str]) -> Iterator[RuleViolation]:
    """Every broken rule of the tables of ``groups``, which are some of :data:`~conf.rules.TABLE_GROUPS`."""
    for group in groups:
        yield from _RULES[group](settings)


def broken_sets(kind: str, sets: Sequence[Mapping[str, float]]) -> list[RuleViolation]:
    """Every name and value that no strategy of this kind takes, whatever the others are; keys are parameters' names.

    No set may be given twice.
    """
    known = parameters_of(kind)
    values: dict[str, dict[float, None]] = {}
    for row in sets:
        for name, value in row.items():
            values.setdefault(name, {})[value] = None
    wrong = [
        RuleViolation((name,), None, f"is not a parameter of {kind}", nearest(name, known))
        for name in values.keys() - known.keys()
    ]
    for name, rule in known.items():
        wrong += [
            RuleViolation((name,), f"{value:g}", demand(rule))
            for value in values.get(name, ())
            if not is_allowed(rule, value)
        ]
    if len({tuple(sorted(row.items())) for row in sets}) < len(sets):
        wrong.append(RuleViolation((), None, "holds the same set twice; name a value once"))
    return wrong


def _known_calendars(names: Iterable[str]) -> Sequence[str]:
    """The calendars that need no declaration; the library is loaded where others than the usual ones are named."""
    if set(names) <= set(USUAL_CALENDARS):
        return USUAL_CALENDARS
    from exchange_calendars import get_calendar_names  # takes a second

    return [*USUAL_CALENDARS, *get_calendar_names()]


def _unknown_calendars(settings: Settings) -> Iterator[RuleViolation]:
    """Calendars of instruments that neither exist nor are declared."""
    named = {symbol: row.calendar for symbol, row in settings.instruments.items()}
    strange = {symbol: name for symbol, name in named.items() if name not in settings.calendars}
    known = _known_calendars(strange.values())
    for symbol, name in strange.items():
        if name not in known:
            rule = (
                "must be a calendar of exchange_calendars, such as XNYS, XLON or XETR; or 24/7, 24/5; or one that "
                "conf/calendars declares"
            )
            near = nearest(name, [*known, *settings.calendars])
            yield RuleViolation(("instruments", symbol, "calendar"), name, rule, near)


def _calendars(settings: Settings) -> Iterator[RuleViolation]:
    """Declared calendars that correct nothing that is known."""
    bases = {name: row.base or name for name, row in settings.calendars.items()}
    known = _known_calendars(bases.values())
    for name, base in bases.items():
        if base in known:
            continue
        if settings.calendars[name].base:
            rule = "must be a calendar of exchange_calendars, such as XNYS; or 24/7, 24/5"
            yield RuleViolation(("calendars", name, "base"), base, rule, nearest(base, known))
        else:
            rule = "is no calendar that is known: say the one that it corrects, such as base: 24/5"
            yield RuleViolation(("calendars", name), None, rule, nearest(name, known))


def _instruments(settings: Settings) -> Iterator[RuleViolation]:
    """Two instruments must not share a name at one venue, or an order would reach the wrong one."""
    yield from _unknown_calendars(settings)
    yield from _second_sources(settings)
    for broker in plugins().values():
        names = {symbol: broker.venue_symbol(row) for symbol, row in settings.instruments.items()}
        for symbol, name in names.items():
            if not 1 <= len(name) <= LONGEST_NAME:
                key = ("instruments", symbol, "venue_symbols", broker.kind)
                yield RuleViolation(key, name, f"must have 1 to {LONGEST_NAME} characters")
        rows = settings.instruments.items()
        venue_keys = {symbol: (names[symbol], row.asset_class, row.currency) for symbol, row in rows}
        count = Counter(venue_keys.values())
        for symbol, place in venue_keys.items():
            if count[place] > 1:
                yield RuleViolation(("instruments", symbol), None, "shares its venue symbol with another instrument")


def _second_sources(settings: Settings) -> Iterator[RuleViolation]:
    """A second source is another instrument, and quoted in the same money."""
    for symbol, row in settings.instruments.items():
        named = row.second_source
        if named is None:
            continue
        key, other = ("instruments", symbol, "second_source"), settings.instruments.get(named)
        if other is None or named == symbol:
            yield RuleViolation(key, named, "must be another instrument", nearest(named, settings.instruments))
        elif other.currency != row.currency:
            yield RuleViolation(key, named, f"must be quoted in {row.currency}, it is in {other.currency}")


def _events(settings: Settings) -> Iterator[RuleViolation]:
    seen = set()
    for index, row in enumerate(settings.events.windows):
        key = ("events", "windows", str(index))
        if row.start >= row.end:
            yield RuleViolation(key, None, "must start before it ends")
        if (about := (row.instrument, row.currency, row.start)) in seen:
            yield RuleViolation(key, None, "is given twice; keep one")
        seen.add(about)


def _risk(settings: Settings) -> Iterator[RuleViolation]:
    values = {name: value for name, value in settings.risk.model_dump().items() if not isinstance(value, bool)}
    for name, value in values.items():
        if not value > 0:
            yield RuleViolation(("risk", name), f"{value:g}", "must be above 0")
        if not value < MOST_RISK:
            yield RuleViolation(("risk", name), f"{value:g}", f"must be below {MOST_RISK:,}")
    caps = [values[name] for name in CAPS]
    if caps != sorted(caps):
        rule = "the caps of an order, a position and the account must not fall in this order"
        yield RuleViolation(("risk",), None, rule)


def _grid(settings: Settings) -> Iterator[RuleViolation]:
    """The grid that a strategy declares, unless its kind, its names or its size are wrong already."""
    chosen = settings.strategy
    if not chosen.grid or chosen.kind not in kinds().usable or any(grid_errors(settings)):
        return
    sets = [{**chosen.parameters, **own} for own in chosen.grid_sets()]
    wrong = broken_sets(chosen.kind, sets)
    yield from (row._replace(key=("strategy", "grid", *row.key)) for row in wrong)
    if not wrong and all(refusal(chosen.kind, {**chosen.others, **values}) for values in sets):
        rule = f"holds no set that the strategy takes: {refusal(chosen.kind, sets[0])}"
        yield RuleViolation(("strategy", "grid"), None, rule)


_RULES = {"instruments": _instruments, "calendars": _calendars, "events": _events, "risk": _risk, "strategy": _grid}
