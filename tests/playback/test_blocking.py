"""What only `BlockingSink` does; what it shares with others is in test_contract."""

from __future__ import annotations

import pytest

from tests.playback.fakes import RATE_HZ, Device, FakePortAudio, seconds
from voicecli.audio.pcm import AudioFormat
from voicecli.errors import DeviceError
from voicecli.playback import portaudio as device_module
from voicecli.playback.blocking import BLOCK_S, BlockingSink
from voicecli.playback.policy import BufferPolicy
from voicecli.playback.portaudio import LATENCY_S, find_output_device

FORMAT = AudioFormat(RATE_HZ, 1)
PERIOD_S = LATENCY_S / 4


@pytest.fixture
def make(clock, monkeypatch):
    """A sink on a device of given habits, and its stream."""

    def make(*, wanted=FORMAT, preroll_s=0.0, **habits):
        portaudio = FakePortAudio(clock, [Device(**habits)])
        monkeypatch.setattr(device_module, "_portaudio", lambda: portaudio)
        device, policy = find_output_device(None), BufferPolicy.fixed(0.1)
        sink = BlockingSink(device, wanted, policy, clock, clock.spawn, preroll_s=preroll_s)
        return sink, portaudio.streams[-1]

    return make


def say(sink, clock, *pieces):
    sink.start()
    for piece in pieces:
        if isinstance(piece, float):
            clock.sleep(piece)
        else:
            sink.write(piece)
    sink.end_input()
    sink.drain()


def test_the_first_frame_is_heard_once_the_threshold_is_reached(make, clock):
    sink, _ = make()
    began_at = clock.now()
    say(sink, clock, 2.0, seconds(0.05), 0.5, seconds(0.05, start_s=0.05))
    assert sink.report().first_sound_at == pytest.approx(began_at + 2.5)


def test_another_rate_is_rejected(make):
    with pytest.raises(DeviceError, match="cannot be opened"):
        make(rates_hz=(48_000,))


def test_a_stereo_device_has_a_stereo_format(make):
    sink, _ = make(channel_counts=(2,))
    assert sink.format == AudioFormat(RATE_HZ, 2)


def test_silence_after_the_last_frame_keeps_it_from_being_cut(make, clock):
    sink, stream = make()
    say(sink, clock, seconds(0.5))
    sink.close()
    assert stream.calls == ["start", "stop", "close"]
    assert stream.recording().frames == RATE_HZ // 2
    assert stream.ends_at >= sink.report().last_sound_at + LATENCY_S


def test_a_stall_is_one_underflow_and_the_start_is_none(make, clock):
    sink, _ = make()
    say(sink, clock, 1.0, seconds(0.5), 1.0, seconds(0.5, start_s=0.5))
    report = sink.report()
    assert len(report.underruns) == 1
    assert not report.underruns[0].is_device
    assert report.underruns[0].silence_s == pytest.approx(0.5)
    assert report.min_buffered_s == 0


@pytest.mark.slow
@pytest.mark.no_cover  # thousands of times the same lines
@pytest.mark.parametrize("skew", [-2e-3, 2e-3])
def test_a_device_clock_that_is_off_makes_no_gaps(make, clock, skew):
    """Two thousandths are forty times what crystals do, so 2 minutes stand for 80."""
    sink, stream = make(skew=skew)
    sink.start()
    furthest_s = 0.0
    for minute in range(2):
        sink.write(seconds(60.0, start_s=minute * 60.0))
        heard = stream.recording()
        off_s = (sink.position() - (heard.times <= clock.now()).sum()) / RATE_HZ
        furthest_s = max(furthest_s, abs(off_s))
    sink.end_input()
    sink.drain()
    assert sink.report().underruns == ()
    assert furthest_s <= LATENCY_S / 2 + PERIOD_S
    assert stream.recording().gaps == []


def test_a_sound_server_that_stopped_is_a_gap(make, clock):
    sink, stream = make(hiccup=(1.0, 0.7))
    began_at = clock.now()
    say(sink, clock, seconds(3.0))
    (gap,) = sink.report().underruns
    ((frames, silence_s),) = stream.recording().gaps
    assert gap.is_device
    assert gap.at_s == pytest.approx(frames / RATE_HZ, abs=1.25 * LATENCY_S)
    assert gap.silence_s == pytest.approx(silence_s, abs=0.01)
    assert sink.report().last_sound_at - began_at == pytest.approx(3.7, abs=0.05)
    assert stream.recording().last_at == pytest.approx(sink.report().last_sound_at, abs=0.05)


def test_the_preroll_leads_into_the_first_frame_without_a_gap(make, clock):
    sink, stream = make(preroll_s=0.5)
    say(sink, clock, seconds(0.5))
    assert sink.report().first_sound_at == pytest.approx(stream.recording().first_at)
    assert sink.report().underruns == ()


def test_abort_does_not_wait_for_the_tail(make, clock):
    """All frames are in the device, the writer is at the silence behind them."""
    sink, stream = make(latency_s=0.4)
    sink.start()
    sink.write(seconds(1.0))
    sink.end_input()
    clock.sleep(0.65)
    aborted_at = clock.now()
    sink.abort()
    sink.close()
    assert stream.recording().last_at - aborted_at <= BLOCK_S + 0.1  # a block, a period
    assert stream.calls == ["start", "abort", "close"]


def test_abort_after_the_tail_stops_a_running_device(make, clock):
    sink, stream = make(latency_s=0.4, host_api="Core Audio", starts_at_write=False)
    sink.start()
    sink.write(seconds(0.5))
    sink.end_input()
    clock.sleep(0.7)
    assert clock.running() == 0  # the writer is done; the sound is not
    sink.abort()
    clock.sleep(1.0)
    heard = stream.recording()
    assert heard.last_at <= clock.now() - 1.0 + 1e-6
    assert sink.report().heard_frames == pytest.approx(heard.frames, abs=1)
    sink.close()


def test_a_device_that_breaks_fails_the_producer(make, clock):
    sink, stream = make(breaks_at_s=0.5)
    sink.start()
    with pytest.raises(DeviceError, match=r"failed: Error(.*): Device unavailable$"):
        sink.write(seconds(60.0))
    assert clock.running() == 0
    sink.close()
    assert stream.calls[-1] == "close"


def test_a_device_that_breaks_at_the_end_fails_the_drain(make, clock):
    sink, stream = make(breaks_at_s=0.5)
    sink.start()
    sink.write(seconds(1.0))
    sink.end_input()
    with pytest.raises(DeviceError, match="failed"):
        sink.drain()
    assert sink.report().heard_frames <= 0.7 * RATE_HZ
    sink.close()
    assert stream.calls == ["start", "close"]  # stop would wait for a device that is gone


def test_a_stream_with_a_stuck_writer_is_not_closed(make, clock):
    """To close it would crash the process; the process's end takes both."""
    sink, stream = make(dies_at_s=0.5)
    sink.start()
    sink.write(seconds(2.0))
    sink.end_input()
    with pytest.raises(DeviceError, match="has stopped playing"):
        sink.drain()
    before = clock.now()
    sink.abort()
    sink.close()
    assert clock.now() - before <= 5.1
    assert stream.calls == ["start"]


def test_bugs_are_not_device_errors(make, clock, monkeypatch):
    sink, stream = make()

    def raise_bug(_):
        raise ZeroDivisionError

    monkeypatch.setattr(stream, "write", raise_bug)
    sink.start()
    sink.write(seconds(0.5))
    clock.sleep(0.1)
    with pytest.raises(ZeroDivisionError):
        sink.close()


def test_a_drain_without_a_limit_waits_for_a_late_end(make, clock):
    sink, _ = make()
    sink.start()
    sink.write(seconds(0.5))
    clock.after(3.0, sink.end_input)
    began_at = clock.now()
    sink.drain()
    assert clock.now() - began_at == pytest.approx(3.0, abs=0.2)
    assert sink.report().underruns == ()
