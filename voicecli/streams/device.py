"""What a source on a sound device needs of the machine: a thread, and the device."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.audio.pcm import AudioFormat
    from voicecli.clock import Clock
    from voicecli.playback.base import Sink
    from voicecli.playback.policy import BufferPolicy
    from voicecli.threads import Joinable

_PREROLL_S = 0.01


def daemon_thread(work: Callable[[], None], name: str) -> Joinable:
    """Start a thread; a daemon, so that a source that was abandoned holds up no exit."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def open_device(
    format: AudioFormat, device: str | None, policy: BufferPolicy, clock: Clock
) -> Sink:
    """A sink over a sound device, not started; takes some 50 ms the first time.

    Args:
        format: wanted; the device's may differ.
        device: its index or a part of its name; None means the default one.
        policy: when sound begins and goes on.
        clock: what times are told by.

    Raises:
        DeviceError: there is no such device, or it cannot be opened.
    """
    from voicecli.playback.callback import CallbackSink  # noqa: PLC0415  loads PortAudio
    from voicecli.playback.portaudio import find_output_device  # noqa: PLC0415  loads PortAudio

    # A preroll starts the stream before the first frame, which would otherwise wait for more.
    return CallbackSink(find_output_device(device), format, policy, clock, preroll_s=_PREROLL_S)
