"""Commands around the trading: init, demo, gateway, serve, doctor."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.options import Json, Overrides, in_force, settings_of
from app.output import Output, run_command

if TYPE_CHECKING:
    from app.operations.demo import DemoPackage

commands = typer.Typer()


@commands.command()
def init(
    folder: Annotated[Path, typer.Argument(help="an empty folder, or one that is not there yet")],
    as_json: Json = False,
) -> None:
    """Make a project of your own: settings, an example strategy, the apps. Nothing is ever overwritten."""

    def act(output: Output) -> None:
        from app.operations.new_project import make_project

        made = make_project(folder)
        output.line(f"made {made.folder}: {len(made.files)} files, of version {made.version}")
        output.line(f"next: cd {shlex.quote(str(made.folder))}, then tradewright check; README.md goes on from there")
        output.result(made)

    run_command(as_json, act)


@commands.command()
def demo(overrides: Overrides = None, as_json: Json = False) -> None:
    """The main job, end to end, on the embedded defaults and the bundled gateway simulator."""

    def act(output: Output) -> None:
        from app.operations.demo import run_demo

        reply = run_demo(in_force(overrides), output.say)
        output.table(
            "what was made",
            ("what", "how many"),
            [
                ("bars", reply.bars),
                ("strategies", reply.strategies),
                ("intents", reply.intents),
                *((f"  {verdict}", count) for verdict, count in reply.decisions.items()),
                ("orders sent", reply.orders_sent),
                ("protective orders", reply.protective_orders),
                ("fills", reply.fills),
                ("duplicates", reply.duplicates),
                ("position drift", reply.position_drift),
                *_packed(reply.package),
                ("seconds", round(reply.seconds, 1)),
            ],
        )
        output.line("\nwhere to look")
        for text, place in reply.places.items():
            output.line(f"  {text:22} {place}")
        output.result(reply)

    run_command(as_json, act)


def _packed(package: DemoPackage | None) -> list[tuple[str, object]]:
    if package is None:
        return [("packages", "none: pip install tradewright[packages]")]
    certificate = f"{'passed' if package.passed else 'FAILED'} on {package.scenarios} synthetic markets"
    return [("certificate of a document", certificate), ("differences of its package", package.differences)]


@commands.command()
def gateway(
    overrides: Overrides = None,
    port: Annotated[int, typer.Option(help="for clients; 0 takes any free port")] = 4002,
    control_port: Annotated[int, typer.Option(help="for fault scripts; 0 takes any free port")] = 4003,
    as_json: Json = False,
) -> None:
    """The bundled IB gateway simulator, on loopback, at the newest stored prices."""

    def act(output: Output) -> None:
        from app.operations.serving import serve_gateway

        def ready(found: dict[str, object]) -> None:
            output.line(
                f"gateway on 127.0.0.1:{found['port']}, control on {found['control_port']}, token {found['token']}"
            )
            link = ["mode=paper", "broker=ibkr", f"broker.port={found['port']}", *output.settings]
            output.line(f"stop it with Ctrl-C; talk to it with: {shlex.join(link)}")
            output.result(found)
            output.stream.flush()

        serve_gateway(settings_of(overrides), port, control_port, ready)

    run_command(as_json, act)


@commands.command()
def serve(overrides: Overrides = None, as_json: Json = False) -> None:
    """The strategy lab and the monitor, on loopback, behind a token."""

    def act(output: Output) -> None:
        from app.operations.serving import serve_apps

        def ready(found: dict[str, object]) -> None:
            output.line(f"open {found['url']}")
            output.result(found)
            output.stream.flush()

        serve_apps(in_force(overrides), settings_of(overrides), ready)

    run_command(as_json, act)


@commands.command()
def doctor(overrides: Overrides = None, as_json: Json = False) -> None:
    """What is installed, configured, reachable and stale, and what to do about it."""

    def act(output: Output) -> None:
        from runtime.doctor import examine_all

        findings = examine_all(in_force(overrides))
        rows = [(row.state, row.what, row.detail, row.remedy) for row in findings]
        output.table("doctor", ("state", "what", "detail", "what to do"), rows)
        output.result({"findings": findings})
        if any(row.state == "broken" for row in findings):
            raise typer.Exit(1)

    run_command(as_json, act)
