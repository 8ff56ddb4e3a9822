"""Pauses, skips and goes back in what a session speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicecli.session.spoken_text import SpokenText

if TYPE_CHECKING:
    from voicecli.playback.base import SinkSnapshot
    from voicecli.session.prefetch import Prefetcher
    from voicecli.session.renderer import Renderer

AT_THE_START_S = 1.5
"""`Control.back` within this time of a sentence's start goes to the sentence before it."""

_MARGIN_S = 0.2
"""Sound at the end of what is kept is lost while this much more is heard."""


class ControlStatus(NamedTuple):
    """What is heard at one moment.

    ``heard_s`` is the position in the sound, ``buffered_s`` what has arrived and waits to be
    heard. ``text`` is the sentence that is heard, empty before the first and for sound
    without a text.
    """

    paused: bool
    heard_s: float
    buffered_s: float
    text: str = ""


class Control:
    """Pauses, skips and goes back in one run; any thread, at any time, also before the sound."""

    def __init__(self, renderer: Renderer, fetches: Prefetcher) -> None:
        self._renderer = renderer
        self._fetches = fetches
        self._gain = 1.0
        self.text = SpokenText()
        """An observer: where the sentences are."""

    def pause(self) -> None:
        """Silence the sound within one block, and keep it; idempotent.

        What comes from the network is buffered up to the usual bounds, then waits. It may
        last as long as it likes.
        """
        self._renderer.pause()

    def resume(self) -> None:
        """Go on exactly where `pause` stopped; idempotent."""
        self._renderer.resume()

    def louder(self, factor: float) -> float:
        """Multiply the volume of what is heard, within one block; return it, from 0.05 to 4.

        1 is the volume that the session was made with. Files are not changed.
        """
        self._gain = min(4.0, max(0.05, self._gain * factor))
        self._renderer.set_gain(self._gain)
        return self._gain

    def skip(self) -> None:
        """Go on with the next sentence; drops the rest of the current one.

        If the next one is not in the buffer, the request that is heard is cancelled, and
        sound goes on with the next request's. A pause stays a pause.
        """
        sink = self._renderer.sink
        if sink is None:
            return
        at_s = _goes_on_at_s(sink.snapshot())
        current, following = self.text.at(at_s), self.text.after(at_s)
        if following is not None and sink.seek(sink.format.frames(following.starts_s)):
            return
        if current is None or self.text.is_open(current.segment):
            number = self._renderer.skip()
            if number is not None:
                self.cancel_utterance(number)
        sink.flush()

    def back(self) -> bool:
        """Speak the current sentence again from its start; near its start, the one before.

        Returns False if the sound that far back is not kept any more, or nothing was heard
        yet. It then goes back as far as it can, to the start of a sentence if there is one.
        """
        sink = self._renderer.sink
        if sink is None:
            return False
        snapshot = sink.snapshot()
        at_s = _goes_on_at_s(snapshot)
        current = self.text.at(at_s)
        if current is not None and at_s - current.starts_s < AT_THE_START_S:
            current = self.text.at(current.starts_s - 0.001) or current
        starts_s = current.starts_s if current is not None else 0.0
        if sink.seek(sink.format.frames(starts_s)):
            return True
        oldest_s = snapshot.kept_s + _MARGIN_S
        first = self.text.after(oldest_s)
        if first is not None and first.starts_s <= at_s:
            oldest_s = first.starts_s
        sink.seek(sink.format.frames(min(oldest_s, at_s)))
        return False

    def cancel_utterance(self, number: int) -> None:
        """Stop one request and drop its sound; its neighbours go on."""
        self._fetches.cancel_one(number)

    def status(self) -> ControlStatus:
        """Return what is heard now."""
        sink = self._renderer.sink
        if sink is None:
            return ControlStatus(self._renderer.is_paused, 0.0, 0.0)
        snapshot = sink.snapshot()
        current = self.text.at(snapshot.heard_s)
        text = current.text if current is not None else ""
        return ControlStatus(self._renderer.is_paused, snapshot.heard_s, snapshot.buffered_s, text)


def _goes_on_at_s(snapshot: SinkSnapshot) -> float:
    """Return the position that the next command is about: keys may be pressed in a row."""
    return snapshot.heard_s if snapshot.next_s is None else snapshot.next_s
