"""The exit status, the JSON and the message for each way in which a run can fail."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.support.speech_server import FOREVER, Reply, clips_of, error
from tests.support.tones import encode, tone
from voicecli.codecs.encoding import make_encoder

if TYPE_CHECKING:
    from tests.support.in_process import Result

CLIP_S = 0.4
TIMEOUT_S = 0.4
STALL_S = 3.0  # the first bytes have to come within it, however busy the machine is

RATE = {"X-Sample-Rate": "48000"}


@pytest.fixture
def clip_s():
    return CLIP_S


@dataclass(frozen=True)
class Row:
    """How a server answers, and the expected outcome."""

    exit_code: int
    reply: Reply
    message: str
    """Part of the error message, in lower case."""
    code: str | None = None
    format: str = "pcm"
    spoken_s: float | None = None
    flags: tuple[str, ...] = ()


PCM = Reply(headers=RATE, chunk_bytes=4800)
GARBAGE = b"\x01\x02\x03\x04" * 5000


def without_audio(codec: str) -> Reply:
    """Return everything a file of the format has, without a frame of audio."""
    return Reply(body=b"".join(chunk.data for chunk in make_encoder(codec, 24_000, 1).flush()))


HTML = b"<!doctype html><html><body><h1>It works!</h1></body></html>"

SERVER: dict[str, Row] = {
    "audio": Row(0, PCM, "", None, spoken_s=CLIP_S),
    "401": Row(3, error(401, {"error": {"message": "Incorrect API key"}}), "incorrect", "auth"),
    "403": Row(3, error(403, {"detail": "keys please"}), "keys please", "auth"),
    "404": Row(4, error(404, {"detail": "Model tts-1 not here"}), "not here", "bad_response"),
    "429 with Retry-After": Row(
        4, error(429, {"error": {"message": "slow down"}}, Retry_After="1"),
        "slow down", "rate_limited", flags=("--retries", "1"),
    ),
    "500": Row(
        4, error(500, {"error": {"message": "model fell over"}}), "model fell over",
        "bad_response", flags=("--retries", "1"),
    ),
    "200 with JSON": Row(
        4, replace(error(200, {"error": {"message": "voice missing"}}), framing="chunked"),
        "voice missing", "bad_response",
    ),
    "200 with HTML": Row(
        4, Reply(body=HTML, content_type="text/html"), "it works", "bad_response"
    ),
    "HTML that claims to be audio": Row(
        4, Reply(body=HTML, content_type="audio/pcm"), "it works", "bad_response"
    ),
    "200 with mp3 instead of pcm": Row(
        0, Reply(body=encode(tone(CLIP_S), "mp3")), "", None, spoken_s=CLIP_S
    ),
    "empty body": Row(4, Reply(body=b""), "", "bad_response"),
    "empty body by Content-Length": Row(
        4, Reply(body=b"", framing="length"), "", "bad_response"
    ),
    "a WAV without a frame": Row(4, without_audio("wav"), "without audio", "bad_response", "wav"),
    "an Opus stream without a packet": Row(
        4, without_audio("opus"), "without audio", "bad_response", "opus"
    ),
    "a FLAC stream without a frame": Row(
        4, without_audio("flac"), "without audio", "bad_response", "flac"
    ),
    "cut at half, chunked": Row(
        4, replace(PCM, cut_at=0.5), "", "network", spoken_s=CLIP_S / 2
    ),
    "cut at half, by Content-Length": Row(
        4, replace(PCM, cut_at=0.5, framing="length"), "", "network", spoken_s=CLIP_S / 2
    ),
    "cut at half, by RST": Row(4, replace(PCM, cut_at=0.5, reset=True, pace=4), "", "network"),
    "cut at half, which only the format shows": Row(
        5, Reply(body=encode(tone(CLIP_S), "wav", sized=True), cut_at=0.5, framing="close"),
        "", "truncated_stream", "wav", spoken_s=CLIP_S / 2,
    ),
    "an opus stream without its end": Row(
        5, Reply(cut_at=0.5, framing="close"), "", "truncated_stream", "opus"
    ),
    "stalls before the answer": Row(
        4, Reply(ttfb_s=FOREVER), "", "timeout", flags=("--timeout", str(TIMEOUT_S))
    ),
    "stalls in the middle": Row(
        4, replace(PCM, stall_at_s=CLIP_S / 2, stall_for_s=FOREVER), "", "timeout",
        spoken_s=CLIP_S / 2, flags=("--timeout", str(STALL_S)),
    ),
    "garbage for opus": Row(
        5, Reply(body=GARBAGE, content_type="audio/ogg"), "", None, "opus"
    ),
    "garbage for mp3": Row(5, Reply(body=GARBAGE, content_type="audio/mpeg"), "", None,
        "mp3"),
    "garbage for flac": Row(5, Reply(body=GARBAGE, content_type="audio/flac"), "", None,
        "flac"),
}  # fmt: skip


def error_message(result: Result) -> str:
    """Check that there is one error message in one line, and return it in lower case."""
    assert "Traceback" not in result.stderr, result
    lines = [line for line in result.stderr.splitlines() if line.startswith("voicecli: error:")]
    assert len(lines) == 1, result
    assert lines[0].isprintable()
    return lines[0].lower()


@pytest.mark.parametrize("name", SERVER)
def test_how_a_server_answers(say, server, name):
    row = SERVER[name]
    server.clips = clips_of(tone(CLIP_S), formats=["pcm", "opus"])
    server.reply = row.reply
    flags = row.flags if "--retries" in row.flags else (*row.flags, "--retries", "0")
    result = say("--json", "--format", row.format, *flags, "--no-recover", "hello")
    assert result.exit_code == row.exit_code, result
    metrics = result.json
    assert metrics["ok"] is (row.exit_code == 0)
    if row.spoken_s is not None:
        assert metrics["audio_s"] == pytest.approx(row.spoken_s, abs=0.03)
    if row.exit_code == 0:
        assert metrics["error"] is None
        return
    assert row.message in error_message(result)
    assert metrics["error"]["exit"] == row.exit_code
    if row.code is not None:
        assert metrics["error"]["code"] == row.code
    assert len(server.speech_requests) == (2 if "--retries" in row.flags else 1)


def test_a_refused_connection_is_4(say):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    result = say("--json", "--retries", "0", "--base-url", f"http://127.0.0.1:{port}/v1", "hello")
    assert result.exit_code == 4, result
    assert result.json["error"]["code"] == "network"
    assert str(port) in error_message(result)


@pytest.mark.slow
@pytest.mark.usefixtures("_voices_loaded")
def test_a_text_that_the_builtin_voice_cannot_speak_is_2(say):
    result = say("--json", "--base-url", "builtin", "你好。")
    assert result.exit_code == 2, result
    assert result.json["error"]["code"] == "nothing_to_say"
    assert "english" in error_message(result)


def test_429_once_and_then_speech_is_0(say, server):
    server.queued.append(error(429, {"detail": "later"}, Retry_After="1"))
    result = say("--json", "hello")
    assert result.exit_code == 0, result
    first, second = server.speech_requests
    assert second.at - first.at >= 1.0


def test_without_recovery_nothing_is_asked_for_again_after_the_first_sound(say, server):
    server.reply = replace(PCM, cut_at=0.5, pace=2)
    result = say("--json", "--retries", "3", "--no-recover", "hello")
    assert result.exit_code == 4, result
    assert len(server.speech_requests) == 1


def test_an_answer_that_breaks_off_is_asked_for_again(say, server):
    server.queued.append(replace(PCM, cut_at=0.5, pace=2))
    server.reply = PCM
    result = say("--json", "hello")
    assert result.exit_code == 0, result
    assert result.json["recovered"] == 1
    # What arrived before it broke off is heard, unless nothing of it had been taken yet.
    assert CLIP_S - 0.01 <= result.json["spoken_s"] <= 1.5 * CLIP_S + 0.05
    assert "recovered once" in result.stderr


@pytest.mark.parametrize(
    ("config", "argv"),
    [
        ("[profile", ()),
        ("", ("--profile", "nobody")),
        ("", ("--base-url", "not a url")),
        ("", ("--base-url", "ftp://example.org/v1")),
    ],
    ids=["broken file", "unknown profile", "no url", "no http"],
)
def test_a_configuration_error_is_3(cli, say, config, argv):
    cli.configure(config)
    result = say(*argv, "hello")
    assert result.exit_code == 3, result
    error_message(result)


def test_a_missing_file_is_4(cli):
    result = cli.run("play", "--device", "null", "nowhere.wav")
    assert result.exit_code == 4, result
    assert "nowhere.wav" in error_message(result)


@pytest.mark.parametrize("path", ["/proc/no/such.wav", "/proc/such.wav"])
def test_an_unwritable_file_is_7_and_nothing_is_requested(say, server, path):
    result = say("--json", "--save", path, "hello")
    assert result.exit_code == 7, result
    assert result.json["error"]["code"] == "save"
    assert server.requests == []
    error_message(result)


def test_the_key_is_never_printed_or_logged(cli, say, server):
    secret = "sk-" + os.urandom(8).hex()
    server.reply = error(401, {"error": {"message": f"bad key {secret}"}})
    cli.env["VOICECLI_API_KEY"] = secret
    log = cli.home / "events.jsonl"
    result = say("-v", "--json", "--event-log", str(log), "hello")
    assert result.exit_code == 3, result
    assert server.speech_requests[0].headers["authorization"] == f"Bearer {secret}"
    assert secret not in result.stdout + result.stderr + log.read_text()
