"""An executor and an event loop that advance only when the test says so."""

from __future__ import annotations

import asyncio
import threading

from voicecli.streams import scheduling


class ManualExecutor:
    """Replaces the shared executor in ``module``; keeps submitted tasks until they are run."""

    def __init__(self, monkeypatch, module):
        self.tasks = []
        self.count = 0
        monkeypatch.setattr(module, "shared_executor", lambda: self, raising=False)
        monkeypatch.setattr(scheduling, "shared_executor", lambda: self)
        monkeypatch.setattr(scheduling, "waiting_batches", waiting := set())
        monkeypatch.setattr(module, "waiting_batches", waiting, raising=False)

    def submit(self, work, *args):
        self.count += 1
        self.tasks.append(lambda: work(*args))

    def run_one(self):
        """Run the oldest task on another thread, and wait for it."""
        thread = threading.Thread(target=self.tasks.pop(0))
        thread.start()
        thread.join()

    async def run_until(self, task):
        """Run tasks as they are submitted until the asyncio ``task`` is done."""
        while not task.done():
            await settle()
            if self.tasks:
                self.run_one()
        return task.result()


async def settle():
    """Let every asyncio task continue as far as it can without waiting for time."""
    for _ in range(10):
        await asyncio.sleep(0)
