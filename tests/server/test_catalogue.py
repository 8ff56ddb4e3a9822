from __future__ import annotations

import pytest

from tests.server.fakes import CATALOGUE
from voicecli.errors import SourceError
from voicecli.server.catalogue import MODELS, Catalogue, installed
from voicecli.sources.voices import OPENAI_VOICES, VoiceInfo, parse_voices


def test_only_installed_voices_are_offered(monkeypatch, tmp_path):
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    catalogue = installed()
    assert list(catalogue.builtin) == ["heart"]
    assert catalogue.builtin["heart"].name == "Heart"
    assert set(OPENAI_VOICES) <= set(catalogue.names)
    assert all(catalogue.voice(name) == "heart" for name in catalogue.names)


def test_a_downloaded_voice_replaces_the_alias_of_the_same_name(monkeypatch, tmp_path):
    from hibari.voices import VOICES

    (tmp_path / VOICES["fable"]["file"]).write_bytes(b"")
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    catalogue = installed()
    assert list(catalogue.builtin) == ["heart", "fable"]
    assert "fable" not in catalogue.aliases
    assert catalogue.voice("fable") == "fable"


def test_the_default_voice_is_required(monkeypatch, tmp_path):
    from hibari.voices import VOICES

    monkeypatch.setitem(VOICES["heart"], "bundled", False)
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    with pytest.raises(SourceError, match="heart is not installed"):
        installed()


def test_our_own_reader_reads_the_list_of_voices():
    voices = parse_voices(CATALOGUE.voices_json())
    assert [voice.id for voice in voices] == list(CATALOGUE.names)
    assert voices[0] == VoiceInfo("heart", "Heart", "en-US")
    assert voices[1].name == "alloy (as heart)"


def test_models_have_openais_shape():
    from openai.types import Model

    listed = Catalogue({}).models_json()
    assert listed["object"] == "list"
    assert [Model.model_validate(entry).id for entry in listed["data"]] == list(MODELS)
