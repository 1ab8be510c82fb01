"""What is wrong with a strategy as a whole: entries without exits, unbounded risk, rules that never matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tradewright.dsl.allocation_checks import allocation_problems
from tradewright.dsl.constant import constancy, parts, reason
from tradewright.dsl.document import RuleAction
from tradewright.dsl.effort import effort_problems
from tradewright.dsl.implication import implies
from tradewright.dsl.meaning import Reader
from tradewright.dsl.problem import Hint, Problem, Severity
from tradewright.dsl.program import AllocationTerms, Program
from tradewright.dsl.reach import Range, first_bars, ranged
from tradewright.dsl.reading import PRICES, DocumentReading
from tradewright.dsl.terms import FALSE, ROLLING, Op, Term, walk
from tradewright.dsl.time_checks import shorter_series, time_problems

_OTHER = {RuleAction.BUY: RuleAction.SELL, RuleAction.SELL: RuleAction.BUY}
_ENTRIES = frozenset(_OTHER)


def examine(reading: DocumentReading, program: Program, bars: int | None) -> list[Problem]:
    """Every problem of a document whose expressions were read.

    Args:
        bars: the length of the data; None where that is not known.
    """
    if program.allocation is not None:
        shared = list(_allocation(reading, program, program.allocation))
        shared += [*effort_problems(reading, program), *time_problems(reading, program)]
        shared += shorter_series(reading, program)
        return [*shared, *_windows(reading), *_length(reading, bars)]
    found = [*_entries_and_exits(reading, program), *_prices(reading), *_bounded_risk(reading, program)]
    found += [*_said_twice(reading, program), *_constant(reading, program), *_contradictions(reading)]
    found += [
        *effort_problems(reading, program),
        *_backtested_alone(reading, program),
        *time_problems(reading, program),
        *shorter_series(reading, program),
    ]
    return [*found, *_windows(reading), *_distances(reading, program), *_length(reading, bars)]


def _allocation(reading: DocumentReading, program: Program, terms: AllocationTerms) -> Iterator[Problem]:
    """Every problem of an allocation, that of its condition among them."""
    bounds, path, form = _bounds(program), "allocate.hold_if", reading.document.allocate
    found = ranged(bounds, *(term for _, term in terms.roots()))
    yield from allocation_problems(reading, program, terms, found)
    text = form.hold_if if form is not None else None
    if text is None:
        return
    if (always := constancy(terms.hold_if, found)) is not None:
        why = reason(reading.document, text, bounds)
        told = f"the condition is {always} true, whatever the prices" + (f": {why}" if why else "")
        yield reading.problem(told, path, Hint(text="remove it, or correct the condition", path=path))
    else:
        yield from _constant_parts(reading, terms.hold_if, bounds, text, path)


def _entries_and_exits(reading: DocumentReading, program: Program) -> Iterator[Problem]:
    """An entry is there, and each is left by a rule or after ``max_hold_bars`` (R-STRAT-31, Q-05)."""
    sides = {action: reading.rules(action) for action in _OTHER}
    if not any(sides.values()):
        hint = Hint(text="write a rule with then: buy or then: sell")
        yield reading.problem("no rule enters a position", "rules", hint)
    for action, rows in sides.items():
        if rows and not sides[_OTHER[action]] and program.close is FALSE and "max_hold_bars" not in program.parameters:
            told = f"a position of {action} is never left: there is neither an exit rule nor max_hold_bars"
            text = f"write a rule with then: close or then: {_OTHER[action]}, or params.max_hold_bars"
            yield reading.problem(told, "rules", Hint(text=text, path="params.max_hold_bars", value=100))


def _prices(reading: DocumentReading) -> Iterator[Problem]:
    """A price belongs to the only rule of its side; rules that enter nothing have none."""
    for place, rule in enumerate(reading.document.rules):
        priced = [name for name in PRICES if getattr(rule, name) is not None]
        if priced and rule.action not in _ENTRIES:
            path = f"rules[{place}].{priced[0]}"
            told = f"a rule that says {rule.action} enters nothing, and has no {priced[0]}"
            yield reading.problem(told, path, Hint(text="remove it", path=path))
        elif priced and len(reading.rules(rule.action)) > 1:
            told = f"a {rule.action} rule with a price must be the only one: which price counts would be open"
            yield reading.problem(told, f"rules[{place}]", Hint(text="join the conditions by or"))


def _bounded_risk(reading: DocumentReading, program: Program) -> Iterator[Problem]:
    has_stop = "stop_loss_pct" in program.parameters or program.exits.stop or program.exits.trail
    if program.size_pct is None and not has_stop:
        text = "write params.size_pct or params.stop_loss_pct, or exits.stop"
        hint = Hint(text=text, path="params.size_pct", value=0.01)
        yield reading.problem("the risk has no bound: neither a size nor a stop", "params", hint)


def _backtested_alone(reading: DocumentReading, program: Program) -> Iterator[Problem]:
    """Warnings of orders that no signal carries: such a document is backtested and swept, and makes no signals."""
    if not program.backtested_alone:
        return
    limited = "enter at the market or by limit"
    entries = ((place, rule) for place, rule in enumerate(reading.document.rules) if rule.stop_entry is not None)
    asked = [(f"rules[{place}].stop_entry", "a stop entry", limited) for place, _rule in entries]
    if "max_hold_bars" in program.parameters:
        asked.append(("params.max_hold_bars", "an exit after a number of bars", "leave it by a rule with then: close"))
    for path, kind, instead in asked:
        told = f"{kind} can be backtested and not traded: signals carry entry, stop, trail and take_profit alone"
        text = f"to trade or rehearse it: {instead}"
        yield reading.problem(told, path, Hint(text=text), severity=Severity.WARNING)


def _said_twice(reading: DocumentReading, program: Program) -> Iterator[Problem]:
    for name in ("stop_loss_pct", "take_profit_pct"):
        path = f"exits.{'stop' if name == 'stop_loss_pct' else 'take_profit'}"
        if name in program.parameters and path in reading.prices:
            told = f"params.{name} and {path} say two things"
            yield reading.problem(told, path, Hint(text="keep one of them", path=path))


def _constant(reading: DocumentReading, program: Program) -> Iterator[Problem]:
    """Conditions and parts of them that no price can change, and rules that another one makes useless."""
    bounds, document = _bounds(program), reading.document
    found = ranged(bounds, *reading.conditions.values())
    for place, term in reading.conditions.items():
        path, text = f"rules[{place}].if", document.rules[place].condition
        if (always := constancy(term, found)) is not None:
            hint = Hint(text="remove the rule, or correct the condition")
            why = reason(document, text, bounds)
            told = f"the condition is {always} true, whatever the prices" + (f": {why}" if why else "")
            yield reading.problem(told, path, hint)
        elif (other := _stronger(reading, place, term)) is not None:
            told = f"the rule never matters: rules[{other}] asks for the same whenever it does"
            yield reading.problem(told, path, Hint(text="remove one of them"))
        else:
            yield from _constant_parts(reading, term, bounds, text, path)


def _constant_parts(
    reading: DocumentReading, term: Term, bounds: Mapping[str, Range], text: str, path: str
) -> Iterator[Problem]:
    """Constant operands of an ``and`` or an ``or``: by their text, or untold where they stand deeper in the text."""
    reader = Reader(reading.document)
    ranges, told = ranged(bounds, term), []
    constants = [constancy(part, ranges) for part in (term.args if term.op in (Op.AND, Op.OR) else ())]
    for part in parts(text) if any(constants) else ():
        read = reader.condition(part)
        if (always := constancy(read, ranged(bounds, read))) is not None:
            why = reason(reading.document, part, bounds)
            told.append(f"the part {part!r} is {always} true, whatever the prices" + (f": {why}" if why else ""))
    untold = [f"a part of the condition is {each} true, whatever the prices" for each in constants if each]
    for message in told or untold:
        yield reading.problem(message, path, Hint(text="leave that part out"))


def _stronger(reading: DocumentReading, place: int, term: Term) -> int | None:
    """Another rule of the same action that holds whenever this one does; of two equal ones the earlier."""
    action = reading.document.rules[place].action
    for other, condition in reading.conditions.items():
        is_rival = reading.document.rules[other].action is action and other != place
        if is_rival and implies(term, condition) and (term != condition or other < place):
            return other
    return None


def _contradictions(reading: DocumentReading) -> Iterator[Problem]:
    """Two actions under one condition (Q-06), and rules that another one keeps from ever acting.

    A ``hold`` does so with all others; a ``close`` and the other side do so with an entry.
    """
    rules = reading.document.rules
    for place, term in reading.conditions.items():
        for other, condition in reading.conditions.items():
            path, mine, action = f"rules[{place}].if", rules[place].action, rules[other].action
            if mine is action or mine is RuleAction.HOLD:
                continue
            if term == condition and action is not RuleAction.HOLD:
                if other < place:
                    told = f"rules[{other}] asks for {action} under the same condition"
                    yield reading.problem(told, path, Hint(text="change one of the conditions"))
            elif (action is RuleAction.HOLD or mine in _ENTRIES) and implies(term, condition):
                told = f"rules[{other}] says {action} whenever this rule would act"
                yield reading.problem(told, path, Hint(text="narrow one of them"))


def _windows(reading: DocumentReading) -> Iterator[Problem]:
    for path, term in reading.terms().items():
        for each in walk(term):
            if each.op in ROLLING and not any(inner.op is Op.COLUMN for inner in walk(each.args[0])):
                yield reading.problem("a window over what never changes", path, Hint(text="leave the window out"))
                break


def _distances(reading: DocumentReading, program: Program) -> Iterator[Problem]:
    found = ranged(_bounds(program), *reading.prices.values())
    for path, term in reading.prices.items():
        if not found[term][1] > 0:
            told = "it is never above 0, so that no order could be placed"
            yield reading.problem(told, path, Hint(text="write what is above 0"))


def _length(reading: DocumentReading, bars: int | None) -> Iterator[Problem]:
    """Windows that are longer than the data (R-STRAT-34)."""
    values = reading.document.values()
    for path, term in reading.terms().items() if bars is not None else ():
        needed = first_bars(values, term)
        if bars is not None and needed > bars:
            told = f"it needs {needed} bars, and there are {bars}"
            yield reading.problem(told, path, Hint(text="shorten the window, or take more bars"))


def _bounds(program: Program) -> dict[str, Range]:
    return {name: (float(bounds.least), float(bounds.most)) for name, (_, bounds) in program.parameters.items()}
