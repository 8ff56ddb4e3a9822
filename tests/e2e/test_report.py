"""What a run reports: the JSON object, the event log, the summary line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.in_process import InProcessCli
from tests.support.speech_server import Reply, clips_of, error
from tests.support.tones import tone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Cli
    from tests.support.speech_server import SpeechServer

CLIP_S = 0.3

KEYS = {
    "schema", "ok", "interrupted", "error", "format", "endpoint", "audio_s", "bytes", "chunks",
    "launch_to_request_ms", "ttfb_ms", "first_frame_ms", "ttfa_ms", "ttfa_audible_ms",
    "generation_ms", "playback_ms", "rtf", "underruns", "rebuffers", "needed_prebuffer_ms",
    "buffer", "decode_ms", "stop_ms", "saved",
}  # fmt: skip


@pytest.fixture
def cli(home: Path, monkeypatch) -> InProcessCli:
    monkeypatch.chdir(home)
    return InProcessCli(home)


@pytest.fixture
def say(cli: InProcessCli, speech: SpeechServer):
    speech.clips = clips_of(tone(CLIP_S), formats=["pcm"])
    speech.reply = Reply(ttfb_s=0.1, chunk_bytes=2400, pace=3, headers={"X-Sample-Rate": "48000"})

    def run(*flags: str, of: Cli | InProcessCli = cli):
        return of.run(
            "say", "--device", "null", "--base-url", speech.url, "--format", "pcm", *flags, "hello"
        )

    return run


def test_json_has_every_key_and_the_values_agree(say, speech, silent_cli) -> None:
    done = say("--json", of=silent_cli)  # a process, as it has a launch
    assert done.exit_code == 0, done
    report = done.json
    assert report["schema"] == "voicecli.metrics/1"
    assert set(report) >= KEYS, KEYS - set(report)
    assert (report["ok"], report["interrupted"], report["error"]) == (True, False, None)
    assert report["endpoint"] == speech.url
    assert report["bytes"] == len(speech.clips["pcm"].body)
    assert report["audio_s"] == pytest.approx(CLIP_S)
    assert 100 <= report["ttfb_ms"] <= report["first_frame_ms"] <= report["ttfa_ms"]
    assert report["ttfa_ms"] <= report["ttfa_audible_ms"] <= report["playback_ms"]
    assert report["ttfb_ms"] <= report["generation_ms"]
    assert report["playback_ms"] - report["ttfa_ms"] >= 1000 * CLIP_S - 1
    assert report["launch_to_request_ms"] > 0
    assert report["rtf"] == pytest.approx(
        (report["generation_ms"] - report["ttfb_ms"]) / (1000 * CLIP_S), rel=0.5
    ) or report["rtf"] == pytest.approx(report["generation_ms"] / (1000 * CLIP_S), rel=0.05)
    assert set(report["underruns"]) == {"network", "sink", "device"}
    assert set(report["underruns"]["network"]) >= {"count", "total_ms", "worst_ms"}
    assert set(report["underruns"]["sink"]) >= {"count", "total_ms", "events"}
    assert set(report["underruns"]["device"]) >= {"count"}
    assert set(report["buffer"]) >= {"start_ms", "min_ms", "mean_ms"}


def test_without_json_stdout_is_empty_and_stderr_has_one_line(say) -> None:
    done = say()
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done


def test_quiet_prints_nothing(say) -> None:
    done = say("-q")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_verbose_names_the_endpoint(say, speech) -> None:
    assert speech.url in say("-v").stderr


def test_the_event_log_records_each_run_in_order(say, home) -> None:
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


def test_the_event_log_records_an_error(say, speech, home) -> None:
    speech.reply = error(404, {"detail": "gone"})
    assert say("--event-log", "events.jsonl").exit_code == 4
    names = [json.loads(e)["event"] for e in (home / "events.jsonl").read_text().splitlines()]
    assert names == ["TTS_REQUEST", "TTS_ERROR"]


def test_text_comes_from_arguments_pipe_and_file(cli, speech, home) -> None:
    speech.clips = clips_of(tone(0.1), formats=["pcm"])
    speech.reply = Reply(headers={"X-Sample-Rate": "48000"})
    (home / "text.txt").write_text("from a file\n")
    common = ("say", "--no-play", "--save", "x.wav", "--base-url", speech.url, "--format", "pcm")
    runs = [
        (("several", "words"), b"", "several words"),
        (("-",), b"from a pipe\n", "from a pipe"),
        ((), b"piped\n", "piped"),
        (("--file", "text.txt"), b"", "from a file"),
    ]
    for arguments, stdin, _ in runs:
        done = cli.run(*common, *arguments, stdin=stdin)
        assert done.exit_code == 0, done
    inputs = [request.json["input"].strip() for request in speech.speech_requests]
    assert inputs == [text for _, _, text in runs]


def test_settings_reach_the_server(say, speech) -> None:
    done = say(
        "--voice", "nova", "--model", "m-1", "--speed", "1.5", "--instructions", "Softly.",
        "--extra", "stream=true",
    )  # fmt: skip
    assert done.exit_code == 0, done
    fields = speech.speech_requests[0].json
    assert fields["voice"] == "nova"
    assert fields["model"] == "m-1"
    assert fields["speed"] == 1.5
    assert fields["instructions"] == "Softly."
    assert fields["stream"] is True
    assert fields["response_format"] == "pcm"
    assert speech.speech_requests[0].headers["accept-encoding"] == "identity"
