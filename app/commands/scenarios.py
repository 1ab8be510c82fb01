"""Commands on synthetic markets: ``tradewright certify``, and the group ``tradewright scenarios``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Json, Overrides, desk_settings_of, named, settings_of
from app.output import DONE, FAILED, Output, run_operation

if TYPE_CHECKING:
    from app.operations.engine_tests import EngineReply
    from app.operations.scenarios import GeneratedRow, ScenarioRow, ShownScenario, WrongDataset
    from tradewright.evaluation.certificate import ScenarioCertificate

commands = typer.Typer()
group = typer.Typer(
    help="Synthetic markets (conf/scenario): store their bars, list, show and check them.", no_args_is_help=True
)
commands.add_typer(group, name="scenarios")

Only = Annotated[list[str] | None, typer.Option("--scenario", help="only this scenario; several times")]


@commands.command()
def certify(
    strategy: Annotated[str, typer.Argument(help="a file of conf/strategy", metavar="STRATEGY", callback=named)],
    overrides: Overrides = None,
    scenario: Only = None,
    report: Annotated[Path | None, typer.Option(help="write the certificate to this HTML file")] = None,
    as_json: Json = False,
) -> None:
    """A strategy on all synthetic markets beside its limits of loss, drawdown, turnover and time in market.

    Exit 1 when a figure is beyond its limit.
    """

    def act(output: Output) -> ScenarioCertificate:
        from app.operations.scenarios import certificate

        made = certificate(settings_of([*(overrides or []), f"strategy='{strategy}'"]), scenario or ())
        if report is not None:
            from tradewright.store.files import write_bytes

            write_bytes(report, made.page().encode())
            output.say(f"certificate: {report}")
        return made

    def show(output: Output, made: ScenarioCertificate) -> object:
        _certificate(output, made)
        return {**made.content(), "certificate_hash": made.certificate_hash}

    run_operation(as_json, act, show, lambda made: DONE if made.passed else FAILED)


def _certificate(output: Output, made: ScenarioCertificate) -> None:
    from tradewright.evaluation.certificate import beside, told
    from tradewright.evaluation.formatting import count

    for found in made.look_ahead:
        output.line(f"VOID: it looks ahead: {found}")
    failed = {(row.scenario, row.figure) for row in made.failed}
    body = []
    for each in made.scenarios:
        rows = [row for row in made.rows if row.scenario == each.scenario]
        cells = [f"{'FAIL ' if not row.passed else ''}{beside(row)[0]}" for row in rows]
        body.append((each.scenario, each.trades, f"{each.total_return:+.1%}", *cells))
    limits = [f"max {told(row.figure, row.limit)}" for row in made.rows[:4]]
    body.append(("limit", "", "", *limits))
    header = ("scenario", "trades", "return", "loss", "drawdown", "turnover", "time in market")
    output.table(made.strategy, header, body)
    for row in made.failed:
        value, limit = beside(row)
        output.line(f"FAIL {row.scenario}: {row.figure} is {value}, the limit is {limit}")
    if made.idle:
        among = f"{len(made.idle)} of {count(len(made.scenarios), 'scenario')}"
        output.line(f"no trade on {among}, where no limit was put to the test")
    output.line("under these terms: " + "; ".join(f"{name}: {text}" for name, text in made.stated.items()))
    verdict = "passed" if made.passed else f"failed: {count(len(failed), 'figure')} beyond the limit"
    output.line(f"{verdict}; certificate {made.certificate_hash[:16]}")


@group.command()
def generate(overrides: Overrides = None, scenario: Only = None, as_json: Json = False) -> None:
    """Store the bars of all scenarios; what is there and sound stays."""

    def act(_output: Output) -> list[GeneratedRow]:
        from app.operations.scenarios import generate as generated

        return generated(desk_settings_of(overrides), scenario or ())

    def show(output: Output, rows: list[GeneratedRow]) -> object:
        for row in rows:
            output.line(f"{row.scenario}: {row.bars:,} bars {'written' if row.written else 'unchanged'}")
        if rows:
            output.line(f"stored below {Path(rows[0].folder).parent.parent}")
        return {"datasets": rows}

    run_operation(as_json, act, show)


@group.command("list")
def list_all(overrides: Overrides = None, as_json: Json = False) -> None:
    """Every scenario, and whether its dataset is stored and sound."""

    def act(_output: Output) -> list[ScenarioRow]:
        from app.operations.scenarios import listed

        return listed(desk_settings_of(overrides))

    def show(output: Output, rows: list[ScenarioRow]) -> object:
        header = ("scenario", "family", "bars", "series", "events", "hash", "dataset")
        cells = [
            (row.scenario, row.family, f"{row.bars:,} x {row.timeframe}", row.instruments, ", ".join(row.events),
             row.scenario_hash[:12], row.state)
            for row in rows
        ]  # fmt: skip
        output.table("scenarios", header, cells)
        return {"scenarios": rows}

    run_operation(as_json, act, show)


@group.command()
def show(
    name: Annotated[str, typer.Argument(help="of a file of conf/scenario", metavar="NAME", callback=named)],
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """One scenario with all its values, and the manifest of its dataset."""

    def act(_output: Output) -> ShownScenario:
        from app.operations.scenarios import shown

        return shown(desk_settings_of(overrides), name)

    def tell(output: Output, found: ShownScenario) -> object:
        values = {**found.document, "scenario_hash": found.row.scenario_hash, "dataset": found.row.state}
        rows = [row for name, value in values.items() for row in _written(name, value)]
        output.table(found.row.scenario, ("key", "value"), rows)
        if found.manifest:
            output.table("manifest", ("key", "value"), list(found.manifest.items()))
        return found

    run_operation(as_json, act, tell)


def _written(name: str, value: object) -> Iterator[tuple[str, object]]:
    """A value as a file of ``conf/scenario`` has it, each event in a row of its own."""
    if isinstance(value, list | tuple) and any(isinstance(part, dict) for part in value):
        for place, part in enumerate(value):
            yield from _written(f"{name}[{place}]", part)
    elif isinstance(value, dict):
        yield name, ", ".join(f"{key}: {part}" for key, part in value.items() if part is not None)
    else:
        yield name, value


@group.command()
def check(overrides: Overrides = None, as_json: Json = False) -> None:
    """Whether every scenario has its dataset, whole and as its document makes it; exit 1 otherwise."""

    def act(_output: Output) -> list[WrongDataset]:
        from app.operations.scenarios import wrong

        return wrong(desk_settings_of(overrides))

    def tell(output: Output, found: list[WrongDataset]) -> object:
        for row in found:
            output.line(f"{row.scenario}: {row.problem}")
        output.line("tradewright scenarios generate makes them" if found else "every scenario has its dataset")
        return {"problems": found}

    run_operation(as_json, act, tell, lambda found: FAILED if found else DONE)


@group.command("test")
def run_one(
    file: Annotated[Path, typer.Argument(help="a strategy document in YAML or JSON", metavar="FILE")],
    scenario: Annotated[str, typer.Argument(help="a stored scenario, or a file with one", metavar="SCENARIO")],
    overrides: Overrides = None,
    full: Annotated[bool, typer.Option("--full", help="up to 50,000 bars (T1) instead of 1,000 (T0)")] = False,
    fees_bps: Annotated[float, typer.Option(min=0, help="basis points of each fill")] = 1.0,
    slippage_bps: Annotated[float, typer.Option(min=0, help="basis points of each fill")] = 0.0,
    bar_delay: Annotated[int, typer.Option(min=1, help="bars between a decision and its fill")] = 1,
    cash: Annotated[float, typer.Option(min=0.01, help="at the start, in the account's currency")] = 100_000.0,
    as_json: Json = False,
) -> None:
    """A strategy document on one scenario; a result that was there is served from the cache."""

    def act(_output: Output) -> EngineReply:
        from app.operations.engine_tests import backtest_t0, backtest_t1, request_of

        terms = {"fees_bps": fees_bps, "slippage_bps": slippage_bps, "bar_delay": bar_delay, "initial_cash": cash}
        request = request_of(file, scenario, **terms)
        return (backtest_t1 if full else backtest_t0)(desk_settings_of(overrides), request)

    def tell(output: Output, reply: EngineReply) -> object:
        names = ("total_return", "bar_drawdown", "sharpe", "exposure", "turnover", "fees")
        rows = [("trades", len(reply.trades)), *((name, reply.metrics[name]) for name in names)]
        output.table(f"{file.stem} on {scenario}", ("figure", "value"), rows)
        output.line(f"{'from the cache' if reply.used_cache else 'made now'}: {reply.cache_key}")
        return reply

    run_operation(as_json, act, tell)
