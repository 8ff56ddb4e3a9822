"""What goes into a session and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voicecli.playback.output import OutputSettings
from voicecli.session.fetcher import FetchLimits

if TYPE_CHECKING:
    from voicecli.errors import DeviceError, VoiceError
    from voicecli.playback.base import SinkReport
    from voicecli.recording.saver import SaveReport
    from voicecli.telemetry.lifecycle import State


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How a session plays. ``without_device`` goes on, silently, where no device is.

    ``expected_format`` is what will probably have to be decoded: its decoder
    loads while the server thinks.
    """

    speaker: OutputSettings = field(default_factory=OutputSettings)
    limits: FetchLimits = field(default_factory=FetchLimits)
    volume: float = 1.0
    without_device: bool = False
    expected_format: str | None = None


@dataclass(frozen=True, slots=True)
class SessionResult:
    """How a run ended.

    ``spoken_s`` is audio heard (or taken, where nothing was to be heard);
    ``interrupted_at`` the clock's seconds of a `Session.cancel`; ``no_device``
    why there was no sound, where that was no error.
    """

    state: State
    report: SinkReport
    saves: SaveReport
    error: VoiceError | None = None
    interrupted_at: float | None = None
    no_device: DeviceError | None = None
    spoken_s: float = 0.0
