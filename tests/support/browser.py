"""Open pages in headless Chromium, through its DevTools protocol.

The methods are documented at https://chromedevtools.github.io/devtools-protocol/.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from websockets.sync.client import connect

if TYPE_CHECKING:
    from PIL import Image

_TIMEOUT_S = 60.0
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip


class Browser:
    """A separate browser with one tab, as a context manager."""

    def __init__(self) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        assert program, "Chromium is not installed; scripts/setup dev does that"
        self._program = program
        self._calls = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            self.process = self._start(home)
            stack.callback(_end, self.process)
            self._socket = stack.enter_context(
                connect(_address(home, self.process), max_size=None, proxy=None)
            )
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
            self._ending = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def _start(self, home: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self._program, *_FLAGS, f"--user-data-dir={home}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result; events meanwhile are kept."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            reply = json.loads(self._socket.recv(timeout=_TIMEOUT_S))
            if reply.get("id") == self._calls:
                assert "error" not in reply, reply
                return reply["result"]
            self.events.append(reply)

    def events_named(self, method: str) -> list[dict[str, Any]]:
        """Return the events of one kind since the last page was opened."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def set_window(self, *, width: int, height: int = 900, scheme: str = "light") -> None:
        """Set the size in CSS pixels and the colour scheme; below 600 it is a phone."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        self.emulate_media(scheme)

    def emulate_media(self, scheme: str, medium: str = "screen") -> None:
        """Set the colour scheme and the medium of the page."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=medium, features=features)

    def open(self, url: str) -> None:
        """Load a page and wait until it has loaded."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not self.events_named("Page.loadEventFired"):
            self.events.append(json.loads(self._socket.recv(timeout=_TIMEOUT_S)))

    def evaluate(self, expression: str) -> Any:
        """Evaluate a JavaScript expression."""
        reply = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in reply, reply
        return reply["result"].get("value")

    def screenshot(self) -> Image.Image:
        """Take a picture of the whole page, including what is below the fold."""
        from PIL import Image

        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        reply = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return Image.open(io.BytesIO(base64.b64decode(reply["data"]))).convert("RGB")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # it has child processes, and nothing to save
    process.wait()


def _address(home: str, process: subprocess.Popen[bytes]) -> str:
    """Wait until it listens, and return its address."""
    port_file = Path(home, "DevToolsActivePort")
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        lines = port_file.read_text().split() if port_file.exists() else []
        if len(lines) == 2:
            port, path = lines
            return f"ws://127.0.0.1:{port}{path}"
        time.sleep(0.05)
    raise AssertionError(f"Chromium did not start (exit status {process.poll()})")
