"""Control a session while it speaks: pause, skip, go back, and change the volume."""

from __future__ import annotations

import threading
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from voicecli.session.spoken_text import SpokenText

if TYPE_CHECKING:
    from voicecli.playback.base import Sink, SinkSnapshot
    from voicecli.session.prefetch import Prefetcher
    from voicecli.session.renderer import Renderer

AT_THE_START_S = 1.5
"""`Control.back` within this time of a sentence's start goes to the sentence before it."""

_MARGIN_S = 0.2
"""The oldest sound kept is about to be overwritten: this much of it is not used."""


_WAITS_FOR_A_PAUSE_S = 1.5
"""Sound behind the expected start of a sentence that is awaited: a pause may show where it is."""

_BEFORE_ALL = (-1, -inf)
"""The `SpokenSentence.order` of none."""


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
        self._skipping = threading.Lock()  # guards the two fields below
        self._from: tuple[int, float] = _BEFORE_ALL  # skip from this sentence
        self._sentences = 0  # by this many sentences; 0 if nothing is skipped
        renderer.before_write = self._follow
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

    def scale_volume(self, factor: float) -> float:
        """Multiply the volume, within one block; return the new factor, from 0.05 to 4.

        1 is the volume that the session was made with. Files are not changed.
        """
        self._gain = min(4.0, max(0.05, self._gain * factor))
        self._renderer.set_gain(self._gain)
        return self._gain

    def skip(self) -> None:
        """Skip to the next sentence; drop the rest of the current one.

        Its sound may still have to arrive: it is silent until then. If the sentence belongs
        to another request, the one being heard is cancelled. Several skips add up. A paused
        run stays paused. Before the first sound, the first sentence is skipped.
        """
        with self._skipping:
            sink = self._renderer.sink
            if sink is None:
                self._sentences = (self._sentences or 1) + 1  # from before the first sentence
                return
            if not self._sentences:
                current = self.text.at(_goes_on_at_s(sink.snapshot()))
                self._from = current.order if current is not None else _BEFORE_ALL
            self._sentences += 1
            self._go_on(sink)

    def _follow(self) -> None:
        """Correct where a skip continues, now that more is known [decoder thread]."""
        if self._sentences and (sink := self._renderer.sink) is not None:
            with self._skipping:
                if self._sentences:
                    self._go_on(sink)

    def _go_on(self, sink: Sink) -> None:
        following, decoded_s = self.text.following(self._from), self.text.decoded_s
        if len(following) < self._sentences:
            self._leave_request(len(following))
            if not sink.seek(sink.format.frames(decoded_s)):
                sink.flush()
            return
        sentence = following[self._sentences - 1]
        at_s = sentence.starts_s
        if not sentence.is_certain and decoded_s < at_s + _WAITS_FOR_A_PAUSE_S:
            at_s = max(at_s, decoded_s)
        else:
            self._sentences = 0
        if not sink.seek(sink.format.frames(at_s)):
            self._sentences = 0

    def _leave_request(self, known: int) -> None:
        """Cancel the request being rendered: none of its ``known`` sentences is the one."""
        segment, has_text = self.text.open_segment, self._from != _BEFORE_ALL
        if segment is None and has_text:
            return  # the next one is still to come
        number = self._renderer.skip(segment)
        if number is not None:
            self.cancel_utterance(number)
        if segment is None:
            self._sentences = 0  # sound without a text is left as a whole
        elif number is not None:
            self._from, self._sentences = (number, inf), self._sentences - known

    def back(self) -> bool:
        """Repeat the current sentence; near its start, go back to the one before.

        Returns False if the sound that far back is no longer kept, or nothing was heard yet.
        It then goes back as far as it can, to the start of a sentence if there is one.
        """
        with self._skipping:
            self._sentences = 0
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
