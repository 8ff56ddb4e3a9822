"""What only `CallbackSink` does; what it shares with others is in test_contract."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from tests.playback.fakes import RATE_HZ, Device, FakePortAudio, PortAudioError, seconds
from voicecli.audio.pcm import AudioFormat
from voicecli.errors import DeviceError
from voicecli.playback import portaudio as device_module
from voicecli.playback.callback import CallbackSink
from voicecli.playback.policy import BufferPolicy
from voicecli.playback.portaudio import LATENCY_S, find_output_device
from voicecli.playback.stall import STUCK_S

FORMAT = AudioFormat(RATE_HZ, 1)


@pytest.fixture
def make(clock, monkeypatch):
    """A sink on a device of given habits, and its stream."""

    def make(*, policy=None, wanted=FORMAT, preroll_s=0.0, **habits):
        portaudio = FakePortAudio(clock, [Device(**habits)])
        monkeypatch.setattr(device_module, "_portaudio", lambda: portaudio)
        policy = policy or BufferPolicy.fixed(0.1)
        sink = CallbackSink(find_output_device(None), wanted, policy, clock, preroll_s=preroll_s)
        return sink, portaudio.streams[-1]

    return make


def say(sink, clock, *pieces):
    sink.start()
    for piece in pieces:
        sink.write(piece)
    sink.end_input()
    sink.drain()


def test_the_stream_is_started_once_there_are_frames(make):
    sink, stream = make(latency_s=0.1)
    sink.start()
    assert stream.calls == []
    taken_s = 0.125  # the policy's threshold of 0.1 is lower
    sink.write(seconds(taken_s - 0.001))
    assert stream.calls == []
    sink.write(seconds(0.001, start_s=taken_s - 0.001))
    assert stream.calls == ["start"]


def test_a_device_with_a_large_buffer_gets_more_than_it_takes_at_once(make, clock):
    sink, stream = make(latency_s=0.4)
    sink.start()
    sink.write(seconds(0.49))
    assert stream.calls == []  # it would swallow nearly all of that at once
    sink.write(seconds(0.2, start_s=0.49))
    assert stream.calls == ["start"]
    clock.sleep(0.05)
    assert sink.report().underruns == ()
    sink.abort()
    sink.close()


def test_a_preroll_starts_the_stream_before_the_first_frame(make):
    sink, stream = make(preroll_s=0.5)
    sink.start()
    assert stream.calls == ["start"]


def test_without_frames_the_stream_is_not_started(make, clock):
    sink, stream = make()
    say(sink, clock)
    sink.close()
    assert stream.calls == ["close"]


def test_stereo_is_heard_in_stereo(make, clock):
    sink, stream = make(wanted=AudioFormat(RATE_HZ, 2, "float32"))
    samples = seconds(0.5, channels=2).astype(np.float32) / 32768
    samples[:, 1] *= -1
    say(sink, clock, samples)
    assert stream.wanted["latency"] == LATENCY_S
    assert stream.wanted["prime_output_buffers_using_stream_callback"]
    assert np.array_equal(stream.recording().samples, samples)


def test_times_are_on_our_clock(make, clock):
    sink, stream = make()
    stream.clock_offset_s = -123.0
    began_at = clock.now()
    say(sink, clock, seconds(0.5))
    assert sink.report().first_sound_at == pytest.approx(began_at, abs=1e-6)


def test_underflows_of_the_device_are_counted(make, clock):
    sink, stream = make(late_blocks={7: 0.03, 20: 0.04})
    say(sink, clock, seconds(1.0))
    report = sink.report()
    assert report.heard_frames == RATE_HZ
    assert all(gap.is_device for gap in report.underruns)  # the ring had frames
    gaps = [(round(gap.at_s * RATE_HZ), gap.silence_s) for gap in report.underruns]
    assert gaps == [(at, pytest.approx(silence_s)) for at, silence_s in stream.recording().gaps]
    assert [silence_s for _, silence_s in gaps] == [pytest.approx(0.03), pytest.approx(0.04)]
    assert report.last_sound_at == pytest.approx(stream.recording().last_at)


def test_the_callback_never_waits(make):
    """Whatever locks the sink has, other threads may hold them: the callback goes on."""
    sink, stream = make()
    sink.write(seconds(1.0))
    out = bytearray(2 * 80)
    time = SimpleNamespace(currentTime=1.0, outputBufferDacTime=1.05)
    status = SimpleNamespace(output_underflow=False)

    def call():
        stream.wanted["callback"](out, 80, time, status)

    with sink._control, sink._changed:
        device_thread = threading.Thread(target=call, daemon=True)
        device_thread.start()
        device_thread.join(20)
        assert not device_thread.is_alive()
    assert np.array_equal(np.frombuffer(out, np.int16), seconds(0.01)[:, 0])


@pytest.mark.slow
def test_a_full_device_that_plays_is_not_stuck(make, clock):
    sink, stream = make()
    say(sink, clock, seconds(100.0))
    assert stream.recording().frames == 100 * RATE_HZ


def test_a_device_that_stands_still_fails_the_drain(make, clock):
    sink, _ = make(dies_at_s=0.5)
    sink.start()
    sink.write(seconds(2.0))
    sink.end_input()
    before = clock.now()
    with pytest.raises(DeviceError, match="has stopped playing"):
        sink.drain()
    assert clock.now() - before == pytest.approx(0.5 + STUCK_S, abs=0.1)


def test_a_start_that_fails_at_the_end_of_input_is_an_error(make, clock):
    sink, _ = make(refuses_to_start=True)
    sink.start()
    sink.write(seconds(0.01))
    with pytest.raises(DeviceError, match="failed") as caught:
        sink.end_input()
    assert isinstance(caught.value.__cause__, PortAudioError)


def test_abort_before_the_last_frame_is_due_leaves_the_rest_unheard(make, clock):
    sink, _ = make(latency_s=0.4)
    sink.start()
    sink.write(seconds(0.7))
    sink.end_input()
    clock.sleep(0.45)  # the callback has had it all by now
    assert sink.snapshot().buffered_s == pytest.approx(0.25)
    sink.abort()
    clock.sleep(1.0)
    assert sink.report().heard_frames == pytest.approx(0.45 * RATE_HZ, abs=1)
    assert sink.report().last_sound_at == clock.now() - 1.0


def test_closing_is_idempotent(make, clock):
    sink, stream = make()
    say(sink, clock, seconds(0.2))
    sink.close()
    sink.abort()
    sink.close()
    assert stream.calls == ["start", "stop", "close"]


def test_a_device_that_disappears_fails_the_drain_at_once(make, clock):
    sink, _stream = make(breaks_at_s=0.5)
    sink.start()
    sink.write(seconds(5.0))
    sink.end_input()
    began_at = clock.now()
    with pytest.raises(DeviceError, match="gone away"):
        sink.drain()
    assert clock.now() - began_at < 1.0
    sink.abort()
    sink.close()
    assert 0 < sink.report().heard_frames < RATE_HZ


def test_a_device_that_disappears_fails_the_write_at_once(make, clock):
    sink, _stream = make(policy=BufferPolicy.fixed(0.1), breaks_at_s=0.5)
    sink.start()
    sink.write(seconds(1.0))
    clock.sleep(1.0)
    with pytest.raises(DeviceError, match="gone away"):
        sink.write(seconds(1.0, start_s=1.0))
