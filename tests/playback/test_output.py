from __future__ import annotations

import threading
from weakref import WeakSet

import pytest

from tests.playback.fakes import RATE_HZ, Device, FakePortAudio, seconds
from voicecli.audio.pcm import AudioFormat
from voicecli.errors import DeviceError
from voicecli.playback import latency as latency_module
from voicecli.playback import output as output_module
from voicecli.playback import portaudio as device_module
from voicecli.playback.blocking import BlockingSink
from voicecli.playback.callback import CallbackSink
from voicecli.playback.latency import LATENCY_S, LatencyFile
from voicecli.playback.null import DiscardSink, NullSink
from voicecli.playback.output import Output, OutputSettings
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy

FORMAT = AudioFormat(RATE_HZ, 1)
POLICY = BufferPolicy.fixed(0.2)


class Known:
    """Stands in for `History`: counts how often it is read."""

    def __init__(self, *runs):
        self._runs = runs
        self.reads = 0

    def recent(self):
        self.reads += 1
        return self._runs


@pytest.fixture
def portaudio(monkeypatch, clock):
    fake = FakePortAudio(clock, [Device("first"), Device("second")], default=1)
    monkeypatch.setattr(device_module, "_portaudio", lambda: fake)
    monkeypatch.setattr(device_module, "_streams", WeakSet())  # without those of other tests
    return fake


def make(**settings):
    return Output(OutputSettings(**{"policy": POLICY, **settings}))


@pytest.fixture
def open_sink(clock):
    def open_sink(output, *, is_pcm, history=None):
        return output.open(FORMAT, is_pcm=is_pcm, clock=clock, spawn=clock.spawn, history=history)

    return open_sink


@pytest.mark.parametrize(("is_pcm", "kind"), [(True, BlockingSink), (False, CallbackSink)])
def test_pcm_is_written_directly_and_all_else_goes_through_the_callback(
    portaudio, open_sink, is_pcm, kind
):
    output = make()
    output.prepare()
    sink = open_sink(output, is_pcm=is_pcm)
    assert type(sink) is kind
    assert sink.format == FORMAT
    assert portaudio.streams[0].device.name == "second"
    assert not output.is_silent
    sink.close()


def test_pcm_at_a_rate_that_the_device_refuses_goes_through_the_callback(portaudio, open_sink):
    portaudio.devices[1].rates_hz = (48_000,)
    sink = open_sink(make(), is_pcm=True)
    assert type(sink) is CallbackSink
    assert sink.format == AudioFormat(48_000, 1)


def test_opening_prepares_if_need_be(portaudio, open_sink):
    sink = open_sink(make(device="first"), is_pcm=False)
    assert portaudio.streams[0].device.name == "first"
    sink.close()


def test_opening_waits_for_the_preparation(portaudio, open_sink, monkeypatch):
    preparing, prepared = threading.Event(), threading.Event()
    find = device_module.find_output_device

    def find_slowly(wanted):
        preparing.set()
        assert prepared.wait(20)
        return find(wanted)

    monkeypatch.setattr(device_module, "find_output_device", find_slowly)
    output = make()
    preparer = threading.Thread(target=output.prepare)
    preparer.start()
    assert preparing.wait(20)
    opener = threading.Thread(target=open_sink, args=(output,), kwargs={"is_pcm": False})
    opener.start()
    assert not portaudio.streams
    prepared.set()
    preparer.join()
    opener.join()
    assert len(portaudio.streams) == 1


def test_the_device_is_found_once_for_many_sinks(portaudio, open_sink):
    output = make(device="first")
    for _ in range(2):
        output.prepare()
        open_sink(output, is_pcm=False).close()
    assert portaudio.listed == 1


# Without a device


def test_an_unknown_device_is_reported_while_preparing(portaudio):
    with pytest.raises(DeviceError, match="no sound device matches 'third'"):
        make(device="third").prepare()


@pytest.mark.parametrize("is_pcm", [True, False])
def test_a_device_that_takes_no_format_is_an_error(portaudio, open_sink, is_pcm):
    portaudio.devices[1].rates_hz = ()
    output = make()
    output.prepare()
    with pytest.raises(DeviceError, match="cannot be opened"):
        open_sink(output, is_pcm=is_pcm)
    assert output.no_device is None


@pytest.mark.parametrize("settings", [{"device": "third"}, {"device": "first"}])
def test_an_optional_device_that_is_missing_is_replaced(portaudio, open_sink, settings):
    portaudio.devices[0].rates_hz = ()
    output = make(optional=True, **settings)
    output.prepare()
    sink = open_sink(output, is_pcm=True)
    assert isinstance(sink, DiscardSink)
    assert sink.format == FORMAT
    assert isinstance(output.no_device, DeviceError)
    assert output.is_silent


def test_a_sound_system_that_does_not_answer_is_an_error(portaudio, open_sink, monkeypatch):
    preparing, prepared = threading.Event(), threading.Event()

    def hang(_):
        preparing.set()
        assert prepared.wait(20)
        raise DeviceError("gone")

    monkeypatch.setattr(device_module, "find_output_device", hang)
    output = Output(OutputSettings(POLICY, optional=True), prepare_timeout_s=0.0)
    preparer = threading.Thread(target=output.prepare)
    preparer.start()
    assert preparing.wait(20)
    open_sink(output, is_pcm=True)
    assert "has not answered" in output.no_device.message
    prepared.set()
    preparer.join()


def test_a_bug_in_preparing_blocks_nothing(portaudio, open_sink, monkeypatch):
    output = make()
    with monkeypatch.context() as patch:
        patch.setattr(device_module, "find_output_device", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            output.prepare()
    open_sink(output, is_pcm=True).close()


def test_after_an_error_the_devices_are_listed_anew(portaudio, open_sink):
    output = make(device="third")
    with pytest.raises(DeviceError):
        output.prepare()
    portaudio.devices.append(Device("third"))
    output.prepare()
    sink = open_sink(output, is_pcm=False)
    assert portaudio.calls == ["terminate", "initialize"]
    output.forget_device()  # not while a stream is open
    output.prepare()
    assert len(portaudio.calls) == 2
    sink.close()
    output.forget_device()
    output.prepare()
    assert portaudio.calls == ["terminate", "initialize"] * 2


@pytest.mark.parametrize("is_pcm", [True, False])
def test_after_a_device_could_not_be_opened_the_devices_are_listed_anew(
    portaudio, open_sink, is_pcm
):
    portaudio.devices[1].rates_hz = ()
    output = make(optional=True)
    open_sink(output, is_pcm=is_pcm)
    assert output.no_device is not None
    portaudio.devices[1].rates_hz = None
    sink = open_sink(output, is_pcm=is_pcm)
    assert portaudio.calls == ["terminate", "initialize"]
    assert (output.no_device, sink.format) == (None, FORMAT)
    sink.close()


def test_a_device_found_again_may_have_another_index(portaudio, open_sink):
    output = make(device="second")
    open_sink(output, is_pcm=False).close()
    portaudio.devices.reverse()
    output.forget_device()
    open_sink(output, is_pcm=False).close()
    assert [stream.device.name for stream in portaudio.streams] == ["second", "second"]


def test_an_optional_device_that_comes_back_is_heard_again(portaudio, open_sink):
    output = make(device="third", optional=True)
    open_sink(output, is_pcm=False)
    assert output.is_silent
    portaudio.devices.append(Device("third"))
    open_sink(output, is_pcm=False).close()
    assert not output.is_silent


@pytest.mark.parametrize(("output", "kind"), [("null", NullSink), ("discard", DiscardSink)])
def test_no_device_is_touched_if_none_is_wanted(monkeypatch, open_sink, output, kind):
    monkeypatch.delattr(device_module, "_portaudio")
    made = make(output=output, device="whatever")
    made.prepare()
    sink = open_sink(made, is_pcm=True)
    assert type(sink) is kind
    assert sink.format == FORMAT
    assert made.is_silent is (output == "discard")


# What reaches the sinks

SINKS = pytest.mark.parametrize(
    ("output", "is_pcm"), [("device", True), ("device", False), ("null", True)]
)


@SINKS
def test_policy_and_preroll_reach_every_sink(portaudio, open_sink, clock, output, is_pcm):
    sink = open_sink(make(output=output, preroll_s=1.0), is_pcm=is_pcm)
    sink.start()
    clock.sleep(2.0)
    sink.write(seconds(0.19))
    clock.sleep(1.0)
    assert not sink.snapshot().playing
    sink.write(seconds(0.01, start_s=0.19))
    clock.sleep(0.1)
    assert sink.snapshot().playing
    sink.end_input()
    sink.drain()
    sink.close()
    other = open_sink(make(output=output, preroll_s=1.0), is_pcm=is_pcm)
    began_at = clock.now()
    other.start()
    other.write(seconds(0.5))
    other.end_input()
    other.drain()
    assert other.report().first_sound_at - began_at == pytest.approx(1.0, abs=0.05)
    other.close()


@SINKS
def test_what_past_runs_needed_reaches_every_sink(portaudio, open_sink, clock, output, is_pcm):
    made, history = make(policy=AdaptivePolicy(), output=output), Known(*[0.4] * 5)
    made.prepare(history)
    assert history.reads == 1, "the file is read while the server thinks"
    sink = open_sink(made, is_pcm=is_pcm, history=history)
    began_at = clock.now()
    sink.start()
    sink.write(seconds(2.0))
    clock.sleep(1.5)
    first_sound_at = sink.report().first_sound_at
    assert 0.6 <= first_sound_at - began_at <= 0.6 + 0.15
    sink.close()


@pytest.mark.parametrize("is_pcm", [True, False])
def test_what_the_device_is_to_buffer_reaches_it(portaudio, open_sink, is_pcm):
    sink = open_sink(make(latency_s=0.3), is_pcm=is_pcm)
    assert portaudio.streams[-1].wanted["latency"] == 0.3
    sink.close()


@pytest.mark.parametrize("is_pcm", [True, False])
def test_a_device_that_ran_empty_gets_a_larger_buffer_the_next_time(
    portaudio, open_sink, clock, monkeypatch, tmp_path, is_pcm
):
    file = LatencyFile(tmp_path / "devices.json")
    monkeypatch.setattr(output_module, "LatencyFile", lambda: file)
    monkeypatch.setattr(latency_module, "is_machine_busy", lambda: False)
    portaudio.devices[1].late_blocks = {30: 0.05}  # callback
    portaudio.devices[1].hiccup = (0.3, 0.05)  # writes
    output = make(learns=True)
    for expected_s in (LATENCY_S, 2 * LATENCY_S):
        sink = open_sink(output, is_pcm=is_pcm)
        assert portaudio.streams[-1].wanted["latency"] == pytest.approx(expected_s)
        sink.start()
        sink.write(seconds(1.0))
        sink.end_input()
        sink.drain()
        sink.close()


def test_a_device_that_another_run_loses_meanwhile_is_opened_all_the_same(portaudio, open_sink):
    output = make()

    class Losing(Known):
        def recent(self):
            output._device = None  # as `prepare` leaves it if no device is found again
            return super().recent()

    open_sink(output, is_pcm=True, history=Losing()).close()
    assert len(portaudio.streams) == 1
