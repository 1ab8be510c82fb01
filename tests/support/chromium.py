"""A headless Chromium for tests, driven over its DevTools websocket: open, read (shadow roots too), click, type."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import urlopen

import pytest
from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--force-prefers-reduced-motion",
]
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
PATIENCE = 240.0
Found = TypeVar("Found")

_DEEP = """
const hosts = root => [...root.querySelectorAll('*')].filter(e => e.shadowRoot);
const inside = root => [root, ...hosts(root).flatMap(e => inside(e.shadowRoot))];
const all = selector => inside(document).flatMap(root => [...root.querySelectorAll(selector)]);
const read = node => [...node.childNodes].map(child => child.nodeType === 3 ? child.data
  : child.nodeType !== 1 || ['STYLE', 'SCRIPT', 'TEMPLATE', 'NOSCRIPT'].includes(child.tagName) ? ''
  : (child.shadowRoot ? read(child.shadowRoot) : '') + (child.value && child.tagName === 'INPUT' ? child.value : '')
    + read(child) + ' ').join('');
const says = (element, text) => (element.getAttribute('aria-label') || '') === text || read(element).trim() === text;
"""


def until(look: Callable[[], Found], what: str, patience: float = PATIENCE) -> Found:
    """What ``look`` finds as soon as it is true; fails, saying what was awaited, when it never is."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {what}")
        time.sleep(0.1)
    return found


class Page:
    """One tab."""

    def __init__(self, link: ClientConnection) -> None:
        self._link, self._numbers = link, itertools.count(1)
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One DevTools command; what the page complains of on the way is kept."""
        number = next(self._numbers)
        self._link.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._link.recv(timeout=PATIENCE))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:500])
        if message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; ``all(selector)`` and ``read(node)`` look into shadow roots."""
        answer = self.call("Runtime.evaluate", expression=f"(() => {{{_DEEP} return {script}}})()", returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, address: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=address)

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """The window's size and the colour scheme that the reader prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def text(self) -> str:
        """All that can be read, shadow roots included, with single spaces."""
        return " ".join(str(self.run("document.body ? read(document.body) : ''")).split())

    def await_text(self, *wanted: str) -> str:
        """The page's text as soon as it holds all of these."""
        try:
            return until(
                lambda: next((text for text in [self.text()] if all(w in text for w in wanted)), ""), str(wanted)
            )
        except AssertionError as error:
            raise AssertionError(
                f"{error}; the page says: {self.text()[:3000]}; it complains: {self.complaints}"
            ) from None

    def click(self, selector: str, text: str = "") -> None:
        """Click the first such element, with a real mouse, as soon as it is there.

        What is still being drawn above an element moves it, and a press where it was goes elsewhere; then it is clicked
        where it is now.
        """
        match = f"all({json.dumps(selector)}).filter(e => !{json.dumps(text)} || says(e, {json.dumps(text)}))[0]"
        marked = (
            "window.hit = false; e.addEventListener('click', () => { window.hit = true }, {once: true, capture: true})"
        )
        middle = "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]"

        def hit() -> bool:
            self._scroll(match, f"{selector} {text!r}")
            x, y = self.run(f"(e => {{{marked}; {middle}}})({match})")
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
            return bool(self.run("window.hit !== false"))

        until(hit, f"a click on {selector} {text!r}")

    def type(self, selector: str, text: str) -> None:
        """Replace what stands in the first such field."""
        self.click(selector)
        self.press("a", 65, modifiers=2)
        self.call("Input.insertText", text=text)

    def choose(self, option: str) -> None:
        """Choose an option of the first list that has it."""
        match = f"all('select').find(e => [...e.options].some(o => o.text === {json.dumps(option)}))"
        self._scroll(match, f"a list with {option}")
        value = f"[...e.options].find(o => o.text === {json.dumps(option)}).value"
        self.run(f"(e => {{e.value = {value}; e.dispatchEvent(new Event('change', {{bubbles: true}}))}})({match})")

    def press(self, key: str, code: int, modifiers: int = 0) -> None:
        """Press a key in whatever has the focus."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                modifiers=modifiers,
                commands=["selectAll"] if modifiers else [],
            )

    def focus(self, selector: str, number: int = 0) -> None:
        """Give the focus to an element."""
        match = f"all({json.dumps(selector)})[{number}]"
        self._scroll(match, selector)
        self.run(f"{match}.focus()")

    def picture(self, path: Path) -> None:
        """What the window shows, as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def _scroll(self, match: str, what: str) -> None:
        until(lambda: self.run(f"!!{match}"), f"an element {what}")
        self.run(f"{match}.scrollIntoView({{block: 'center', behavior: 'instant'}})")


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A browser with one empty tab; it ends with the block."""
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            port_file = profile / "DevToolsActivePort"
            until(lambda: port_file.is_file() and port_file.read_text().count("\n") >= 1, "Chromium's port")
            port = port_file.read_text().splitlines()[0]
            with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as answer:
                tab = next(row for row in json.load(answer) if row["type"] == "page")
            with connect(tab["webSocketDebuggerUrl"], max_size=2**27, compression=None) as link:
                yield Page(link)
        finally:
            browser.terminate()
            browser.wait(timeout=PATIENCE)
