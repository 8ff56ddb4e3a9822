from __future__ import annotations

import json
import os
import threading

import pytest

from tests.session.fakes import Watcher
from tests.support.speech_server import Reply, SpeechServer, clips_of, error
from tests.support.tones import tone
from voicecli.bench import runners as module
from voicecli.bench.runners import Cold, Live, ReportedError, Simulated, say_flags
from voicecli.bench.whole_file import WholeFile
from voicecli.config.endpoint import Endpoint
from voicecli.config.server import KEYLESS
from voicecli.errors import BadResponse, ExitStatus, NetworkError, VoiceError
from voicecli.playback.output import Output, OutputSettings
from voicecli.playback.policy import BufferPolicy
from voicecli.request import SpeechRequest
from voicecli.session import SessionSettings
from voicecli.session.fetcher import FetchLimits
from voicecli.sources.registry import SourceContext, source_for
from voicecli.telemetry.events import Received

POLICY = BufferPolicy.fixed(0.0)
OUTPUT = Output(OutputSettings(policy=POLICY, output="null"))
SETTINGS = SessionSettings(FetchLimits(20.0, 20.0, retries=0))


@pytest.fixture(scope="module")
def server():
    clips = clips_of(tone(0.3), formats=["wav", "opus"])
    with SpeechServer(clips) as running:
        yield running


@pytest.fixture
def make(server, tmp_path):
    """Makes runners of a kind, and closes their connections."""
    endpoint = Endpoint(server.url, KEYLESS, None, "a test", None, "tts-1", "alloy")
    shared = SourceContext(read_timeout_s=20.0)

    def make_runner(kind, *, whole_file=False):
        if kind is Cold:
            env = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
            # A runtime folder of its own, or another test's ``voicecli skip`` would reach it.
            env |= {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
            return Cold(["--base-url", server.url, "--device", "null", "--buffer-ms", "0"], env)

        def make_source(request):
            source = source_for(endpoint, request, shared)
            return WholeFile(source) if whole_file else source

        if kind is Live:
            return Live(make_source, OUTPUT, SETTINGS)
        return Simulated(make_source, POLICY)

    yield make_runner
    shared.close()


@pytest.fixture(params=[Live, Simulated, Cold])
def runner(request, make):
    return make(request.param)


def request(text="Hello.", format="wav"):
    return SpeechRequest(text, voice="alloy", model="tts-1", response_format=format)


def test_every_kind_plays_the_whole_answer(runner, server):
    run = runner.run(request(), ())
    assert run.metrics["audio_s"] == pytest.approx(0.3)
    assert run.metrics["spoken_s"] == pytest.approx(0.3)
    assert run.metrics["format"] == "wav"
    assert run.metrics["ttfb_ms"] <= run.metrics["ttfa_ms"]
    assert run.arrivals[-1][1] == pytest.approx(0.3)
    asked = server.speech_requests[-1].json
    assert (asked["input"], asked["voice"], asked["model"]) == ("Hello.", "alloy", "tts-1")


def test_every_kind_raises_the_error(runner, server):
    server.queued.append(error(400, {"error": {"message": "no such voice"}}))
    with pytest.raises(VoiceError, match="no such voice") as raised:
        runner.run(request(), ())
    assert raised.value.code == BadResponse.code
    assert raised.value.exit_status == ExitStatus.SOURCE


def test_a_broken_answer_is_an_error(runner, server):
    server.queued.append(Reply(cut_at=0.5, framing="chunked"))
    with pytest.raises(VoiceError) as raised:
        runner.run(request(), ())
    assert raised.value.code == NetworkError.code


def test_only_cold_starts_count_the_start_of_a_process(runner):
    launched_ms = runner.run(request(), ()).metrics["launch_to_request_ms"]
    if isinstance(runner, Cold):
        assert launched_ms > 0
    else:
        assert launched_ms is None


@pytest.mark.parametrize("kind", [Live, Simulated])
def test_observers_are_notified(kind, make):
    watcher = Watcher()
    run = make(kind).run(request(), [watcher])
    assert sum(len(event.data) for event in watcher.all(Received)) == run.metrics["bytes"]


@pytest.mark.parametrize("kind", [Live, Simulated])
def test_the_baseline_decodes_the_whole_file(kind, make):
    run = make(kind, whole_file=True).run(request(format="opus"), ())
    assert run.metrics["format"] == "pcm"
    assert run.metrics["audio_s"] == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("kind", [Live, Simulated, Cold])
def test_a_cancelled_request_ends(kind, server, make):
    """The server has stopped in the middle, for good."""
    stalled = Reply(pace=1.0, stall_at_s=0.1, stall_for_s=20.0, chunk_bytes=512)
    server.queued.append(stalled)
    made = make(kind)
    made.cancel()  # nothing yet
    known = len(server.speech_requests)
    caught = []

    def run():
        try:
            made.run(request(), ())
        except VoiceError as fault:
            caught.append(fault)

    running = threading.Thread(target=run)
    running.start()
    while running.is_alive() and len(server.speech_requests) == known:
        running.join(0.01)
    while running.is_alive() and server.speech_requests[-1].sent < 2000:
        running.join(0.01)
    made.cancel()
    running.join(20.0)
    assert not running.is_alive()
    if kind is Cold:
        assert [fault.exit_status for fault in caught] == [ExitStatus.INTERRUPTED]


def test_every_field_of_a_request_reaches_the_other_process():
    full = SpeechRequest(
        "x",
        voice="v",
        model="m",
        response_format="mp3",
        speed=1.5,
        instructions="low",
        extra_body={"stream": True, "n": [1]},
    )
    assert say_flags(full) == [
        *("--voice", "v", "--model", "m", "--format", "mp3", "--speed", "1.5"),
        *("--instructions", "low", "--extra", "stream=true", "--extra", "n=[1]"),
    ]


def test_a_process_without_json_is_an_error_with_its_message(tmp_path):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with pytest.raises(VoiceError, match=r"ended with 2: .*Usage"):
        Cold(["--no-such-flag"], env).run(request(), ())


def test_an_interrupt_ends_the_other_process(monkeypatch, tmp_path):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    cold = Cold(["--base-url", "http://127.0.0.1:9/v1"], env)

    def interrupted(self, _text):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cold.run(request(), ())
    assert cold._process.returncode is not None


def test_a_reported_error_without_a_message_has_a_status():
    error = ReportedError(json.loads("{}"), 6)
    assert (error.code, error.exit_status) == ("error", ExitStatus.DEVICE)
    assert "ended with 6" in error.message


def test_a_cold_start_learns_nothing_for_the_next_and_leaves_nothing_learned(server, tmp_path):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    env["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    Cold(["--base-url", server.url, "--device", "null"], env).run(request(), ())
    assert not (tmp_path / "cache" / "voicecli" / "arrivals.jsonl").exists()
