"""A load test with many listeners, for any server with OpenAI's speech API.

    .venv/bin/pip install -e '.[load]'
    locust -f examples/locustfile.py --host http://localhost:8880/v1

Open http://localhost:8089 to choose the number of listeners and see the results;
`voicecli.bench.load` explains the rows. ``--processes -1`` uses every processor. To use
several machines, start one with ``--master`` and the others with ``--worker --master-host
ADDRESS``. If the server needs a key, set VOICECLI_API_KEY on each.

Copy this file and adapt it to the traffic you expect.
"""

from __future__ import annotations

import logging
import random

import locust.stats
from locust import User, between, task

from voicecli.bench.load import Listener

SHORT = ["Yes.", "One moment, please.", "You are welcome."]
LONG = [
    "Your parcel has left the depot, and will be with you tomorrow between nine and eleven.",
    "The meeting begins at three; the room has changed, and the agenda has not.",
]

locust.stats.STATS_TYPE_WIDTH = 11  # columns, for "continuity"
logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs every request


class Caller(User):
    """Requests speech, listens to the end, pauses, and repeats."""

    wait_time = between(1, 3)  # seconds from the end of a response to the next request

    def on_start(self) -> None:
        self.listener = Listener(self.host, self.environment.events.request.fire)

    def on_stop(self) -> None:
        self.listener.close()

    @task(3)
    def reply(self) -> None:
        self.listener.request(random.choice(SHORT), "opus", name="opus, short")

    @task(1)
    def explanation(self) -> None:
        self.listener.request(random.choice(LONG), "mp3")
