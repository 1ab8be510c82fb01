"""The log returns of each family: standard normal draws in, one return per bar out."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Floats
from tradewright.scenarios.document import (
    MeanRevertScenario,
    RegimeSwitchScenario,
    ScenarioDocument,
    ShockMixScenario,
    TrendScenario,
    VolClusterScenario,
)

BPS = 1e-4
MOST_SIGMAS = 25.0
"""No log return of a law is larger than so many of its bar's deviations (R-SCEN-08)."""

MOST_PULL = 8.0
"""A price far from its mean is pulled back by at most so many deviations in a bar."""

MOST_STORM = 10.0
"""The deviation of a bar of ``vol_cluster`` in usual ones at the most: alpha + beta may let it grow for ever."""

MOST_MEMORY = 0.999
"""The largest alpha + beta of which the usual deviation is taken."""


class Returns(NamedTuple):
    """Log returns of a law, each of shape (bars,).

    Args:
        moves: within the bars, from open to close.
        jumps: between the close before and the open.
        sigma: the deviation that the law gives to a bar, for its wicks and for the guards.
    """

    moves: Floats
    jumps: Floats
    sigma: Floats


@singledispatch
def returns(document: ScenarioDocument, draws: Floats, rng: np.random.Generator) -> Returns:
    """The returns of a document.

    Args:
        draws: standard normal, shape (bars,).
        rng: of everything else that a law draws.
    """
    raise NotImplementedError(type(document).__name__)


@returns.register
def _trend(document: TrendScenario, draws: Floats, _rng: np.random.Generator) -> Returns:
    drift, sigma = document.params.drift * BPS, document.params.sigma * BPS
    return Returns(drift + _bounded(draws) * sigma, np.zeros(len(draws)), np.full(len(draws), sigma))


@returns.register
def _mean_revert(document: MeanRevertScenario, draws: Floats, _rng: np.random.Generator) -> Returns:
    """The exact step of the process over a bar; ``sigma`` is its deviation per square root of bar without the pull."""
    given = document.params
    kept, sigma = math.exp(-given.kappa), given.sigma * BPS
    step = sigma * math.sqrt(-math.expm1(-2.0 * given.kappa) / (2.0 * given.kappa))
    shocks, most = (_bounded(draws) * step).tolist(), MOST_PULL * step
    away, moves = math.log(document.price / given.theta), []
    for shock in shocks:
        pull = away * (kept - 1.0)
        move = (most if pull > most else -most if pull < -most else pull) + shock
        away += move
        moves.append(move)
    return Returns(np.array(moves), np.zeros(len(draws)), np.full(len(draws), sigma))


@returns.register
def _vol_cluster(document: VolClusterScenario, draws: Floats, _rng: np.random.Generator) -> Returns:
    """The variance of a bar is linear in the one before, with a factor that the draw before has made."""
    given = document.params
    usual = given.omega / (1.0 - min(given.alpha + given.beta, MOST_MEMORY))
    most, omega, variance = MOST_STORM**2 * usual, given.omega, usual
    variances = []
    for factor in (given.alpha * np.square(_bounded(draws)) + given.beta).tolist():
        variances.append(variance)
        variance = omega + factor * variance
        if variance > most:
            variance = most
    sigma = np.sqrt(np.array(variances)) * BPS
    return Returns(given.mu * BPS + sigma * _bounded(draws), np.zeros(len(draws)), sigma)


@returns.register
def _shock_mix(document: ShockMixScenario, draws: Floats, rng: np.random.Generator) -> Returns:
    """The squared deviation of a bar with a jump is that of the mixture: base, mean and sigma, each squared."""
    given, count = document.params, len(draws)
    base, mean, wide = given.base_sigma * BPS, given.jump_mu * BPS, given.jump_sigma * BPS
    jumping = rng.random(count) < given.p_jump
    jumps = np.where(jumping, mean + wide * _bounded(rng.standard_normal(count), 6.0), 0.0)
    sigma = np.where(jumping, math.sqrt(base**2 + mean**2 + wide**2), base)
    return Returns(base * _bounded(draws), jumps, sigma)


@returns.register
def _regime_switch(document: RegimeSwitchScenario, draws: Floats, rng: np.random.Generator) -> Returns:
    regimes, states = document.params.regimes, regime_states(document, len(draws), rng)
    drift, sigma = (np.array([getattr(each, name) for each in regimes]) * BPS for name in ("drift", "sigma"))
    return Returns(drift[states] + sigma[states] * _bounded(draws), np.zeros(len(draws)), sigma[states])


def regime_states(document: RegimeSwitchScenario, bars: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The number of the regime of each bar; the first one is number 0."""
    means = [each.mean_bars for each in document.params.regimes]
    state, done, states, lengths = 0, 0, [], []
    while done < bars:
        length = int(rng.geometric(1.0 / means[state]))
        states.append(state)
        lengths.append(min(length, bars - done))
        done += length
        state = (state + 1 + int(rng.integers(len(means) - 1))) % len(means)
    return np.repeat(np.array(states, np.int64), lengths)


def _bounded(draws: Floats, most: float = MOST_SIGMAS / 2) -> Floats:
    """Draws whose size leaves room for drift and pull below :data:`MOST_SIGMAS`; a normal draw is never that large."""
    clipped: Floats = np.clip(draws, -most, most)
    return clipped
