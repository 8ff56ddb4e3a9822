"""The metrics of one answer of a speech server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from voicecli.bench.case import Readings
    from voicecli.telemetry.metrics import Recorder

_COPIED = (
    "ttfb_ms",
    "first_frame_ms",
    "ttfa_ms",
    "ttfa_audible_ms",
    "generation_ms",
    "leading_silence_ms",
    "needed_prebuffer_ms",
    "decode_ms",
    "rtf",
    "audio_s",
    "bytes",
    "chunks",
    "rebuffers",
)


@dataclass(frozen=True, slots=True)
class SpeechRun:
    """The result of one request.

    ``metrics`` is an object of schema ``voicecli.metrics/1``. ``arrivals`` has one item
    for each decoded block: (ms since t0, seconds of audio so far). ``text`` is the number
    of the text that was spoken.
    """

    metrics: Mapping[str, Any]
    arrivals: tuple[tuple[float, float], ...] = ()
    text: int = 0

    @classmethod
    def of(cls, recorder: Recorder, *, spoken_s: float) -> SpeechRun:
        """Take the result from a recorder after its run; ``spoken_s`` of it was heard."""
        return cls(recorder.result(spoken_s=spoken_s), recorder.arrival_curve())

    @property
    def pace(self) -> float | None:
        """Arrival rate after the first block, in times real time; None if all came at once."""
        if not self.arrivals:
            return None
        (first_ms, first_s), (last_ms, last_s) = self.arrivals[0], self.arrivals[-1]
        return (last_s - first_s) / (last_ms - first_ms) * 1e3 if last_ms > first_ms else None


def readings(runs: Iterable[SpeechRun]) -> Readings:
    """Collect the measurements of runs by metric; what did not happen is left out.

    Derived from those of the schema: ``gaps`` and ``gap_ms`` (their total),
    ``network_gaps`` (implied by the arrivals), ``device_gaps`` (of the device),
    ``continuity_pct`` (100 without gaps and 0 with any, so that the mean is the share of
    clean runs), ``kbit_s``, and ``launch_to_sound_ms`` of runs in their own process.
    """
    values: dict[str, list[float]] = {}
    for run in runs:
        for metric, value in _readings(run.metrics).items():
            if value is not None:
                values.setdefault(metric, []).append(value)
    return values


def _readings(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    gaps = metrics["underruns"]
    launch_ms, ttfa_ms, audio_s = (
        metrics[name] for name in ("launch_to_request_ms", "ttfa_ms", "audio_s")
    )
    launched = launch_ms is not None and ttfa_ms is not None
    return {
        "launch_to_sound_ms": launch_ms + ttfa_ms if launched else None,
        **{name: metrics[name] for name in _COPIED},
        "gaps": gaps["sink"]["count"],
        "gap_ms": gaps["sink"]["total_ms"],
        "network_gaps": gaps["network"]["count"],
        "device_gaps": gaps["device"]["count"],
        "continuity_pct": 0.0 if gaps["sink"]["count"] else 100.0,
        "kbit_s": metrics["bytes"] * 8e-3 / audio_s if audio_s else None,
    }
