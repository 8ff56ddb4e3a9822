"""An executor and a loop that go on when the test says so."""

from __future__ import annotations

import asyncio
import threading


class Executor:
    """Stands in for the shared one in ``module``: keeps what is submitted until it is run."""

    def __init__(self, monkeypatch, module):
        self.tasks = []
        self.count = 0
        monkeypatch.setattr(module, "shared_executor", lambda: self)

    def submit(self, work, *args):
        self.count += 1
        self.tasks.append(lambda: work(*args))

    def run_one(self):
        """As another thread would, which the test waits for."""
        thread = threading.Thread(target=self.tasks.pop(0))
        thread.start()
        thread.join()


async def settle():
    """Let every task go on as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)
