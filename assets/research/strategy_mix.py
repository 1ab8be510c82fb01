"""All strategies side by side: the days of each, how they move together, and weights that nothing trades by."""

import inspect
from collections.abc import Callable, Mapping, Sequence

import dagster as dg
import numpy as np
import pandas as pd

from assets.home import RESEARCH_POOL
from assets.metadata import Facts, described, summarised, table
from assets.pinned_config import PinnedConfig
from assets.research.chain_asset import root_asset, warning
from assets.strategy_keys import part_key
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.study import run_study
from tradewright.evaluation.formatting import count, percent
from tradewright.evaluation.strategy_mix import (
    LEAST_DAYS,
    DailyReturns,
    Weighting,
    common_returns,
    correlation,
    daily_equity,
    risk_contributions,
    suggested_weights,
)
from tradewright.model.bars import Floats
from tradewright.model.errors import TradewrightError
from tradewright.model.hashing import content_hash

PERFORMANCE, CORRELATION, WEIGHTS = "strategy_performance", "strategy_correlation", "portfolio_weights"
MIX_JOB = "strategy_mix"
HISTORY = (PERFORMANCE, "history")
_TOLERANCE = 1e-9
CHECKS = {
    PERFORMANCE: ("one_row_a_day", "Each strategy has one row a day, with a finite equity; none is left out."),
    CORRELATION: ("symmetric", "It is symmetric, with 1 on the diagonal, and at least 20 days are shared."),
    WEIGHTS: ("sum_to_one", "The weights of each way add up to 1, each from 0 to backtest.shared.max_weight."),
}
"""The check of each asset, with its description."""


def strategy_mix_assets(pinned: PinnedConfig, strategies: Mapping[str, PinnedConfig]) -> list[dg.AssetsDefinition]:
    """The three assets.

    Args:
        strategies: those with a backtest.
    """
    backtests = [part_key(name, "backtest") for name in strategies]

    def days(settings: Settings) -> dg.MaterializeResult:
        return make_performance(settings, {name: each.current() for name, each in strategies.items()})

    return [
        _asset(pinned, PERFORMANCE, days, make_performance, backtests),
        _asset(pinned, CORRELATION, make_correlation, make_correlation, [dg.AssetKey(PERFORMANCE)]),
        _asset(pinned, WEIGHTS, make_weights, make_weights, [dg.AssetKey(PERFORMANCE)]),
    ]


def _asset(
    pinned: PinnedConfig,
    name: str,
    make: Callable[[Settings], dg.MaterializeResult],
    described_by: Callable[..., object],
    deps: Sequence[dg.AssetKey],
) -> dg.AssetsDefinition:
    """One of them: ``make`` under the frozen settings, with the documentation of ``described_by``."""
    check, text = CHECKS[name]
    kind: Callable[..., Callable[..., dg.AssetsDefinition]] = dg.asset if deps else root_asset

    @kind(
        name=name,
        deps=deps,
        group_name=MIX_JOB,
        description=inspect.getdoc(described_by),
        check_specs=[dg.AssetCheckSpec(check, asset=name, description=text)],
        op_tags=pinned.tags,
        pool=RESEARCH_POOL,
    )
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return summarised(context, make(pinned.verified(context)))

    return made


def make_performance(settings: Settings, strategies: Mapping[str, Settings]) -> dg.MaterializeResult:
    """The equity of each strategy's backtest at the end of each UTC day, and its return of that day.

    A strategy that cannot be backtested is left out, and the check tells why.
    """
    frames, left_out, hashes = [], [], []
    for name, own in strategies.items():
        try:
            done = run_study(Container(own))
            days, equity = daily_equity(done.account)
        except TradewrightError as error:
            left_out.append(f"{name}: {error}")
            continue
        hashes.append(done.data_hash)
        moments = pd.to_datetime(days, unit="D", utc=True)
        frames.append(pd.DataFrame({"strategy": name, "day": moments, "equity": equity}))
    found = pd.concat(frames, ignore_index=True) if frames else _none()
    found["daily_return"] = found.groupby("strategy")["equity"].pct_change()
    with Container(settings) as house:
        house.artefacts.write_frame(HISTORY, found)
    rows = [
        (
            name,
            len(rows),
            f"{rows['day'].iloc[-1]:%Y-%m-%d}",
            percent(rows["equity"].iloc[-1] / rows["equity"].iloc[0] - 1),
        )
        for name, rows in found.groupby("strategy", sort=False)
    ]
    facts: Facts = {"rows": len(found), "strategies": table(("strategy", "days", "last day", "return"), rows)}
    summary = f"{_strategies(len(rows))}, {count(len(found), 'day')} together"
    twice = found.duplicated(["strategy", "day"]).any() or not np.isfinite(found["equity"]).all()
    problems = [*left_out, *(["a day stands twice, or an equity is not finite"] if twice else [])]
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=content_hash(hashes)),
        check_results=[warning(CHECKS[PERFORMANCE][0], problems)],
    )


def make_correlation(settings: Settings) -> dg.MaterializeResult:
    """How the daily returns of the strategies move together, on the days that all of them have.

    Raises:
        NoArtefact: the days were not made yet.
    """
    with Container(settings) as house:
        returns = daily_returns(house.artefacts.read_frame(HISTORY))
        found = correlation(returns)
        frame = pd.DataFrame(found, columns=list(returns.names), index=pd.Index(returns.names, name="strategy"))
        house.artefacts.write_frame((CORRELATION, "matrix"), frame)
    rows = [(name, *(f"{each:.2f}" for each in row)) for name, row in zip(returns.names, found, strict=True)]
    facts: Facts = {"days": len(returns.days), "correlation": table(("strategy", *returns.names), rows)}
    wrong = not np.array_equal(found, found.T) or not (np.diag(found) == 1.0).all()
    problems = [*(["it is not symmetric, or not 1 on the diagonal"] if wrong else []), *_short(returns)]
    summary = f"{_strategies(len(returns.names))} on {count(len(returns.days), 'shared day')}"
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=_hash(returns)),
        check_results=[warning(CHECKS[CORRELATION][0], problems)],
    )


def make_weights(settings: Settings) -> dg.MaterializeResult:
    """Weights of the strategies in five ways, with the risk that comes from each: a suggestion, and nothing reads it.

    None is above ``backtest.shared.max_weight`` where that leaves a choice.

    Raises:
        NoArtefact: the days were not made yet.
    """
    with Container(settings) as house:
        returns = daily_returns(house.artefacts.read_frame(HISTORY))
        most = max(settings.backtest.shared.max_weight, 1.0 / max(len(returns.names), 1))
        found = {way.value: suggested_weights(returns, way, min(most, 1.0)) for way in Weighting}
        told = {way: dict(zip(returns.names, each.tolist(), strict=True)) for way, each in found.items()}
        house.artefacts.write_json((WEIGHTS, "suggestion"), told)
    is_known = len(returns.days) >= LEAST_DAYS
    risk = {way: risk_contributions(returns, each) for way, each in found.items()} if is_known else {}
    rows = [(name, *(f"{each[place]:.1%}" for each in found.values())) for place, name in enumerate(returns.names)]
    parts = [(name, *(f"{each[place]:.1%}" for each in risk.values())) for place, name in enumerate(returns.names)]
    header = ("strategy", *found)
    facts: Facts = {"weights": table(header, rows), **({"share_of_the_variance": table(header, parts)} if risk else {})}
    problems = [f"{way}: {each}" for way, each in found.items() if not _adds_up(each, most)]
    summary = f"{_strategies(len(returns.names))} in {len(found)} ways; a suggestion"
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=_hash(returns)),
        check_results=[warning(CHECKS[WEIGHTS][0], [*problems, *_short(returns)])],
    )


def daily_returns(history: pd.DataFrame) -> DailyReturns:
    """The returns of all strategies of a history on their shared days."""
    curves = {
        str(name): (rows["day"].to_numpy("datetime64[D]").astype(np.int64), rows["equity"].to_numpy())
        for name, rows in history.groupby("strategy", sort=False)
    }
    return common_returns(curves)


def _told(name: str, rows: pd.DataFrame) -> tuple[str, int, str, str]:
    gain = rows["equity"].iloc[-1] / rows["equity"].iloc[0] - 1
    return name, len(rows), f"{rows['day'].iloc[-1]:%Y-%m-%d}", percent(gain)


def _strategies(number: int) -> str:
    return "1 strategy" if number == 1 else f"{number} strategies"


def _none() -> pd.DataFrame:
    return pd.DataFrame({"strategy": [], "day": pd.to_datetime([], utc=True), "equity": np.empty(0)})


def _adds_up(weights: Floats, most: float) -> bool:
    if len(weights) == 0:
        return True
    is_within = weights.min() >= 0.0 and weights.max() <= most + _TOLERANCE
    return bool(abs(weights.sum() - 1.0) <= _TOLERANCE and is_within)


def _short(returns: DailyReturns) -> list[str]:
    days = len(returns.days)
    return [f"{count(days, 'shared day')}, fewer than {LEAST_DAYS}: nothing is said"] if days < LEAST_DAYS else []


def _hash(returns: DailyReturns) -> str:
    return content_hash([list(returns.names), returns.days.tolist(), returns.values.tolist()])
