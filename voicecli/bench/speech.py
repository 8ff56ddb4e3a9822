"""One answer of a speech server, as it was heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicecli.metrics import Recorder


@dataclass(frozen=True, slots=True)
class SpeechRun:
    """What one request came to.

    ``metrics`` is an object of schema ``voicecli.metrics/1``; ``arrivals`` how the
    audio grew: (ms since t0, seconds decoded by then), ascending, a step a block.
    """

    metrics: Mapping[str, Any]
    arrivals: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, recorder: Recorder, *, spoken_s: float) -> SpeechRun:
        """What a recorder saw of a run that is over; ``spoken_s`` of it was heard."""
        return cls(recorder.result(spoken_s=spoken_s), recorder.arrival_curve())
