from __future__ import annotations

import json
import sys
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.speech_server import VOICE_SHAPES, SpeechServer
from voicecli.config.server import KEYLESS, Server
from voicecli.errors import AuthError, BadResponse, ConfigError, RateLimited, SourceError
from voicecli.sources import voices as module
from voicecli.sources.http_get import Answer
from voicecli.sources.voices import (
    OPENAI_VOICES,
    VoiceInfo,
    builtin_voices,
    openai_voices,
    parse_voices,
    server_voices,
)


def ids(listed):
    return [voice.id for voice in parse_voices(listed)]


@pytest.mark.parametrize("shape", VOICE_SHAPES)
def test_shapes_in_the_wild(shape):
    assert ids(VOICE_SHAPES[shape]) == ["alloy", "heart"]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ({"voices": {"alloy": {}, "heart": {"language": "en"}}}, ["alloy", "heart"]),
        ({"alloy": {"gender": "f"}, "heart": {}}, ["alloy", "heart"]),
        ({"voices": {"alloy": "Alloy, warm", "heart": "Heart"}}, ["alloy", "heart"]),
        ({"voices": {"alloy": None, "heart": None}}, ["alloy", "heart"]),
        ([{"id": "alloy", "name": None}, {"id": None, "name": "heart"}], ["alloy", "heart"]),
        ({"voices": None, "message": None}, []),
        ({"voices": {"en": ["alloy"], "de": ["heart"]}}, ["alloy", "heart"]),
        ({"en-US": [{"name": "alloy"}], "de-DE": ["heart"]}, ["alloy", "heart"]),
        ({"data": {"voices": ["alloy", "heart"]}}, ["alloy", "heart"]),
        ([{"voice": "alloy"}, {"ShortName": "heart", "Locale": "en"}], ["alloy", "heart"]),
        (["alloy", "heart", "alloy"], ["alloy", "heart"]),
        (["alloy", 3, None, ["x"], {}, {"id": 4}, {"id": ""}, "", "\x1b[0m"], ["alloy"]),
        ({"detail": "Not Found"}, []),
        ({"error": {"message": "no"}, "detail": ["no"]}, []),
        ({"voices": {"voices": {"voices": {"voices": ["alloy"]}}}}, []),
        ("alloy", []),
        (None, []),
        (3, []),
        ({}, []),
    ],
)
def test_other_shapes(listed, expected):
    assert ids(listed) == expected


def test_names_and_languages_are_kept():
    assert parse_voices([{"id": "a", "name": "Ann", "lang": "en"}]) == [VoiceInfo("a", "Ann", "en")]
    assert parse_voices([{"id": "a", "name": "a"}]) == [VoiceInfo("a")]
    assert parse_voices({"de-DE": ["a"]}) == [VoiceInfo("a", None, "de-DE")]
    assert parse_voices({"de": [{"id": "a", "locale": "de-AT"}]}) == [VoiceInfo("a", None, "de-AT")]


def test_a_server_s_texts_cannot_control_the_terminal():
    (voice,) = parse_voices(
        {"\x1b[2Jx": [{"id": "\x1b[31mred\x07" + "y" * 500, "name": "\u202eN"}]}
    )
    assert voice.id.startswith("redy")
    assert len(voice.id) == 200
    assert (voice.name, voice.language) == ("N", "x")


def test_endless_lists_are_cut():
    assert len(parse_voices([str(n) for n in range(10_000)])) == module.MAX_VOICES


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["voices", "data", "id", "name", "a", "error"]), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_gives_voices_with_printable_names(listed):
    assert all(voice.id and voice.id.isprintable() for voice in parse_voices(listed))


@pytest.fixture(scope="module")
def server():
    with SpeechServer() as server:
        yield server


def test_asks_the_server_with_the_key(server):
    server.voices = VOICE_SHAPES["objects"]
    found = server_voices(Server(server.url, "k3y"), timeout_s=5)
    assert found == [VoiceInfo("alloy", "Alloy"), VoiceInfo("heart", "Heart")]
    asked = server.requests[-1]
    assert asked.path == "/v1/audio/voices"
    assert asked.headers["authorization"] == "Bearer k3y"


def test_an_unreadable_list_is_an_error(server):
    server.voices = {"voices": []}
    with pytest.raises(BadResponse, match="no list of voices") as caught:
        server_voices(Server(server.url), timeout_s=5)
    assert "/v1" in caught.value.remedy
    assert "--voice" in caught.value.remedy


def test_a_server_without_a_list_is_an_error_with_the_usual_reason(server):
    with pytest.raises(BadResponse, match=r"does not list its voices \(404\)") as caught:
        server_voices(Server(server.url + "/x?"), timeout_s=5)
    assert "/v1" in caught.value.remedy


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b'{"error": {"message": "bad key"}}', AuthError),
        (429, b"", RateLimited),
        (500, b"oops", BadResponse),
        (304, b"", BadResponse),
        (400, b'{"error": "what?"}', BadResponse),
        (418, b"", BadResponse),
        (200, b"<html>", BadResponse),
        (200, b"\xff", BadResponse),
        (200, b"[" * 100_000, BadResponse),
        (405, b"", BadResponse),
    ],
)
def test_refusals_are_mapped(monkeypatch, status, body, kind):
    answer = Answer(status, {"retry-after": "3"}, body)
    monkeypatch.setattr(module, "get", lambda *args, **settings: answer)
    with pytest.raises(kind) as caught:
        server_voices(Server("http://localhost/v1"), timeout_s=5)
    assert caught.value.remedy


def test_a_server_that_requires_a_key_says_so(monkeypatch):
    monkeypatch.setattr(module, "get", lambda *args, **settings: Answer(401, {}, b""))
    with pytest.raises(AuthError, match="refuses requests without a key"):
        server_voices(Server("http://localhost/v1", KEYLESS), timeout_s=5)


def test_openai_s_voices_are_the_documented_ones():
    assert [voice.id for voice in openai_voices()] == list(OPENAI_VOICES)
    realtime = {voice.id for voice in openai_voices(is_realtime=True)}
    assert set(OPENAI_VOICES) - realtime == {"fable", "nova", "onyx"}
    assert "alloy" in OPENAI_VOICES


def test_builtin_voices_say_where_they_are(monkeypatch, tmp_path):
    from hibari.voices import VOICES

    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    (tmp_path / VOICES["emma"]["file"]).write_bytes(b"")
    notes = {voice.id: voice.note for voice in builtin_voices()}
    assert notes["heart"] == "American, female; in the package"
    assert notes["emma"] == "British, female; downloaded"
    assert any("downloaded on first use, 8 MB" in note for note in notes.values())


def test_listing_builtin_voices_downloads_nothing(monkeypatch):
    def refuse(*args, **settings):
        raise AssertionError("went to the network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert builtin_voices()


def test_a_missing_package_is_a_source_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "hibari.voices", None)
    with pytest.raises(SourceError, match="not installed"):
        builtin_voices()


def test_voice_as_json():
    assert json.loads(json.dumps(VoiceInfo("a", language="en").to_json())) == {
        "id": "a",
        "name": None,
        "language": "en",
        "note": None,
    }


def test_a_source_of_another_package_is_not_asked():
    with pytest.raises(ConfigError, match="installed package"):
        server_voices(Server("piper://amy"), timeout_s=5)


def test_a_cache_folder_with_an_impossible_name_is_one_without_voices(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/" + "a" * 300)
    monkeypatch.delenv("HIBARI_HOME", raising=False)
    notes = [voice.note for voice in builtin_voices()]
    assert sum("downloaded on first use" in note for note in notes) == len(notes) - 1
