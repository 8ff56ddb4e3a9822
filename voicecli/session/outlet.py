"""Where a session's sound comes out, made ready while the server thinks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from voicecli.errors import DeviceError

if TYPE_CHECKING:
    from voicecli.audio.pcm import AudioFormat
    from voicecli.playback.base import Sink
    from voicecli.playback.output import Speaker

DEVICE_S = 30.0
"""How long finding the device may take, which can mean waking a sound server."""


class Outlet:
    """Brings together a `Speaker`, prepared on one thread, and the thread that opens its sink.

    `prepare` or `skip` belongs to the device thread, `open` to the decoder's.
    ``no_device`` is why nothing is heard, where ``without_device`` lets the run
    go on all the same.
    """

    def __init__(self, speaker: Speaker, *, without_device: bool) -> None:
        self._speaker = speaker
        self._without_device = without_device
        self._ready = threading.Event()
        self._fault: DeviceError | None = None
        self.no_device: DeviceError | None = None

    def prepare(self) -> None:
        """Load what the device takes, and find it.

        Raises:
            DeviceError: there is none, and the run shall not go on without.
        """
        try:
            self._speaker.prepare()
        except DeviceError as error:
            self._fault = error
            if not self._without_device:
                raise
        finally:
            self._ready.set()

    def skip(self) -> None:
        """Prepare nothing: nothing will be heard, as far as anyone knows."""
        self._ready.set()

    def open(self, format: AudioFormat, is_pcm: bool) -> Sink:  # noqa: FBT001  a callback's shape
        """The sink for samples of this format, once it was prepared or skipped.

        Raises:
            DeviceError: there is no device, and the run shall not go on without.
        """
        try:
            self._await_ready()
            return self._speaker.open(format, is_pcm=is_pcm)
        except DeviceError as error:
            if not self._without_device:
                raise
            from voicecli.playback.null import DiscardSink  # noqa: PLC0415  numpy is there by now

            self.no_device = error
            return DiscardSink(format)

    def _await_ready(self) -> None:
        if not self._ready.wait(DEVICE_S):
            raise DeviceError(f"the sound system has not answered for {DEVICE_S:g} s")
        if self._fault:
            raise self._fault
