from __future__ import annotations

import threading

import pytest

from tests.session.fakes import FORMAT, seen, sound
from tests.session.rendering import START, Rig, block
from voicecli.audio.pcm import AudioFormat
from voicecli.errors import CorruptStream, DeviceError, NetworkError, TruncatedStream
from voicecli.session.items import StreamEnd, StreamStart
from voicecli.sources.base import SourceInfo
from voicecli.telemetry import events


def test_everything_is_played():
    rig = Rig().run(START, sound(0.5, 1), sound(0.5, 2), StreamEnd(), START, sound(0.5, 3))
    assert rig.sink.samples == [1] * 4000 + [2] * 4000 + [3] * 4000
    assert rig.events == ["draining"]
    assert rig.clock.now() == 1001.5, "it waited for the last frame to be heard"
    assert (rig.renderer.name, rig.renderer.first_format) == ("pcm", FORMAT)
    assert rig.is_pcm is True
    assert rig.opened == FORMAT
    assert [pcm.frames for pcm in rig.kept] == [4000, 4000, 4000]
    assert [event.name for event in rig.watcher.all(events.Recognised)] == ["pcm"]


def test_the_source_info_reaches_the_decoder():
    info = SourceInfo(None, "audio/pcm", 16_000, 2)
    rig = Rig(sink_format=AudioFormat(16_000, 2)).run(StreamStart(info), sound(0.5), StreamEnd())
    assert rig.renderer.first_format == AudioFormat(16_000, 2)


def test_decoded_audio_is_not_pcm(decoder):
    decoder([[block(100)], []])
    rig = Rig().run(START, b"mp3", StreamEnd())
    assert (rig.is_pcm, rig.renderer.name) == (False, "scripted")


def test_samples_are_converted_for_the_sink():
    rig = Rig(sink_format=AudioFormat(FORMAT.rate_hz, 2), volume=0.5)
    rig.run(START, sound(0.25, 1000), StreamEnd())
    assert rig.sink.blocks[0].tolist() == [[500, 500]] * 2000


def test_the_end_of_the_resampler_is_played():
    rig = Rig(sink_format=AudioFormat(16_000, 1)).run(START, sound(0.5), StreamEnd())
    assert rig.sink.written == 8000


def test_without_items_no_sink_is_opened():
    rig = Rig().run()
    assert (rig.renderer.sink, rig.events) == (None, [])


def test_the_sink_is_started_before_it_is_written_to():
    rig = Rig(preroll_s=0.25)
    rig.run(START, sound(0.5), StreamEnd())
    assert rig.sink.report().first_sound_at == 1000.25


def test_what_is_written_while_it_is_skipped_is_flushed(monkeypatch):
    rig = Rig()
    write, flushed = rig.sink.write, []

    def write_and_skip(samples):
        rig.renderer.skip(None)
        write(samples)

    monkeypatch.setattr(rig.sink, "write", write_and_skip)
    monkeypatch.setattr(rig.sink, "flush", lambda: flushed.append(rig.sink.written))
    rig.run(START, sound(0.5), sound(0.5), StreamEnd())
    assert flushed == [4000], "after the first block; the second is dropped"


# Faults


def test_blocks_before_an_error_are_heard(decoder):
    fault = CorruptStream("damaged")
    decoder([[block(4000)], fault])
    rig = Rig()
    rig.run(START, bytes(20_000), bytes(20_000), StreamEnd(), START, ends=False)
    assert rig.events == [fault, "draining"]
    assert rig.sink.written == 4000
    assert rig.sink.report().heard_frames == 4000
    assert not rig.chunks.offer(b"more"), "the channel is closed"


def test_an_error_held_back_by_flush_is_reported(decoder):
    fault = TruncatedStream("half a page")
    decoder([[block(100)], [block(50)], fault])
    rig = Rig().run(START, b"x", StreamEnd())
    assert rig.events == [fault, "draining"]
    assert rig.sink.written == 150


def test_an_error_before_any_block_opens_no_sink(decoder):
    fault = CorruptStream("garbage")
    decoder([fault])
    rig = Rig().run(START, b"x", StreamEnd())
    assert rig.events == [fault]
    assert rig.renderer.sink is None


def test_a_stream_without_an_end_is_flushed_without_an_error(decoder):
    decoder([[block(100)], [block(50)], TruncatedStream("as was to be expected")])
    rig = Rig().run(START, b"x")
    assert rig.events == ["draining"], "the source has reported the error"
    assert rig.sink.written == 150


def test_a_device_error_in_the_last_blocks_of_a_broken_stream_is_raised(decoder):
    decoder([[block(100)], [block(50)]])
    with pytest.raises(DeviceError):
        Rig(breaks_after=100).run(START, b"x")


@pytest.mark.parametrize("breaks_after", [0, 100])
def test_a_broken_device_ends_it(decoder, breaks_after):
    decoder([[block(100)], [block(100)], []])
    rig = Rig(breaks_after=breaks_after)
    with pytest.raises(DeviceError):
        rig.run(START, bytes(20_000), bytes(20_000), StreamEnd())
    assert rig.events == []


def test_a_device_that_cannot_be_opened_ends_it():
    rig = Rig()
    rig.open_fault = DeviceError("busy")
    with pytest.raises(DeviceError):
        rig.run(START, sound(0.5), StreamEnd())
    assert rig.renderer.sink is None
    assert rig.renderer.first_format == FORMAT


def test_a_device_may_take_as_long_as_the_buffered_audio_lasts():
    rig = Rig().run(START, sound(20.0), StreamEnd())
    assert rig.sink.report().heard_frames == 20 * FORMAT.rate_hz


def test_a_device_that_stops_playing_is_an_error():
    with pytest.raises(DeviceError, match="has stopped playing"):
        Rig(plays_out=False).run(START, sound(0.5), StreamEnd())


@pytest.mark.parametrize("items", [[b"bytes"], [StreamEnd()]])
def test_a_stream_must_begin_with_its_start(items):
    with pytest.raises(AssertionError):
        Rig().run(*items)


# CPU time


def test_cpu_time_without_a_block_is_counted(decoder, monkeypatch):
    ticks = iter(range(100))
    monkeypatch.setattr("time.thread_time", lambda: float(next(ticks)))
    decoder([[], [block(10), block(10)], [block(10)], []])
    rig = Rig().run(START, bytes(20_000), bytes(20_000), StreamEnd())
    assert [event.cpu_s for event in rig.watcher.all(events.Decoded)] == [2.0, 0.0, 1.0]


# Aborting


def test_aborted_before_the_sink_exists_it_stays_silent():
    rig = Rig()
    rig.renderer.abort()
    rig.run(START, sound(0.5), StreamEnd())
    assert rig.renderer.sink is None


def test_aborted_while_the_sink_opens_it_stays_silent():
    rig = Rig(preroll_s=1.0)
    opened = rig._open

    def opening(format, *, is_pcm):
        rig.renderer.abort()
        return opened(format, is_pcm=is_pcm)

    rig.renderer._open_sink = opening
    rig.run(START, sound(0.5), StreamEnd())
    assert rig.sink.aborts == 1
    assert rig.sink.report().heard_frames == 0
    assert rig.clock.now() == 1000.0, "it waited for nothing"


def test_aborted_it_stops_decoding(decoder):
    fed = decoder([[block(10)], [block(10)]])
    rig = Rig()
    rig.renderer._on_pcm = lambda _: rig.renderer.abort()
    rig.run(START, bytes(20_000), bytes(20_000), bytes(20_000))
    assert len(fed) == 1


def test_aborted_while_it_drains_it_returns():
    rig = Rig()
    rig.clock.holds = True
    thread = threading.Thread(target=lambda: rig.run(START, sound(9.0), StreamEnd()))
    thread.start()
    seen(rig.clock.waited_on)
    rig.clock.advance(1.0)
    rig.renderer.abort()
    thread.join()
    assert rig.sink.report().heard_frames == FORMAT.rate_hz


def test_any_voice_error_is_reported(decoder):
    fault = NetworkError("the decoder fetches its tables")
    decoder([fault])
    assert Rig().run(START, b"x").events == [fault]
