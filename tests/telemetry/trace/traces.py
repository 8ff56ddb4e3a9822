"""Traces for tests: made up by hypothesis, or recorded from scripted sessions."""

from __future__ import annotations

import io

from hypothesis import strategies as st

from tests.session.fakes import FakeClock, Watcher, settings
from tests.session.outputs import null_output
from voicecli.request import SpeechRequest
from voicecli.sanitize import clean
from voicecli.session import Session
from voicecli.telemetry.trace import TraceWriter
from voicecli.telemetry.trace.lines import (
    FAILED,
    INTERRUPTED,
    RECEIVED_ALL,
    WHOLE,
    Answer,
    Chunk,
    Decoded,
    End,
    Event,
    Fault,
    Header,
    Recognised,
    Trace,
    text_of,
)

REQUEST = SpeechRequest("a secret text", "af_bella", "kokoro", "opus")

_texts = st.text(max_size=40).map(clean)
_maybe_text = st.none() | _texts
_rates = st.integers(1, 2**32 - 1)
_ms = st.integers(0, 10**8).map(lambda us: us / 1000)


def _audio(size: int, seed: int) -> bytes:
    return bytes((seed + i) % 256 for i in range(size))


@st.composite
def _of_source(draw, has_audio):
    """Network lines without their times, in an order that a source may have."""
    chunk = st.builds(
        lambda size, seed: Chunk(0.0, size, _audio(size, seed) if has_audio else None),
        st.integers(1, 400),
        st.integers(0, 255),
    )
    before = st.builds(Event, st.just(0.0), st.sampled_from(["connected", "request_sent"]))
    answer = st.builds(
        Answer, st.just(0.0), _maybe_text, _maybe_text, st.none() | _rates,
        st.none() | st.integers(1, 65535),
    )  # fmt: skip
    retry = st.just(Event(0.0, "retrying"))
    lines = draw(st.lists(before | retry, max_size=4))
    if draw(st.booleans()):
        lines += [draw(answer), *draw(st.lists(chunk | before, max_size=30))]
        if draw(st.booleans()):
            lines.append(Event(0.0, RECEIVED_ALL))
    return lines


def _of_decoder(rates, most_frames):
    recognised = st.builds(Recognised, st.just(0.0), _texts, rates, st.integers(1, 65535))
    frames = st.integers(1, most_frames)
    decoded = st.builds(Decoded, st.just(0.0), frames, rates, st.none() | _ms)
    return st.lists(recognised | decoded, max_size=30)


@st.composite
def _timed(draw, lines):
    times = sorted(draw(st.lists(_ms, min_size=len(lines), max_size=len(lines))))
    return [line._replace(ms=ms) for line, ms in zip(lines, times, strict=True)]


@st.composite
def traces(draw, rates=_rates, most_frames=2**23):
    """Any trace that may be in a file, its threads' lines mixed in any way."""
    header = draw(
        st.builds(
            Header, _texts, st.datetimes().map(lambda at: at.isoformat() + "Z"), _texts,
            _maybe_text, _maybe_text, _maybe_text, st.booleans(),
        )
    )  # fmt: skip
    source = draw(_timed(draw(_of_source(header.has_audio))))
    decoder = draw(_timed(draw(_of_decoder(rates, most_frames))))
    lines = []
    while source and decoder:
        lines.append((source if draw(st.booleans()) else decoder).pop(0))
    ends = (
        st.none()
        | st.builds(End, _ms, st.sampled_from([WHOLE, INTERRUPTED]), st.none())
        | st.builds(End, _ms, st.just(FAILED), st.builds(Fault, _texts, _texts, _maybe_text))
    )
    return Trace(header, (*lines, *source, *decoder), draw(ends))


def text_of_trace(trace):
    """The file of a trace."""
    end = [] if trace.end is None else [trace.end]
    return "".join(text_of(line) for line in (trace.header, *trace.lines, *end))


class Recorded:
    """A session on the null device, run to its end and traced."""

    def __init__(self, *sources, clock=None, with_audio=False, request=REQUEST, **options):
        self.file = io.StringIO()
        self.clock = clock or FakeClock()
        self.watcher = Watcher()
        writer = TraceWriter(self.file, "run1", self.clock, request, with_audio=with_audio)
        observers = [writer, self.watcher]
        session = Session(null_output(), settings(**options), observers=observers, clock=self.clock)
        self.result = session.run(list(sources))

    @property
    def text(self):
        return self.file.getvalue()
