from __future__ import annotations

import base64
import itertools
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.errors import BadResponse, NetworkError
from voicecli.sources import sse as module
from voicecli.sources.sse import SpeechEvents, audio_before_error, audio_of_events

DONE = b'data: {"type": "speech.audio.done"}\n\n'


def delta(audio):
    event = {"type": "speech.audio.delta", "audio": base64.b64encode(audio).decode()}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def decoded(*chunks):
    events = SpeechEvents()
    audio = [piece for chunk in chunks for piece in events.feed(chunk)]
    events.flush()
    return audio


def pieces(data, cuts):
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


STREAM = (
    b": hello\n\nevent: speech\nid: 1\nretry: 10\n"
    + delta(b"first")
    + b': {"type": "error"}\n'
    + b'data: {"type":\ndata: "speech.audio.delta", "audio":\ndata:"c2Vjb25k"}\n\n'
    + b'data: {"type": "response.created"}\n\n\n\n'
    + DONE
)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
@given(cuts=st.lists(st.integers(0, 4096), max_size=12))
def test_any_split_gives_the_same_audio(ending, cuts):
    data = STREAM.replace(b"\n", ending)
    assert decoded(*pieces(data, cuts)) == [b"first", b"second"]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_byte_by_byte(ending):
    data = STREAM.replace(b"\n", ending)
    assert decoded(*(data[i : i + 1] for i in range(len(data)))) == [b"first", b"second"]


@given(audio=st.lists(st.binary(min_size=1, max_size=200), max_size=5), size=st.integers(1, 64))
def test_audio_survives(audio, size):
    data = b"".join(map(delta, audio)) + DONE
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    assert decoded(*chunks) == audio


@pytest.mark.parametrize(
    "data",
    [
        DONE,
        b"\xef\xbb\xbf" + DONE,
        b"data: [DONE]\n\n",
        b"data:[DONE]\r\n\r\n",
        delta(b"") + DONE,
        b"data\n\n" + DONE,
    ],
    ids=["done", "byte order mark", "[DONE]", "[DONE] without a space", "empty delta", "no value"],
)
def test_streams_without_audio_end_well(data):
    assert decoded(data) == []


@pytest.mark.parametrize("after", [b"data: no json\n\n", delta(b"more"), b"data: {", DONE])
def test_what_follows_the_last_event_is_not_read_whatever_the_chunks(after):
    data = delta(b"some") + DONE + after
    for size in (1, 7, len(data)):
        assert decoded(*(data[i : i + size] for i in range(0, len(data), size))) == [b"some"]


@pytest.mark.parametrize(
    "data",
    [b"", delta(b"some"), DONE[:-1], DONE[:-2], b": ping\n\n"],
    ids=["nothing", "no done", "done not ended", "done cut", "comments"],
)
def test_an_end_without_the_last_event_is_a_broken_connection(data):
    with pytest.raises(NetworkError) as caught:
        decoded(data)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (b'{"type": "error", "error": {"message": "no voice"}}', "no voice"),
        (b'{"type": "error", "message": "no voice"}', "no voice"),
        (b'{"error": "no voice"}', "no voice"),
        (b'{"type": "error"}', '{"type": "error"}'),
        (b"no json", "not a JSON object: no json"),
        (b"[1]", "not a JSON object: [1]"),
        (b'"text"', "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b'{"type": "speech.audio.delta"}', "without audio"),
        (b'{"type": "speech.audio.delta", "audio": 7}', "without audio"),
        (b'{"type": "speech.audio.delta", "audio": "a"}', "without audio"),
        (b'{"type": "speech.audio.delta", "audio": "####"}', "without audio"),
        ('{"type": "speech.audio.delta", "audio": "é"}'.encode(), "without audio"),
    ],
)
def test_events_other_than_speech_are_errors(event, says):
    with pytest.raises(BadResponse) as caught:
        decoded(b"data: " + event + b"\n\n")
    assert says in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    "data", [b'{"message": "no memory"}', b'{"code": 7, "detail": "no memory"}', b"no memory"]
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_event_with_the_name_of_an_error_is_one(data, end):
    lines = [b"event: ping", b"", b"event: other", b"data: {}", b"", b"event: error"]
    with pytest.raises(BadResponse, match="the server reports: no memory"):
        decoded(end.join([*lines, b"data: " + data, b"", b""]))


def test_the_name_of_an_event_is_not_that_of_the_next():
    assert decoded(b"event: error\n\n" + DONE) == []


def test_a_server_s_message_is_cleaned():
    with pytest.raises(BadResponse) as caught:
        decoded(b'data: {"error": "\\u001b[31mred\\u0007"}\n\n')
    assert caught.value.message.endswith("red")
    assert caught.value.message.isprintable()


def test_audio_before_a_fault_is_yielded_first():
    flow = SpeechEvents().feed(delta(b"one") + delta(b"two") + b"data: nonsense\n\n")
    assert [next(flow), next(flow)] == [b"one", b"two"]
    with pytest.raises(BadResponse):
        next(flow)


@pytest.mark.parametrize("lines", [b"data: " + b"x" * 40, b"data: x\n" * 40], ids=["one", "many"])
def test_an_endless_event_is_an_error(monkeypatch, lines):
    monkeypatch.setattr(module, "MAX_EVENT_BYTES", 30)
    with pytest.raises(BadResponse, match="too long"):
        decoded(lines)


def test_an_event_of_the_greatest_length_is_taken(monkeypatch):
    monkeypatch.setattr(module, "MAX_EVENT_BYTES", len(delta(b"x" * 100)))
    assert decoded(delta(b"x" * 100), DONE) == [b"x" * 100]


def read_all(chunks):
    for _ in chunks:
        pass


@pytest.mark.parametrize("line", [b"data:\n", b"data\n", b"data:\r"])
def test_an_event_of_endless_empty_lines_is_an_error(monkeypatch, line):
    monkeypatch.setattr(module, "MAX_EVENT_BYTES", 10_000)
    with pytest.raises(BadResponse, match="too long"):
        read_all(audio_of_events(itertools.repeat(line * 100)))


@pytest.mark.slow
def test_nothing_is_kept_of_lines_without_data():
    events = SpeechEvents()
    tracemalloc.start()
    try:
        for _ in range(100):
            assert list(events.feed(b": ping\n\n" * 1000)) == []
        assert tracemalloc.get_traced_memory()[0] < 1e5
    finally:
        tracemalloc.stop()


def test_what_follows_the_last_event_is_not_waited_for():
    def stream():
        yield delta(b"one") + DONE
        raise AssertionError("read on after the last event")

    assert list(audio_of_events(stream())) == [b"one"]


@pytest.mark.parametrize("line", [b"", b"data: ", b"data:", b"event: error\ndata: "])
@pytest.mark.parametrize(
    "error", [b'{"error": {"message": "no memory"}}', b'{"type": "error", "message": "no memory"}']
)
@given(cuts=st.lists(st.integers(0, 4096), max_size=6))
def test_an_error_behind_samples_is_not_audio(line, error, cuts):
    samples = bytes(range(256)) + b"data: {" * 3  # which is none
    got = []
    audio = audio_before_error(iter(pieces(samples + line + error, cuts)))
    with pytest.raises(BadResponse, match="no memory"):
        read_all(map(got.append, audio))
    assert b"".join(got) == samples


@given(data=st.binary(max_size=200) | st.just(b'{"error": "no voice"}'), size=st.integers(1, 50))
def test_other_bytes_pass_unchanged(data, size):
    """Among them an answer that is an error as a whole, which the decoder reports."""
    chunks = (data[i : i + size] for i in range(0, len(data), size))
    assert b"".join(audio_before_error(chunks)) == data
