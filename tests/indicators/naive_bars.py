"""The indicators of whole bars once more, as slow plain Python straight from their definitions."""

import math
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from statistics import fmean
from zoneinfo import ZoneInfo

from tests.indicators import naive

NAN = math.nan


def windows(rows, n):
    """The last ``n`` rows at each place, None where there are fewer."""
    return [rows[i - n + 1 : i + 1] if i >= n - 1 else None for i in range(len(rows))]


def over(rows, n, value):
    return [NAN if window is None else value(window) for window in windows(rows, n)]


def typical(b):
    return [float((Fraction(repr(h)) + Fraction(repr(x)) + Fraction(repr(c))) / 3) for h, x, c in hlc(b)]


def hlc(b):
    return list(zip(b.high.tolist(), b.low.tolist(), b.close.tolist(), strict=True))


def wma(x, n):
    return over(x, n, lambda w: sum(k * v for k, v in enumerate(w, 1)) / sum(range(1, n + 1)))


def hma(x, n):
    raw = [2 * a - b for a, b in zip(wma(x, n // 2), wma(x, n), strict=True)]
    return wma(raw, math.floor(math.sqrt(n)))


def by_volume(x, volume, n):
    def mean(pairs):
        total = sum(v for _, v in pairs)
        return sum(a * v for a, v in pairs) / total if total else NAN

    return over(list(zip(x, volume, strict=True)), n, mean)


def middle(b, n):
    return over(hlc(b), n, lambda w: (max(h for h, _, _ in w) + min(x for _, x, _ in w)) / 2)


def late(x, shift):
    return [NAN] * shift + list(x)[: len(x) - shift]


def stochastic(b, n, smooth=1, signal=1):
    def place(window):
        top, bottom, close = max(h for h, _, _ in window), min(x for _, x, _ in window), window[-1][2]
        return 50.0 if top == bottom else 100 * (close - bottom) / (top - bottom)

    fast = over(hlc(b), n, place)
    return over(over(fast, smooth, fmean), signal, fmean)


def aroon_up(values, n):
    def age(window):
        return next(back for back in range(n + 1) if window[-1 - back] == max(window))

    return over(values, n + 1, lambda w: 100 * (n - age(w)) / n)


def cci(b, n):
    def value(window):
        mean = fmean(window)
        distance = fmean(abs(v - mean) for v in window)
        return (window[-1] - mean) / (0.015 * distance) if distance else 0.0

    return over(typical(b), n, value)


def mfi(b, n):
    """Money flows by exact typical prices, so that equal ones are equal."""
    prices = [Fraction(repr(h)) + Fraction(repr(x)) + Fraction(repr(c)) for h, x, c in hlc(b)]
    flows = [NAN]
    for i in range(1, len(prices)):
        side = (prices[i] > prices[i - 1]) - (prices[i] < prices[i - 1])
        flows.append(side * float(prices[i]) * b.volume[i])

    def share(window):
        gained, moved = sum(f for f in window if f > 0), sum(abs(f) for f in window)
        return 50.0 if moved == 0 else 100 * gained / moved

    return [NAN] * n + over(flows, n, share)[n:]


def cmf(b, n):
    place = [((c - x) - (h - c)) / (h - x) if h > x else 0.0 for h, x, c in hlc(b)]
    return by_volume(place, b.volume.tolist(), n)


def tsi(x, slow, fast):
    def smooth(row):
        return naive.ema(naive.ema(row, slow, 1), fast, slow)

    moves = naive.changes(x)
    return [100 * a / b for a, b in zip(smooth(moves), smooth([abs(m) for m in moves]), strict=True)]


def directional(b, n):
    """(+DI, -DI, ADX) in Wilder's own words: sums of n, from each of which an n-th is taken before a value is added."""
    bars = hlc(b)
    moves = []
    for (h0, l0, c0), (h, x, _) in pairwise(bars):
        up, down = h - h0, l0 - x
        moves.append(
            (up if up > down and up > 0 else 0, down if down > up and down > 0 else 0, max(h, c0) - min(x, c0))
        )
    plus, minus, adx = ([NAN] * len(bars) for _ in range(3))
    sums, index = [math.fsum(m[k] for m in moves[:n]) for k in range(3)], []
    for i in range(n, len(bars)):
        if i > n:
            sums = [s - s / n + m for s, m in zip(sums, moves[i - 1], strict=True)]
        plus[i], minus[i] = 100 * sums[0] / sums[2], 100 * sums[1] / sums[2]
        index.append(100 * abs(plus[i] - minus[i]) / (plus[i] + minus[i]))
        if len(index) == n:
            adx[i] = fmean(index)
        elif len(index) > n:
            adx[i] = (adx[i - 1] * (n - 1) + index[-1]) / n
    return plus, minus, adx


def supertrend(b, n, multiplier):
    """(line, direction): the published script of TradingView, statement by statement."""
    ranges = naive.atr(b.high.tolist(), b.low.tolist(), b.close.tolist(), n)
    lines, directions, upper_before, lower_before = [], [], NAN, NAN
    for i, (h, x, c) in enumerate(hlc(b)):
        if math.isnan(ranges[i]):
            lines.append(NAN)
            directions.append(NAN)
            continue
        upper, lower = (h + x) / 2 + multiplier * ranges[i], (h + x) / 2 - multiplier * ranges[i]
        before = b.close[i - 1]
        if not math.isnan(lower_before):
            lower = lower if lower > lower_before or before < lower_before else lower_before
            upper = upper if upper < upper_before or before > upper_before else upper_before
        if math.isnan(ranges[i - 1]):
            direction = -1
        elif lines[-1] == upper_before:
            direction = 1 if c > upper else -1
        else:
            direction = -1 if c < lower else 1
        lines.append(lower if direction == 1 else upper)
        directions.append(direction)
        upper_before, lower_before = upper, lower
    return lines, directions


def heikin_ashi(b):
    rows = []
    for o, (h, x, c) in zip(b.open.tolist(), hlc(b), strict=True):
        end = (o + h + x + c) / 4
        start = (rows[-1][0] + rows[-1][3]) / 2 if rows else (o + c) / 2
        rows.append((start, max(h, start, end), min(x, start, end), end))
    return list(zip(*rows, strict=True))


def session_starts(b, session):
    """The local date on which each bar's session began, None outside: hours that end on the same day."""
    found = []
    for ts in b.ts.tolist():
        local = datetime.fromtimestamp(ts / 1e9, ZoneInfo(session.zone))
        open_ = session.start == session.end or session.start <= local.time() < session.end
        found.append(local.date() if open_ and local.weekday() in session.days else None)
    return found


def clock(b, session):
    """Weekday and minute of the day in columns."""
    local = [datetime.fromtimestamp(ts / 1e9, ZoneInfo(session.zone)) for ts in b.ts.tolist()]
    return [float(each.weekday()) for each in local], [60.0 * each.hour + each.minute for each in local]


def opening_range(b, minutes, session):
    """High and low in columns: for each bar, over the opening's bars up to it of the newest session up to it."""
    dates, rows = session_starts(b, session), []
    for i in range(len(dates)):
        day = next((date for date in dates[i::-1] if date is not None), None)
        opening = []
        for k in range(i + 1):
            local = datetime.fromtimestamp(b.ts[k] / 1e9, ZoneInfo(session.zone))
            since = 60 * (local.hour - session.start.hour) + local.minute - session.start.minute
            if day is not None and dates[k] == day and since < minutes:
                opening.append((b.high[k], b.low[k]))
        rows.append((max(h for h, _ in opening), min(x for _, x in opening)) if opening else (NAN, NAN))
    return list(zip(*rows, strict=True))


def session_vwap(b, session):
    out, paid, traded, day = [], 0.0, 0.0, None
    for date, price, volume in zip(session_starts(b, session), typical(b), b.volume.tolist(), strict=True):
        if date is not None:
            if date != day:
                day, paid, traded = date, 0.0, 0.0
            paid, traded = paid + price * volume, traded + volume
        out.append(paid / traded if traded else NAN)
    return out


def pivots(b, session):
    """P, R1, S1, R2, S2, R3, S3 in columns."""
    days, by_day, rows, levels = session_starts(b, session), {}, [], (NAN,) * 7
    for date, (h, x, c) in zip(days, hlc(b), strict=True):
        if date is not None and date not in by_day:
            if by_day:
                top, bottom, last = by_day[max(by_day)]
                p = (top + bottom + last) / 3
                levels = (p, 2 * p - bottom, 2 * p - top, p + top - bottom, p - top + bottom)
                levels += (top + 2 * (p - bottom), bottom - 2 * (top - p))
            by_day[date] = (h, x, c)
        elif date is not None:
            top, bottom, _ = by_day[date]
            by_day[date] = (max(top, h), min(bottom, x), c)
        rows.append(levels)
    return list(zip(*rows, strict=True))
