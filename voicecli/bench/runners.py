"""The three ways to run one request: live, simulated, and from a cold start."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from voicecli.bench.simulate import simulate
from voicecli.bench.speech import SpeechRun
from voicecli.clock import SystemClock
from voicecli.errors import ExitStatus, VoiceError
from voicecli.session import Session, SessionSettings
from voicecli.telemetry.metrics import Recorder
from voicecli.telemetry.trace import read_trace
from voicecli.telemetry.trace.lines import Decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from voicecli.playback.output import Output
    from voicecli.playback.policy import Policy
    from voicecli.request import SpeechRequest
    from voicecli.sources.base import Source
    from voicecli.telemetry.observers import Observer

    MakeSource = Callable[[SpeechRequest], Source]


class Runner(Protocol):
    """Runs requests to one endpoint, one at a time."""

    def run(self, request: SpeechRequest, observers: Sequence[Observer]) -> SpeechRun:
        """Make the request and play the answer to its end.

        Raises:
            VoiceError: the answer failed, or is incomplete.
        """

    def cancel(self) -> None:
        """Stop soon; any thread."""


@dataclass(slots=True)
class Live:
    """Through a session, at the pace of sound, on a device or on none.

    Later requests reuse the connection, as in a program that stays.
    """

    make_source: MakeSource
    output: Output
    settings: SessionSettings
    _session: Session | None = None

    def run(self, request: SpeechRequest, observers: Sequence[Observer]) -> SpeechRun:
        """Run a request; see `Runner`."""
        recorder = Recorder(run_id="")
        session = Session(self.output, self.settings, observers=[recorder, *observers])
        self._session = session
        result = session.run([self.make_source(request)])
        if result.error is not None:
            raise result.error
        return SpeechRun.of(recorder, spoken_s=result.spoken_s)

    def cancel(self) -> None:
        """Stop the session."""
        if self._session is not None:
            self._session.cancel()


@dataclass(slots=True)
class Simulated:
    """On an ideal device that takes no time: as fast as the server answers."""

    make_source: MakeSource
    policy: Policy
    _source: Source | None = None

    def run(self, request: SpeechRequest, observers: Sequence[Observer]) -> SpeechRun:
        """Run a request; see `Runner`."""
        self._source = self.make_source(request)
        clock = SystemClock()
        return simulate(self._source, clock=clock, policy=self.policy, observers=observers)

    def cancel(self) -> None:
        """Stop the request."""
        if self._source is not None:
            self._source.cancel()


@dataclass(slots=True)
class Cold:
    """``voicecli say`` in a process of its own, as when a user types the command.

    ``arguments`` choose the endpoint and how it plays; voice, model, format and text are
    the request's. ``env`` is the environment. Observers are not notified.
    """

    arguments: Sequence[str]
    env: Mapping[str, str]
    _process: subprocess.Popen[str] | None = field(default=None, init=False)

    def run(self, request: SpeechRequest, observers: Sequence[Observer]) -> SpeechRun:  # noqa: ARG002
        """Run a request; see `Runner`."""
        with tempfile.TemporaryDirectory(prefix="voicecli-bench-") as folder:
            trace = Path(folder) / "trace.jsonl"
            # A cache of its own, so that one run does not learn from another.
            metrics = self._say(request, trace, {**self.env, "XDG_CACHE_HOME": folder})
            return SpeechRun(metrics, _arrivals(trace))

    def _say(self, request: SpeechRequest, trace: Path, env: Mapping[str, str]) -> dict[str, Any]:
        self._process = subprocess.Popen(  # noqa: S603  ourselves
            [
                *(sys.executable, "-m", "voicecli", "say", "--json", "--quiet", "--retries", "0"),
                "--no-recover",
                *("--trace", str(trace), *self.arguments, *say_flags(request), "--file", "-"),
            ],
            env=env,
            text=True,
            encoding="utf-8",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C is for this process, which passes it on
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
            shown = err.strip().splitlines()[:1]
            raise VoiceError(f"voicecli say ended with {process.returncode}: {shown}") from None
        if process.returncode:
            raise ReportedError(metrics["error"] or {}, process.returncode)
        return metrics

    def cancel(self) -> None:
        """Terminate the process."""
        if self._process is not None:
            self._process.terminate()


class ReportedError(VoiceError):
    """An error that ``--json`` or a trace reported."""

    def __init__(self, error: Mapping[str, Any], status: int) -> None:
        super().__init__(error.get("message", f"voicecli say ended with {status}"))
        self.code = error.get("code", VoiceError.code)  # type: ignore[misc]  # as in the class
        self.exit_status = ExitStatus(status)  # type: ignore[misc]  # that was raised there


def say_flags(request: SpeechRequest) -> list[str]:
    """Return a request as flags of ``voicecli say``."""
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
    """Return how the audio grew, by a trace: (ms since t0, seconds so far) for each block."""
    audio_s, curve = 0.0, []
    for line in read_trace(path).lines:
        if isinstance(line, Decoded):
            audio_s += line.frames / line.rate_hz
            curve.append((line.ms, round(audio_s, 6)))
    return tuple(curve)
