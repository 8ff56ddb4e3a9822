from __future__ import annotations

import pytest

from tests.playback.fakes import RATE_HZ, Device, FakePortAudio, seconds
from voicecli.audio.pcm import AudioFormat
from voicecli.clock import Deadline
from voicecli.errors import DeviceError
from voicecli.playback import portaudio as device_module
from voicecli.playback.blocking import BlockingSink
from voicecli.playback.callback import CallbackSink
from voicecli.playback.null import DiscardSink, NullSink
from voicecli.playback.output import OutputSettings, Speaker
from voicecli.playback.policy import BufferPolicy

FORMAT = AudioFormat(RATE_HZ, 1)
POLICY = BufferPolicy.fixed(0.2)


@pytest.fixture
def portaudio(monkeypatch, clock):
    fake = FakePortAudio(clock, [Device("first"), Device("second")], default=1)
    monkeypatch.setattr(device_module, "_portaudio", lambda: fake)
    return fake


@pytest.fixture
def speaker(clock):
    def make(**settings):
        return Speaker(OutputSettings(POLICY, **settings), clock, clock.spawn)

    return make


@pytest.mark.parametrize(("is_pcm", "way"), [(True, BlockingSink), (False, CallbackSink)])
def test_pcm_is_written_directly_and_all_else_goes_through_the_ring(
    portaudio, speaker, is_pcm, way
):
    made = speaker()
    made.prepare()
    sink = made.open(FORMAT, is_pcm=is_pcm)
    assert type(sink) is way
    assert sink.format == FORMAT
    assert portaudio.streams[0].device.name == "second"
    sink.close()


def test_pcm_at_a_rate_that_the_device_refuses_goes_through_the_ring(portaudio, speaker):
    portaudio.devices[1].rates_hz = (48_000,)
    made = speaker()
    made.prepare()
    sink = made.open(FORMAT, is_pcm=True)
    assert type(sink) is CallbackSink
    assert sink.format == AudioFormat(48_000, 1)


def test_opening_prepares_where_nobody_has(portaudio, speaker):
    sink = speaker(device="first").open(FORMAT, is_pcm=False)
    assert portaudio.streams[0].device.name == "first"
    sink.close()


def test_unknown_device_is_told_while_preparing(portaudio, speaker):
    with pytest.raises(DeviceError, match="no sound device matches 'third'"):
        speaker(device="third").prepare()


@pytest.mark.parametrize("is_pcm", [True, False])
def test_device_that_takes_no_format_is_told(portaudio, speaker, is_pcm):
    portaudio.devices[1].rates_hz = ()
    made = speaker()
    made.prepare()
    with pytest.raises(DeviceError, match="cannot be opened"):
        made.open(FORMAT, is_pcm=is_pcm)


@pytest.mark.parametrize(("output", "way"), [("null", NullSink), ("discard", DiscardSink)])
def test_no_device_is_touched_where_none_is_wanted(monkeypatch, speaker, output, way):
    monkeypatch.delattr(device_module, "_portaudio")
    made = speaker(output=output, device="whatever")
    made.prepare()
    sink = made.open(FORMAT, is_pcm=True)
    assert type(sink) is way
    assert sink.format == FORMAT


@pytest.mark.parametrize(
    ("output", "is_pcm"), [("device", True), ("device", False), ("null", True)]
)
def test_policy_and_preroll_reach_every_sink(portaudio, speaker, clock, output, is_pcm):
    sink = speaker(output=output, preroll_s=1.0).open(FORMAT, is_pcm=is_pcm)
    began_at = clock.now()
    sink.start()
    clock.sleep(2.0)
    sink.write(seconds(0.19))
    clock.sleep(1.0)
    assert not sink.snapshot().playing
    sink.write(seconds(0.01, start_s=0.19))
    clock.sleep(0.1)
    assert sink.snapshot().playing
    sink.end_input()
    assert sink.drain(Deadline(clock, 5.0))
    sink.close()
    other = speaker(output=output, preroll_s=1.0).open(FORMAT, is_pcm=is_pcm)
    began_at = clock.now()
    other.start()
    other.write(seconds(0.5))
    other.end_input()
    assert other.drain(Deadline(clock, 5.0))
    assert other.report().first_sound_at - began_at == pytest.approx(1.0, abs=0.05)
    other.close()


@pytest.mark.parametrize(
    ("output", "is_pcm"), [("device", True), ("device", False), ("null", True)]
)
def test_what_past_runs_needed_reaches_every_sink(portaudio, clock, output, is_pcm):
    asked = []

    def recall():
        asked.append(1)
        return [0.4] * 5

    made = Speaker(OutputSettings(output=output, recall=recall), clock, clock.spawn)
    made.prepare()
    sink = made.open(FORMAT, is_pcm=is_pcm)
    began_at = clock.now()
    sink.start()
    sink.write(seconds(2.0))
    clock.sleep(1.5)
    first_sound_at = sink.report().first_sound_at
    assert 0.6 <= first_sound_at - began_at <= 0.6 + 0.15
    assert asked == [1]
    sink.close()
