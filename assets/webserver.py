"""Dagster's web server as an ASGI application, to be served behind the guard of ``app``."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._core.remote_origin import CodeLocationOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, WorkspaceFileTarget, WorkspaceLoadTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

Application = Callable[..., Awaitable[None]]
"""An ASGI application."""
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]

CONFIG_QUESTION = b"LaunchpadRootQuery"
"""The name of the question for the config of assets."""
MOST_TOKENS = 20_000
"""Words of the longest query that is looked at."""
UNSERVED = frozenset({"/notebook", "/dagit/notebook"})
"""Dagster's roads that are left out: they show any ``.ipynb`` of the machine, with the scripts that stand in it."""
POLL_MS = 2000
"""Milliseconds between two questions of an open page."""


@contextmanager
def code_servers(instance: dg.DagsterInstance, workspace: Path) -> Iterator[Path]:
    """One server for each code location of a workspace file, until the block ends.

    Returns:
        A workspace file that names the servers. All that read it see the same definitions, also after these were
        reloaded in the pages, and load none themselves.
    """
    targets = [_OneLocation(origin) for origin in WorkspaceFileTarget([str(workspace)]).create_origins()]
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        with ThreadPoolExecutor(len(targets)) as pool:  # each takes seconds to load
            started = [pool.submit(ProxyServerManager, instance, target, "ERROR") for target in targets]
        servers = [stack.enter_context(each.result()) for each in started if each.exception() is None]
        for each in started:
            each.result()  # raises for one that could not be started
        named = Path(folder) / workspace.name
        found = [spec for server in servers for spec in server.get_code_server_specs()]
        named.write_text(json.dumps({"load_from": found}))  # JSON is YAML
        yield named


class _OneLocation(WorkspaceLoadTarget):
    def __init__(self, origin: CodeLocationOrigin) -> None:
        self._origin = origin

    def create_origins(self) -> Sequence[CodeLocationOrigin]:
        return [self._origin]


@contextmanager
def graph_application(instance: dg.DagsterInstance, workspace: Path | None) -> Iterator[Application]:
    """The pages and GraphQL of an instance and of code locations.

    Args:
        workspace: the workspace file; None for no code locations.
    """
    target = WorkspaceFileTarget([str(workspace)]) if workspace else EmptyWorkspaceTarget()
    with WorkspaceProcessContext(instance, target, code_server_log_level="ERROR") as context:
        pages = create_app_from_workspace_process_context(context, live_data_poll_rate=POLL_MS)
        pages.router.routes[:] = [row for row in pages.router.routes if getattr(row, "path", "") not in UNSERVED]
        for row in pages.router.routes:
            if getattr(row, "path", "") == "/graphql" and hasattr(row, "methods"):
                row.methods = {"POST"}  # a GET could carry a mutation
        yield SelectionsOfOneLocation(pages, partial(executable_assets, context))


def executable_assets(context: WorkspaceProcessContext, location: str) -> set[tuple[str, ...]]:
    """The keys of the assets that a code location can materialize; none where it is not loaded."""
    entry = context.get_current_workspace().code_location_entries.get(location)
    if entry is None or entry.code_location is None:
        return set()
    graphs = [repository.asset_graph for repository in entry.code_location.get_repositories().values()]
    return {tuple(key.path) for graph in graphs for key in graph.executable_asset_keys}


class SelectionsOfOneLocation:
    """ASGI middleware: the pages' question for the config of assets is asked about those of the location that it names.

    "Materialize all" spans both locations. Dagster's page asks the location of the first asset for the config of all of
    them, and shows an error where it does not know them.

    Args:
        executable: the keys of the assets of a location.
    """

    def __init__(self, app: Application, executable: Callable[[str], set[tuple[str, ...]]]) -> None:
        self._app, self._executable = app, executable

    async def __call__(self, scope: Message, receive: Receive, send: Callable[[Message], Awaitable[None]]) -> None:
        """Pass everything on; of the one question, the body is changed."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") != "/graphql":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # the reader went away
            body, more = body + message.get("body", b""), message.get("more_body", False)
        sent = self._limited(body)
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        length = (b"content-length", str(len(sent)).encode())
        given = iter([{"type": "http.request", "body": sent, "more_body": False}])

        async def replay() -> Message:
            return next(given, None) or await receive()

        await self._app({**scope, "headers": [*headers, length]}, replay, send)

    def _limited(self, body: bytes) -> bytes:
        """The body with the selection limited to the location; the same body where it is another question."""
        if CONFIG_QUESTION not in body:
            return body
        try:
            asked = json.loads(body)
            variables = asked["variables"]
            known = self._executable(str(variables["repositoryLocationName"]))
            kept = [key for key in variables["assetSelection"] if tuple(key["path"]) in known]
        except (ValueError, LookupError, TypeError, RecursionError):
            return body
        if not kept:
            return body
        return json.dumps({**asked, "variables": {**variables, "assetSelection": kept}}).encode()


def reads(body: bytes) -> bool:
    """Whether a GraphQL request, as JSON, holds queries alone; False for anything that is not read for certain."""
    try:
        text = json.loads(body)["query"]
        document = parse(text, max_tokens=MOST_TOKENS) if isinstance(text, str) else None
    except (ValueError, LookupError, TypeError, GraphQLError, RecursionError):
        return False
    found = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)] if document else []
    return bool(found) and all(node.operation is OperationType.QUERY for node in found)
