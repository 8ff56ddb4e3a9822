"""What a run tells: the JSON object, the event log, the summary line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.speech_server import Reply, clips_of, error
from tests.support.tones import tone

if TYPE_CHECKING:
    from tests.support.cli import Cli, Result
    from tests.support.speech_server import SpeechServer

CLIP_S = 0.6

KEYS = {
    "schema", "ok", "interrupted", "error", "format", "endpoint", "audio_s", "bytes", "chunks",
    "launch_to_request_ms", "ttfb_ms", "first_frame_ms", "ttfa_ms", "ttfa_audible_ms",
    "generation_ms", "playback_ms", "rtf", "underruns", "rebuffers", "needed_prebuffer_ms",
    "buffer", "decode_ms", "stop_ms", "saved",
}  # fmt: skip


@pytest.fixture
def say(silent_cli: Cli, speech: SpeechServer):
    speech.clips = clips_of(tone(CLIP_S), formats=["pcm"])
    speech.reply = Reply(ttfb_s=0.1, chunk_bytes=4800, pace=3, headers={"X-Sample-Rate": "48000"})

    def run(*flags: str, text: str = "hello") -> Result:
        return silent_cli.run(
            "say", "--device", "null", "--base-url", speech.url, "--format", "pcm", *flags, text
        )

    return run


def test_json_has_every_key_and_they_agree(say, speech) -> None:
    done = say("--json")
    assert done.exit_code == 0, done
    told = done.json
    assert told["schema"] == "voicecli.metrics/1"
    assert set(told) >= KEYS, KEYS - set(told)
    assert (told["ok"], told["interrupted"], told["error"]) == (True, False, None)
    assert told["endpoint"] == speech.url
    assert told["bytes"] == len(speech.clips["pcm"].body)
    assert told["audio_s"] == pytest.approx(CLIP_S)
    assert 100 <= told["ttfb_ms"] <= told["first_frame_ms"] <= told["ttfa_ms"]
    assert told["ttfa_ms"] <= told["ttfa_audible_ms"] <= told["playback_ms"]
    assert told["ttfb_ms"] <= told["generation_ms"]
    assert told["playback_ms"] - told["ttfa_ms"] >= 1000 * CLIP_S - 1
    assert told["launch_to_request_ms"] > 0
    assert told["rtf"] == pytest.approx(
        (told["generation_ms"] - told["ttfb_ms"]) / (1000 * CLIP_S), rel=0.5
    ) or told["rtf"] == pytest.approx(told["generation_ms"] / (1000 * CLIP_S), rel=0.05)
    assert set(told["underruns"]) == {"network", "sink", "device"}
    assert set(told["underruns"]["network"]) >= {"count", "total_ms", "worst_ms"}
    assert set(told["underruns"]["sink"]) >= {"count", "total_ms", "events"}
    assert set(told["underruns"]["device"]) >= {"count"}
    assert set(told["buffer"]) >= {"start_ms", "min_ms", "mean_ms"}


def test_without_json_stdout_is_empty_and_stderr_has_one_line(say) -> None:
    done = say()
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done


def test_quiet_says_nothing(say) -> None:
    done = say("-q")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_verbose_says_which_endpoint_and_why(say, speech) -> None:
    assert speech.url in say("-v").stderr


def test_the_event_log_tells_the_run_in_order(say, home) -> None:
    for _ in range(2):
        assert say("--event-log", "events.jsonl").exit_code == 0
    events = [json.loads(line) for line in (home / "events.jsonl").read_text().splitlines()]
    runs: dict[str, list[str]] = {}
    for event in events:
        runs.setdefault(event["run_id"], []).append(event["event"])
    assert len(runs) == 2
    for names in runs.values():
        assert names[0] == "TTS_REQUEST"
        assert names[-1] == "TTS_PLAYBACK_END"
        assert set(names) >= {"TTS_FIRST_AUDIO", "TTS_PLAYBACK_START"}


def test_the_event_log_tells_the_error(say, speech, home) -> None:
    speech.reply = error(404, {"detail": "gone"})
    assert say("--event-log", "events.jsonl").exit_code == 4
    names = [json.loads(e)["event"] for e in (home / "events.jsonl").read_text().splitlines()]
    assert names == ["TTS_REQUEST", "TTS_ERROR"]


def test_text_comes_from_arguments_pipe_and_file(silent_cli: Cli, speech, home) -> None:
    speech.clips = clips_of(tone(0.1), formats=["pcm"])
    speech.reply = Reply(headers={"X-Sample-Rate": "48000"})
    (home / "text.txt").write_text("from a file\n")
    common = ("say", "--no-play", "--save", "x.wav", "--base-url", speech.url, "--format", "pcm")
    runs = [
        (("several", "words"), None, "several words"),
        (("-",), b"from a pipe\n", "from a pipe"),
        ((), b"piped\n", "piped"),
        (("--file", "text.txt"), None, "from a file"),
    ]
    for arguments, stdin, _ in runs:
        done = silent_cli.run(*common, *arguments, stdin=stdin)
        assert done.exit_code == 0, done
    heard = [request.json["input"].strip() for request in speech.speech_requests]
    assert heard == [text for _, _, text in runs]


def test_settings_reach_the_server(say, speech) -> None:
    done = say(
        "--voice", "nova", "--model", "m-1", "--speed", "1.5", "--instructions", "Softly.",
        "--extra", "stream=true",
    )  # fmt: skip
    assert done.exit_code == 0, done
    asked = speech.speech_requests[0].json
    assert asked["voice"] == "nova"
    assert asked["model"] == "m-1"
    assert asked["speed"] == 1.5
    assert asked["instructions"] == "Softly."
    assert asked["stream"] is True
    assert asked["response_format"] == "pcm"
    assert speech.speech_requests[0].headers["accept-encoding"] == "identity"
