"""What a listener of a load test reports, kept for tests."""

from __future__ import annotations


class Reports:
    """Keeps the events, by request type."""

    def __init__(self):
        self.events = {}

    def __call__(self, **event):
        kind = event.pop("request_type")
        assert kind not in self.events
        assert event.pop("context") == {}
        self.events[kind] = event

    def __getitem__(self, kind):
        return self.events[kind]

    def failures(self):
        return {
            kind: str(event["exception"])
            for kind, event in self.events.items()
            if event["exception"] is not None
        }
