"""Every row of the exit-code table, by way of the real command and a real server.

Nothing here listens, so nothing here needs a sound server: ``--device null`` keeps
time without a device.
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.speech_server import FOREVER, Reply, clips_of, error
from tests.support.tones import encode, tone
from voicecli.codecs.encoding import make_encoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.cli import Cli, Result
    from tests.support.speech_server import SpeechServer

CLIP_S = 1.0
TIMEOUT_S = 1.0
LIMIT_S = 12.0
"""Longest run allowed: start-up on a slow machine, the clip, the timeout, the retries."""

RATE = {"X-Sample-Rate": "48000"}


@dataclass(frozen=True)
class Row:
    """One way for a server to fail: what it does, and what must come of it."""

    exit_code: int
    reply: Reply
    says: str
    """A fragment of the one message, lower case."""
    code: str | None = None
    format: str = "pcm"
    spoken_s: float | None = None
    flags: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


PCM = Reply(headers=RATE, chunk_bytes=4800)
GARBAGE = b"\x01\x02\x03\x04" * 5000


def without_sound(codec: str) -> Reply:
    """All that a file of the format needs, and not one frame of audio."""
    return Reply(body=b"".join(chunk.data for chunk in make_encoder(codec, 24_000, 1).flush()))


HTML = b"<!doctype html><html><body><h1>It works!</h1></body></html>"

SERVER: dict[str, Row] = {
    "all well": Row(0, PCM, "", None, spoken_s=CLIP_S),
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
    "200 with mp3 when pcm was asked": Row(
        0, Reply(body=encode(tone(CLIP_S), "mp3")), "", None, spoken_s=CLIP_S
    ),
    "empty body": Row(4, Reply(body=b""), "", "bad_response"),
    "empty body by Content-Length": Row(
        4, Reply(body=b"", framing="length"), "", "bad_response"
    ),
    "a WAV without a frame": Row(4, without_sound("wav"), "no audio", "bad_response", "wav"),
    "an Opus stream without a packet": Row(
        4, without_sound("opus"), "no audio", "bad_response", "opus"
    ),
    "a FLAC stream without a frame": Row(
        4, without_sound("flac"), "no audio", "bad_response", "flac"
    ),
    "cut at half, chunked": Row(
        4, replace(PCM, cut_at=0.5), "", "network", spoken_s=CLIP_S / 2
    ),
    "cut at half, by Content-Length": Row(
        4, replace(PCM, cut_at=0.5, framing="length"), "", "network", spoken_s=CLIP_S / 2
    ),
    "cut at half, by RST": Row(4, replace(PCM, cut_at=0.5, reset=True, pace=4), "", "network"),
    "cut at half, which only the format can know": Row(
        5, Reply(body=encode(tone(CLIP_S), "wav", sized=True), cut_at=0.5, framing="close"),
        "", "truncated_stream", "wav", spoken_s=CLIP_S / 2,
    ),
    "an opus stream without its end": Row(
        5, Reply(cut_at=0.5, framing="close"), "", "truncated_stream", "opus"
    ),
    "stalls for ever before the answer": Row(
        4, Reply(ttfb_s=FOREVER), "", "timeout", flags=("--timeout", str(TIMEOUT_S))
    ),
    "stalls for ever in the middle": Row(
        4, replace(PCM, stall_at_s=CLIP_S / 2, stall_for_s=FOREVER), "", "timeout",
        spoken_s=CLIP_S / 2, flags=("--timeout", str(TIMEOUT_S)),
    ),
    "sends garbage for opus": Row(
        5, Reply(body=GARBAGE, content_type="audio/ogg"), "", None, "opus"
    ),
    "sends garbage for mp3": Row(5, Reply(body=GARBAGE, content_type="audio/mpeg"), "", None,
        "mp3"),
    "sends garbage for flac": Row(5, Reply(body=GARBAGE, content_type="audio/flac"), "", None,
        "flac"),
}  # fmt: skip


def one_clear_message(done: Result) -> str:
    """Assert that a person gets one line, no traceback, and no control characters."""
    assert "Traceback" not in done.stderr, done
    complaints = [line for line in done.stderr.splitlines() if line.startswith("voicecli: error:")]
    assert len(complaints) == 1, done
    assert complaints[0].isprintable()
    return complaints[0].lower()


@pytest.mark.parametrize("name", SERVER)
def test_what_a_server_does(silent_cli: Cli, speech: SpeechServer, name: str) -> None:
    row = SERVER[name]
    speech.clips = clips_of(tone(CLIP_S), formats=["pcm", "opus"])
    speech.reply = row.reply
    flags = row.flags if "--retries" in row.flags else (*row.flags, "--retries", "0")
    done = silent_cli.run(
        "say", "--json", "--device", "null", "--base-url", speech.url, "--format", row.format,
        *flags, "hello", env=row.env,
    )  # fmt: skip
    assert done.exit_code == row.exit_code, done
    assert done.ended - done.started < LIMIT_S
    told = done.json
    assert told["ok"] is (row.exit_code == 0)
    if row.spoken_s is not None:
        assert told["audio_s"] == pytest.approx(row.spoken_s, abs=0.03)
    if row.exit_code == 0:
        assert told["error"] is None
        return
    assert row.says in one_clear_message(done)
    assert told["error"]["exit"] == row.exit_code
    if row.code is not None:
        assert told["error"]["code"] == row.code
    wanted = 2 if "--retries" in row.flags else 1
    assert len(speech.speech_requests) == wanted


def test_a_refused_connection_is_4(silent_cli: Cli) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    done = silent_cli.run(
        "say", "--json", "--device", "null", "--base-url", f"http://127.0.0.1:{port}/v1", "hello"
    )
    assert done.exit_code == 4, done
    assert done.json["error"]["code"] == "network"
    assert str(port) in one_clear_message(done)


def test_a_text_that_the_built_in_voice_cannot_say_is_4(silent_cli: Cli) -> None:
    done = silent_cli.run("say", "--json", "--device", "null", "你好。")
    assert done.exit_code == 4, done
    assert done.json["error"]["code"] == "nothing_to_say"
    assert "english" in one_clear_message(done)


def test_429_once_and_then_speech_is_0(silent_cli: Cli, speech: SpeechServer) -> None:
    speech.clips = clips_of(tone(0.2), formats=["pcm"])
    speech.reply = PCM
    speech.queued.append(error(429, {"detail": "later"}, Retry_After="1"))
    done = silent_cli.run(
        "say", "--json", "--device", "null", "--base-url", speech.url, "--format", "pcm", "hello"
    )
    assert done.exit_code == 0, done
    first, second = speech.speech_requests
    assert second.at - first.at >= 1.0


def test_nothing_is_retried_after_the_first_sound(silent_cli: Cli, speech: SpeechServer) -> None:
    speech.clips = clips_of(tone(CLIP_S), formats=["pcm"])
    speech.reply = replace(PCM, cut_at=0.5, pace=2)
    done = silent_cli.run(
        "say", "--json", "--device", "null", "--base-url", speech.url, "--format", "pcm",
        "--retries", "3", "hello",
    )  # fmt: skip
    assert done.exit_code == 4, done
    assert len(speech.speech_requests) == 1


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (("say", ""), None),
        (("say", "-"), b"  \n"),
        (("say", "--file", "empty.txt"), None),
        (("say", "--no-such-flag", "hello"), None),
        (("say", "--format", "midi", "hello"), None),
        (("say", "--buffer-ms", "soon", "hello"), None),
        (("no-such-command",), None),
        (("play",), None),
    ],
)
def test_usage_is_2(silent_cli: Cli, home, arguments, stdin) -> None:
    (home / "empty.txt").touch()
    done = silent_cli.run(*arguments, stdin=stdin)
    assert done.exit_code == 2, done
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


@pytest.mark.parametrize(
    ("config", "arguments"),
    [
        ("[profile", ()),
        ("", ("--profile", "nobody")),
        ("", ("--base-url", "not a url")),
        ("", ("--base-url", "ftp://example.org/v1")),
    ],
    ids=["broken file", "unknown profile", "no url", "no http"],
)
def test_configuration_is_3(silent_cli: Cli, home, config, arguments) -> None:
    for folder in (home / "config" / "voicecli", home / ".config" / "voicecli"):
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(config)
    done = silent_cli.run("say", "--device", "null", *arguments, "hello")
    assert done.exit_code == 3, done
    one_clear_message(done)


def test_a_file_that_is_not_there_is_told(silent_cli: Cli) -> None:
    done = silent_cli.run("play", "--device", "null", "nowhere.wav")
    assert done.exit_code in {2, 4}, done
    assert "nowhere.wav" in one_clear_message(done)


class TestDevice:
    def test_no_sound_device_is_6_with_a_remedy(self, silent_cli: Cli, speech) -> None:
        speech.clips = clips_of(tone(0.2), formats=["pcm"])
        speech.reply = PCM
        done = silent_cli.run("say", "--base-url", speech.url, "--format", "pcm", "hello")
        assert done.exit_code == 6, done
        one_clear_message(done)
        assert "--save" in done.stderr

    def test_no_sound_device_with_save_is_0_and_says_so_in_one_line(
        self, silent_cli: Cli, speech, home
    ) -> None:
        from tests.support.tones import read_wav

        speech.clips = clips_of(tone(0.2), formats=["pcm"])
        speech.reply = PCM
        done = silent_cli.run(
            "say", "--base-url", speech.url, "--format", "pcm", "--save", "out.wav", "hello"
        )
        assert done.exit_code == 0, done
        samples, rate_hz = read_wav((home / "out.wav").read_bytes())
        assert (len(samples), rate_hz) == (9600, 48_000)
        told = [line for line in done.stderr.splitlines() if "sound device" in line.lower()]
        assert len(told) == 1, done

    def test_no_portaudio_is_6_with_its_remedy(self, silent_cli: Cli, speech, home) -> None:
        """The library is hidden as on a machine that never had it."""
        hide = home / "hide"
        hide.mkdir()
        (hide / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n')
        speech.clips = clips_of(tone(0.2), formats=["pcm"])
        speech.reply = PCM
        done = silent_cli.run(
            "say", "--base-url", speech.url, "--format", "pcm", "hello",
            env={"PYTHONPATH": str(hide)},
        )  # fmt: skip
        assert done.exit_code == 6, done
        assert "portaudio" in done.stderr.lower()

    def test_an_unknown_device_is_6(self, silent_cli: Cli, speech) -> None:
        speech.clips = clips_of(tone(0.2), formats=["pcm"])
        speech.reply = PCM
        done = silent_cli.run(
            "say", "--device", "theremin", "--base-url", speech.url, "--format", "pcm", "hello"
        )
        assert done.exit_code == 6, done


class TestSave:
    def test_an_unwritable_place_is_7_and_never_disturbs_the_playback(
        self, silent_cli: Cli, speech
    ) -> None:
        speech.clips = clips_of(tone(CLIP_S), formats=["pcm"])
        speech.reply = PCM
        done = silent_cli.run(
            "say", "--json", "--device", "null", "--base-url", speech.url, "--format", "pcm",
            "--save", "/proc/no/such.wav", "hello",
        )  # fmt: skip
        assert done.exit_code == 7, done
        told = done.json
        assert told["error"]["code"] == "save"
        assert told["audio_s"] == pytest.approx(CLIP_S)
        assert told["playback_ms"] >= 1000 * CLIP_S
        one_clear_message(done)

    def test_a_full_disk_is_7_and_never_disturbs_the_playback(
        self, silent_cli: Cli, speech, home
    ) -> None:
        """A file-size limit stands for the full disk: both fail in the midst of a write."""
        speech.clips = clips_of(tone(CLIP_S), formats=["pcm"])
        speech.reply = PCM
        (home / "sitecustomize.py").write_text(
            "import resource, signal\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        )
        done = replace_coverage(silent_cli).run(
            "say", "--json", "--device", "null", "--base-url", speech.url, "--format", "pcm",
            "--save", "out.wav", "hello", env={"PYTHONPATH": str(home)},
        )  # fmt: skip
        assert done.exit_code == 7, done
        assert done.json["playback_ms"] >= 1000 * CLIP_S


def replace_coverage(cli: Cli) -> Cli:
    """The same house without coverage, which could not write its data either."""
    cli.coverage = False
    return cli


def test_a_defect_of_ours_is_1_without_a_traceback(silent_cli: Cli, speech, home) -> None:
    """A broken dependency stands for a defect: nothing in our tree foresees it."""
    (home / "av").mkdir()
    (home / "av" / "__init__.py").write_text("raise ZeroDivisionError('planted')\n")
    speech.clips = clips_of(tone(0.2), formats=["mp3"])
    done = silent_cli.run(
        "say", "--device", "null", "--base-url", speech.url, "--format", "mp3", "hello",
        env={"PYTHONPATH": str(home)},
    )  # fmt: skip
    assert done.exit_code == 1, done
    assert "planted" in one_clear_message(done)


def test_nothing_of_the_key_is_ever_told(silent_cli: Cli, speech, home) -> None:
    secret = "sk-" + os.urandom(8).hex()
    speech.reply = error(401, {"error": {"message": f"bad key {secret}"}})
    done = silent_cli.run(
        "say", "-v", "--json", "--device", "null", "--base-url", speech.url,
        "--event-log", "events.jsonl", "hello", env={"VOICECLI_API_KEY": secret},
    )  # fmt: skip
    assert done.exit_code == 3, done
    assert speech.speech_requests[0].headers["authorization"] == f"Bearer {secret}"
    everything: list[Any] = [done.stdout, done.stderr, (home / "events.jsonl").read_text()]
    assert not [text for text in everything if secret in text]
