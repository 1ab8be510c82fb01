"""The indicators once more, as slow plain Python straight from their definitions: the witness of the kernels."""

import math
from fractions import Fraction
from itertools import pairwise
from statistics import fmean

NAN = math.nan


def sma(x, n):
    """Exact rational arithmetic on the decimals that the floats are written as, rounded once."""
    exact = [None if math.isnan(v) else Fraction(repr(v)) for v in x]
    return [
        float(sum(exact[i - n + 1 : i + 1]) / n) if i >= n - 1 and None not in exact[i - n + 1 : i + 1] else NAN
        for i in range(len(x))
    ]


def deviation(x, n, degrees):
    out = [NAN] * len(x)
    for i in range(n - 1, len(x)):
        window = x[i - n + 1 : i + 1]
        mean = fmean(window)
        out[i] = math.sqrt(math.fsum((v - mean) ** 2 for v in window) / (n - degrees))
    return out


def recursive(x, first, n, weight):
    """Mean of ``n`` values from index ``first``, then mean += weight * (value - mean)."""
    out = [NAN] * len(x)
    start = first + n - 1
    if start >= len(x):
        return out
    mean = out[start] = sum(x[first : start + 1]) / n
    for i in range(start + 1, len(x)):
        mean += weight * (x[i] - mean)
        out[i] = mean
    return out


def ema(x, n, first=0):
    return recursive(x, first, n, 2 / (n + 1))


def macd(x, fast, slow, signal):
    line = [a - b for a, b in zip(ema(x, fast), ema(x, slow), strict=True)]
    smooth = ema(line, signal, first=slow - 1)
    return line, smooth, [a - b for a, b in zip(line, smooth, strict=True)]


def changes(x):
    return [NAN, *(b - a for a, b in pairwise(x))]


def rsi(x, n):
    gains = recursive([max(c, 0.0) for c in changes(x)], 1, n, 1 / n)
    losses = recursive([max(-c, 0.0) for c in changes(x)], 1, n, 1 / n)
    return [
        NAN if math.isnan(g) else 50.0 if g + loss == 0 else 100 - 100 / (1 + g / loss) if loss else 100.0
        for g, loss in zip(gains, losses, strict=True)
    ]


def atr(high, low, close, n):
    ranges = [NAN]
    for i in range(1, len(close)):
        before = close[i - 1]
        ranges.append(max(high[i] - low[i], abs(high[i] - before), abs(low[i] - before)))
    return recursive(ranges, 1, n, 1 / n)


def line_fit(y):
    """(slope, t-value) by the textbook: residuals of the fitted line."""
    n = len(y)
    x_mean, y_mean = (n - 1) / 2, fmean(y)
    spread = sum((k - x_mean) ** 2 for k in range(n))
    slope = math.fsum((k - x_mean) * (v - y_mean) for k, v in enumerate(y)) / spread
    residuals = math.fsum((v - y_mean - slope * (k - x_mean)) ** 2 for k, v in enumerate(y))
    error = math.sqrt(residuals / (n - 2) / spread) if n > 2 else NAN
    return slope, slope / error if error else math.copysign(math.inf, slope)


def percentile_rank(x, n):
    out = [NAN] * len(x)
    for i in range(n - 1, len(x)):
        others = x[i - n + 1 : i]
        if not any(map(math.isnan, [*others, x[i]])):
            out[i] = (sum(v < x[i] for v in others) + sum(v == x[i] for v in others) / 2) / (n - 1)
    return out
