"""A text to a program, with every problem on the way: shape, expressions, then what no single expression can tell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from tradewright.dsl.document import KNOWN, STEERING, Rule, RuleAction, StrategyDocument, ranges, shaped
from tradewright.dsl.meaning import Reader
from tradewright.dsl.problem import Code, DocumentRefused, Hint, Problem, Refusal, Severity
from tradewright.dsl.program import Exits, Program, Side
from tradewright.dsl.reach import first_bars, ranged
from tradewright.dsl.source import Source, read
from tradewright.dsl.terms import FALSE, Op, Term, joined

EXITS = ("stop", "take_profit", "trail")
PRICES = ("limit", "stop_entry")


@dataclass(frozen=True)
class Checked:
    """What was found of a text; ``program`` is None where there are errors."""

    problems: tuple[Problem, ...]
    document: StrategyDocument | None = None
    program: Program | None = None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop it from being used."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def compiled(text: str, where: str = "") -> tuple[StrategyDocument, Program]:
    """The document of a text and its meaning.

    Args:
        where: the file, for the message.

    Raises:
        DocumentRefused: with every error.
    """
    found = check(text)
    if found.errors or found.document is None or found.program is None:
        raise DocumentRefused(found.errors, where)
    return found.document, found.program


def check(text: str, bars: int | None = None) -> Checked:
    """Everything that is wrong with a document, and its meaning where nothing is.

    Args:
        bars: the length of the data that it is to be run on (R-STRAT-34); None where that is not known.
    """
    try:
        source = read(text)
    except DocumentRefused as error:
        return Checked(error.problems)
    document, problems = shaped(source)
    if document is None:
        return Checked(tuple(problems))
    problems += ranges(source, document)
    if problems:
        return Checked(tuple(problems), document)
    work = _Work(source, document)
    program = work.program()
    if program is not None and not work.has_errors:
        work.examine(program, bars)
    found = tuple(sorted(work.problems, key=lambda each: (each.loc.line, each.loc.column)))
    return Checked(found, document, None if work.has_errors else program)


@dataclass
class _Work:
    source: Source
    document: StrategyDocument
    problems: list[Problem] = field(default_factory=list)
    conditions: dict[int, Term] = field(default_factory=dict)
    prices: dict[str, Term] = field(default_factory=dict)

    @property
    def has_errors(self) -> bool:
        return any(problem.severity is Severity.ERROR for problem in self.problems)

    def add(
        self, message: str, path: str, *hints: Hint, index: int | None = None, warns: bool = False, code: Code = Code.STATIC_FAIL
    ) -> None:
        severity = Severity.WARNING if warns else Severity.ERROR
        loc = self.source.locate(path, index)
        self.problems.append(Problem(code=code, message=message, loc=loc, hints=hints, severity=severity))

    def program(self) -> Program | None:
        """The terms of all expressions; None where one of them cannot be read."""
        reader = Reader(self.document)
        for place, rule in enumerate(self.document.rules):
            if (term := self._term(reader, f"rules[{place}].if", rule.condition, is_boolean=True)) is not None:
                self.conditions[place] = term
            for name in PRICES:
                self._price(reader, f"rules[{place}].{name}", getattr(rule, name))
        for name in EXITS:
            self._price(reader, f"exits.{name}", getattr(self.document.exits, name))
        self._unused(reader)
        if self.has_errors:
            return None
        document = self.document
        names = sorted(name for name in document.params if name != "size_pct")
        return Program(
            timeframe=document.timeframe or "",
            buy=self._side(RuleAction.BUY),
            sell=self._side(RuleAction.SELL),
            close=self._joined(RuleAction.CLOSE),
            hold=self._joined(RuleAction.HOLD),
            exits=Exits(*(self.prices.get(f"exits.{name}") for name in EXITS)),
            parameters={name: (document.value(name), document.bounds(name)) for name in names},
            size_pct=float(document.value("size_pct")) if "size_pct" in document.params else None,
        )

    def _price(self, reader: Reader, path: str, text: str | None) -> None:
        if text is not None and (term := self._term(reader, path, text, is_boolean=False)) is not None:
            self.prices[path] = term

    def _term(self, reader: Reader, path: str, text: str, *, is_boolean: bool) -> Term | None:
        try:
            term = reader.condition(text) if is_boolean else reader.figure(text)
        except Refusal as error:
            hints = (Hint(text=error.hint),) if error.hint else ()
            self.add(str(error), path, *hints, index=error.index or 0, code=error.code)
            return None
        for index, message in reader.warnings:
            self.add(message, path, Hint(text="divide by a price, or compare with a number"), index=index, warns=True)
        return term

    def _unused(self, reader: Reader) -> None:
        unread = [name for name in self.document.params if name not in reader.used and name not in (*STEERING, "size_pct")]
        if self.has_errors:
            return  # an expression that was not read may use them
        for name in unread:
            path = f"params.{name}"
            self.add(f"the parameter {name} is read nowhere", path, Hint(text="remove it, or use it in a rule", path=path))
        for name in self.document.grid:
            if name not in self.document.params or name == "size_pct":
                self.add(f"the grid tries {name!r}, which is no parameter", f"grid.{name}", Hint(text="remove it", path=f"grid.{name}"))

    def _rules(self, action: RuleAction) -> list[tuple[int, Rule]]:
        return [(place, rule) for place, rule in enumerate(self.document.rules) if rule.action is action]

    def _joined(self, action: RuleAction) -> Term:
        return joined(Op.OR, (self.conditions[place] for place, _ in self._rules(action)))

    def _side(self, action: RuleAction) -> Side:
        rows = self._rules(action)
        priced = [place for place, _ in rows if any(f"rules[{place}].{name}" in self.prices for name in PRICES)]
        if priced and len(rows) > 1:
            told = f"a {action} rule with a price must be the only {action} rule: which price counts would be open"
            self.add(told, f"rules[{priced[0]}]", Hint(text="join the conditions by or"))
        prices = [self.prices.get(f"rules[{place}].{name}") for place in priced[:1] for name in PRICES]
        return Side(self._joined(action), *prices)

    def examine(self, program: Program, bars: int | None) -> None:
        """What is wrong with the strategy as a whole."""
        self._entries_and_exits(program)
        self._bounded_risk(program)
        self._steering_twice(program)
        self._constant_and_dead(program)
        self._contradictions()
        self._distances(program)
        if bars is not None:
            self._length(program, bars)

    def _entries_and_exits(self, program: Program) -> None:
        buys, sells = self._rules(RuleAction.BUY), self._rules(RuleAction.SELL)
        if not buys and not sells:
            self.add("no rule enters a position", "rules", Hint(text="write a rule with then: buy or then: sell"))
            return
        for action, rows, others in (("buy", buys, sells), ("sell", sells, buys)):
            if rows and not others and program.close is FALSE and "max_hold_bars" not in program.parameters:
                told = f"a position of {action} is never left: there is neither an exit rule nor max_hold_bars"
                other = "sell" if action == "buy" else "buy"
                hint = Hint(text=f"write a rule with then: close or then: {other}, or params.max_hold_bars", path="params.max_hold_bars", value=100)
                self.add(told, "rules", hint)
        for place, rule in enumerate(self.document.rules):
            if rule.action in (RuleAction.CLOSE, RuleAction.HOLD):
                for name in PRICES:
                    if getattr(rule, name) is not None:
                        path = f"rules[{place}].{name}"
                        self.add(f"a rule that says {rule.action} has no entry, and so no {name}", path, Hint(text="remove it", path=path))

    def _bounded_risk(self, program: Program) -> None:
        if program.size_pct is None and "stop_loss_pct" not in program.parameters and not (program.exits.stop or program.exits.trail):
            hint = Hint(text="write params.size_pct or params.stop_loss_pct, or exits.stop", path="params.size_pct", value=0.01)
            self.add("the risk has no bound: neither a size nor a stop", "params", hint)

    def _steering_twice(self, program: Program) -> None:
        for name, term, key in (("stop_loss_pct", program.exits.stop, "stop"), ("take_profit_pct", program.exits.take_profit, "take_profit")):
            if name in program.parameters and term is not None:
                path = f"exits.{key}"
                self.add(f"params.{name} and exits.{key} say two things", path, Hint(text="keep one of them", path=path))

    def _constant_and_dead(self, program: Program) -> None:
        bounds = {name: (float(b.least), float(b.most)) for name, (_, b) in program.parameters.items()}
        found = ranged(bounds, *self.conditions.values())
        seen: dict[tuple[RuleAction, Term], int] = {}
        for place, term in self.conditions.items():
            path, action = f"rules[{place}].if", self.document.rules[place].action
            remedy = Hint(text="remove the rule, or correct the condition")
            low, high = found[term]
            if term.op in (Op.TRUE, Op.FALSE) or low == high:
                told = "always" if high else "never"
                self.add(f"the condition is {told} true, whatever the prices", path, remedy)
            elif (earlier := seen.get((action, term))) is not None:
                self.add(f"the rule says the same as rules[{earlier}]", path, Hint(text="remove one of them"))
            elif (other := self._weaker(place, term)) is not None:
                self.add(f"the rule never matters: rules[{other}] asks for {action} whenever it does", path, remedy)
            else:
                self._dead_parts(term, found, path)
            seen.setdefault((action, term), place)

    def _dead_parts(self, term: Term, found: dict[Term, tuple[float, float]], path: str) -> None:
        for part in term.args if term.op in (Op.AND, Op.OR) else ():
            low, high = found[part]
            if low == high:
                told = "always" if high else "never"
                self.add(f"a part of the condition is {told} true, whatever the prices", path, Hint(text="leave that part out"))

    def _weaker(self, place: int, term: Term) -> int | None:
        """Another rule of the same action, or of ``hold``, whose condition holds whenever this one's does."""
        action = self.document.rules[place].action
        for other, condition in self.conditions.items():
            same = self.document.rules[other].action is action
            if same and other != place and term != condition and _implies(term, condition):
                return other
        return None

    def _contradictions(self) -> None:
        rows = list(self.conditions.items())
        for here, (place, term) in enumerate(rows):
            for other, condition in rows[:here]:
                actions = {self.document.rules[place].action, self.document.rules[other].action}
                if len(actions) == 2 and term == condition:
                    told = f"rules[{other}] and rules[{place}] ask for {' and '.join(sorted(actions))} under the same condition"
                    self.add(told, f"rules[{place}].if", Hint(text="change one of the conditions"))
                elif len(actions) == 2 and RuleAction.HOLD in actions:
                    held, asked = (term, condition) if self.document.rules[place].action is RuleAction.HOLD else (condition, term)
                    if _implies(asked, held):
                        self.add("a hold rule keeps this rule from ever acting", f"rules[{place}].if", Hint(text="narrow the hold rule"))

    def _distances(self, program: Program) -> None:
        bounds = {name: (float(b.least), float(b.most)) for name, (_, b) in program.parameters.items()}
        found = ranged(bounds, *self.prices.values())
        for path, term in self.prices.items():
            if found[term][1] <= 0:
                self.add("it is never above 0, so that no order could be placed", path, Hint(text="write what is above 0"))

    def _length(self, program: Program, bars: int) -> None:
        values = self.document.values()
        for path, term in {**{f"rules[{n}].if": t for n, t in self.conditions.items()}, **self.prices}.items():
            needed = first_bars(values, term)
            if needed > bars:
                told = f"it needs {needed} bars, and there are {bars}"
                self.add(told, path, Hint(text="shorten the window, or take more bars"))


def _implies(term: Term, other: Term) -> bool:
    """Whether one condition certainly holds whenever another does, by their parts alone."""
    strong = set(term.args) if term.op is Op.AND else {term}
    weak = set(other.args) if other.op is Op.AND else {other}
    if weak <= strong:
        return True
    if other.op is Op.OR:
        return bool(strong & set(other.args)) or (term.op is Op.OR and set(term.args) <= set(other.args))
    return False


def known_parameters() -> dict[str, str]:
    """The known parameters and their bounds as text, for the documentation."""
    rows = {}
    for name, bounds in KNOWN.items():
        number = "a whole number" if bounds.whole else "a number"
        rows[name] = f"{number} from {bounds.least:g} to {bounds.most:g}" if math.isfinite(bounds.most) else number
    return rows
