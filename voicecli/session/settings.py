"""`SessionSettings` and `SessionResult`: the input and the outcome of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicecli.session.fetcher import FetchLimits
from voicecli.session.seams import SeamPauses

if TYPE_CHECKING:
    from voicecli.errors import DeviceError, VoiceError
    from voicecli.playback.base import SinkReport
    from voicecli.recording.saver import SaveReport
    from voicecli.telemetry.lifecycle import State


class SessionSettings(NamedTuple):
    """How a session fetches and decodes.

    ``volume`` is a factor. ``expected_format`` is what will probably have to be
    decoded: its decoder is loaded while the server thinks. ``pauses`` is how
    much silence is kept between the segments of a text.
    """

    limits: FetchLimits = FetchLimits()
    volume: float = 1.0
    expected_format: str | None = None
    pauses: SeamPauses = SeamPauses()


class SessionResult(NamedTuple):
    """How a run ended.

    ``spoken_s`` is seconds of audio heard, or taken if nothing was to be heard;
    ``interrupted_at`` is the clock's time of `Session.cancel`; ``no_device`` is
    why there was no sound, if that was not an error.
    """

    state: State
    report: SinkReport
    saves: SaveReport
    error: VoiceError | None = None
    interrupted_at: float | None = None
    no_device: DeviceError | None = None
    spoken_s: float = 0.0
