"""The real server of the apps, as a process of its own, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOKEN = "a-token_for-tests"


@dataclass(frozen=True)
class Served:
    """Where it listens, and what a reader needs."""

    port: int
    token: str

    def address(self, app: str) -> str:
        """An app's address, token included."""
        return f"http://127.0.0.1:{self.port}/{app}/?access_token={self.token}"


@contextmanager
def served(overrides: Sequence[str], conf: Path | None = None) -> Iterator[Served]:
    """``tradewright serve`` on a free port; it ends at the end of the block.

    Args:
        conf: the folder of YAML files, where it is not the shipped one.
    """
    command = [
        sys.executable,
        "-c",
        "from app.cli import main; main()",
        "serve",
        *overrides,
        "observability.serve.port=0",
        "--json",
    ]
    environment = {**os.environ, "TRADEWRIGHT_TOKEN": TOKEN, **({"TRADEWRIGHT_CONF": str(conf)} if conf else {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield Served(json.loads(process.stdout.readline())["port"], TOKEN)
        finally:
            process.terminate()
            try:
                process.wait(timeout=240)
            finally:
                process.kill()
