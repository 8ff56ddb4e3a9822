"""Many listeners at once: a load test of any server with OpenAI's speech API.

    pip install 'voicecli[load]'
    locust -f examples/locustfile.py --host http://localhost:8880/v1

Then http://localhost:8089 asks how many, and shows what they hear; `voicecli.bench.load`
says what the rows mean. ``--processes -1`` uses every processor. Of several machines one
is started with ``--master``, the others with ``--worker --master-host ADDRESS``. The
server's key, where it wants one, goes into VOICECLI_API_KEY on each.

Copy this file, and make what follows the traffic that you expect.
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

locust.stats.STATS_TYPE_WIDTH = 11  # of the terminal, for "continuity"
logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells of every request


class Caller(User):
    """Asks, hears the answer out, thinks, and asks again."""

    wait_time = between(1, 3)  # seconds from the end of an answer to the next question

    def on_start(self) -> None:
        self.listener = Listener(self.host, self.environment.events.request.fire)

    def on_stop(self) -> None:
        self.listener.close()

    @task(3)
    def reply(self) -> None:
        self.listener.hear(random.choice(SHORT), "opus", name="opus, short")

    @task(1)
    def explanation(self) -> None:
        self.listener.hear(random.choice(LONG), "mp3")
