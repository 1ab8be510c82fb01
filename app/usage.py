"""Wrong usage of the command line, told in the user's words: the option or command, the right form, exit code 2."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from typer._click.exceptions import BadParameter, MissingParameter, NoSuchOption, UsageError
from typer.core import TyperGroup

from tradewright.model.errors import TradewrightError

Made = TypeVar("Made")
_COMMAND = re.compile(r"No such command '(?P<name>.*?)'")
_BOUNDS = {"greater than or equal to": "at least", "less than or equal to": "at most", "greater than": "above"}
_BOUND = re.compile(rf"({'|'.join(_BOUNDS)}) (\S+)")
_NEEDS = re.compile(r"Option '(?P<name>[\w-]+)' requires (an|\d+) arguments?")


class Program(TyperGroup):
    """All commands. Errors of usage keep their exit code, 2, and get a text of ours."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context, with the options before the command read."""
        return _reworded(lambda: super(Program, self).make_context(info_name, args, parent, **extra))

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        return _reworded(lambda: super(Program, self).invoke(ctx))


def _reworded(act: Callable[[], Made]) -> Made:
    try:
        return act()
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        raise UsageError(_text(error), ctx=error.ctx) from error


def _text(error: UsageError) -> str:
    match error:
        case NoSuchOption():
            return _no_option(error)
        case MissingParameter():
            name = error.param.name if error.param is not None else ""
            return f"{(name or 'an argument').upper()} is missing"
        case BadParameter():
            return _bad_value(error)
    said = error.format_message()
    if found := _COMMAND.search(said):
        return f"there is no command {found['name']!r}{_hint(found['name'], _commands(error.ctx))}"
    if found := _NEEDS.search(said):
        return f"{found['name']} needs a value after it"
    return said


def _no_option(error: NoSuchOption) -> str:
    from conf.environment import groups  # the right usage needs none of it

    name = error.option_name
    said = f"{name} is no option of this command"
    setting = name.lstrip("-").replace("-", "_").partition("=")[0]
    with suppress(TradewrightError):
        if "." in setting or setting in groups():
            return f"{said}; a setting is written without dashes: {setting}=VALUE"
    offered = _options(error.ctx)
    near = difflib.get_close_matches(name, offered, n=1, cutoff=0.7)
    return said + (f"; did you mean {near[0]!r}?" if near else f"; it takes {', '.join(offered)}")


def _bad_value(error: BadParameter) -> str:
    option = error.param.opts[0] if error.param is not None and error.param.opts else ""
    said = error.message
    if found := _BOUND.search(said):
        return f"{option} must be {_BOUNDS[found[1]]} {found[2]}"
    if "valid integer" in said or "valid int" in said:
        return f"{option} must be a whole number"
    if "valid number" in said or "valid float" in said:
        return f"{option} must be a number"
    return f"{option}: {said}" if option.startswith("-") else said


def _options(context: Any) -> Sequence[str]:
    """The options of a context's command."""
    named = (option for param in context.command.params for option in param.opts if option.startswith("--"))
    return sorted(named) if context is not None else []


def _commands(context: Any) -> Sequence[str]:
    return sorted(getattr(context.command, "commands", ())) if context is not None else []


def _hint(name: str, names: Sequence[str]) -> str:
    from conf.problems import nearest

    near = nearest(name, names)
    return f"; did you mean {near!r}?" if near else f"; there are {', '.join(names)}"
