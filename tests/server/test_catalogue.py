from __future__ import annotations

import pytest

from voicecli.errors import SourceError
from voicecli.server.catalogue import MODELS, Catalogue, installed
from voicecli.sources.voices import OPENAI_VOICES, VoiceInfo, parse_voices


def test_what_is_in_the_package_is_offered_and_what_is_not_here_is_not(monkeypatch, tmp_path):
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    catalogue = installed()
    assert list(catalogue.own) == ["heart"]
    assert set(OPENAI_VOICES) <= set(catalogue.names)
    assert all(catalogue.voice(name) == "heart" for name in catalogue.names)


def test_a_voice_that_was_fetched_keeps_its_name_from_standing_for_another(monkeypatch, tmp_path):
    from hibari.voices import VOICES

    (tmp_path / VOICES["fable"]["file"]).write_bytes(b"")
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    catalogue = installed()
    assert list(catalogue.own) == ["heart", "fable"]
    assert "fable" not in catalogue.aliases
    assert catalogue.voice("fable") == "fable"


def test_without_the_default_voice_there_is_nothing_to_serve(monkeypatch, tmp_path):
    from hibari.voices import VOICES

    monkeypatch.setitem(VOICES["heart"], "bundled", False)
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    with pytest.raises(SourceError, match="heart is not installed"):
        installed()


def test_the_list_reads_back_with_our_own_reader():
    catalogue = Catalogue({"heart": VoiceInfo("heart", None, "en-US", "American, female")})
    read = parse_voices(catalogue.voices_json())
    assert [voice.id for voice in read] == list(catalogue.names)
    assert read[0] == VoiceInfo("heart", None, "en-US")
    assert read[1].name == "alloy (as heart)"


def test_models_are_in_openais_shape():
    from openai.types import Model

    listed = Catalogue({}).models_json()
    assert listed["object"] == "list"
    assert [Model.model_validate(entry).id for entry in listed["data"]] == list(MODELS)
