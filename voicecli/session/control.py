"""Pause, skip and go back while a session speaks."""

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
"""The oldest sound kept is about to be overwritten: this much of it is not used."""


class ControlStatus(NamedTuple):
    """The state of a run at one moment.

    ``heard_s`` is the position in the sound, ``buffered_s`` the sound that has arrived and was
    not heard yet. ``text`` is the current sentence, empty before the first and for sound
    without a text.
    """

    paused: bool
    heard_s: float
    buffered_s: float
    text: str = ""


class Control:
    """Controls one run: pause, skip, go back. Any thread, at any time, even before sound starts."""

    def __init__(self, renderer: Renderer, fetches: Prefetcher) -> None:
        self._renderer = renderer
        self._fetches = fetches
        self._gain = 1.0
        self.text = SpokenText()
        """An observer: where the sentences are."""

    def pause(self) -> None:
        """Silence the sound within one block, and keep it; idempotent.

        Audio that arrives is buffered up to the usual bounds; then the network waits. A
        pause may last any length of time.
        """
        self._renderer.pause()

    def resume(self) -> None:
        """Continue exactly where `pause` stopped; idempotent."""
        self._renderer.resume()

    def louder(self, factor: float) -> float:
        """Multiply the volume, within one block; return the new factor, from 0.05 to 4.

        1 is the volume that the session was made with. Files are not changed.
        """
        self._gain = min(4.0, max(0.05, self._gain * factor))
        self._renderer.set_gain(self._gain)
        return self._gain

    def skip(self) -> None:
        """Skip to the next sentence; drop the rest of the current one.

        If the next one is not buffered, the request being heard is cancelled, and sound
        continues with the next request's. A paused run stays paused.
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
        """Repeat the current sentence; near its start, go back to the one before.

        Returns False if the sound that far back is no longer kept, or nothing was heard yet.
        It then goes back as far as it can, to the start of a sentence if there is one.
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
        """Stop one request and drop its sound; the other requests continue."""
        self._fetches.cancel_one(number)

    def status(self) -> ControlStatus:
        """Return the current state."""
        sink = self._renderer.sink
        if sink is None:
            return ControlStatus(self._renderer.is_paused, 0.0, 0.0)
        snapshot = sink.snapshot()
        current = self.text.at(snapshot.heard_s)
        text = current.text if current is not None else ""
        return ControlStatus(self._renderer.is_paused, snapshot.heard_s, snapshot.buffered_s, text)


def _goes_on_at_s(snapshot: SinkSnapshot) -> float:
    """Return the position that the next command applies to: keys may be pressed in a row."""
    return snapshot.heard_s if snapshot.next_s is None else snapshot.next_s
