"""Commands on strategy documents: ``tradewright dsl check``, ``explain``, ``fmt``, ``schema``, ``example``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.options import Json, Overrides, in_force
from app.commands.schemas import SchemaFile, show_schema
from app.output import DONE, FAILED, Output, run_operation

if TYPE_CHECKING:
    from app.operations.documents import CheckedFile, Formatted
    from tradewright.dsl.explain import Explanation

commands = typer.Typer()
dsl = typer.Typer(
    help="Strategies as documents: check, explain and format them, their schema, examples to begin with.",
    no_args_is_help=True,
)
commands.add_typer(dsl, name="dsl")

Files = Annotated[list[Path], typer.Argument(help="documents in YAML or JSON", metavar="FILE...")]
File = Annotated[Path, typer.Argument(help="a document in YAML or JSON", metavar="FILE")]


@dsl.command()
def check(
    files: Files,
    bars: Annotated[int | None, typer.Option(min=1, help="the length of the data that it is to run on")] = None,
    scenario: Annotated[str, typer.Option(help="a scenario of conf/scenario that it is to run on")] = "",
    as_json: Json = False,
) -> None:
    """Every problem of some documents, each with line, column, code and what to do; exit 1 for any error."""

    def act(_output: Output) -> list[CheckedFile]:
        from app.operations.documents import check_files

        return check_files(files, bars, scenario)

    def show(output: Output, found: list[CheckedFile]) -> object:
        for file in found:
            for problem in file.problems:
                output.line(f"{file.file}:{'' if problem.loc.line else ' '}{problem}")
            if file.is_sound:
                warned = ", with warnings" if file.problems else ""
                output.line(f"{file.file}: sound{warned}; the hash of its meaning is {file.hash[:16]}")
        return {"files": found}

    run_operation(as_json, act, show, lambda found: DONE if all(file.is_sound for file in found) else FAILED)


@dsl.command()
def explain(file: File, overrides: Overrides = None, as_json: Json = False) -> None:
    """A document in words: what it does, needs and can lose, when it trades, and which bars each rule reads."""

    def act(_output: Output) -> Explanation:
        from app.operations.documents import explain_file

        return explain_file(file, in_force(overrides))

    def show(output: Output, found: Explanation) -> object:
        for line in found.lines():
            output.line(line)
        return found

    run_operation(as_json, act, show)


@dsl.command()
def fmt(
    files: Files,
    only_look: Annotated[bool, typer.Option("--check", help="write nothing; exit 1 where a file would change")] = False,
    as_json: Json = False,
) -> None:
    """Write the expressions of documents in one style; comments and everything else stay."""

    def act(_output: Output) -> list[Formatted]:
        from app.operations.documents import format_file

        return [format_file(file, only_look=only_look) for file in files]

    def show(output: Output, done: list[Formatted]) -> object:
        for row in done:
            said = ("would change" if only_look else "formatted") if row.changed else "unchanged"
            output.line(f"{row.file}: {said}")
        return {"files": done}

    def status(done: list[Formatted]) -> int:
        return FAILED if only_look and any(row.changed for row in done) else DONE

    run_operation(as_json, act, show, status)


@dsl.command()
def schema(file: SchemaFile = None, as_json: Json = False) -> None:
    """The JSON Schema of documents, by which editors complete and check them."""

    def made() -> dict[str, Any]:
        from tradewright.dsl.document import json_schema

        return json_schema()

    show_schema(made, file, as_json=as_json)


@dsl.command()
def example(
    name: Annotated[str, typer.Argument(help="of a document that ships; all are listed, when it is left out")] = "",
    as_json: Json = False,
) -> None:
    """A document that ships, to begin with: tradewright dsl example NAME > conf/strategy/NAME.yaml."""

    def act(_output: Output) -> dict[str, str]:
        from app.operations.documents import example as text_of
        from app.operations.documents import examples

        return {each: text_of(each) for each in ([name] if name else examples())}

    def show(output: Output, found: dict[str, str]) -> object:
        for each, text in found.items():
            output.line(text.rstrip("\n") if name else each)
        return {"examples": found}

    run_operation(as_json, act, show)
