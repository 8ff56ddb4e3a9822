from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.telemetry.trace.traces import text_of_trace, traces
from voicecli.errors import (
    ConfigError,
    CorruptStream,
    DeviceError,
    NetworkError,
    RateLimited,
    SourceError,
)
from voicecli.telemetry.trace import Trace, reader
from voicecli.telemetry.trace.lines import Chunk, Decoded, End, Event, Fault, Header

HEADER = {
    "schema": "voicecli.trace/1", "run_id": "r", "started": "2026-11-20T14:03:09.120Z",
    "endpoint": "http://here/v1", "model": None, "voice": "v", "format": "pcm", "audio": False,
}  # fmt: skip
WITH_AUDIO = HEADER | {"audio": True}
ANSWERED = {"ms": 1.5, "event": "answered"}
END = {"ms": 9.0, "end": "whole"}


@pytest.fixture
def read(tmp_path):
    """Reads lines: objects, or whatever stands in the file in place of one."""

    def from_lines(*lines, ending=b"\n"):
        path = tmp_path / "trace.jsonl"
        raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        path.write_bytes(b"\n".join(raw) + ending)
        return reader.read_trace(path)

    return from_lines


@pytest.fixture
def rejected(read):
    def why(*lines):
        with pytest.raises(ConfigError) as raised:
            read(*lines)
        path, _, problem = raised.value.message.partition(", ")
        assert path.endswith("trace.jsonl")
        return problem

    return why


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A file for examples, each of which writes it anew."""
    return tmp_path_factory.mktemp("traces") / "trace"


@settings(max_examples=40)
@given(trace=traces())
def test_reading_inverts_writing(trace, scratch):
    written = text_of_trace(trace)
    scratch.write_text(written, encoding="utf-8")
    back = reader.read_trace(scratch)
    assert back == trace
    assert text_of_trace(back) == written


@pytest.mark.slow
@settings(max_examples=60)
@given(trace=traces(), at=st.floats(0, 1), junk=st.binary(max_size=6), data=st.data())
def test_a_damaged_file_is_a_trace_or_a_config_error(trace, at, junk, data, scratch):
    written = text_of_trace(trace).encode()
    place = int(at * len(written))
    length = data.draw(st.integers(0, len(junk)))
    scratch.write_bytes(written[:place] + junk + written[place + length :])
    with contextlib.suppress(ConfigError):
        assert isinstance(reader.read_trace(scratch), Trace)


@pytest.mark.slow
@settings(max_examples=40)
@given(trace=traces(), at=st.floats(0, 1))
def test_a_truncated_file_has_its_complete_lines(trace, at, scratch):
    written = text_of_trace(trace).encode()
    kept = written[: int(at * len(written))]
    scratch.write_bytes(kept)
    lines = kept.count(b"\n")
    if lines == 0:
        with pytest.raises(ConfigError, match="contains no trace"):
            reader.read_trace(scratch)
        return
    back = reader.read_trace(scratch)
    assert back.lines == trace.lines[: lines - 1]
    assert (back.end is None) == (lines < 2 + len(trace.lines) or trace.end is None)


def test_every_kind_of_line(read):
    trace = read(
        HEADER, {"ms": 0, "event": "connected", "more": [1]}, ANSWERED, {"ms": 2, "bytes": 3},
        {"ms": 2.5, "decoded_frames": 1, "rate_hz": 8000}, {"ms": 4, "event": "received_all"}, END,
    )  # fmt: skip
    assert trace.header == Header(
        "r", "2026-11-20T14:03:09.120Z", "http://here/v1", None, "v", "pcm", has_audio=False
    )
    assert trace.lines[0] == Event(0.0, "connected"), "keys to come are passed over"
    assert trace.lines[2:4] == (Chunk(2.0, 3), Decoded(2.5, 1, 8000))
    assert trace.end == End(9.0, "whole")
    assert (trace.size, trace.ends_ms, trace.missing()) == (3, 9.0, None)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "is not a JSON object"),
        (b"[1]", "is not a JSON object"),
        (b'{"ms": NaN, "bytes": 1}', "is not a JSON object"),
        (b'{"ms": 2, "bytes": 1', "is not a JSON object"),
        (b"\xff", "is not a JSON object"),
        (b"[" * 100_000, "is not a JSON object"),
        (b'{"ms": 1e999, "bytes": 1}', '"ms" is not a valid time'),
        (b'{"ms": ' + b"9" * 4000 + b', "bytes": 1}', '"ms" is not a valid time'),
        ({"bytes": 1}, '"ms" is not a number'),
        ({"ms": "2", "bytes": 1}, '"ms" is not a number'),
        ({"ms": True, "bytes": 1}, '"ms" is not a number'),
        ({"ms": -1, "bytes": 1}, '"ms" is not a valid time'),
        ({"ms": 1.4, "bytes": 1}, '"ms" goes back to 1.4'),
        ({"ms": 2}, "is not a line of a trace"),
        ({"ms": 2, "event": "exploded"}, "is not a line of a trace"),
        ({"ms": 2, "event": 7}, '"event" is not a text'),
        ({"ms": 2, "bytes": 0}, '"bytes" is not an integer from 1 to 33554432'),
        ({"ms": 2, "bytes": 1.5}, '"bytes" is not an integer'),
        ({"ms": 2, "bytes": True}, '"bytes" is not an integer'),
        ({"ms": 2, "decoded_frames": 0, "rate_hz": 8000}, '"decoded_frames" is not an integer'),
        ({"ms": 2, "decoded_frames": 2**23 + 1, "rate_hz": 8000}, '"decoded_frames" is no'),
        ({"ms": 2, "decoded_frames": 1}, '"rate_hz" is not an integer'),
        ({"ms": 2, "decoded_frames": 1, "rate_hz": 8000, "onset_ms": "x"}, '"onset_ms" is no'),
        ({"ms": 2, "event": "recognised", "rate_hz": 1, "channels": 1}, '"format" is not a text'),
        ({"ms": 2, "event": "recognised", "format": "x", "rate_hz": 1}, '"channels" is not an'),
        ({"ms": 2, "event": "answered", "content_type": 1}, '"content_type" is not a text'),
        ({"ms": 2, "event": "answered", "channels": 0}, '"channels" is not an integer'),
        ({"ms": 2, "end": "well"}, '"end" is not a known ending'),
        ({"ms": 2, "end": "failed"}, '"end" is not a known ending'),
        ({"ms": 2, "end": {}}, '"end" is not a known ending'),
        ({"ms": 2, "end": "failed", "error": {"code": "x"}}, '"message" is not a text'),
        ({"end": "whole"}, '"ms" is not a number'),
    ],
)  # fmt: skip
def test_an_invalid_line_is_reported_with_its_number(rejected, line, why):
    assert rejected(HEADER, ANSWERED, line, END).startswith(f"line 3: {why}")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": "voicecli.trace/2"}, '"schema" is not voicecli.trace/1'),
        ({"schema": None}, '"schema" is not voicecli.trace/1'),
        ({"run_id": None}, '"run_id" is not a text'),
        ({"endpoint": 1}, '"endpoint" is not a text'),
        ({"model": 1}, '"model" is not a text'),
        ({"started": "yesterday"}, '"started" is not a time with a time zone'),
        ({"started": "2026-11-20T14:03:09"}, '"started" is not a time with a time zone'),
        ({"audio": None}, '"audio" is neither true nor false'),
    ],
)
def test_an_invalid_header(rejected, change, why):
    assert rejected(HEADER | change, END) == f"line 1: {why}"


@pytest.mark.parametrize(
    ("audio", "why"),
    [
        ({}, '"audio" is not base64'),
        ({"audio": None}, '"audio" is not base64'),
        ({"audio": "AA?=="}, '"audio" is not base64'),
        ({"audio": "ä"}, '"audio" is not base64'),
        ({"audio": "AAA="}, '"audio" is 2 bytes, not 1'),
    ],
)
def test_invalid_audio(rejected, audio, why):
    assert rejected(WITH_AUDIO, ANSWERED, {"ms": 2, "bytes": 1} | audio) == f"line 3: {why}"


def test_the_order_of_lines(rejected, read):
    chunk, all_ = {"ms": 2, "bytes": 1}, {"ms": 3, "event": "received_all"}
    assert rejected(HEADER, chunk) == "line 2: comes before the answer"
    assert rejected(HEADER, all_) == "line 2: comes before the answer"
    late = chunk | {"ms": 3}
    assert rejected(HEADER, ANSWERED, all_, late) == "line 4: comes after all was received"
    assert rejected(HEADER, END, ANSWERED) == "line 3: follows the end"
    decoded = {"ms": 1, "decoded_frames": 1, "rate_hz": 8000}
    assert len(read(HEADER, ANSWERED, chunk, decoded).lines) == 3, "each thread has its times"
    assert rejected(HEADER, decoded, decoded | {"ms": 0.5}) == 'line 3: "ms" goes back to 0.5'


def test_sizes_are_bounded(rejected, monkeypatch):
    monkeypatch.setattr(reader, "MAX_LINE_BYTES", 400)
    long = HEADER | {"more": "x" * 400}
    assert rejected(long) == "line 1: is too long"
    assert rejected(HEADER, ANSWERED | {"more": "x" * 400}, END) == "line 2: is too long"
    monkeypatch.setattr(reader, "MAX_BYTES", 250)
    assert rejected(HEADER, ANSWERED, ANSWERED, ANSWERED) == "line 4: the file is too long"
    monkeypatch.setattr(reader, "MAX_LINES", 2)
    assert rejected(HEADER, ANSWERED, ANSWERED) == "line 3: there are too many lines"


def test_an_endless_file_is_rejected():
    with pytest.raises(ConfigError, match="line 1: is too long"):
        reader.read_trace(Path("/dev/zero"))


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*none: No such file"):
        reader.read_trace(tmp_path / "none")
    with pytest.raises(ConfigError, match="Is a directory"):
        reader.read_trace(tmp_path)


def test_control_characters_are_removed(read):
    trace = read(
        HEADER | {"endpoint": "\x1b[2Jhere"},
        {"ms": 1, "end": "failed", "error": {"code": "network", "message": "\x1b]0;x\x07cut"}},
    )
    assert trace.header.endpoint == "here"
    assert trace.end == End(1.0, "failed", Fault("network", "cut"))


# What a trace says of its end


def test_a_trace_cut_short(read):
    trace = read(HEADER, ANSWERED, {"ms": 2, "bytes": 3}, b'{"ms": 5, "by', ending=b"")
    assert (trace.end, trace.ends_ms, trace.is_interrupted) == (None, 2.0, False)
    error = trace.missing()
    assert type(error) is SourceError
    assert error.message == "the trace was cut short after 3 bytes"


def test_a_trace_without_an_end_can_be_complete(read):
    trace = read(HEADER, ANSWERED, {"ms": 2, "event": "received_all"})
    assert trace.missing() is None


def test_an_empty_trace(read):
    trace = read(HEADER)
    assert (trace.lines, trace.size, trace.ends_ms) == ((), 0, 0.0)


def test_an_interrupted_trace(read):
    trace = read(HEADER, ANSWERED, {"ms": 2, "bytes": 3}, {"ms": 7, "end": "interrupted"})
    assert (trace.is_interrupted, trace.ends_ms) == (True, 7.0)
    assert "interrupted after 3 bytes" in trace.missing().message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("network", NetworkError),
        ("rate_limited", RateLimited),
        ("corrupt_stream", CorruptStream),
        ("device", DeviceError),
        ("of the future", SourceError),
    ],
)
def test_a_failed_trace(read, code, kind):
    error = {"code": code, "message": "no", "remedy": "yes"}
    missing = read(HEADER, ANSWERED, {"ms": 7, "end": "failed", "error": error}).missing()
    assert (type(missing), missing.message, missing.remedy) == (kind, "no", "yes")


def test_lines_by_time(read):
    trace = read(
        HEADER, ANSWERED, {"ms": 2, "bytes": 3}, {"ms": 3, "bytes": 4},
        {"ms": 2, "decoded_frames": 1, "rate_hz": 8000},
    )  # fmt: skip
    assert [type(line).__name__ for line in trace.by_time()] == [
        "Answer", "Chunk", "Decoded", "Chunk",
    ]  # fmt: skip
    assert [line.ms for line in trace.of_source] == [1.5, 2.0, 3.0]
