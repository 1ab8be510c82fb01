"""Dagster's web server as an ASGI application, to be served behind the guard of ``app``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context

Application = Callable[..., Awaitable[None]]
"""An ASGI application."""

POLL_MS = 2000
"""Milliseconds between two questions of an open page."""


@contextmanager
def graph_application(instance: dg.DagsterInstance, workspace: Path | None) -> Iterator[Application]:
    """The pages and GraphQL of an instance; the code locations of ``workspace`` are loaded, and end with the block.

    Args:
        workspace: the workspace file; None for no code locations.
    """
    target = WorkspaceFileTarget([str(workspace)]) if workspace else EmptyWorkspaceTarget()
    with WorkspaceProcessContext(instance, target) as context:
        yield create_app_from_workspace_process_context(context, live_data_poll_rate=POLL_MS)
