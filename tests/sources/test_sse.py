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
from voicecli.sources.sse import SpeechEvents, audio_of_events

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


@pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("last", [DONE[:-2], b"data: [DONE]"], ids=["done", "[DONE]"])
def test_the_last_event_needs_no_empty_line_behind_it(last, end):
    assert decoded(delta(b"some"), last + end) == [b"some"]


def test_an_event_s_name_is_its_kind_if_its_data_has_none():
    named = b'event: speech.audio.delta\ndata: {"audio": "c29tZQ=="}\n\n'
    assert decoded(named + b"event: speech.audio.done\ndata: {}\n\n") == [b"some"]


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"type": "speech.created", "error": null}\n\n',
        b'data: {"error": ""}\n\n',
        b"event: ping\ndata: ping\n\n",
        b"event: ping\ndata: [1]\n\n",
    ],
)
def test_events_that_report_nothing_are_ignored(event):
    assert decoded(event + delta(b"some") + event + DONE) == [b"some"]


@pytest.mark.parametrize(
    "spelling",
    ["-_8A", "-_8", "+/8", r"+/8A\n", r"+/\r\n8A\r\n", "+/8A=", "-_8A\u2028"],
)
def test_base64_is_read_in_any_spelling(spelling):
    event = f'data: {{"type": "speech.audio.delta", "audio": "{spelling}"}}\n\n'
    expected = base64.b64decode("+/8A")[: 2 if spelling.endswith("8") else 3]
    assert decoded(event.encode() + DONE) == [expected]


@pytest.mark.parametrize("after", [b"data: no json\n\n", delta(b"more"), b"data: {", DONE])
def test_what_follows_the_last_event_is_not_read_whatever_the_chunks(after):
    data = delta(b"some") + DONE + after
    for size in (1, 7, len(data)):
        assert decoded(*(data[i : i + size] for i in range(0, len(data), size))) == [b"some"]


@pytest.mark.parametrize(
    "data",
    [b"", delta(b"some"), DONE[:-3], delta(b"some")[:-2], b": ping\n\n"],
    ids=["nothing", "no done", "done cut", "delta not ended", "comments"],
)
def test_an_end_without_the_last_event_is_a_broken_connection(data):
    with pytest.raises(NetworkError) as caught:
        decoded(data)
    assert caught.value.remedy


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(
    "data",
    [
        b'{"error": {"message": "no credits"}}',
        b"<html><title>502 Bad Gateway</title></html>",
        b"Internal Server Error",
        b"RIFF\x24\0\0\0WAVEfmt " + bytes(40),
        bytes(1_000),
        bytes(range(256)),
    ],
)
def test_an_answer_that_is_only_labelled_as_events_is_yielded_as_it_is(data, size):
    chunks = (data[i : i + size] for i in range(0, len(data), size))
    assert b"".join(audio_of_events(chunks)) == data


@pytest.mark.parametrize("lead", [b"", b"\xef\xbb\xbf", b"\r\n\n", b": ping\n\n", b"retry: 5\n"])
def test_events_are_recognised_by_their_first_field(lead):
    data = lead + delta(b"some") + DONE
    for size in (1, 2, len(data)):
        chunks = (data[i : i + size] for i in range(0, len(data), size))
        assert list(audio_of_events(chunks)) == [b"some"]


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (b'{"type": "speech.audio.failed", "message": "no voice"}', "no voice"),
        (b'{"type": "speech.audio.error", "message": "no voice"}', "no voice"),
        (b'{"type": "error", "error": {"message": "no voice"}}', "no voice"),
        (b'{"type": "error", "message": "no voice"}', "no voice"),
        (
            b'{"type": "response.failed", "response": {"error": {"message": "no voice"}}}',
            "reports: no voice",
        ),
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


@pytest.mark.parametrize("size", [1, 31, 32, 33, 500])
def test_letters_without_a_colon_are_judged_by_the_first_32_bytes(size):
    body = b"M" * 70 + b";oer: \ndata: x\n\n"
    with pytest.raises(BadResponse):
        list(audio_of_events([body[i : i + size] for i in range(0, len(body), size)]))


SOUND = base64.b64encode(bytes(range(256)) * 4).decode()
ANSWERED = b"data: [DONE]\n\n"


def event(value, name=""):
    data = value if isinstance(value, str) else json.dumps(value)
    return (f"event: {name}\n" if name else "").encode() + b"data: " + data.encode() + b"\n\n"


OTHER_APIS = {
    "chat.completion.chunk": event(
        {"object": "chat.completion.chunk", "choices": [{"delta": {"audio": {"data": SOUND}}}]}
    ),
    "response.audio.delta": event({"type": "response.created"})
    + event({"type": "response.audio.delta", "delta": SOUND}),
    "data, status": event({"data": {"audio": bytes(range(256)).hex()}, "status": 1}),
    "audioContent": event({"audioContent": SOUND}),
    "chunk": event(SOUND, "chunk"),
    "a": event({"type": "a\x1bb", "delta": SOUND}),
}


@pytest.mark.parametrize("kind", OTHER_APIS)
def test_audio_in_events_of_another_api_is_reported_as_such(kind):
    for end in (b"", ANSWERED):
        data = OTHER_APIS[kind] * 2 + end
        for size in (1, 13, 100_000):
            with pytest.raises(BadResponse) as caught:
                read_all(audio_of_events(data[i : i + size] for i in range(0, len(data), size)))
            assert caught.value.message.isprintable()
            assert f"events of another API ({kind})" in caught.value.message
            assert "/audio/speech" in caught.value.remedy


def test_events_without_audio_show_another_api_only_if_the_answer_is_whole():
    text = event({"object": "chat.completion.chunk", "choices": [{"delta": {"content": "Hi"}}]})
    with pytest.raises(BadResponse, match=r"another API .chat\.completion\.chunk"):
        list(audio_of_events([text, ANSWERED]))
    with pytest.raises(NetworkError, match="ended before its last event"):
        list(audio_of_events([text]))


@pytest.mark.parametrize("speech", [delta(b"one") + ANSWERED, DONE])
def test_other_events_beside_those_of_speech_are_ignored(speech):
    assert b"".join(audio_of_events([OTHER_APIS["audioContent"], speech])) in (b"one", b"")


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"type": "speech.audio.delta"}\n\n',
        b'data: {"type": "speech.audio.delta", "audio": 5}\n\n',
        b"data: nonsense\n\n",
        b'data: {"error": "no more credit"}\n\n',
        b"event: error\ndata: broken\n\n",
    ],
)
def test_every_fault_of_an_event_has_a_remedy(event):
    with pytest.raises(BadResponse) as raised:
        decoded(event)
    assert raised.value.remedy


@pytest.mark.parametrize("name", ["", "event: error\n"])
@pytest.mark.parametrize("end", ["", "\n", "\r", "\n\n"])
@pytest.mark.parametrize("is_cut", [False, True])
def test_an_error_is_reported_though_its_event_is_unfinished(name, end, is_cut):
    def chunks():
        yield delta(b"abc")
        yield f'{name}data: {{"error": {{"message": "no credit"}}}}{end}'.encode()
        if is_cut:
            raise NetworkError("the connection was cut")

    got = []
    with pytest.raises(BadResponse, match="no credit"):
        got.extend(audio_of_events(chunks()))


def test_an_unfinished_event_hides_no_cut_connection():
    def chunks():
        yield b'data: {"type":"speech.audio.del'
        raise NetworkError("the connection was cut")

    with pytest.raises(NetworkError, match="was cut"):
        list(audio_of_events(chunks()))


def test_sound_in_the_last_event_is_sound():
    last = {"type": "speech.audio.done", "audio": base64.b64encode(b"xyz").decode()}
    assert decoded(delta(b"abc"), b"data: " + json.dumps(last).encode() + b"\n\n") == [
        b"abc",
        b"xyz",
    ]


@pytest.mark.parametrize("parts", ["{}", "[]", "0"])
def test_an_event_of_very_many_parts_is_not_parsed(monkeypatch, parts):
    """As objects it would take a hundred times its bytes."""
    monkeypatch.setattr(module.json, "loads", lambda _: pytest.fail("parsed"))
    event = b'data: {"type":"x","a":[' + b",".join([parts.encode()] * 30_000) + b"]}\n\n"
    with pytest.raises(BadResponse, match="not a JSON object"):
        list(SpeechEvents().feed(event))
