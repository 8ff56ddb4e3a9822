"""Opens pages in headless Chromium, by its own DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/ says what the methods are.
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

_PATIENCE_S = 60.0
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip


class Browser:
    """A browser of its own for as long as it is entered; one tab."""

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
        """What a method of the protocol returns; events that come meanwhile are kept."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            told = json.loads(self._socket.recv(timeout=_PATIENCE_S))
            if told.get("id") == self._calls:
                assert "error" not in told, told
                return told["result"]
            self.events.append(told)

    def of(self, method: str) -> list[dict[str, Any]]:
        """The events of one kind since the last page was opened."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def show(self, *, width: int, height: int = 900, scheme: str = "light") -> None:
        """A window of so many CSS pixels, a telephone's below 600, in a colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        self.media(scheme)

    def media(self, scheme: str, medium: str = "screen") -> None:
        """The colour scheme and the medium that the page is shown in."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=medium, features=features)

    def open(self, url: str) -> None:
        """Load a page, and wait until it has."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not self.of("Page.loadEventFired"):
            self.events.append(json.loads(self._socket.recv(timeout=_PATIENCE_S)))

    def evaluate(self, expression: str) -> Any:
        """What an expression of JavaScript comes to, as JSON."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def screenshot(self) -> Image.Image:
        """The whole page, below the fold too."""
        from PIL import Image

        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        told = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return Image.open(io.BytesIO(base64.b64decode(told["data"]))).convert("RGB")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # it has children, and nothing to save
    process.wait()


def _address(home: str, process: subprocess.Popen[bytes]) -> str:
    """Where it listens, once it does."""
    told = Path(home, "DevToolsActivePort")
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        lines = told.read_text().split() if told.exists() else []
        if len(lines) == 2:
            port, path = lines
            return f"ws://127.0.0.1:{port}{path}"
        time.sleep(0.05)
    raise AssertionError(f"Chromium did not start (exit status {process.poll()})")
