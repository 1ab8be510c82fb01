"""The command on the schemas of configuration files: ``tradewright schema``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.commands.options import Json
from app.output import Output, run_operation

commands = typer.Typer()


@commands.command()
def schema(
    group: Annotated[str, typer.Argument(help="such as backtest or backtest/costs; all are listed without it")] = "",
    file: Annotated[Path | None, typer.Argument(help="where to write it; shown, when it is left out")] = None,
    as_json: Json = False,
) -> None:
    """The JSON Schema of the files of a group of conf, by which editors complete and check them."""

    def act(_output: Output) -> dict[str, Any]:
        import json

        from conf.group_schemas import group_schema, groups

        if not group:
            return {"groups": groups()}
        made = group_schema(group)
        if file is not None:
            file.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return made

    def show(output: Output, made: dict[str, Any]) -> object:
        import json

        if not group:
            output.line("\n".join(made["groups"]))
        elif file is None:
            output.line(json.dumps(made, indent=2, ensure_ascii=False))
        else:
            output.line(f"wrote {file}; in a file of conf/{group}: # yaml-language-server: $schema=PATH")
        return made

    run_operation(as_json, act, show)
