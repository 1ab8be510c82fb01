"""The expressions of a document as terms, and the program that they make."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from tradewright.dsl.allocation import EQUAL, AllocationForm
from tradewright.dsl.document import SIZE, STEERING, Rule, RuleAction, StrategyDocument
from tradewright.dsl.meaning import Reader
from tradewright.dsl.problem import Code, Hint, Problem, Refusal, Severity
from tradewright.dsl.program import ONE, AllocationTerms, Exits, Program, Side
from tradewright.dsl.source import Source
from tradewright.dsl.terms import TRUE, Op, Term, joined, number

EXITS = ("stop", "take_profit", "trail")
PRICES = ("limit", "stop_entry")
ALLOCATED = ("score", "top", "hold_if", "weights", "total")
"""Keys of an allocation that hold expressions."""


@dataclass
class DocumentReading:
    """The terms of one document, by the place of their expressions, and the problems found.

    Args:
        conditions: of the rules, by their number.
        prices: of all other expressions of a document with rules, by their path.
        parts: of the expressions of an allocation, by their path.
    """

    source: Source
    document: StrategyDocument
    problems: list[Problem] = field(default_factory=list)
    conditions: dict[int, Term] = field(default_factory=dict)
    prices: dict[str, Term] = field(default_factory=dict)
    parts: dict[str, Term] = field(default_factory=dict)

    @property
    def has_errors(self) -> bool:
        """Whether anything stops the document from being used."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)

    def terms(self) -> dict[str, Term]:
        """Every term by the path of its expression."""
        return {f"rules[{place}].if": term for place, term in self.conditions.items()} | self.prices | self.parts

    def rules(self, action: RuleAction) -> list[tuple[int, Rule]]:
        """The rules of an action, with their numbers."""
        return [(place, rule) for place, rule in enumerate(self.document.rules) if rule.action is action]

    def problem(
        self,
        message: str,
        path: str,
        *hints: Hint,
        index: int | None = None,
        severity: Severity = Severity.ERROR,
        code: Code = Code.STATIC_FAIL,
    ) -> Problem:
        """A problem of this document."""
        loc = self.source.locate(path, index)
        return Problem(code=code, message=message, loc=loc, hints=hints, severity=severity)

    def program(self) -> Program | None:
        """The terms of all expressions; None where one of them cannot be read.

        A parameter that nothing reads is a problem, and the program is made all the same.
        """
        reader = Reader(self.document)
        for place, rule in enumerate(self.document.rules):
            if (term := self._term(reader, f"rules[{place}].if", rule.condition, is_boolean=True)) is not None:
                self.conditions[place] = term
            for name in PRICES:
                self._price(reader, f"rules[{place}].{name}", getattr(rule, name))
        for name in EXITS:
            self._price(reader, f"exits.{name}", getattr(self.document.exits, name))
        if self.document.allocate is not None:
            self._parts(reader, self.document.allocate)
        if self.has_errors:  # an expression that was not read may use any parameter
            return None
        self._unused(reader)  # a problem beside those of the program, which can be examined all the same
        return self._made()

    def _made(self) -> Program:
        document = self.document
        names = sorted(name for name in document.params if name != SIZE)
        return Program(
            timeframe=document.timeframe or "",
            buy=self._side(RuleAction.BUY),
            sell=self._side(RuleAction.SELL),
            close=self._joined(RuleAction.CLOSE),
            hold=self._joined(RuleAction.HOLD),
            exits=Exits(*(self.prices.get(f"exits.{name}") for name in EXITS)),
            parameters={name: (document.value(name), document.bounds(name)) for name in names},
            size_pct=float(document.value(SIZE)) if SIZE in document.params else None,
            allocation=self._allocation(document.allocate) if document.allocate is not None else None,
        )

    def _allocation(self, form: AllocationForm) -> AllocationTerms:
        return AllocationTerms(
            every=form.every,
            score=self.parts.get("allocate.score"),
            top=self.parts.get("allocate.top"),
            hold_if=self.parts.get("allocate.hold_if", TRUE),
            weights=self.parts.get("allocate.weights", ONE),
            total=self.parts.get("allocate.total", ONE),
        )

    def _joined(self, action: RuleAction) -> Term:
        return joined(Op.OR, (self.conditions[place] for place, _ in self.rules(action)))

    def _side(self, action: RuleAction) -> Side:
        """One side; where a rule of it has a price, the checks let no other rule of the side be."""
        first = [place for place, _ in self.rules(action)][:1]
        prices = [self.prices.get(f"rules[{place}].{name}") for place in first for name in PRICES]
        return Side(self._joined(action), *prices)

    def _parts(self, reader: Reader, form: AllocationForm) -> None:
        """The terms of an allocation; equal weights and numbers have none that was read from a text."""
        for name in ALLOCATED:
            path, said = f"allocate.{name}", getattr(form, name)
            if isinstance(said, int | float):
                self.parts[path] = number(said)
            elif said is not None and (name != "weights" or said.strip() != EQUAL):
                term = self._term(reader, path, said, is_boolean=name == "hold_if")
                if term is not None:
                    self.parts[path] = term

    def _price(self, reader: Reader, path: str, text: str | None) -> None:
        if text is not None and (term := self._term(reader, path, text, is_boolean=False)) is not None:
            self.prices[path] = term

    def _term(self, reader: Reader, path: str, text: str, *, is_boolean: bool) -> Term | None:
        try:
            term = reader.condition(text) if is_boolean else reader.figure(text)
        except Refusal as error:
            hints = (Hint(text=error.hint),) if error.hint else ()
            if path == "allocate.weights" and difflib.get_close_matches(text.strip().lower(), [EQUAL]):
                hints = (Hint(text=f"did you mean {EQUAL}?", path=path, value=EQUAL),)
            self.problems.append(self.problem(str(error), path, *hints, index=error.index or 0, code=error.code))
            return None
        remedy = Hint(text="divide by a price, or compare with a number")
        for index, message in reader.warnings:
            self.problems.append(self.problem(message, path, remedy, index=index, severity=Severity.WARNING))
        return term

    def _unused(self, reader: Reader) -> None:
        """Parameters that nothing reads, and values of the grid for what is no parameter."""
        for name in self.document.params.keys() - reader.used - {*STEERING, SIZE}:
            remedy = Hint(text="remove it, or use it in a rule", path=f"params.{name}")
            self.problems.append(self.problem(f"the parameter {name} is read nowhere", f"params.{name}", remedy))
        for name in self.document.grid:
            if name not in self.document.params or name == SIZE:
                remedy = Hint(text="remove it", path=f"grid.{name}")
                told = f"the grid tries {name!r}, which is no parameter"
                self.problems.append(self.problem(told, f"grid.{name}", remedy))
