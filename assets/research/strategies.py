"""One asset chain per file of ``conf/strategy``: signals, backtest, evaluation, risk report."""

import inspect
from collections.abc import Callable, Mapping, Sequence

import dagster as dg
import pandas as pd

from assets.pinned_config import PinnedConfig
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.due_jobs import begin_signals, finish_signals, signals_of
from runtime.kept_settings import keep_settings
from runtime.research import identity_in_force, newest_signals, run_study, signal_look_ahead
from tradewright.backtest.lookahead_evidence import LookAheadEvidence
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.evaluation.study import StudyResult

Definition = dg.AssetsDefinition | dg.AssetSpec
SHOWN = 5
"""Findings of the look-ahead test that are kept."""


def all_chains(
    strategies: Mapping[str, PinnedConfig | ConfigProblems],
) -> tuple[list[Definition], list[dg.AssetChecksDefinition]]:
    """Every strategy's chain; a file that is wrong fails its own assets, with file and line, and nothing else."""
    assets: list[Definition] = []
    checks: list[dg.AssetChecksDefinition] = []
    for name, made in strategies.items():
        if isinstance(made, ConfigProblems):
            spec, check = broken(name, made)
            assets.append(spec)
            checks.append(check)
        else:
            assets += strategy_assets(name, made)
    return assets, checks


def broken(name: str, error: ConfigProblems) -> tuple[dg.AssetSpec, dg.AssetChecksDefinition]:
    """What stands for a strategy whose file is wrong: the error as its description, and a check that fails with it."""
    key, text = _key(name, "backtest"), str(error)

    @dg.asset_check(asset=key, name="config")
    def config() -> dg.AssetCheckResult:
        """The strategy's YAML, which is wrong."""
        return dg.AssetCheckResult(passed=False, metadata={"problems": dg.MetadataValue.md(f"```\n{text}\n```")})

    return dg.AssetSpec(key, group_name="broken_config", description=f"```\n{text}\n```"), config


def strategy_assets(name: str, pinned: PinnedConfig) -> list[Definition]:
    """The four assets of one strategy, each made from the one before."""
    look_ahead = dg.AssetCheckSpec("look_ahead", asset=_key(name, "signals"), blocking=True)
    return [
        _asset(name, pinned, signals, ("bars", "features"), [look_ahead]),
        _asset(name, pinned, backtest, (_key(name, "signals"),)),
        _asset(name, pinned, evaluation, (_key(name, "backtest"),)),
        _asset(name, pinned, risk_report, (_key(name, "evaluation"),)),
    ]


def _asset(
    name: str,
    pinned: PinnedConfig,
    make: Callable[[str, Settings], dg.MaterializeResult],
    deps: tuple[str | dg.AssetKey, ...],
    checks: Sequence[dg.AssetCheckSpec] = (),
) -> dg.AssetsDefinition:
    """One part of a chain: ``make`` under the frozen settings, its documentation as the description."""

    @dg.asset(
        key=_key(name, make.__name__),
        deps=deps,
        group_name=f"strategy_{name}",
        description=inspect.getdoc(make),
        check_specs=checks,
        op_tags=pinned.tags,
        code_version=pinned.config_hash,
    )
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return make(name, pinned.verified(context))

    return made


def signals(name: str, settings: Settings) -> dg.MaterializeResult:
    """What the strategy wants now, per instrument, and since which bar; refused when it looks ahead."""
    with Container(settings) as house:
        begun = begin_signals(house)
        tested, identity = signal_look_ahead(house), identity_in_force(house)
        ahead = [f"{symbol}, {told}" for symbol, each in tested.items() for told in each.findings][:SHOWN]
        house.ledger.checks.record(f"lookahead.{name}", not ahead, _look_ahead_detail(tested, ahead, identity))
        found = newest_signals(house)
        keep_settings(house)
        house.artefacts.write_json(signals_of(name), [row.model_dump(mode="json") for row in found])
        finish_signals(house, begun)
    rows = [f"| {row.instrument} | {row.candidate_action} | {row.target:g} | {row.bar_ts} |" for row in found]
    table = "\n".join(["| instrument | action | target | since |", "|---|---|---|---|", *rows])
    bars = sum(each.bars for each in tested.values())
    told: dict[str, str | int] = {"findings": "\n".join(ahead) or "no value knew the future", "bars": bars}
    return dg.MaterializeResult(
        metadata={**_identity(settings), "signals": dg.MetadataValue.md(table)},
        check_results=[dg.AssetCheckResult(check_name="look_ahead", passed=not ahead, metadata=told)],
    )


def _look_ahead_detail(
    tested: Mapping[str, LookAheadEvidence], ahead: Sequence[str], identity: str
) -> dict[str, object]:
    """The evidence as the ledger keeps it: the findings, and the hashes of the code and the bars that were tested.

    Args:
        identity: of the strategy, which its intents carry: the gate takes the evidence for these alone.
    """
    return {
        "strategy": identity,
        "findings": list(ahead),
        "code": sorted({each.code for each in tested.values()}),
        "data": {symbol: each.data for symbol, each in tested.items()},
        "bars": {symbol: each.bars for symbol, each in tested.items()},
    }


def backtest(name: str, settings: Settings) -> dg.MaterializeResult:
    """Fills and equity on every instrument; the gate has no part in it."""
    done, artefacts = _study(settings), Container(settings).artefacts
    for instrument, result in done.results.items():
        artefacts.write_frame(("backtest", name, instrument, "fills"), fills_table(result))
        artefacts.write_frame(("backtest", name, instrument, "equity"), equity_table(result))
    return dg.MaterializeResult(
        metadata={
            **_identity(settings),
            "cache_key": done.cache_key,
            "used_cache": done.used_cache,
            "data_hash": done.data_hash,
            "code_hash": done.code_hash,
            "orders": done.account.orders,
            "fills": len(done.account.fills),
            "final_equity": float(done.account.equity[-1]),
            "account": dg.MetadataValue.md(done.report.markdown()["account"]),
        },
    )


def evaluation(name: str, settings: Settings) -> dg.MaterializeResult:
    """The figures of docs/metrics.md, none of them NaN."""
    figures = _study(settings).metrics.as_dict()
    Container(settings).artefacts.write_json(("evaluation", name), figures)
    told = {key: value for key, value in figures.items() if isinstance(value, int | float | str)}
    return dg.MaterializeResult(metadata={**_identity(settings), **told})


def risk_report(name: str, settings: Settings) -> dg.MaterializeResult:
    """What the backtest has to say against itself: ranked findings, plots, months; one HTML file."""
    report = _study(settings).report
    path = Container(settings).root / "reports" / f"{name}.html"
    report.write(path)
    return dg.MaterializeResult(
        metadata={
            **_identity(settings),
            **{key: dg.MetadataValue.md(text) for key, text in report.markdown().items()},
            "critical_findings": int(str(report.plain()["critical_findings"])),
            "report": dg.MetadataValue.path(str(path)),
        }
    )


def fills_table(result: BacktestResult) -> pd.DataFrame:
    """Fills as a table: ts (UTC), side (BUY or SELL), quantity, price, fee, slippage_bps, reason."""
    fills = result.fills
    return pd.DataFrame(
        {
            "ts": pd.DatetimeIndex(result.bars.ts[fills["bar"]], tz="UTC"),
            "side": ["BUY" if side > 0 else "SELL" for side in fills["side"]],
            "quantity": fills["quantity"],
            "price": fills["price"],
            "fee": fills["fee"],
            "slippage_bps": fills["slippage_bps"],
            "reason": [FillReason(reason).name for reason in fills["reason"]],
        }
    )


def equity_table(result: BacktestResult) -> pd.DataFrame:
    """Equity, cash and position after each bar's close."""
    ts = pd.DatetimeIndex(result.bars.ts, tz="UTC")
    return pd.DataFrame({"ts": ts, "equity": result.equity, "cash": result.cash, "position": result.position})


def _study(settings: Settings) -> StudyResult:
    """The backtest and all that follows from it, with the look-ahead evidence on its own bars.

    Results and evidence are kept under the hashes of code and data, so that each asset of a chain may ask again.
    """
    return run_study(Container(settings))


def _identity(settings: Settings) -> dict[str, str | int]:
    return {"config_hash": settings.config_hash, "seed": settings.base.seed, "mode": settings.mode.name.value}


def signals_key(name: str) -> dg.AssetKey:
    """The asset of a strategy's signals."""
    return _key(name, signals.__name__)


def _key(name: str, part: str) -> dg.AssetKey:
    return dg.AssetKey(["strategy", name, part])
