"""Dagster's web server as an ASGI application, to be served behind the guard of ``app``."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

Application = Callable[..., Awaitable[None]]
"""An ASGI application."""

MOST_TOKENS = 20_000
"""Words of the longest query that is looked at."""
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


def reads(body: bytes) -> bool:
    """Whether a GraphQL request, as JSON, holds queries alone; False for anything that is not read for certain."""
    try:
        text = json.loads(body)["query"]
        document = parse(text, max_tokens=MOST_TOKENS) if isinstance(text, str) else None
    except (ValueError, LookupError, TypeError, GraphQLError, RecursionError):
        return False
    found = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)] if document else []
    return bool(found) and all(node.operation is OperationType.QUERY for node in found)
