"""The weight of a finding for orders, by where its bars are and by what a person accepted."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from tests.data.tables import bars_table
from tradewright.model.bar_rules import bars_of
from tradewright.model.bars import Timeframe
from tradewright.quality.bad_prints import bad_print_finding
from tradewright.quality.evidence import GRAVE, Acceptance, QualityEvidence, weighed
from tradewright.quality.price_moves import price_findings
from tradewright.quality.report import PLACES, Code, Finding, Severity, places_of
from tradewright.research.study import SUSPICIOUS


def bad_print(row: int = 30, rows: int = 60) -> Finding:
    frame = bars_table(rows)
    frame.loc[row, "high"] *= 2
    (finding,) = bad_print_finding(bars_of(frame))
    return finding


@pytest.mark.parametrize(("minute", "severity"), [(30, Severity.BLOCK), (31, Severity.WARN)])
def test_a_bad_print_blocks_while_strategies_look_at_it(minute: int, severity: Severity) -> None:
    watched = datetime(2024, 3, 1, 0, minute, tzinfo=UTC)
    assert weighed(bad_print(), watched, None).severity is severity


def moved(times: float) -> Finding:
    """Prices that change at once, at volumes that stay."""
    frame = bars_table(60)
    frame.loc[30:, ["open", "high", "low", "close"]] *= times
    (finding,) = (row for row in price_findings(bars_of(frame)) if row.code is not Code.JUMPS)
    return finding


@pytest.mark.parametrize(("times", "code"), [(20, Code.POSSIBLE_SPLIT), (100, Code.UNIT_CHANGE)])
def test_prices_of_another_scale_block_until_a_person_accepts_them(times: float, code: Code) -> None:
    found, watched = moved(times), datetime(2024, 3, 1, tzinfo=UTC)
    assert (found.code, weighed(found, watched, None).severity) == (code, Severity.BLOCK)
    yes = Acceptance(str(found.figures[PLACES]), "ann", "checked")
    assert weighed(found, watched, yes).severity is Severity.INFO


def test_a_finding_that_keeps_orders_back_puts_a_backtest_in_doubt() -> None:
    assert set(GRAVE) <= set(SUSPICIOUS)


def test_an_acceptance_holds_for_its_bars_whatever_comes_after_them() -> None:
    watched = datetime(2024, 3, 1, tzinfo=UTC)
    yes = Acceptance(str(bad_print().figures[PLACES]), "ann", "auction")
    assert weighed(bad_print(rows=90), watched, yes).severity is Severity.INFO
    assert weighed(bad_print(rows=90), watched, yes).message.endswith("; accepted by ann: auction")
    assert weighed(bad_print(row=31), watched, yes).severity is Severity.BLOCK


def test_no_other_finding_is_weighed() -> None:
    jumps = Finding(code=Code.JUMPS, severity=Severity.WARN, message="", figures={})
    broken = Finding(code=Code.CONTRACT, severity=Severity.BLOCK, message="", figures={})
    for finding in (jumps, broken):
        assert weighed(finding, datetime(2024, 3, 1, tzinfo=UTC), Acceptance("", "ann", "x")) == finding


def test_places_change_with_each_price_and_time_and_with_no_other_bar() -> None:
    bars, rows = bars_of(bars_table(60)), np.arange(60) == 30
    known = places_of(bars, rows)
    assert known["newest"] == "2024-03-01T00:30:00+00:00"
    for name in ("ts", "open", "high", "low", "close"):
        changed = getattr(bars, name).copy()
        changed[30] += 1
        assert places_of(bars._replace(**{name: changed}), rows)[PLACES] != known[PLACES]
        changed[[29, 30, 31]] = [7, getattr(bars, name)[30], 7]
        assert places_of(bars._replace(**{name: changed}), rows) == known


def test_evidence_passes_unless_a_finding_blocks_and_tells_what_the_ledger_keeps() -> None:
    values = {"instrument": "ABC", "timeframe": Timeframe.M1, "fingerprint": "f", "rows": 60, "rules": "r"}
    assert QualityEvidence(**values).passed
    made = QualityEvidence(**values, findings=(bad_print(),))
    assert made.passed
    assert not made.model_copy(
        update={"findings": (bad_print().model_copy(update={"severity": Severity.BLOCK}),)}
    ).passed
    assert (made.name, *(made.detail()[key] for key in ("fingerprint", "rules", "timeframe"))) == (
        "bars.ABC.1m",
        "f",
        "r",
        "1m",
    )
    told = {"code": "BAD_PRINT", "severity": "WARN", "message": bad_print().message}
    assert (made.score, made.detail()["score"]) == (98.33, 98.33), "one of sixty bars"
    assert made.detail()["findings"] == [{**told, "examples": list(bad_print().examples)}]
