from __future__ import annotations

import sys
import threading
import urllib.error
import urllib.request
from threading import Event

import pytest

from voicecli.errors import ConfigError, NetworkError, SourceError
from voicecli.sources.voicecache import VoiceCache

HEART = "heart"


def test_an_unknown_voice_is_an_error_that_lists_the_others():
    with pytest.raises(ConfigError) as caught:
        VoiceCache().load("al\x1b[31mloy")
    assert '"alloy"' in caught.value.message
    assert "heart" in caught.value.message
    assert "voicecli voices" in caught.value.remedy


def test_a_name_of_another_service_stands_for_a_voice():
    cache = VoiceCache()
    voice = object()
    cache._voices[HEART] = voice
    assert [cache.load(name) for name in ("Alloy", "af_heart", "")] == [voice] * 3


@pytest.mark.slow
def test_a_voice_that_cannot_be_downloaded_is_a_network_error(monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise urllib.error.URLError("Temporary failure in name resolution")

    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", offline)
    with pytest.raises(NetworkError) as caught:
        VoiceCache().load("emma")
    assert '"emma" is not on this machine' in caught.value.message
    assert "name resolution" in caught.value.message
    assert "hibari:" not in caught.value.message


def test_a_voice_folder_that_cannot_be_created_is_a_network_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path / "file"))
    with pytest.raises(NetworkError, match=r"Not a directory|File exists"):
        VoiceCache().load("emma")


def test_a_limit_on_memory_is_not_put_down_to_the_installation(monkeypatch):
    def fail(**_):
        raise ImportError("onnxruntime.so: failed to map segment from shared object")

    monkeypatch.setattr("hibari.Hibari", fail)
    with pytest.raises(ConfigError, match="too little memory"):
        VoiceCache().load(HEART)


def test_a_damaged_model_is_a_source_error(monkeypatch, tmp_path):
    from hibari.voices import VOICES

    (tmp_path / VOICES["emma"]["file"]).write_bytes(b"no model")
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    with pytest.raises(SourceError, match="built-in voice failed"):
        VoiceCache().load("emma")


def test_a_failure_on_the_lent_thread_is_raised_by_the_loading_one(monkeypatch):
    import hibari.g2p

    def broken(**settings):
        raise OSError("lexicon gone")

    monkeypatch.setattr(hibari.g2p, "G2P", broken)
    with pytest.raises(SourceError, match="lexicon gone"):
        VoiceCache().load(HEART)


def test_a_missing_package_is_a_source_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "hibari.voices", None)
    with pytest.raises(SourceError, match="hibari"):
        VoiceCache().load(HEART)


@pytest.mark.slow
def test_the_lent_thread_loads_the_tables_and_is_joined():
    started = []

    def spawn(work, name):
        thread = threading.Thread(target=work, name=name)
        started.append(thread)
        thread.start()
        return thread

    cache = VoiceCache()
    voice = cache.load(HEART, spawn)
    assert [thread.name for thread in started] == ["voicecli-g2p"]
    assert not started[0].is_alive()
    assert voice.g2p("Hi.")
    assert cache.load(HEART, spawn) is voice
    assert len(started) == 1


@pytest.mark.slow
def test_voices_of_one_accent_share_their_tables(voices):
    first = voices.load(HEART)
    cache = VoiceCache()
    cache._tables[False] = first.g2p
    assert cache.load(HEART).g2p is first.g2p


def test_a_voice_that_is_loaded_is_not_waited_for_while_another_loads(monkeypatch):
    cache, loaded, is_loading, may_go_on = VoiceCache(), object(), Event(), Event()

    def load(name, spawn):
        is_loading.set()
        assert may_go_on.wait(20)
        return name

    cache._voices[HEART] = loaded
    monkeypatch.setattr(cache, "_load", load)
    thread = threading.Thread(target=cache.load, args=("emma",))
    thread.start()
    assert is_loading.wait(20)
    assert cache.load(HEART) is loaded
    assert cache.load("alloy") is loaded, "by another name"
    may_go_on.set()
    thread.join(20)
    assert cache.names == {HEART, "emma"}
