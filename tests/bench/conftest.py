from __future__ import annotations

import pytest

from tests.bench.load_reports import Reports
from tests.session.fakes import FakeClock, ScriptedSource


@pytest.fixture
def env(tmp_path):
    """The environment of a listener, whose configuration file is empty until a test fills it."""
    path = tmp_path / "config.toml"
    path.touch()
    return {"VOICECLI_CONFIG": str(path)}


@pytest.fixture
def play(env, monkeypatch):
    """Request one script from a listener, in virtual time; returns the reports."""
    from voicecli.bench import load

    def play_script(*steps, preparing_s=0.0, **options):
        clock, reports = FakeClock(), Reports()

        def prepare():
            clock.advance(preparing_s)

        def source(endpoint, request, shared):
            reports.pcm_rate_hz = shared.pcm_rate_hz
            return ScriptedSource(list(steps), clock=clock, prepares=prepare)

        monkeypatch.setattr(load, "source_for", source)
        listener = load.Listener("http://127.0.0.1:9/v1", reports, env=env, clock=clock)
        try:
            listener.request("Hello.", "pcm", **options)
        finally:
            listener.close()
        return reports

    return play_script
