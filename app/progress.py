"""How far a long command is, on standard error where that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.output import Output

if TYPE_CHECKING:
    from rich.progress import Task
    from rich.text import Text

Advance = Callable[[int, int], None]
"""Called with (things done, things in all)."""


@contextmanager
def shown(output: Output, what: str) -> Iterator[Advance]:
    """A bar with the share done, the number of things, how many a second, and the time left.

    Args:
        what: the things that are counted.
    """
    from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            from rich.text import Text

            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), Rate(), TimeRemainingColumn())
    with Progress(
        *columns, console=output.messages, transient=True, disable=not output.messages.is_terminal
    ) as progress:
        task = progress.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, description=f"{done:,} of {total:,} {what}")

        yield advance
