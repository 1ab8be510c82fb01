"""A target that stays for many rounds: it is reached once, whatever fills in between, and never exceeded."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.portfolio.test_intents import CLOSED, portfolio, signal
from tests.portfolio.test_laws import asked, sign
from tradewright.model.intent import Intent
from tradewright.portfolio.intents import intents_of, propose

EQUITY = 100_000


class StandingTarget(RuleBasedStateMachine):
    """One strategy, one instrument: a target that may change, rounds of proposals, fills whole and in part."""

    @initialize(held=st.integers(-50, 50))
    def begin(self, held: int) -> None:
        self.held, self.target, self.price = Decimal(held), 0.0, Decimal(100)
        self.working: list[Intent] = []

    @rule(side=st.sampled_from([-1.0, 0.0, 1.0]), price=st.integers(50, 150))
    def change_target(self, side: float, price: int) -> None:
        self.target, self.price = side, Decimal(price)

    @precondition(lambda self: not self.working)
    @rule()
    def propose(self) -> None:
        """As trading does it: on what is held, with orders on their way counted as held."""
        self.working = list(
            propose([(asked(self.target, self.price, 0.02), CLOSED)], portfolio(EQUITY, AAPL=self.held))
        )

    @precondition(lambda self: self.working)
    @rule(share=st.sampled_from([Decimal("0.5"), Decimal(1)]))
    def fill(self, share: Decimal) -> None:
        """The first working order is filled, wholly or in half; the rest of it is cancelled."""
        intent = self.working.pop(0)
        units = (intent.terms.quantity * share).to_integral_value()
        before = self.held
        self.held += intent.terms.side.sign * units
        if intent.reduce_only:
            assert abs(self.held) <= abs(before)
            assert sign(self.held) in (0, sign(before))
        if share != 1:
            self.working.clear()

    @precondition(lambda self: not self.working)
    @rule()
    def settle(self) -> None:
        """With everything filled at once, at most two orders reach the target, and then nothing is asked for."""
        for _ in range(2):
            wanted = asked(self.target, self.price, 0.02)
            for intent in intents_of(wanted, portfolio(EQUITY, AAPL=self.held), CLOSED):
                self.held += intent.terms.side.sign * intent.terms.quantity
        assert sign(self.held) == sign(self.target)
        assert intents_of(asked(self.target, self.price, 0.02), portfolio(EQUITY, AAPL=self.held), CLOSED) == ()

    @invariant()
    def whole_shares(self) -> None:
        assert self.held == self.held.to_integral_value()

    @invariant()
    def openings_are_worth_no_more_than_their_share(self) -> None:
        for intent in self.working:
            assert intent.reduce_only or intent.terms.quantity * intent.reference_price <= EQUITY * Decimal("0.02")


StandingTarget.TestCase.settings = settings(max_examples=80, stateful_step_count=20)
TestStandingTarget = StandingTarget.TestCase


@settings(max_examples=60)
@given(st.integers(-500, 500), st.sampled_from(["BUY", "SELL"]), st.integers(1, 2_000))
def test_more_equity_never_asks_for_less(held: int, action: str, thousands: int) -> None:
    proposal = signal(candidate_action=action, target=1 if action == "BUY" else -1)
    small, large = (
        intents_of(proposal, portfolio(1_000 * equity, AAPL=held), CLOSED) for equity in (thousands, thousands + 7)
    )
    assert [row.terms.side for row in small] == [row.terms.side for row in large]
    for one, other in zip(small, large, strict=True):
        assert other.terms.quantity >= one.terms.quantity or one.terms.quantity == 1, "one lot stands for none"
        assert not one.reduce_only or one.terms.quantity == other.terms.quantity == abs(held)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-40, 40), st.sampled_from([-1.0, 0.0, 1.0])), max_size=8))
def test_strategies_do_not_see_each_other(rows: list[tuple[str, int, float]]) -> None:
    """What one asks for follows from its own holdings: asked together or alone, the intents are the same."""
    proposals = [
        (asked(target, Decimal(150), 0.02, strategy=name, signal_id=f"{name}{place}"), portfolio(EQUITY, AAPL=held))
        for place, (name, held, target) in enumerate(rows)
    ]
    for proposal, own in proposals:
        alone = intents_of(proposal, own, CLOSED)
        assert propose([(proposal, CLOSED)], own) == tuple(sorted(alone, key=lambda row: not row.reduce_only))
        assert {row.strategy for row in alone} <= {proposal.strategy}
        assert len({row.intent_id for row in alone}) == len(alone)
