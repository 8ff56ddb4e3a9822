from __future__ import annotations

import json
import os
import threading

import pytest

from tests.session.fakes import Watcher
from tests.support.speech_server import Reply, SpeechServer, clips_of, error
from tests.support.tones import tone
from voicecli.bench import runners as module
from voicecli.bench.runners import Cold, Live, Simulated
from voicecli.config.endpoint import KEYLESS
from voicecli.errors import BadResponse, ExitStatus, NetworkError, VoiceError
from voicecli.playback.output import Output, OutputSettings
from voicecli.playback.policy import BufferPolicy
from voicecli.request import SpeechRequest
from voicecli.session import SessionSettings
from voicecli.session.fetcher import FetchLimits
from voicecli.sources.client import SpeechClient
from voicecli.telemetry.events import Received

OUTPUT = Output(OutputSettings(policy=BufferPolicy.fixed(0.0), output="null"))
SETTINGS = SessionSettings(FetchLimits(20.0, 20.0, retries=0))


@pytest.fixture(scope="module")
def server():
    clips = clips_of(tone(0.3), formats=["wav", "opus"])
    with SpeechServer(clips) as running:
        yield running


@pytest.fixture(params=[Live, Simulated, Cold])
def runner(request, server, tmp_path):
    if request.param is Cold:
        env = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        env["HOME"] = str(tmp_path)
        arguments = ["--base-url", server.url, "--device", "null", "--buffer-ms", "0"]
        made = Cold(arguments, env)
    else:
        made = request.param(
            SpeechClient(server.url, KEYLESS, read_timeout_s=20.0), OUTPUT, SETTINGS
        )
    yield made
    made.close()


def request(text="Hello.", format="wav"):
    return SpeechRequest(text, voice="alloy", model="tts-1", response_format=format)


def test_each_way_hears_the_whole_answer(runner, server):
    run = runner.run(request(), ())
    assert run.metrics["audio_s"] == pytest.approx(0.3)
    assert run.metrics["spoken_s"] == pytest.approx(0.3)
    assert run.metrics["format"] == "wav"
    assert run.metrics["ttfb_ms"] <= run.metrics["ttfa_ms"]
    assert run.arrivals[-1][1] == pytest.approx(0.3)
    asked = server.speech_requests[-1].json
    assert (asked["input"], asked["voice"], asked["model"]) == ("Hello.", "alloy", "tts-1")


def test_each_way_raises_what_went_wrong(runner, server):
    server.queued.append(error(400, {"error": {"message": "no such voice"}}))
    with pytest.raises(VoiceError, match="no such voice") as raised:
        runner.run(request(), ())
    assert raised.value.code == BadResponse.code
    assert raised.value.exit_status == ExitStatus.SOURCE


def test_an_answer_that_breaks_off_is_no_answer(runner, server):
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
def test_observers_hear_what_happens(kind, server):
    made = kind(SpeechClient(server.url, KEYLESS), OUTPUT, SETTINGS)
    watcher = Watcher()
    run = made.run(request(), [watcher])
    made.close()
    assert sum(len(event.data) for event in watcher.all(Received)) == run.metrics["bytes"]


@pytest.mark.parametrize("kind", [Live, Simulated])
def test_the_usual_way_waits_for_the_whole_file(kind, server):
    made = kind(SpeechClient(server.url, KEYLESS), OUTPUT, SETTINGS, whole_file=True)
    run = made.run(request(format="opus"), ())
    made.close()
    assert run.metrics["format"] == "pcm"
    assert run.metrics["audio_s"] == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("kind", [Live, Simulated, Cold])
def test_a_request_that_is_cancelled_ends(kind, server, tmp_path):
    """The server has stopped in the middle, for good."""
    stalled = Reply(pace=1.0, stall_at_s=0.1, stall_for_s=20.0, chunk_bytes=512)
    server.queued.append(stalled)
    if kind is Cold:
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        made = Cold(["--base-url", server.url, "--device", "null"], env)
    else:
        made = kind(SpeechClient(server.url, KEYLESS), OUTPUT, SETTINGS)
    made.cancel()  # of nothing yet
    known = len(server.speech_requests)
    caught = []

    def hear():
        try:
            made.run(request(), ())
        except VoiceError as fault:
            caught.append(fault)

    thread = threading.Thread(target=hear)
    thread.start()
    while thread.is_alive() and len(server.speech_requests) == known:
        thread.join(0.01)
    while thread.is_alive() and server.speech_requests[-1].sent < 2000:
        thread.join(0.01)
    made.cancel()
    thread.join(20.0)
    assert not thread.is_alive()
    made.close()
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
    assert module._of(full) == [
        *("--voice", "v", "--model", "m", "--format", "mp3", "--speed", "1.5"),
        *("--instructions", "low", "--extra", "stream=true", "--extra", "n=[1]"),
    ]


def test_a_process_that_says_nothing_is_told_as_it_is(tmp_path):
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


def test_an_error_without_words_still_has_a_status():
    told = module.Told(json.loads("{}"), 6)
    assert (told.code, told.exit_status) == ("error", ExitStatus.DEVICE)
    assert "ended with 6" in told.message


def test_a_cold_start_learns_nothing_for_the_next_and_leaves_nothing_learned(server, tmp_path):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    env["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    Cold(["--base-url", server.url, "--device", "null"], env).run(request(), ())
    assert not (tmp_path / "cache" / "voicecli" / "arrivals.jsonl").exists()
