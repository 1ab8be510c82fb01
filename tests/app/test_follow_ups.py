"""A command that tells a person what to run next says it with the settings that were given."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner

from app.commands.options import Json, Overrides
from app.output import Output, run_command
from tradewright.model.errors import ConfigError, LedgerError

HINT = "give each command your settings too: "
Act = Callable[[Output], None]


def said(act: Act, *words: str) -> tuple[str, str]:
    """What a command that does this prints, as result and beside it."""
    program = typer.Typer()

    @program.command()
    def command(overrides: Overrides = None, as_json: Json = False) -> None:  # noqa: ARG001  read from the context
        run_command(as_json, act)

    result = CliRunner().invoke(program, list(words))
    return result.stdout, result.stderr


def fail(error: Exception) -> Act:
    def act(output: Output) -> None:
        output.line("done so far")
        raise error

    return act


def exits(output: Output) -> None:
    output.table("findings", ("what", "remedy"), [("x", "tradewright reconcile")])
    raise typer.Exit(1)


LOST = LedgerError("no such order", where="x", remedy="tradewright orders")
GIVEN = ("storage.root=my data", "mode=paper")
WRITTEN = "'storage.root=my data' mode=paper\n"


@pytest.mark.parametrize(
    ("act", "shown", "beside"),
    [
        (lambda output: output.line("waits: tradewright intents"), f"waits: tradewright intents\n{HINT}{WRITTEN}", ""),
        (lambda output: output.next("next", "trade", "--once"), f"next: tradewright trade --once {WRITTEN}", ""),
        (
            lambda output: output.next("its orders", "orders", settings=["storage.root=b"], without="storage"),
            "its orders: tradewright orders mode=paper storage.root=b\n",
            "",
        ),
        (lambda output: output.line("nothing to do"), "nothing to do\n", ""),
        (exits, f"findings\nwhat  remedy               \nx     tradewright reconcile\n{HINT}{WRITTEN}", ""),
        (
            fail(LOST),
            "done so far\n",
            f"error: x: no such order\n  what to do: tradewright orders\n{HINT}{WRITTEN}",
        ),
        (
            fail(ConfigError("wrong")),
            "done so far\n",
            "error: wrong\n  what to do: correct it; tradewright check lists all problems\n",
        ),
    ],
)
def test_a_named_command_comes_with_the_settings(act: Act, shown: str, beside: str) -> None:
    assert said(act, *GIVEN) == (shown, beside)
    assert HINT not in "".join(said(act))


def test_json_stays_one_document() -> None:
    assert said(fail(LOST), "--json", *GIVEN)[0].count("\n") == 1
    assert said(lambda output: output.line("tradewright orders"), "--json", *GIVEN) == ("", "")


def test_no_secret_and_no_grid_is_repeated() -> None:
    given = ("storage.ledger_url=canary", "+a.b=postgresql://u:canary@h/x", "strategy.fast=5,10", "a.slow=range(5,9)")
    shown, _ = said(lambda output: output.next("next", "orders"), *given, "a.c=[1,2]", "a.d={e: 1, f: 2}")
    assert shown == "next: tradewright orders storage.ledger_url=... +a.b=... 'a.c=[1,2]' 'a.d={e: 1, f: 2}'\n"
