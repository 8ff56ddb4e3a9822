"""Pausing, skipping and going back in a session that speaks."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from tests.session.fakes import (
    FORMAT,
    FakeClock,
    Run,
    ScriptedSource,
    UntilCancelled,
    seen,
    sound,
    watched,
)
from voicecli.playback.base import SinkSnapshot
from voicecli.session.control import Control
from voicecli.session.spoken_text import SpokenSentence
from voicecli.session.utterance import Utterance
from voicecli.telemetry.events import SegmentEnded, SegmentPlaced
from voicecli.telemetry.lifecycle import State
from voicecli.text.segment import Segment, Sentence, Span


def segment(number, *texts):
    sentences = [Sentence(number * 10 + i, text, Span(0, 1)) for i, text in enumerate(texts)]
    return Segment(number, tuple(sentences))


class Scene:
    """Three sentences in two requests, each heard for a second, on a clock of the test's."""

    def __init__(self, *steps, texts=("One, two, three.", "Two, three, one.")):
        self.clock = FakeClock(holds=True)
        self.session, self.watcher = watched(self.clock)
        first = ScriptedSource(list(steps) or [sound(2.0)])
        utterances = [
            Utterance(first, segment(0, *texts)),
            Utterance(ScriptedSource([sound(1.0)]), segment(1, "Three.")),
        ]
        self.run = Run(self.session, utterances)
        self.control = self.session.control

    def decoded(self):
        self.watcher.wait_for(lambda: len(self.watcher.all(SegmentEnded)) == 2)
        return self

    def finish(self):
        for _ in range(100):
            if self.session.state in {State.DONE, State.FAILED}:
                break
            self.clock.advance(0.5)
            seen(self.clock.waited_on)
        return self.run.result()

    def stop(self):
        self.session.cancel()
        return self.run.result()


def test_a_pause_stops_the_sound_and_nothing_else():
    scene = Scene().decoded()
    scene.clock.advance(0.5)
    scene.control.pause()
    scene.control.pause()
    scene.clock.advance(7200)
    status = scene.control.status()
    assert (status.paused, status.heard_s, status.buffered_s) == (True, 0.5, 2.5)
    assert status.text == "One, two, three."
    scene.control.resume()
    assert not scene.control.status().paused
    scene.clock.advance(0.75)
    assert scene.control.status().heard_s == 1.25
    result = scene.finish()
    assert result.state is State.DONE
    assert result.spoken_s == 3.0
    assert result.report.underruns == ()
    assert [pause.silence_s for pause in result.report.pauses] == [7200]


def test_paused_before_the_first_sound_it_is_silent():
    waiting = UntilCancelled()
    scene = Scene(waiting, sound(2.0))
    seen(waiting.reached)
    scene.control.pause()
    assert scene.control.status() == (True, 0.0, 0.0, "")
    assert scene.stop().spoken_s == 0


def test_skipping_goes_on_with_the_next_sentence_and_the_next_request():
    scene = Scene().decoded()
    scene.clock.advance(0.25)
    scene.control.skip()
    assert scene.control.status().heard_s == pytest.approx(1.0, abs=0.01)
    assert scene.control.status().text == "Two, three, one."
    scene.control.skip()
    assert scene.control.status().heard_s == pytest.approx(2.0, abs=0.01)
    result = scene.finish()
    assert result.state is State.DONE
    assert result.spoken_s == pytest.approx(1.25, abs=0.02)
    assert result.report.underruns == ()


def test_skipping_what_has_not_arrived_cancels_its_request_only():
    waiting = UntilCancelled()
    scene = Scene(sound(0.5), waiting, texts=["One, two, three."])
    seen(waiting.reached)
    scene.watcher.wait_for_state("playing")
    scene.clock.advance(0.25)
    scene.control.skip()
    scene.watcher.wait_for(lambda: len(scene.watcher.all(SegmentPlaced)) == 2)
    result = scene.finish()
    assert result.state is State.DONE
    assert result.error is None
    assert result.spoken_s == pytest.approx(1.25, abs=0.02)


VOICE_S = 0.9
SILENCE_S = 0.3
NEXT_S = VOICE_S + SILENCE_S
LONG = ["One, two, three.", "Two, three, one.", "Six, five, four."]


def spoken(count):
    return b"".join(sound(VOICE_S) + sound(SILENCE_S, 0) for _ in range(count))


class Awaited(Scene):
    """Three sentences in one request, of which half of the first is there."""

    def __init__(self, whole=None):
        self.held = threading.Event()
        self.reached = threading.Event()
        whole = whole or spoken(3)[: -2 * FORMAT.frames(SILENCE_S)]
        half = 2 * FORMAT.frames(0.5)
        steps = [whole[:half], self.hold]
        blocks = [whole[at : at + 1600] for at in range(half, len(whole), 1600)]
        super().__init__(*steps, *blocks, texts=LONG)
        seen(self.reached)
        self.watcher.wait_for_state("playing")
        self.clock.advance(0.25)

    def hold(self):
        self.reached.set()
        seen(self.held)


@pytest.mark.parametrize("skips", [1, 2])
def test_a_skip_waits_for_a_sentence_of_the_same_request(skips):
    scene = Awaited()
    for _ in range(skips):
        scene.control.skip()
    scene.clock.advance(0.5)
    scene.held.set()
    scene.decoded()
    assert scene.control.status().heard_s == pytest.approx(skips * NEXT_S, abs=0.011)
    assert scene.control.status().text == LONG[skips]
    result = scene.finish()
    assert result.state is State.DONE
    assert result.report.underruns == ()
    left_s = 3 * NEXT_S - SILENCE_S - skips * NEXT_S
    assert result.spoken_s == pytest.approx(0.25 + left_s + 1.0, abs=0.05)


@pytest.mark.parametrize("skips", [3, 4])
def test_skips_add_up_beyond_a_request_that_has_not_arrived(skips):
    scene = Awaited()
    for _ in range(skips):
        scene.control.skip()
    scene.held.set()
    result = scene.finish() if skips == 3 else scene.run.result()
    assert result.state is State.DONE
    assert result.error is None
    assert result.spoken_s == pytest.approx(0.25 + (1.0 if skips == 3 else 0.0), abs=0.02)


class Silent(Scene):
    """Three sentences in two requests, before any sound has arrived."""

    def __init__(self):
        self.held = threading.Event()
        reached = threading.Event()

        def hold():
            reached.set()
            seen(self.held)

        super().__init__(hold, sound(0.9), sound(0.1, 0), sound(1.0))
        seen(reached)


@pytest.mark.parametrize(("skips", "heard_s"), [(1, 2.0), (2, 1.0)])
def test_before_the_first_sound_the_first_sentences_are_skipped(skips, heard_s):
    scene = Silent()
    for _ in range(skips):
        scene.control.skip()
    scene.held.set()
    result = scene.finish()
    assert result.state is State.DONE
    assert result.error is None
    assert result.spoken_s == pytest.approx(heard_s, abs=0.1)


def test_going_back_before_the_first_sound_takes_a_skip_back():
    scene = Silent()
    scene.control.skip()
    assert not scene.control.back()
    scene.held.set()
    assert scene.finish().spoken_s == pytest.approx(3.0, abs=0.02)


def test_going_back_ends_a_skip_that_waits():
    scene = Awaited()
    scene.control.skip()
    scene.control.back()
    scene.held.set()
    scene.decoded()
    assert scene.control.status().heard_s == 0
    assert scene.finish().spoken_s == pytest.approx(0.25 + 3 * NEXT_S - SILENCE_S + 1.0, abs=0.05)


def test_without_a_pause_a_skip_goes_where_the_sentence_is_expected():
    scene = Awaited(sound(3.0))
    scene.control.skip()
    scene.held.set()
    scene.decoded()
    assert scene.control.status().heard_s == pytest.approx(1.0, abs=0.3)
    assert scene.finish().state is State.DONE


def test_going_back_repeats_the_sentence_and_near_its_start_the_one_before():
    scene = Scene().decoded()
    scene.clock.advance(2.9)
    assert scene.control.back()  # within 1.5 s of the start of the third
    assert scene.control.status().heard_s == pytest.approx(1.0, abs=0.01)
    assert scene.control.back()
    assert scene.control.status().heard_s == 0.0
    assert scene.control.back()
    result = scene.finish()
    assert result.state is State.DONE
    assert result.spoken_s == pytest.approx(2.9 + 3.0, abs=0.02)


def test_a_paused_session_stays_paused_when_it_skips():
    scene = Scene().decoded()
    scene.clock.advance(0.25)
    scene.control.pause()
    scene.control.skip()
    scene.clock.advance(5)
    assert scene.control.status().paused
    assert scene.control.status().heard_s == pytest.approx(1.0, abs=0.01)
    assert scene.stop().spoken_s == 0.25


def test_a_paused_session_can_be_stopped():
    scene = Scene().decoded()
    scene.clock.advance(0.5)
    scene.control.pause()
    scene.clock.advance(5)
    result = scene.stop()
    assert result.state is State.CANCELLED
    assert result.spoken_s == 0.5


def test_sound_without_a_text_is_skipped_as_a_whole():
    clock = FakeClock(holds=True)
    session, watcher = watched(clock)
    waiting = UntilCancelled()
    run = Run(session, [ScriptedSource([sound(9.0), waiting])])
    seen(waiting.reached)
    watcher.wait_for_state("playing")
    clock.advance(1.0)
    session.control.skip()
    assert run.result().spoken_s == 1.0
    assert run.result().report.heard_frames == FORMAT.rate_hz


class SinkAt:
    """A sink that hears a seek late, as a device does, and keeps what is after ``kept_s``."""

    format = FORMAT

    def __init__(self, heard_s, kept_s=0.0):
        self.heard_s, self.kept_s = heard_s, kept_s
        self.next_s = None

    def snapshot(self):
        return SinkSnapshot(
            playing=True, rebuffering=False, buffered_s=9.0, heard_s=self.heard_s,
            next_s=self.next_s, kept_s=self.kept_s,
        )  # fmt: skip

    def seek(self, position):
        at_s = FORMAT.duration_s(position)
        if at_s < self.kept_s:
            return False
        self.next_s = at_s
        return True


class KnownText:
    """Sentences of ten seconds."""

    open_segment = None
    decoded_s = 100.0

    def at(self, at_s):
        return SpokenSentence(0, "", at_s // 10 * 10.0, int(at_s // 10))

    def after(self, at_s):
        return self.at(at_s + 10)

    def following(self, order):
        return [self.at(number * 10) for number in range(order[1] + 1, 10)]


def control_of(sink):
    control = Control(SimpleNamespace(sink=sink), None)
    control.text = KnownText()
    return control


def test_commands_in_a_row_add_up_before_the_first_is_heard():
    sink = SinkAt(25.0)
    control = control_of(sink)
    control.skip()
    control.skip()
    control.skip()
    assert sink.next_s == 50.0
    control.back()
    control.back()
    assert sink.next_s == 30.0


@pytest.mark.parametrize(("heard_s", "goes_on_s"), [(28.0, 20.0), (21.6, 20.0), (21.4, 10.0)])
def test_back_repeats_the_sentence_unless_it_has_just_begun(heard_s, goes_on_s):
    sink = SinkAt(heard_s)
    assert control_of(sink).back()
    assert sink.next_s == goes_on_s


@pytest.mark.parametrize(("kept_s", "goes_on_s"), [(71.0, 80.0), (78.0, 80.0), (84.0, 84.2)])
def test_back_goes_as_far_as_sound_is_kept(kept_s, goes_on_s):
    sink = SinkAt(86.0 if kept_s > 80 else 81.0, kept_s)
    assert not control_of(sink).back()
    assert sink.next_s == pytest.approx(goes_on_s)


@pytest.mark.parametrize(("decoded_s", "goes_on_s"), [(28.0, 30.0), (31.0, 31.0), (32.0, 30.0)])
def test_a_skip_is_silent_until_the_sentence_can_be_found(decoded_s, goes_on_s):
    sink = SinkAt(25.0)
    control = control_of(sink)
    control.text.following = lambda _: [SpokenSentence(0, "", 30.0, 3, is_certain=False)]
    control.text.decoded_s = decoded_s
    control.skip()
    assert sink.next_s == goes_on_s


def test_the_volume_has_limits():
    gains = []
    control = Control(SimpleNamespace(set_gain=gains.append), None)
    assert [control.scale_volume(factor) for factor in (0.5, 0.01, 2, 100, 0.5)] == [
        0.5,
        0.05,
        0.1,
        4,
        2,
    ]
    assert gains == [0.5, 0.05, 0.1, 4, 2]
