"""`voicecli serve` with real clients: recorded at the sound server, in every format."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from functools import cache

import av
import numpy as np
import pytest

from tests.support.cli import Cli
from tests.support.fork_server import ROOT
from tests.support.recorder import Recorder
from tests.support.serve_process import serving
from tests.support.sound_server import RATE_HZ
from tests.support.tones import FORMATS
from voicecli.request import SpeechRequest
from voicecli.sources.builtin import BuiltinSource
from voicecli.sources.voicecache import VoiceCache

TEXT = "Hello from a server."

# What a codec may add at either end: a frame at 24 kHz, and a smear into the silence.
EDGE_STEPS = 6
STEP_S = 0.01


@cache
def speech() -> np.ndarray:
    """The speech as the sound server renders it, at 48 kHz."""
    request = SpeechRequest(TEXT, "heart", "hibari", "pcm")
    with BuiltinSource(request, VoiceCache()).open() as response:
        samples = np.frombuffer(b"".join(response), "<i2").reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate = 24_000
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in parts])


def envelope(samples: np.ndarray) -> np.ndarray:
    """RMS of each `STEP_S`, from the first to the last that is not faint."""
    step = round(RATE_HZ * STEP_S)
    whole = samples[: len(samples) // step * step].astype(float).reshape(-1, step)
    levels = np.sqrt((whole**2).mean(axis=1))
    loud = np.flatnonzero(levels > levels.max() / 20)
    return levels[loud[0] : loud[-1] + 1]


def likeness(recording) -> float:
    """Compare length and shape with the speech, from end to end; above 0.95 it is the same."""
    expected, got = envelope(speech()), envelope(recording.samples)
    if abs(len(got) - len(expected)) > EDGE_STEPS:
        return 0.0
    # A lossy codec may move the onset by a frame, so the best alignment counts.
    return max(correlation(expected, got, shift) for shift in range(-EDGE_STEPS, EDGE_STEPS + 1))


def check_is_the_speech(sound_server, play) -> None:
    """Play up to three times, as a busy machine makes gaps that no player can prevent."""
    for _ in range(3):
        with Recorder(sound_server) as recorder:
            play()
            found = likeness(recorder.finish().sound())
        if found > 0.95:
            break
    assert found > 0.95


def correlation(expected: np.ndarray, got: np.ndarray, shift: int) -> float:
    one, other = expected[max(0, shift) :], got[max(0, -shift) :]
    shared = min(len(one), len(other))
    return float(np.corrcoef(one[:shared], other[:shared])[0, 1])


@pytest.fixture(scope="module")
def server_cli(tmp_path_factory) -> Cli:
    return Cli(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def served(server_cli):
    with serving(server_cli) as server:
        yield server


@pytest.mark.sound
@pytest.mark.parametrize("kind", FORMATS)
def test_say_plays_every_format(cli, sound_server, served, kind) -> None:
    def play() -> None:
        done = cli.run("say", "--json", "--base-url", served.url, "--format", kind, TEXT)
        assert done.exit_code == 0, done
        assert done.json["format"] == kind

    check_is_the_speech(sound_server, play)


@pytest.mark.sound
def test_say_plays_server_sent_events(cli, sound_server, served) -> None:
    def play() -> None:
        done = cli.run(
            "say", "--base-url", served.url, "--format", "opus",
            "--extra", 'stream_format="sse"', TEXT,
        )  # fmt: skip
        assert done.exit_code == 0, done

    check_is_the_speech(sound_server, play)


@pytest.mark.sound
@pytest.mark.parametrize("kind", FORMATS)
def test_curl_and_ffplay_play_every_format(home, sound_server, served, kind) -> None:
    raw = ["-f", "s16le", "-sample_rate", "24000"] if kind == "pcm" else []
    env = sound_server.environment({"HOME": str(home), "SDL_AUDIODRIVER": "pulse"})
    env["PATH"] = "/usr/bin:/bin"
    body = json.dumps({"input": TEXT, "response_format": kind})
    curl = ["curl", "-sSN", "-H", "Content-Type: application/json", "-d", body]
    ffplay = ["ffplay", "-nodisp", "-autoexit", "-loglevel", "error", *raw, "-"]

    def play() -> None:
        with subprocess.Popen(
            [*curl, f"{served.url}/audio/speech"], env=env, stdout=subprocess.PIPE
        ) as sender:
            subprocess.run(ffplay, env=env, stdin=sender.stdout, check=True, timeout=60)
        assert sender.returncode == 0

    check_is_the_speech(sound_server, play)


@pytest.mark.sound
@pytest.mark.parametrize("kind", ["mp3", "pcm"])
def test_the_openai_sdk_example_plays(cli, sound_server, kind) -> None:
    example = ROOT / "examples" / "serve_openai_sdk.py"

    def play() -> None:
        subprocess.run(
            [sys.executable, str(example), TEXT, kind],
            env=cli.environment(), cwd=cli.home, check=True, timeout=60,
        )  # fmt: skip

    check_is_the_speech(sound_server, play)


def test_the_voices_command_lists_the_voices(silent_cli, served) -> None:
    done = silent_cli.run("voices", "--base-url", served.url, "--json")
    assert {"heart", "alloy"} <= {voice["id"] for voice in json.loads(done.stdout)}


def test_a_client_set_up_for_kokoro_works(silent_cli, served) -> None:
    voice = ("--model", "kokoro", "--voice", "af_bella(2)+af_sky")
    for endpoint in (("--base-url", served.url), ()):
        done = silent_cli.run("say", "--no-play", *endpoint, *voice, "Hi.")
        assert done.exit_code == 0, done


def test_the_access_log_has_no_text_key_or_query(served) -> None:
    secret = {"Authorization": "Bearer sesame"}
    body = {"input": "Xyzzy.", "response_format": "aac"}
    assert served.request("/v1/audio/speech", body, secret)[0] == 200
    assert served.request("/lost?key=plugh")[0] == 404
    assert served.wait_for_line("of aac").startswith(
        'voicecli: 127.0.0.1 "POST /v1/audio/speech" 200 '
    )
    assert "404" in served.wait_for_line('"GET /lost"')
    log = "\n".join(served.lines)
    assert not any(word in log for word in ("Xyzzy", "sesame", "plugh"))


LONG = "This is one sentence of many. " * 100


def start_request(served, body) -> socket.socket:
    """Send a speech request; the response is not read yet."""
    data = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", served.started["port"]), timeout=30)
    head = (
        "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    connection.sendall(head.encode() + data)
    return connection


def rest(connection: socket.socket) -> bytes:
    data = b""
    while part := connection.recv(65536):
        data += part
    return data


CHUNKED = b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("head", "rest_of_it", "status", "code"),
    [
        (b"garbage\r\n\r\n", b"", 400, "invalid_http"),
        (CHUNKED + b"Content-Type: application/json\r\n\r\n", b"zz\r\n", 400, "invalid_http"),
        (CHUNKED + b"Content-Type: text/plain\r\n\r\n", b"zz\r\n", 415,
         "unsupported_media_type"),
    ],
    ids=["no HTTP", "no chunk", "no chunk after the response"],
)  # fmt: skip
def test_invalid_http_is_rejected(served, head, rest_of_it, status, code) -> None:
    with socket.create_connection(("127.0.0.1", served.started["port"]), timeout=30) as connection:
        connection.sendall(head)
        if rest_of_it:
            served.request("/health")  # the head has been processed by now
            connection.sendall(rest_of_it)
        answer = rest(connection)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(answer[answer.index(b"{") : answer.rindex(b"}") + 1])["error"]["code"] == code
    assert served.request("/health")[0] == 200
    assert not any("Traceback" in line for line in served.lines)


def test_a_key_is_required_on_a_public_address(silent_cli) -> None:
    env = {"SERVER_KEY": "sesame"}
    with serving(silent_cli, "--host", "0.0.0.0", "--api-key-env", "SERVER_KEY", "--no-warm",
                 env=env) as served:  # fmt: skip
        status, headers, body = served.request("/v1/models", headers={"Authorization": "Bearer no"})
        assert status == 401
        assert headers["WWW-Authenticate"] == "Bearer"
        assert json.loads(body)["error"]["code"] == "invalid_api_key"
        assert served.request("/v1/models", headers={"Authorization": "Bearer sesame"})[0] == 200
        assert served.request("/health")[0] == 200
        done = silent_cli.run(
            "say", "--base-url", served.url, "--no-play", "Hi.", env={"VOICECLI_API_KEY": "sesame"}
        )
        assert done.exit_code == 0, done


def test_synthesis_stops_when_the_client_leaves(silent_cli) -> None:
    with serving(silent_cli, "--max-concurrency", "1", "--queue", "0", "--pace", "1") as served:
        connection = start_request(served, {"input": LONG, "response_format": "pcm"})
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        status, headers, body = served.request("/v1/audio/speech", {"input": "Me too."})
        assert status == 429
        assert headers["Retry-After"] == "1"
        assert json.loads(body)["error"]["code"] == "rate_limit_exceeded"
        connection.close()
        assert "client left" in served.wait_for_line("client left")
        assert served.request("/v1/audio/speech", {"input": "Now me."})[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_responses_finish(silent_cli, number) -> None:
    with serving(silent_cli, "--pace", "2", "--chunk", "2400") as served:
        connection = start_request(served, {"input": "Just one.", "response_format": "pcm"})
        with connection:
            assert connection.recv(12).startswith(b"HTTP/1.1 200")
            assert served.stop(number) == 0
            assert rest(connection).endswith(b"0\r\n\r\n")


def test_responses_are_cut_after_the_grace_period(silent_cli) -> None:
    with serving(silent_cli, "--stall-at", "0.1", "--grace", "1") as served:
        with start_request(served, {"input": LONG, "response_format": "pcm"}) as connection:
            assert connection.recv(12).startswith(b"HTTP/1.1 200")
            assert served.stop() == 130
            assert not rest(connection).endswith(b"0\r\n\r\n")
        served.wait_for_line("stopped")


def test_the_second_signal_exits_at_once(silent_cli) -> None:
    with (
        serving(silent_cli, "--stall-at", "0.1", "--grace", "600") as served,
        start_request(served, {"input": LONG, "response_format": "pcm"}) as connection,
    ):
        assert connection.recv(12).startswith(b"HTTP/1.1 200")
        served.process.send_signal(signal.SIGTERM)
        served.wait_for_line("finishing")
        assert served.stop() == 130


def test_a_cut_is_a_network_error_for_the_client(silent_cli) -> None:
    with serving(silent_cli, "--cut-at", "0.5", "--ttfb-ms", "50", "--jitter-ms", "5") as served:
        done = silent_cli.run(
            *("say", "--json", "--no-play", "--retries", "0", "--no-recover"),
            *("--base-url", served.url, LONG[:400]),
        )
        assert done.exit_code == 4
        assert done.json["error"]["code"] == "network"
        assert done.json["audio_s"] == pytest.approx(0.5, abs=0.001)
        assert done.json["ttfb_ms"] >= 50


def test_a_port_in_use_is_an_error(silent_cli, served) -> None:
    done = silent_cli.run("serve", "--port", str(served.started["port"]), "--no-warm")
    assert done.exit_code == 3
    assert "Address already in use" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--host", "0.0.0.0"), "without a key"),
        (("--host", "no.such.host.invalid"), "has no address"),
        (("--api-key-env", "NOT_SET"), "the variable NOT_SET has no usable key"),
    ],
)
def test_an_unusable_configuration_is_an_error(silent_cli, arguments, message) -> None:
    done = silent_cli.run("serve", "--port", "0", "--no-warm", *arguments)
    assert done.exit_code == 3
    assert message in done.stderr


def test_quiet_prints_nothing(silent_cli) -> None:
    with serving(silent_cli, "-q", "--no-warm") as served:
        assert served.request("/health")[0] == 200
        assert served.stop() == 0
    assert served.lines == []
