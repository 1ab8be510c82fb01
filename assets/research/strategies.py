"""One asset chain per file of ``conf/strategy``: signals, backtest, evaluation, risk report."""

from functools import partial

import dagster as dg
import pandas as pd

from assets.frozen import Frozen
from conf import build, research
from conf.compose import options
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.evaluation.study import Study

Definition = dg.AssetsDefinition | dg.AssetSpec


def all_chains(overrides: tuple[str, ...]) -> tuple[list[Definition], list[dg.AssetChecksDefinition]]:
    """Every strategy's chain; a file that is wrong fails its own assets, with file and line, and nothing else."""
    assets: list[Definition] = []
    checks: list[dg.AssetChecksDefinition] = []
    for name in options("strategy"):
        try:
            assets += chain(name, Frozen.of((*overrides, f"strategy={name}")))
        except ConfigProblems as error:
            spec, check = broken(name, error)
            assets.append(spec)
            checks.append(check)
    return assets, checks


def broken(name: str, error: ConfigProblems) -> tuple[dg.AssetSpec, dg.AssetChecksDefinition]:
    """What stands for a strategy whose file is wrong: the error as its description, and a check that fails with it."""
    key, text = _key(name, "backtest"), str(error)

    @dg.asset_check(asset=key, name="config")
    def config() -> dg.AssetCheckResult:
        """The strategy's YAML, which is wrong."""
        return dg.AssetCheckResult(passed=False, metadata={"problems": dg.MetadataValue.md(f"```\n{text}\n```")})

    return dg.AssetSpec(key, group_name="broken_config", description=f"```\n{text}\n```"), config


def chain(name: str, frozen: Frozen) -> list[Definition]:
    """The four assets of one strategy."""
    in_group = partial(dg.asset, group_name=f"strategy_{name}", op_tags=frozen.tags, code_version=frozen.config_hash)

    @in_group(
        key=_key(name, "signals"),
        deps=["bars", "features"],
        check_specs=[dg.AssetCheckSpec("look_ahead", asset=_key(name, "signals"), blocking=True)],
    )
    def signals(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """What the strategy wants now, per instrument, and since which bar; refused when it looks ahead."""
        settings = frozen.thaw(context)
        clock = build.clock(settings)
        ahead = research.look_ahead_findings(settings, clock)
        found = research.signals(settings, clock)
        build.artefacts(settings).write_json(("signals", name), [row.model_dump(mode="json") for row in found])
        with build.ledger(settings, clock) as books:
            books.marks.record_check(f"lookahead.{name}", not ahead, [str(row) for row in ahead[:5]])
        rows = [f"| {row.instrument} | {row.candidate_action} | {row.target:g} | {row.bar_ts} |" for row in found]
        table = "\n".join(["| instrument | action | target | since |", "|---|---|---|---|", *rows])
        return dg.MaterializeResult(
            metadata={
                **_identity(settings),
                "signals": dg.MetadataValue.md(table),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="look_ahead",
                    passed=not ahead,
                    metadata={"findings": "\n".join(map(str, ahead[:5])) or "no value knew the future"},
                )
            ],
        )

    @in_group(
        key=_key(name, "backtest"),
        deps=[signals],
    )
    def backtest(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Fills and equity on every instrument; the gate has no part in it."""
        settings = frozen.thaw(context)
        done = _study(settings)
        artefacts = build.artefacts(settings)
        for instrument, result in done.results.items():
            artefacts.write_frame(("backtest", name, instrument, "fills"), fills_table(result))
            artefacts.write_frame(("backtest", name, instrument, "equity"), equity_table(result))
        return dg.MaterializeResult(
            metadata={
                **_identity(settings),
                "cache_key": done.cache_key,
                "used_cache": done.used_cache,
                "data_hash": done.data_hash,
                "orders": done.account.orders,
                "fills": len(done.account.fills),
                "final_equity": float(done.account.equity[-1]),
                "account": dg.MetadataValue.md(done.report.markdown()["account"]),
            },
        )

    @in_group(
        key=_key(name, "evaluation"),
        deps=[backtest],
    )
    def evaluation(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The figures of docs/metrics.md, none of them NaN."""
        settings = frozen.thaw(context)
        done = _study(settings)
        figures = done.metrics.as_dict()
        build.artefacts(settings).write_json(("evaluation", name), figures)
        return dg.MaterializeResult(
            metadata={
                **_identity(settings),
                **{key: value for key, value in figures.items() if isinstance(value, int | float | str)},
            }
        )

    @in_group(
        key=_key(name, "risk_report"),
        deps=[evaluation],
    )
    def risk_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """What the backtest has to say against itself: ranked findings, plots, months; one HTML file."""
        settings = frozen.thaw(context)
        done = _study(settings)
        path = build.root(settings) / "reports" / f"{name}.html"
        done.report.write(path)
        texts = done.report.markdown()
        return dg.MaterializeResult(
            metadata={
                **_identity(settings),
                **{key: dg.MetadataValue.md(text) for key, text in texts.items()},
                "critical_findings": int(str(done.report.plain()["critical_findings"])),
                "report": dg.MetadataValue.path(str(path)),
            }
        )

    return [signals, backtest, evaluation, risk_report]


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


def _study(settings: Settings) -> Study:
    """The backtest and all that follows from it; its result is cached, so that each asset of a chain may ask again."""
    return research.run_study(settings, build.clock(settings), look_ahead_free=True)


def _identity(settings: Settings) -> dict[str, str | int]:
    return {"config_hash": settings.config_hash, "seed": settings.base.seed, "mode": settings.mode.name.value}


def _key(name: str, part: str) -> dg.AssetKey:
    return dg.AssetKey(["strategy", name, part])
