"""A fetcher with everything around it, for tests."""

from __future__ import annotations

import threading

from tests.session.fakes import FakeClock, Watcher
from voicecli.errors import ConfigError, NetworkError, RateLimited
from voicecli.session.fetcher import Fetcher, FetchLimits
from voicecli.telemetry.observers import Observers


class Rig:
    """A fetcher with a clock and a watcher; a thread is needed only if a script waits."""

    def __init__(self, *, holds=False, **limits):
        self.clock = FakeClock(holds=holds)
        self.watcher = Watcher()
        self.released_at = []
        self.items = []
        self.fault = None
        self.fetcher = Fetcher(
            FetchLimits(**limits),
            self.clock,
            Observers([self.watcher]),
            on_sent=lambda: self.released_at.append(self.clock.now()),
        )

    def run(self, *sources):
        """Collect the items; keep the fault that ends them."""
        try:
            for item in self.fetcher.items(sources):
                self.items.append(item)
        except (NetworkError, RateLimited, ConfigError) as error:
            self.fault = error
        return self.items

    def in_thread(self, *sources):
        thread = threading.Thread(target=self.run, args=sources, name="test-fetcher")
        thread.start()
        return thread
