"""The command on the schemas of configuration files, ``tradewright schema``, and what all of that kind do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from app.commands.options import Json
from app.output import Output, run_operation

commands = typer.Typer()

SchemaFile = Annotated[Path | None, typer.Argument(help="where to write it; shown, when it is left out")]


@commands.command()
def schema(
    group: Annotated[str, typer.Argument(help="such as backtest or backtest/costs; all are listed without it")] = "",
    file: SchemaFile = None,
    as_json: Json = False,
) -> None:
    """The JSON Schema of the files of a group of conf, by which editors complete and check them."""
    if group:
        show_schema(lambda: _schema_of(group), file, as_json=as_json)
    else:
        run_operation(as_json, lambda _output: _groups(), _list)


def show_schema(make: Callable[[], dict[str, Any]], file: Path | None, *, as_json: bool) -> None:
    """Show a schema, or write it to a file, whole or not at all."""

    def text(made: dict[str, Any]) -> str:
        return json.dumps(made, indent=2, ensure_ascii=False)

    def act(_output: Output) -> dict[str, Any]:
        made = make()
        if file is not None:
            from tradewright.store.files import write_bytes

            write_bytes(file, f"{text(made)}\n".encode())
        return made

    def show(output: Output, made: dict[str, Any]) -> object:
        output.line(
            text(made) if file is None else f"wrote {file}; a file names it in a comment (docs/configuration.md)"
        )
        return made

    run_operation(as_json, act, show)


def _schema_of(group: str) -> dict[str, Any]:
    from conf.group_schemas import group_schema

    return group_schema(group)


def _groups() -> dict[str, list[str]]:
    from conf.group_schemas import groups

    return {"groups": groups()}


def _list(output: Output, found: dict[str, list[str]]) -> object:
    output.line("\n".join(found["groups"]))
    return found
