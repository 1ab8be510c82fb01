"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from conf.schema.settings import Settings


def named(value: str) -> str:
    """The argument of a command that names something. A setting in its place means that the name was left out.

    Raises:
        BadParameter: then the command would act on another ledger than the one that is meant.
    """
    if "=" in value:
        raise typer.BadParameter(f"{value!r} is a setting; the name that belongs before it is missing")
    return value


Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="settings, such as strategy=macd_trend strategy.fast=10", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on standard output, nothing else there")]
Newest = Annotated[int, typer.Option(min=0, help="how many of the newest to show; 0 for all")]
All = Annotated[bool, typer.Option("--all", help="those of every mode and account, not only those in force")]
Reason = Annotated[str, typer.Option("--reason", help="why; it is written into the audit log")]
Actor = Annotated[str, typer.Option("--actor", help="who; you, when it is left out")]


def in_force(overrides: list[str] | None, *, forgiving: bool = False) -> tuple[str, ...]:
    """The overrides of a command after those of the environment, which they may replace.

    Args:
        forgiving: whether overrides of the environment that cannot be split are taken as they stand.
    """
    from conf.environment import environment_overrides
    from conf.ledger_place import forgiving_environment_overrides

    return (*(forgiving_environment_overrides() if forgiving else environment_overrides()), *(overrides or ()))


def settings_of(overrides: list[str] | None) -> Settings:
    """The settings in force under the overrides of a command.

    Raises:
        ConfigProblems: with every problem.
    """
    from conf.compose import compose

    return compose(in_force(overrides))


def desk_settings_of(overrides: list[str] | None) -> Settings:
    """The settings for what has nothing to do with a strategy: no wrong strategy file may stop a kill switch.

    Raises:
        ConfigProblems: with every problem.
    """
    from conf.compose import compose_without_strategy

    return compose_without_strategy(in_force(overrides))
