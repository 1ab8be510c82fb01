"""One asset chain per file of ``conf/strategy``: signals, backtest, evaluation, risk report."""

import math
from collections.abc import Callable, Mapping, Sequence

import dagster as dg
import pandas as pd

from assets.metadata import Facts, described, refusal_facts, table
from assets.pinned_config import PinnedConfig
from assets.research.chain_asset import chain_asset, warning
from assets.strategy_keys import asset_name, part_key
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from conf.strategy_kinds import kinds
from runtime.container import Container
from runtime.job_progress import begin_signals, finish_signals, signals_of
from runtime.kept_settings import keep_settings
from runtime.run_files import write_report, write_run
from runtime.signals import identity_in_force, newest_signals, signal_look_ahead
from runtime.study import run_study
from tradewright.backtest.balance import imbalances
from tradewright.backtest.lookahead_evidence import LookAheadEvidence
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.evaluation.finding import Severity
from tradewright.evaluation.formatting import QUANTITY_DIGITS, count, headline, money, plain
from tradewright.evaluation.rolling import WINDOW_HEADER, window_lines, window_problems, window_table
from tradewright.evaluation.study import StudyResult
from tradewright.model.allocation import needs_shared_account
from tradewright.model.hashing import content_hash

Definition = dg.AssetsDefinition | dg.AssetSpec
SHOWN = 5
"""Findings of the look-ahead test that are kept."""
SHOWN_FILLS = 5
"""Fills that are listed, of each instrument."""
VOID = "LOOK_AHEAD"
"""The finding that makes a backtest void."""
CHECKS = {
    "signals": ("look_ahead", "No bar is decided by a value that knew the future."),
    "backtest": ("valid", "Nothing makes the backtest void. Its books balance."),
    "evaluation": ("finite", "Every figure is a finite number."),
    "metrics_window": ("schema", "Every rolling figure is a number within its range."),
    "risk_report": ("no_critical_finding", "Nothing critical speaks against the backtest."),
}
"""The check of each part of a chain, with its description."""


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
    key, text = part_key(name, "backtest"), str(error)

    @dg.asset_check(asset=key, name="config")
    def config() -> dg.AssetCheckResult:
        """The strategy's YAML, which is wrong."""
        return dg.AssetCheckResult(passed=False, metadata=refusal_facts(error))

    return dg.AssetSpec(key, group_name="broken_config", description=f"```\n{text}\n```"), config


def is_usable(pinned: PinnedConfig) -> bool:
    """Whether the strategy has signals and a backtest under its settings: an allocation needs one account for all."""
    return pinned.settings.backtest.account == "shared" or not kinds().is_allocation(pinned.settings.strategy.kind)


def strategy_assets(name: str, pinned: PinnedConfig) -> list[Definition]:
    """The assets of one strategy, each made from one before.

    An allocation needs one account for all instruments: without it, a description says so.
    """
    if not is_usable(pinned):
        return [
            dg.AssetSpec(
                part_key(name, "backtest"),
                group_name=f"strategy_{asset_name(name)}",
                description=str(needs_shared_account(name)),
            )
        ]
    return [
        _asset(name, pinned, signals, ("bars", "features")),
        _asset(name, pinned, backtest, (part_key(name, "signals"),)),
        _asset(name, pinned, evaluation, (part_key(name, "backtest"),)),
        _asset(name, pinned, metrics_window, (part_key(name, "backtest"),)),
        _asset(name, pinned, risk_report, (part_key(name, "evaluation"),)),
    ]


def _asset(
    name: str,
    pinned: PinnedConfig,
    make: Callable[[str, Settings], dg.MaterializeResult],
    deps: tuple[str | dg.AssetKey, ...],
) -> dg.AssetsDefinition:
    """One part of a chain: ``make`` under the frozen settings, its documentation as the description."""
    key, (check, text) = part_key(name, make.__name__), CHECKS[make.__name__]
    spec = dg.AssetCheckSpec(check, asset=key, blocking=check == "look_ahead", description=text)
    return chain_asset(
        name,
        pinned,
        lambda _context, settings: make(name, settings),
        make,
        group=f"strategy_{asset_name(name)}",
        deps=deps,
        check=spec,
    )


def signals(name: str, settings: Settings) -> dg.MaterializeResult:
    """The newest target per instrument.

    It is decided on each instrument's newest bar; a strategy that looks ahead is refused.
    """
    with Container(settings) as house:
        begun = begin_signals(house)
        tested, identity = signal_look_ahead(house), identity_in_force(house)
        ahead = [f"{symbol}, {told}" for symbol, each in tested.items() for told in each.findings][:SHOWN]
        house.ledger.checks.record(f"lookahead.{name}", not ahead, _look_ahead_detail(tested, ahead, identity))
        found = newest_signals(house)
        keep_settings(house)
        house.artefacts.write_json(signals_of(name), [row.model_dump(mode="json") for row in found])
        if not ahead:  # else nothing is decided on them, now or later
            finish_signals(house, begun)
    wanted = table(
        ("instrument", "action", "target", "bar", "price"),
        ((row.instrument, row.candidate_action, f"{row.target:g}", row.bar_ts, row.price) for row in found),
    )
    bars = sum(each.bars for each in tested.values())
    told: dict[str, str | int] = {"findings": "\n".join(ahead) or "no value knew the future", "bars": bars}
    data_hash = content_hash({symbol: each.data for symbol, each in tested.items()})
    summary = f"{name}: {'; '.join(f'{row.candidate_action} {row.instrument}' for row in found) or 'no signal'}"
    return dg.MaterializeResult(
        metadata=described(settings, summary, {"signals": wanted, "bars": bars}, data_hash=data_hash),
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
    """Fills and equity on the stored bars.

    Every instrument is run by itself and all together as one account; the gate has no part in it.
    """
    house = Container(settings)
    done, artefacts = run_study(house), house.artefacts
    for instrument, result in done.results.items():
        artefacts.write_frame(("backtest", name, instrument, "fills"), fills_table(result))
        artefacts.write_frame(("backtest", name, instrument, "equity"), equity_table(result))
    fills, final = len(done.account.fills), float(done.account.equity[-1])
    facts: Facts = {
        "final_equity": final,
        "orders": done.account.orders,
        "fills": fills,
        "newest fills": _newest_fills(done),
        "used_cache": done.used_cache,
        "cache_key": done.cache_key,
        "code_hash": done.code_hash,
        "run": dg.MetadataValue.path(str(write_run(house, done))),
    }
    chart = done.report.markdown()["account"]
    problems = [finding.message for _, finding in done.report.findings() if finding.code == VOID]
    problems += [f"{symbol}: {told}" for symbol, result in done.results.items() for told in imbalances(result)]
    return dg.MaterializeResult(
        metadata=described(
            settings,
            f"{name}: {count(fills, 'fill')}, final equity {money(final)}",
            facts,
            data_hash=done.data_hash,
            picture=chart,
        ),
        check_results=[warning("valid", problems)],
    )


def evaluation(name: str, settings: Settings) -> dg.MaterializeResult:
    """The figures of the backtest, each explained in docs/metrics.md."""
    done = _study(settings)
    figures = done.metrics.as_dict()
    Container(settings).artefacts.write_json(("evaluation", name), figures)
    told = {key: value for key, value in figures.items() if isinstance(value, int | float | str)}
    unknown = [key for key, value in figures.items() if isinstance(value, float) and not math.isfinite(value)]
    texts, rows = done.report.markdown(), headline(done.metrics)
    facts: Facts = {
        "figures": dg.MetadataValue.md(texts["figures"]),
        "months": dg.MetadataValue.md(texts["months"]),
        **told,
    }
    summary = f"{name}: {', '.join(f'{row.label.lower()} {row.text}' for row in rows)}"
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=done.data_hash, picture=texts["account"]),
        check_results=[warning("finite", unknown)],
    )


def metrics_window(name: str, settings: Settings) -> dg.MaterializeResult:
    """The rolling figures of the backtest, one row per window; docs/metrics.md explains each column."""
    done = _study(settings)
    rows = done.report.sections[0].windows
    found = window_table(rows)
    Container(settings).artefacts.write_frame(("metrics_window", name), found)
    facts: Facts = {"rows": len(found), "newest of each window": table(WINDOW_HEADER, window_lines(rows))}
    lengths = ", ".join(map(str, settings.evaluation.windows)) or "no length"
    return dg.MaterializeResult(
        metadata=described(
            settings, f"{name}: {count(len(found), 'window')} of {lengths}", facts, data_hash=done.data_hash
        ),
        check_results=[warning("schema", window_problems(found))],
    )


def risk_report(name: str, settings: Settings) -> dg.MaterializeResult:
    """Findings against the backtest, as one HTML file."""
    house = Container(settings)
    done = run_study(house)
    report, path = done.report, house.root / "reports" / f"{name}.html"
    report.write(path)
    kept = write_report(house, done)
    texts = {key: dg.MetadataValue.md(text) for key, text in report.markdown().items() if key != "account"}
    critical = [finding.message for _, finding in report.findings() if finding.severity is Severity.CRITICAL]
    judged = {"verdict": report.verdict.code.value, "verdict_figures": dg.MetadataValue.json(report.verdict.plain())}
    where = dg.MetadataValue.path(str(path))
    of_run = dg.MetadataValue.path(str(kept))
    facts: Facts = {"report": where, "report_of_the_run": of_run, "critical_findings": len(critical), **judged, **texts}
    found = f"{count(len(report.findings()), 'finding')}, {len(critical)} critical"
    summary = f"{name}: {report.verdict.code.value}; {found}; {path}"
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=done.data_hash, picture=report.markdown()["account"]),
        check_results=[warning("no_critical_finding", critical)],
    )


def _newest_fills(done: StudyResult) -> dg.MarkdownMetadataValue:
    found = [
        (f"{ts:%Y-%m-%d %H:%M}", instrument, side, plain(quantity, QUANTITY_DIGITS), plain(price), money(fee), reason)
        for instrument, result in done.results.items()
        for ts, side, quantity, price, fee, _, reason in fills_table(result).tail(SHOWN_FILLS).to_numpy()
    ]
    return table(("time", "instrument", "side", "quantity", "price", "fee", "reason"), found)


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


def signals_key(name: str) -> dg.AssetKey:
    """The asset of a strategy's signals."""
    return part_key(name, signals.__name__)
