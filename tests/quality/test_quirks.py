"""Jumps, splits, bad prints and gaps against a plain reading of their definitions, value by value."""

from __future__ import annotations

import itertools
import math
import statistics
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.tables import bars_table
from tradewright.model.bar_rules import bars_of
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.instrument import AssetClass, Instrument, TickerSpan
from tradewright.quality.anomalies import gap_findings, security_finding, volume_findings
from tradewright.quality.check import check_bars
from tradewright.quality.price_moves import price_findings
from tradewright.quality.report import Code, Finding, QualityReport, Severity
from tradewright.quality.stale_runs import stale_finding

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = 60_000_000_000
ABC = Instrument(symbol="ABC", asset_class=AssetClass.STOCK)
bounded = settings(max_examples=150)


def by_code(findings: list[Finding]) -> dict[Code, Finding]:
    return {finding.code: finding for finding in findings}


def closes(values: list[float], opens: list[float] | None = None) -> Bars:
    """Bars that close at ``values`` and open at the close before, or at ``opens``."""
    close = np.array(values)
    opened = np.array(opens) if opens is not None else np.concatenate([close[:1], close[:-1]])
    ts = np.arange(len(close), dtype=np.int64) * MINUTE
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return Bars(ts, opened, high, low, close, np.ones(len(close)), np.ones(len(close)))


def jumps_by_hand(values: list[float]) -> tuple[float, list[int]]:
    """The limit, and the bars that close beyond it: 12 robust deviations and 5 %, in plain Python."""
    returns = [math.log(after / before) for before, after in itertools.pairwise(values)]
    middle = statistics.median(returns)
    deviation = 1.4826 * statistics.median(abs(value - middle) for value in returns)
    limit = max(12 * deviation, 0.05)
    return limit, [row + 1 for row, value in enumerate(returns) if abs(value) > limit]


walks = st.lists(
    st.sampled_from([-0.5, -0.2, -0.06, -0.002, -0.001, 0.0, 0.001, 0.002, 0.06, 0.2, 0.7]), min_size=3, max_size=40
).map(lambda steps: [100 * math.exp(total) for total in np.cumsum(steps).tolist()])


@bounded
@given(walks)
def test_jumps_are_those_of_the_definition(values: list[float]) -> None:
    _, wanted = jumps_by_hand(values)
    found = by_code(price_findings(closes(values))).get(Code.JUMPS)
    assert (found.figures["bars"] if found else 0) == len(wanted)
    if found:
        moves = [values[row] / values[row - 1] - 1 for row in wanted]
        assert abs(float(found.figures["largest"])) == pytest.approx(max(abs(move) for move in moves))
        assert len(found.examples) == min(len(wanted), 5)
        assert found.figures["share"] == pytest.approx(len(wanted) / len(values))


@pytest.mark.parametrize("ratio", [1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 50, 100])
@pytest.mark.parametrize("reverse", [False, True])
def test_every_usual_split_is_seen_both_ways(ratio: float, reverse: bool) -> None:
    before, after = (100.0, 100.0 * ratio) if reverse else (100.0 * ratio, 100.0)
    values = [before] * 10 + [after * 1.001] * 10
    opens = [before] * 10 + [after] + [after * 1.001] * 9
    volume = np.repeat([1.0, 1 / ratio if reverse else ratio], 10)
    found = by_code(price_findings(closes(values, opens)._replace(volume=volume)))[Code.POSSIBLE_SPLIT]
    assert found.figures["bars"] == 1
    assert found.figures["largest"] == pytest.approx(1 / ratio if reverse else ratio)
    assert found.examples[0].startswith(pd.Timestamp(10 * MINUTE, tz="UTC").isoformat())


@pytest.mark.parametrize("ratio", [100.0, 1000.0, 0.01, 0.001])
@pytest.mark.parametrize("volume", [1.0, math.nan])
def test_prices_in_cents_are_other_units_and_no_split_because_the_volume_stays(ratio: float, volume: float) -> None:
    values = [100.0] * 10 + [100.0 * ratio] * 10 + [100.0] * 10
    bars = closes(values, values)
    found = by_code(price_findings(bars._replace(volume=bars.volume * volume)))
    assert found.keys() == {Code.JUMPS, Code.UNIT_CHANGE}
    assert (found[Code.UNIT_CHANGE].figures["bars"], len(str(found[Code.UNIT_CHANGE].figures["places"]))) == (2, 16)


def repeated(rows: int, first: int, count: int, *, flat: bool = False) -> Bars:
    """A walk in which ``count`` bars from ``first`` on repeat the one before, or only its close."""
    frame = bars_table(rows)
    for name in ("open", "high", "low", "close"):
        frame.loc[first : first + count - 1, name] = frame["close" if flat else name][first - 1]
    return bars_of(frame)


@pytest.mark.parametrize(("count", "found"), [(5, []), (6, [6])])
def test_a_feed_that_stands_still_is_seen_from_the_sixth_repeated_bar_on(count: int, found: list[int]) -> None:
    findings = stale_finding(repeated(60, 20, count))
    assert [row.figures["longest"] for row in findings] == found
    if found:
        assert findings[0].examples == ("2024-03-01T00:20:00+00:00: 6 bars",)
        assert (findings[0].figures["bars"], findings[0].figures["runs"]) == (6, 1)


def test_flat_bars_at_the_last_price_repeat_from_the_second_on() -> None:
    (finding,) = stale_finding(repeated(60, 20, 9, flat=True))
    assert finding.figures["longest"] == 8


def test_a_quiet_market_has_its_own_usual_runs() -> None:
    """Half of the bars repeat the one before: eight in a row are nothing, eighty are."""
    moved = np.random.default_rng(5).random(2_000) < 0.5
    bars = closes((100.0 + np.cumsum(moved)).tolist())
    quiet = bars._replace(open=bars.close, high=bars.close, low=bars.close)
    longest = max(len(run) for run in "".join("x" if step else "." for step in moved).split("x"))
    assert longest > 7
    assert stale_finding(quiet) == []
    still = quiet.close.copy()
    still[500:580] = still[499]
    (finding,) = stale_finding(quiet._replace(open=still, high=still, low=still, close=still))
    assert finding.figures["runs"] == 1
    assert int(finding.figures["longest"]) >= 80


def test_quotes_may_stand_still_while_the_market_is_closed() -> None:
    bars = repeated(60, 20, 20)
    assert [row.figures["longest"] for row in stale_finding(bars, bars.ts)] == [20]
    assert stale_finding(bars, np.delete(bars.ts, np.arange(24, 40))) == [], "four of them in open hours"


def flat(moved: list[bool]) -> Bars:
    close = 100.0 + np.cumsum(moved)
    bars = closes(close.tolist())
    return bars._replace(open=close, high=close, low=close)


def test_a_quiet_night_of_a_lively_market_is_usual() -> None:
    """By day each bar moves; in the night, of which the rest is the yardstick, one of three."""
    generator = np.random.default_rng(8)
    day, night = [True] * 1000, (generator.random(200) < 0.33).tolist()
    quiet = flat([*day, *night[:100], *([False] * 30), *night[100:], *day])
    assert stale_finding(quiet) == []
    (finding,) = stale_finding(flat([*day, *([False] * 30), *day]))
    assert finding.figures["longest"] == 30


def test_two_runs_beside_each_other_do_not_excuse_each_other() -> None:
    moving = [True] * 300
    (finding,) = stale_finding(flat([*moving, *([False] * 40), *moving[:20], *([False] * 50), *moving]))
    assert (finding.figures["runs"], finding.figures["longest"]) == (2, 50)
    assert [each.rpartition(": ")[2] for each in finding.examples] == ["50 bars", "40 bars"]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_few_bars_do_not_stand_still(rows: int) -> None:
    assert stale_finding(bars_of(bars_table(rows))) == []


@pytest.mark.parametrize(
    ("ratio", "seen"),
    [(1.93, True), (2.07, True), (1.9, False), (2.1, False), (1.2, False), (7.4, False), (7.6, True), (16.0, True)],
)
def test_a_gap_counts_as_a_split_within_four_percent_of_a_usual_ratio_and_from_seven_and_a_half_on(
    ratio: float, seen: bool
) -> None:
    values = [100 * ratio] * 10 + [100.0] * 10
    opens = [100 * ratio] * 10 + [100.0] * 10
    assert (Code.POSSIBLE_SPLIT in by_code(price_findings(closes(values, opens)))) == seen


def test_a_reverse_split_in_falling_prices_is_seen() -> None:
    """AIG on 2009-07-01: one for twenty, and the price opened a fifth lower, so 17.5 times the close before."""
    values, opens = [1.16] * 10 + [18.5] * 10, [1.16] * 10 + [20.3] + [18.5] * 9
    found = by_code(price_findings(closes(values, opens)))[Code.POSSIBLE_SPLIT]
    assert found.examples == (f"{pd.Timestamp(10 * MINUTE, tz='UTC').isoformat()}: +0.057",)


@pytest.mark.parametrize(
    ("missing", "codes"),
    [(0, {Code.JUMPS, Code.POSSIBLE_SPLIT}), (19, {Code.JUMPS, Code.POSSIBLE_SPLIT}), (20, {Code.JUMPS}), (99, set())],
)
def test_prices_far_apart_in_time_may_differ(missing: int, codes: set[Code]) -> None:
    """QQQ moved by 42 % in the six years that its file lacks: that is no jump from one bar to the next."""
    bars = closes([100.0] * 10 + [67.0] * 10, [100.0] * 10 + [67.0] * 10)
    later = bars.ts + np.where(np.arange(20) >= 10, missing * MINUTE, 0)
    grid = np.arange(200, dtype=np.int64) * MINUTE
    assert by_code(price_findings(bars._replace(ts=later), grid)).keys() == codes


def test_a_split_that_is_adjusted_for_is_told_by_nothing_and_another_ratio_is() -> None:
    frame = bars_table(60).assign(spread=1.0)
    known = bars_of(frame.copy())
    frame.loc[30:, ["open", "high", "low", "close"]] /= 20
    assert report(frame).of(Code.POSSIBLE_SPLIT) is not None
    assert report(frame, adjusted=known).findings == ()
    wrong = known._replace(**{name: np.where(np.arange(60) < 30, getattr(known, name) * 4, getattr(known, name))
                              for name in ("open", "high", "low", "close")})  # fmt: skip
    assert report(frame, adjusted=wrong).of(Code.POSSIBLE_SPLIT) is not None


def test_prices_that_come_back_from_one_false_close_are_no_split() -> None:
    """Bitcoin at Coinbase in January 2015: a thin close at half the price, and prices as before on the next day."""
    values = [260.0] * 10 + [130.0] + [204.0] * 9
    assert Code.POSSIBLE_SPLIT not in by_code(price_findings(closes(values, [260.0] * 11 + [192.0] + [204.0] * 8)))
    lasting = closes([130.0] * 10 + [204.0] * 10, [130.0] * 10 + [192.0] + [204.0] * 9)
    assert Code.POSSIBLE_SPLIT in by_code(price_findings(lasting))


def test_a_gap_that_closes_again_is_no_split() -> None:
    values, opens = [200.0] * 10 + [195.0] + [200.0] * 9, [200.0] * 10 + [100.0] + [195.0] + [200.0] * 8
    assert Code.POSSIBLE_SPLIT not in by_code(price_findings(closes(values, opens)))


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_fewer_than_three_bars_have_no_price_findings(rows: int) -> None:
    assert price_findings(closes([100.0, 1.0][:rows])) == []


def test_prices_at_or_below_zero_have_no_price_findings() -> None:
    bars = closes([100.0, 1.0, 100.0, 1.0])
    assert price_findings(bars)
    assert price_findings(bars._replace(low=bars.low - 1.0)) == []


def test_equal_prices_have_no_deviation_and_no_jump_below_five_percent() -> None:
    assert by_code(price_findings(closes([100.0] * 20 + [105.0] * 20))).keys() == set()
    assert by_code(price_findings(closes([100.0] * 20 + [105.3] * 20))).keys() == {Code.JUMPS}


@bounded
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 1.0]), st.booleans(), st.sampled_from([-1.0, 0.0, 2.0, math.nan])),
        min_size=1,
        max_size=30,
    )
)
def test_counts_of_volumes_flat_bars_and_spreads(rows: list[tuple[float, bool, float]]) -> None:
    count = len(rows)
    low = np.array([100.0 if flat else 99.0 for _, flat, _ in rows])
    hundred = np.full(count, 100.0)
    volume, spread = np.array([row[0] for row in rows]), np.array([row[2] for row in rows])
    found = by_code(volume_findings(Bars(np.arange(count) * MINUTE, hundred, hundred, low, hundred, volume, spread)))
    wanted = {
        Code.ZERO_VOLUME: sum(row[0] == 0 for row in rows),
        Code.FLAT_BARS: sum(row[1] for row in rows),
        Code.NO_SPREAD: sum(math.isnan(row[2]) for row in rows),
        Code.CROSSED_QUOTES: sum(row[2] < 0 for row in rows),
    }
    assert {code: finding.figures["bars"] for code, finding in found.items()} == {c: n for c, n in wanted.items() if n}
    for finding in found.values():
        assert finding.figures["share"] == pytest.approx(finding.figures["bars"] / count)  # type: ignore[operator]
        assert finding.message.startswith(f"{finding.figures['bars']} of {count} bars")


@bounded
@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from(["ABC", "abc", "OLD", "NEW"])), min_size=1, max_size=5))
def test_days_under_another_ticker_are_those_between_the_spans(steps: list[tuple[int, str]]) -> None:
    """Day by day: the first span that has not ended names the ticker."""
    spans, last = [], date(2024, 1, 1)
    for days, ticker in steps:
        last = date.fromordinal(last.toordinal() + days)
        spans.append(TickerSpan(last, ticker, "N"))
    frame = bars_table(120, "2023-12-20 15:00", "1D")
    names = [next((span.ticker for span in spans if ts.date() <= span.last), "ABC") for ts in frame["ts"]]
    wanted = sum(name.upper() != "ABC" for name in names)
    found = security_finding(bars_of(frame), "ABC", spans)
    assert [finding.figures["bars"] for finding in found] == ([wanted] if wanted else [])


def test_a_security_that_changed_hands_changes_at_midnight_of_its_exchange() -> None:
    frame = bars_table(2, "2024-03-05 04:59", "1min")
    spans = [TickerSpan(date(2024, 3, 4), "OLD", "N")]
    (finding,) = security_finding(bars_of(frame), "ABC", spans)
    assert finding.figures["bars"] == 1, "04:59 UTC is 23:59 in New York"
    (finding,) = security_finding(bars_of(frame), "ABC", spans, zone="Asia/Tokyo") or [None]
    assert finding is None


@bounded
@given(st.sets(st.integers(0, 80), min_size=1), st.sets(st.integers(0, 80)))
def test_bars_and_grid_are_compared_as_sets(present: set[int], slots: set[int]) -> None:
    ts = np.array(sorted(present), dtype=np.int64) * MINUTE
    grid = np.array(sorted(slots), dtype=np.int64) * MINUTE
    inside = {slot for slot in slots if min(present) <= slot <= max(present)}
    found = by_code(gap_findings(ts, grid))
    missing, outside = inside - present, present - inside
    assert (found[Code.GAPS].figures["missing"] if Code.GAPS in found else 0) == len(missing)
    assert (found[Code.OUTSIDE_SESSION].figures["bars"] if Code.OUTSIDE_SESSION in found else 0) == len(outside)
    if missing:
        ordered = sorted(inside)
        runs = [run.split() for run in "".join("x " if slot in missing else "|" for slot in ordered).split("|")]
        lengths = sorted((len(run) for run in runs if run), reverse=True)
        gaps = found[Code.GAPS]
        assert (gaps.figures["gaps"], gaps.figures["longest"]) == (len(lengths), lengths[0])
        assert [int(example.split(": ")[1].split()[0]) for example in gaps.examples] == lengths[:5]


def report(frame: pd.DataFrame, **more: object) -> QualityReport:
    return check_bars(frame, ABC, Timeframe.M1, now=NOW, **more)  # type: ignore[arg-type]


def test_a_broken_table_has_no_figures_about_quirks_and_gaps() -> None:
    frame = bars_table(50).assign(volume=0.0)
    grid = frame["ts"].astype(np.int64).to_numpy()
    assert report(frame, grid=grid).of(Code.ZERO_VOLUME) is not None
    frame.loc[7, "close"] = np.nan
    found = report(frame, grid=grid)
    assert {finding.code for finding in found.findings} == {Code.CONTRACT}
    assert found.blocking


def test_findings_are_sorted_by_gravity_and_the_report_names_its_series() -> None:
    frame = bars_table(60).drop(index=[20, 21]).reset_index(drop=True)
    frame.loc[30:, ["open", "high", "low", "close"]] *= 2
    grid = bars_table(60)["ts"].astype(np.int64).to_numpy()
    found = report(frame, grid=grid)
    order = [Severity.BLOCK, Severity.WARN, Severity.INFO]
    assert [finding.severity for finding in found.findings] == sorted(
        (finding.severity for finding in found.findings), key=order.index
    )
    assert (found.instrument, found.timeframe, found.rows, found.blocking) == ("ABC", "1m", 58, False)
    assert found.of(Code.NO_BARS) is None
    gaps = found.of(Code.GAPS)
    assert gaps is not None
    assert gaps.figures["longest_from"] == "2024-03-01T00:20:00+00:00"


def test_checking_leaves_the_table_alone_and_repeats_itself() -> None:
    frame = bars_table(200)
    before = frame.copy()
    assert report(frame) == report(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_findings_are_plain_values_that_survive_json() -> None:
    frame = bars_table(60)
    frame.loc[30:, ["open", "high", "low", "close"]] *= 4
    found = report(frame, grid=frame["ts"].astype(np.int64).to_numpy()[::1])
    assert QualityReport.model_validate_json(found.model_dump_json()) == found
