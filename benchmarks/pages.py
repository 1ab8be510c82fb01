"""How soon a page of ours shows its title, beside an empty marimo notebook: ``python -m benchmarks.pages``.

From the navigation to the first visible title, in one headless Chromium, ours and the peer's in turn; wall time, since
that is what a person waits. The peer is ``marimo run`` of a notebook that holds nothing but a title: what marimo itself
takes on this machine at this moment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.support.chromium import Page, chromium, until
from tests.support.desk_store import prepare
from tests.support.houses import free_port
from tests.support.served import served

GOAL = 3.0
"""Seconds until there is something to look at, on a quiet machine."""
TITLES = {"monitor": "Monitor", "lab": "Strategy lab", "peer": "Peer"}
_PEER = """import marimo
app = marimo.App()


@app.cell
def _():
    import marimo as mo

    mo.md("# Peer")
    return
"""


@contextmanager
def peer(folder: Path) -> Iterator[str]:
    """The address of an empty notebook that marimo serves by itself."""
    notebook, port = folder / "peer.py", free_port()
    notebook.write_text(_PEER)
    address = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "marimo", "run", str(notebook), "--headless", "--no-token", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: _answers(address), "the peer's page")
            yield address
        finally:
            process.terminate()


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5):
            return True
    except URLError:
        return False


def first_title(page: Page, address: str, title: str) -> float:
    """Seconds from the navigation to a visible title that holds these words."""
    seen = f"all('h1').some(e => e.getBoundingClientRect().width > 0 && read(e).includes({title!r}))"
    page.open("about:blank")
    begun = time.monotonic()
    page.open(address)
    until(lambda: page.run(seen), f"the title {title}")
    return time.monotonic() - begun


def measure(rounds: int, folder: Path) -> dict[str, float]:
    """The median seconds of each page; a first round, which fills the browser's cache, is not counted."""
    with (
        served(prepare(folder / "store")) as ours,
        peer(folder) as theirs,
        chromium(folder / "profile") as page,
    ):
        addresses = {name: theirs if name == "peer" else ours.address(name) for name in TITLES}
        seconds: dict[str, list[float]] = {name: [] for name in TITLES}
        for number in range(rounds + 1):
            for name, address in addresses.items():
                spent = first_title(page, address, TITLES[name])
                if number:
                    seconds[name].append(spent)
    return {name: statistics.median(each) for name, each in seconds.items()}


def main() -> None:
    """Run and print one line per page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        seconds = measure(options.rounds, Path(folder))
    rows = [
        {"page": name, "seconds": seconds[name], "ratio": seconds[name] / seconds["peer"], "goal": GOAL}
        for name in ("monitor", "lab")
    ]
    if options.json:
        print(json.dumps({"peer": seconds["peer"], "rows": rows}))
        return
    print(f"{'an empty marimo notebook':26} {seconds['peer']:5.2f} s")
    for row in rows:
        print(f"{row['page']:26} {row['seconds']:5.2f} s  {row['ratio']:4.2f} x  goal {GOAL:.0f} s")


if __name__ == "__main__":
    main()
