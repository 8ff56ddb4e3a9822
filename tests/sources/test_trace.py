from __future__ import annotations

import threading

import pytest

from tests.bench.scripts import AT_ONCE
from tests.session.fakes import FakeClock, Watcher, settings, sound
from voicecli.bench.simulate import audition
from voicecli.clock import SystemClock, VirtualClock
from voicecli.errors import ConfigError, NetworkError, RateLimited, SourceError
from voicecli.session import Session
from voicecli.sources.base import Connecting, SourceInfo
from voicecli.sources.trace import TraceSource
from voicecli.telemetry import events
from voicecli.telemetry.trace import Trace
from voicecli.telemetry.trace.lines import Answer, Chunk, End, Event, Fault, Header

HEADER = Header(
    "r", "2026-11-20T14:03:09.120Z", "http://here/v1", format="opus", has_audio=True
)  # fmt: skip
CONNECTED, SENT = Event(20.0, "connected"), Event(30.0, "request_sent")
ANSWER = Answer(100.0, "pcm", "audio/pcm", 8000, 1)
FIRST, SECOND = Chunk(200.0, 4, b"\1\0\2\0"), Chunk(500.0, 1, b"\3")
ALL = Event(600.0, "received_all")
WHOLE = (CONNECTED, SENT, ANSWER, FIRST, SECOND, ALL)


class Rig:
    """A source on a clock, and what it says when."""

    def __init__(self, *lines, end=None, clock=None):
        self.clock = clock or FakeClock()
        self.source = TraceSource(Trace(HEADER, lines, end), self.clock)
        self.said = []
        self.source.when_sent(lambda: self.say("sent"))
        self.source.when_connected(lambda: self.say("connected"))
        self.start = self.clock.now()

    def say(self, what):
        self.said.append((round(self.clock.now() - self.start, 6), what))

    def run(self):
        with self.source:
            self.say("answered")
            for chunk in self.source:
                self.say(chunk)
        return self.said


def test_everything_comes_at_its_time():
    rig = Rig(*WHOLE)
    assert rig.source.info == SourceInfo("opus")
    assert rig.source.label == "http://here/v1"
    assert rig.run() == [
        (0.02, "connected"), (0.03, "sent"), (0.1, "answered"),
        (0.2, b"\1\0\2\0"), (0.5, b"\3"),
    ]  # fmt: skip
    assert rig.clock.now() == pytest.approx(1000.6), "the answer was known to be whole by then"
    assert rig.source.info == SourceInfo("pcm", "audio/pcm", 8000, 1)


def test_times_count_from_entering():
    rig = Rig(*WHOLE)
    rig.source.warm()
    rig.clock.advance(5.0)
    assert rig.run()[0] == (5.02, "connected")


def test_it_may_be_entered_again():
    rig = Rig(*WHOLE)
    rig.run()
    rig.said.clear()
    rig.start = rig.clock.now()
    assert [what for _, what in rig.run()][-2:] == [b"\1\0\2\0", b"\3"]


def test_virtual_time_takes_none():
    rig = Rig(*WHOLE, clock=VirtualClock())
    assert rig.run()[-1] == (0.5, b"\3")


def test_nobody_need_listen():
    source = TraceSource(Trace(HEADER, WHOLE), VirtualClock())
    source.warm()
    with source:
        assert b"".join(source) == b"\1\0\2\0\3"
    assert isinstance(source, Connecting)


def test_a_request_that_never_left_lets_others_load_while_it_warms_up():
    rig = Rig(ANSWER, FIRST, ALL)
    rig.source.warm()
    assert rig.said == [(0.0, "sent")]
    rig = Rig(*WHOLE)
    rig.source.warm()
    assert rig.said == []


def test_what_came_as_events_is_no_longer_events():
    answer = ANSWER._replace(content_type="Text/Event-Stream")
    rig = Rig(answer, FIRST, ALL)
    with rig.source:
        assert rig.source.info.content_type == "Text/Event-Stream"
        list(rig.source)
    assert rig.source.info.content_type is None


def test_several_requests_are_one_stream():
    retried = [CONNECTED, ANSWER, Event(110.0, "retrying"), Event(120.0, "connected"),
               Event(130.0, "request_sent"), Answer(150.0, "mp3"), FIRST, ALL]  # fmt: skip
    rig = Rig(*retried)
    assert [what for _, what in rig.run()] == [
        "connected", "answered", "connected", "sent", b"\1\0\2\0",
    ]  # fmt: skip
    assert rig.source.info.requested == "mp3"


def test_audio_is_needed():
    silent = Header("r", HEADER.started, "here")
    with pytest.raises(ConfigError, match="holds no audio") as raised:
        TraceSource(Trace(silent, ()), VirtualClock())
    assert "--trace-audio" in raised.value.remedy


# How it ends


def test_a_recorded_fault_is_raised_again_at_its_time():
    rig = Rig(ANSWER, FIRST, end=End(900.0, "failed", Fault("network", "cut", "call")))
    with pytest.raises(NetworkError, match="cut") as raised:
        rig.run()
    assert raised.value.remedy == "call"
    assert rig.clock.now() == pytest.approx(1000.9)
    assert [what for _, what in rig.said] == ["answered", b"\1\0\2\0"]


def test_a_fault_in_place_of_an_answer():
    rig = Rig(CONNECTED, end=End(900.0, "failed", Fault("rate_limited", "wait")))
    with pytest.raises(RateLimited, match="wait"):
        rig.run()
    assert rig.clock.now() == pytest.approx(1000.9)


@pytest.mark.parametrize("code", ["corrupt_stream", "device"])
def test_what_was_not_the_source_s_fault_is_only_why_the_bytes_end(code):
    rig = Rig(ANSWER, FIRST, end=End(900.0, "failed", Fault(code, "no")))
    with pytest.raises(SourceError, match="the trace ends where its run failed: no"):
        rig.run()


def test_a_fault_after_the_last_byte_is_not_the_source_s():
    rig = Rig(*WHOLE, end=End(900.0, "failed", Fault("truncated_stream", "no")))
    assert rig.run()[-1] == (0.5, b"\3")


@pytest.mark.parametrize("end", [End(700.0, "interrupted"), None])
def test_bytes_that_were_not_recorded_are_missed(end):
    with pytest.raises(SourceError, match="after 5 bytes"):
        Rig(ANSWER, FIRST, SECOND, end=end).run()


# Cancelling


def test_cancelled_before_it_is_entered():
    rig = Rig(*WHOLE)
    rig.source.cancel()
    with pytest.raises(SourceError, match="cancelled"):
        rig.run()
    assert rig.said == []


def test_cancelling_wakes_it_at_once():
    """An hour before its next chunk, on the machine's clock."""
    late = Chunk(3_600_000.0, 1, b"x")
    rig = Rig(ANSWER._replace(ms=0.0), FIRST._replace(ms=1.0), late, clock=SystemClock())
    came = threading.Event()

    def run():
        with rig.source:
            for chunk in rig.source:
                rig.said.append(chunk)
                came.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert came.wait(20)
    rig.source.cancel()
    rig.source.cancel()
    thread.join(20)
    assert not thread.is_alive()
    assert rig.said == [b"\1\0\2\0"], "and it raised nothing"


def test_cancelling_wakes_it_before_the_answer():
    clock = FakeClock(holds=True)
    source = TraceSource(Trace(HEADER, WHOLE), clock)
    faults = []

    def enter():
        try:
            source.__enter__()
        except SourceError as error:
            faults.append(error)

    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    assert clock.waited_on.wait(20)
    source.cancel()
    thread.join(20)
    assert len(faults) == 1


def test_cancelled_while_it_waits_to_raise():
    rig = Rig(ANSWER, FIRST, end=End(900.0, "failed", Fault("network", "cut")))
    with rig.source:
        chunks = iter(rig.source)
        next(chunks)
        rig.source.cancel()
        assert list(chunks) == []


# Who uses it


def trace_of(*chunks, end=None):
    """Chunks of half a second, every 300 ms."""
    lines = [Chunk(300.0 * n, len(chunk), chunk) for n, chunk in enumerate(chunks, start=1)]
    return Trace(HEADER, (ANSWER, *lines, Event(300.0 * len(chunks), "received_all")), end)


def test_a_session_speaks_a_trace():
    clock, watcher = FakeClock(), Watcher()
    trace = trace_of(sound(0.5), sound(0.5))
    session = Session(settings(), observers=[watcher], clock=clock)
    result = session.run([TraceSource(trace, clock)])
    assert (result.error, result.spoken_s) == (None, 1.0)
    assert watcher.all(events.Requested) == [events.Requested(1000.0, "http://here/v1")]


def test_an_audition_hears_a_trace():
    clock = VirtualClock()
    source = TraceSource(trace_of(sound(0.2), sound(0.5)), clock)
    metrics = audition(source, clock=clock, policy=AT_ONCE).metrics
    assert (metrics["ttfb_ms"], metrics["generation_ms"], metrics["audio_s"]) == (300, 600, 0.7)
    assert metrics["underruns"]["sink"]["total_ms"] == 100.0
