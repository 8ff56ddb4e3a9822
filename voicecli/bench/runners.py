"""The three ways to hear one answer: as it plays, in no time, and from a cold start."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from voicecli.bench.simulate import audition
from voicecli.bench.speech import SpeechRun
from voicecli.bench.whole_file import WholeFile
from voicecli.clock import SystemClock
from voicecli.errors import ExitStatus, VoiceError
from voicecli.session import Session, SessionSettings
from voicecli.sources.openai import OpenAISource
from voicecli.telemetry.metrics import Recorder
from voicecli.telemetry.trace import read_trace
from voicecli.telemetry.trace.lines import Decoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from voicecli.playback.output import Output
    from voicecli.request import SpeechRequest
    from voicecli.sources.base import ByteSource
    from voicecli.sources.client import SpeechClient
    from voicecli.telemetry.observers import Observer


class Runner(Protocol):
    """Asks a server for speech and hears it; one request at a time."""

    def run(self, request: SpeechRequest, observers: Sequence[Observer]) -> SpeechRun:
        """Make the request and listen to the end.

        Raises:
            VoiceError: what was heard is not all that was asked for.
        """

    def cancel(self) -> None:
        """Stop soon; any thread."""

    def close(self) -> None:
        """Let go of the connections."""


@dataclass(slots=True)
class Live:
    """Through a session, at the pace of sound, on a device or on none.

    Requests after the first find the connection open, as in a program that stays.
    ``whole_file`` hears as `WholeFile` does.
    """

    client: SpeechClient
    output: Output
    settings: SessionSettings
    pcm_rate_hz: int | None = None
    whole_file: bool = False
    _session: Session | None = None

    def run(self, request: SpeechRequest, observers: Sequence[Observer]) -> SpeechRun:
        """See `Runner`."""
        recorder = Recorder(run_id="")
        session = Session(self.output, self.settings, observers=[recorder, *observers])
        self._session = session
        result = session.run([_source(self, request)])
        if result.error is not None:
            raise result.error
        return SpeechRun.of(recorder, spoken_s=result.spoken_s)

    def cancel(self) -> None:
        """Stop the session."""
        if self._session is not None:
            self._session.cancel()

    def close(self) -> None:
        """Close the client."""
        self.client.close()


@dataclass(slots=True)
class Simulated:
    """On an ideal device that takes no time: as long as the server takes, and no longer."""

    client: SpeechClient
    output: Output
    settings: SessionSettings
    pcm_rate_hz: int | None = None
    whole_file: bool = False
    _source: ByteSource | None = None

    def run(self, request: SpeechRequest, observers: Sequence[Observer]) -> SpeechRun:
        """See `Runner`."""
        self._source = _source(self, request)
        policy = self.output.policy
        return audition(self._source, clock=SystemClock(), policy=policy, observers=observers)

    def cancel(self) -> None:
        """Stop the request."""
        if self._source is not None:
            self._source.cancel()

    def close(self) -> None:
        """Close the client."""
        self.client.close()


def _source(runner: Live | Simulated, request: SpeechRequest) -> ByteSource:
    source = OpenAISource(runner.client, request, pcm_rate_hz=runner.pcm_rate_hz)
    return WholeFile(source) if runner.whole_file else source


@dataclass(slots=True)
class Cold:
    """``voicecli say`` in a process of its own: what somebody waits who types the command.

    ``arguments`` are those of ``voicecli say`` that choose the endpoint and how
    it plays; voice, model, format and text are the request's. ``env`` is its
    environment. Observers hear nothing of it.
    """

    arguments: Sequence[str]
    env: Mapping[str, str]
    _process: subprocess.Popen[str] | None = field(default=None, init=False)

    def run(self, request: SpeechRequest, observers: Sequence[Observer]) -> SpeechRun:  # noqa: ARG002
        """See `Runner`."""
        with tempfile.TemporaryDirectory(prefix="voicecli-bench-") as folder:
            trace = Path(folder) / "trace.jsonl"
            # A cache of its own: what `say` learns of one run is not for the next.
            metrics = self._run(request, trace, {**self.env, "XDG_CACHE_HOME": folder})
            return SpeechRun(metrics, _arrivals(trace))

    def _run(self, request: SpeechRequest, trace: Path, env: Mapping[str, str]) -> dict[str, Any]:
        self._process = subprocess.Popen(  # noqa: S603  ourselves
            [
                *(sys.executable, "-m", "voicecli", "say", "--json", "--quiet", "--retries", "0"),
                *("--trace", str(trace), *self.arguments, *_of(request), "--file", "-"),
            ],
            env=env,
            text=True,
            encoding="utf-8",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C is for us, who tell it
        )
        with self._process as process:
            try:
                out, err = process.communicate(request.text)
            except BaseException:
                process.terminate()
                raise
        try:
            metrics: dict[str, Any] = json.loads(out)
        except ValueError:
            told = err.strip().splitlines()[:1]
            raise VoiceError(f"voicecli say ended with {process.returncode}: {told}") from None
        if process.returncode:
            raise Told(metrics["error"] or {}, process.returncode)
        return metrics

    def cancel(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.terminate()

    def close(self) -> None:
        """Nothing stays open."""


class Told(VoiceError):
    """A fault of another process, as its JSON tells it."""

    def __init__(self, error: dict[str, Any], status: int) -> None:
        super().__init__(error.get("message", f"voicecli say ended with {status}"))
        self.code = error.get("code", VoiceError.code)  # type: ignore[misc]  # the class that
        self.exit_status = ExitStatus(status)  # type: ignore[misc]  # was raised is there


def _of(request: SpeechRequest) -> list[str]:
    """A request as flags of ``voicecli say``."""
    flags = ["--voice", request.voice, "--model", request.model]
    flags += ["--format", request.response_format]
    if request.speed is not None:
        flags += ["--speed", str(request.speed)]
    if request.instructions is not None:
        flags += ["--instructions", request.instructions]
    for key, value in request.extra_body.items():
        flags += ["--extra", f"{key}={json.dumps(value)}"]
    return flags


def _arrivals(path: Path) -> tuple[tuple[float, float], ...]:
    """How the audio grew, by a trace of what was decoded."""
    audio_s, curve = 0.0, []
    for line in read_trace(path).lines:
        if isinstance(line, Decoded):
            audio_s += line.frames / line.rate_hz
            curve.append((line.ms, round(audio_s, 6)))
    return tuple(curve)
