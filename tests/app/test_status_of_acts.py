"""The exit codes of acts on an account that is not well, and the codes of what is refused."""

from __future__ import annotations

import pytest

from app.operations.trading import opened_ledger
from conf.compose import compose
from tests.app.conftest import say
from tests.support.houses import House
from tradewright.ledger.freezes import FreezeCode


def test_what_is_not_well_ends_each_act_with_one_after_its_work(house: House) -> None:
    """A frozen instrument: the send and the flattening do what they can, list it, and end with 1."""
    assert say("reconcile", *house.overrides).status == 0
    with opened_ledger(compose(house.overrides)) as ledger:
        ledger.freezes.freeze("SIM", "BTC", FreezeCode.OVERFILL, "test")
    for words in (("send",), ("flatten", "--reason", "out"), ("end-of-day",), ("reconcile",), ("freezes",)):
        said = say(*words, *house.overrides, "--json")
        assert [row["code"] for row in said.json["problems"]] == ["OVERFILL"], words
        assert said.status == 1, words
        assert "OVERFILL BTC: test" in say(*words, *house.overrides).out
    said = say("acknowledge", "BTC", *house.overrides, "--reason", "seen", "--json")
    assert (said.status, said.json["problems"]) == (0, [])
    assert say("send", *house.overrides).status == 0


@pytest.mark.parametrize(
    ("words", "code", "word"),
    [
        (("adopt", "BCT"), "INSTRUMENT_UNKNOWN", "did you mean 'BTC'?"),
        (("acknowledge", "BTC"), "NOTHING_TO_ACKNOWLEDGE", "tradewright freezes"),
        (("cancel", "nothing.1"), "ORDER_UNKNOWN_HERE", "tradewright orders"),
        (("approve", "nothing"), "DECISION_UNKNOWN", "tradewright intents"),
        (("reject", "nothing"), "DECISION_UNKNOWN", "tradewright intents"),
    ],
)
def test_each_refusal_has_a_code_of_its_own(house: House, words: tuple[str, ...], code: str, word: str) -> None:
    said = say(*words, *house.overrides, "--reason", "r", "--json")
    assert (said.status, said.json["error"]["code"]) == (1, code)
    assert word in said.json["error"]["remedy"]
