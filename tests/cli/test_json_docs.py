"""docs/json.md names every key that is printed for machines, and no other."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
import typer.main

from tests.cli.test_config import FACTS
from tests.session.fakes import FakeClock
from tests.support.json_page import TEXT, check, code, documented, rows
from tests.support.resident import running_resident
from tests.support.speech_server import error
from voicecli.audio.pcm import AudioFormat, Pcm
from voicecli.bench.speech import SpeechRun, readings
from voicecli.cli import resident
from voicecli.cli.app import make_app
from voicecli.control.client import speakers_folder
from voicecli.control.runtime import runtime_folder
from voicecli.control.server import ControlServer
from voicecli.control.speaker import Speaker
from voicecli.errors import NetworkError
from voicecli.playback import portaudio
from voicecli.playback.base import SinkReport, Underrun
from voicecli.playback.output import Output, OutputSettings
from voicecli.server import listen
from voicecli.session import Session
from voicecli.sources import discovery, voicememory
from voicecli.sources.base import AnswerReport, SourceInfo, Usage
from voicecli.telemetry import events
from voicecli.telemetry.eventlog import EventLog
from voicecli.telemetry.lifecycle import State
from voicecli.telemetry.metrics import Recorder
from voicecli.telemetry.trace import TraceWriter
from voicecli.text.segment import Segment, Sentence, Span

ROOT = Path(__file__).parents[2]
RUN = "`say`, `play`, `replay`"
CONTROL = "`status`, `stop`, `pause`, `resume`, `skip`, `back`"
BENCH = "`bench`, `bench encode`, `bench decode`, `bench source`, `bench policy`"
LOG, TRACE = "Lines of `--event-log`", "Lines of `--trace`"
LINES = {"--event-log", "--trace"}


def test_every_command_with_json_has_a_section():
    def with_json(command, path):
        if any("--json" in param.opts for param in command.params):
            yield " ".join(path)
        for name, inner in getattr(command, "commands", {}).items():
            yield from with_json(inner, (*path, name))

    commands = set(with_json(typer.main.get_command(make_app()), ()))
    sections = re.findall(r"^## (.*)$", TEXT, flags=re.MULTILINE)
    assert {name for title in sections for name in code(title)} == commands | LINES


def test_lines_fit_100_columns():
    assert max(map(len, TEXT.split("\n"))) <= 100


TONE = Pcm(np.full((4000, 1), 1000, np.int16), 8000)


def recorded() -> dict[str, object]:
    """Return the metrics of a run in which everything happened."""
    recorder = Recorder("run", launched_at=99.0)
    segment = Segment(0, (Sentence(0, "Hello.", Span(0, 6)),))
    usage = Usage(1, 2, 3, 0.5)
    for event in (
        events.Requested(100.0, "http://here/v1"),
        events.Received(100.1, bytes(8000)),
        events.AnswerReported(100.2, AnswerReport("Hi.", is_reworded=True, usage=usage)),
        events.SegmentPlaced(100.2, segment, 0.0),
        events.Decoded(100.2, TONE, 0.001),
        events.Decoded(102.0, TONE, 0.001),
        events.SegmentEnded(102.0, segment, 0.0, 1.0),
        events.ReceivedAll(102.1),
    ):
        recorder(event)
    silence, stop = Underrun(0.2, 0.1, 100.5), Underrun(0.5, 0.2, 101.0, is_device=True)
    report = SinkReport(100.3, 103.0, 8000, (silence, stop), (silence,), pauses=(silence,))
    recorder(events.PlaybackEnded(103.0, report))
    recorder(events.Failed(103.0, NetworkError("cut", remedy="try again")))
    return recorder.result()


def test_say_play_and_replay(cli, server, tmp_path):
    saved = str(tmp_path / "hello.wav")
    say = cli.run("say", "--no-play", "--json", "--save", saved, "Hello.").json
    play = cli.run("play", "--no-play", "--json", saved).json
    early = cli.run("say", "--json", "--profile", "none", "Hello.").json
    server.queued.append(error(401, {}))
    failed = cli.run("say", "--no-play", "--json", "Hello.").json
    replay = cli.run("replay", "--json").json
    assert say.keys() == play.keys() == early.keys() == failed.keys() == replay.keys()
    check([say, failed, recorded()], RUN)


def test_commands_for_what_is_spoken(cli, monkeypatch):
    session = Session(Output(OutputSettings(output="discard")))
    monkeypatch.setattr(session.control, "back", lambda: False)
    speaker = Speaker("say", "run", 0.0, session, Recorder("run"))
    path = f"{speakers_folder(runtime_folder(cli.env))}/{os.getpid()}-run"
    with contextlib.closing(ControlServer(path, speaker.answer)):
        found = [cli.run(name, "--json").json for name in ("status", "back")]
    check(found, CONTROL)


def test_devices(cli, monkeypatch):
    device = portaudio.OutputDevice(0, "Speaker", "ALSA", 2, 48_000, is_default=True)
    monkeypatch.setattr(portaudio, "list_output_devices", lambda: [device])
    check([cli.run("devices", "--json").json], "`devices`")


def test_voices(cli):
    check([cli.run("voices", "--base-url", "builtin", "--json").json], "`voices`")


@pytest.fixture
def local_server(monkeypatch):
    found = [discovery.LocalServer("http://localhost:8880/v1", model="kokoro")]
    monkeypatch.setattr(discovery, "find_local_servers", lambda *_: found)


def test_doctor(cli, server, local_server):
    check([cli.run("doctor", "--device", "null", "--json").json], "`doctor`")


def test_endpoints(cli, server, local_server):
    check([cli.run("endpoints", "--json").json], "`endpoints`")
    url = cli.env.pop("VOICECLI_BASE_URL")
    cli.configure(f'[profiles.one]\nbase_url = "{url}"\n[profiles.two]\nbase_url = "{url}"')
    server.queued.append(error(401, {}))
    check([cli.run("endpoints", "test", "--json").json], "`endpoints test`")


def test_config_show(cli):
    for learn in FACTS.values():
        learn(cli.home / "cache" / "voicecli")
    check([cli.run("config", "show", "--json").json], "`config show`")


def test_cache_info(cli):
    check([cli.run("cache", "info", "--json").json], "`cache info`")


@pytest.mark.slow
def test_resident_status(cli, monkeypatch):
    with tempfile.TemporaryDirectory(prefix="vc") as folder:
        cli.env["XDG_RUNTIME_DIR"] = folder
        with running_resident(os.environ | cli.env | {"PYTHONPATH": str(ROOT)}):
            found = cli.run("resident", "status", "--json").json
    monkeypatch.setattr(resident, "holder", lambda: 1)
    check([found, cli.run("resident", "status", "--json").json], "`resident status`")


def test_serve(cli, monkeypatch):
    monkeypatch.setattr(listen, "serve", lambda *_, on_ready, **__: on_ready() or True)
    monkeypatch.setattr(voicememory, "limit_heaps", lambda: None)  # of this process
    result = cli.run("serve", "--port", "0", "--no-warm", "--json")
    gc.unfreeze()
    check([result.json], "`serve`")


SMALL = {
    "encode": ("--seconds", "0.1", "--pace", "100", "--frame-ms", "20", "--mode", "inline"),
    "decode": ("--seconds", "0.1"),
    "source": ("--seconds", "0.1", "--queue-ms", "100", "--producer", "fast"),
    "policy": ("--server", "stalling", "--traces", "5"),
}


def test_bench(cli, server, tmp_path):
    once = ("--runs", "1", "--warmup", "0")
    bench = ("bench", "--simulate", "--format", "pcm", *once, "--json")
    old = tmp_path / "old.json"
    old.write_text(cli.run(*bench).stdout)
    server.queued.append(error(401, {}))
    found = [cli.run(*bench).json, cli.run(*bench, "--compare", str(old)).json]
    metrics = {"speech": [found[1]["cases"][0]["metrics"], readings([SpeechRun(recorded())])]}
    for kind, options in SMALL.items():
        few = () if kind == "policy" else once
        wav = ("--format", "wav") if kind in ("encode", "decode") else ()
        found.append(cli.run("bench", kind, *options, *few, *wav, "--json").json)
        metrics[kind] = [case["metrics"] for case in found[-1]["cases"]]
    check(found, BENCH)
    for kind, measured in metrics.items():
        named = rows(BENCH, f"Metrics of `{kind}`", "metric")
        assert {name for _, row in named for name in code(row[0])} == set().union(*measured)


def lines_of(file: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_the_event_log():
    log = EventLog(file := io.StringIO(), "run", FakeClock())
    log(events.Requested(1000.0, "http://here/v1"))
    log(events.Decoded(1000.0, TONE, 0.0))
    log(events.PlaybackStarted(1000.0))
    log(events.UnderrunEnded(Underrun(0.1, 0.1)))
    log(events.PlaybackEnded(1000.0, SinkReport(first_sound_at=1000.0)))
    log(events.Failed(1000.0, NetworkError("cut")))
    common = documented(LOG)
    found = {line["event"]: line.keys() - common for line in lines_of(file)}
    assert all(common <= line.keys() for line in lines_of(file))
    assert found == {code(row[0])[0]: set(code(row[2])) for _, row in rows(LOG, None, "`event`")}


def test_the_trace():
    trace = TraceWriter(file := io.StringIO(), "run", FakeClock(), with_audio=True)
    for event in (
        events.Requested(1000.0, "http://here/v1"),
        events.Connected(1000.0),
        events.RequestSent(1000.0),
        events.Retrying(1000.0, NetworkError("cut"), 0.0),
        events.Answered(1000.0, SourceInfo("pcm")),
        events.Received(1000.0, b"abc"),
        events.Recognised(1000.0, "pcm", AudioFormat(8000, 1)),
        events.Decoded(1000.0, TONE, 0.0),
        events.ReceivedAll(1000.0),
        events.Failed(1000.0, NetworkError("cut", remedy="try again")),
        events.StateChanged(1000.0, State.PLAYING, State.FAILED),
    ):
        trace(event)
    first, *others, last = lines_of(file)
    check([first], TRACE, "The first line")
    check([line for line in others if "event" in line], TRACE, "Lines of events")
    check([line for line in others if "bytes" in line], TRACE, "Lines of bytes")
    check([line for line in others if "decoded_frames" in line], TRACE, "Lines of sound")
    check([last], TRACE, "The last line")
    ((_, row),) = [
        each for each in rows(TRACE, "Lines of events", "key") if "`event`" in each[1][0]
    ]
    assert set(code(row[1])) == {line["event"] for line in others if "event" in line}
