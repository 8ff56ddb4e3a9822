from __future__ import annotations

import pytest

from voicecli.codecs.formats import CODECS
from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import Config, Profile
from voicecli.config.presets import presets, settings_of
from voicecli.config.urls import parse_base_url
from voicecli.errors import ConfigError


@pytest.mark.parametrize("name", presets())
def test_each_row_has_what_a_request_needs_and_where_it_is_from(name):
    preset = presets()[name]
    profile = preset.profile
    assert parse_base_url(profile.base_url or "", name).url == profile.base_url
    assert profile.model
    assert profile.voice
    assert set(preset.formats) <= set(CODECS)
    assert profile.response_format in (None, *preset.formats)
    assert profile.response_format or "pcm" in (preset.formats or ("pcm",))
    assert preset.sources
    assert all(each.startswith("https://") for each in preset.sources) or name == "serve"
    assert preset.checked.count("-") == 2
    assert preset.needs_key is ("localhost" not in profile.base_url)
    assert settings_of(name)["base_url"] == profile.base_url


def resolve(name, env, config=None):
    return resolve_endpoint(EndpointChoice(profile=name), env, config or Config())


def test_a_name_works_as_a_profile_once_its_key_is_set():
    endpoint = resolve("groq", {"GROQ_API_KEY": "gsk-1"})
    assert endpoint.base_url == "https://api.groq.com/openai/v1"
    assert (endpoint.api_key, endpoint.response_format) == ("gsk-1", "wav")
    with pytest.raises(ConfigError, match="groq needs GROQ_API_KEY") as caught:
        resolve("groq", {"OPENAI_API_KEY": "sk-1"})
    assert "export GROQ_API_KEY=" in caught.value.remedy


def test_a_server_of_this_machine_needs_none():
    assert resolve("kokoro-fastapi", {}).extra_body == {"stream": True}


def test_a_profile_of_the_file_counts_more():
    config = Config(profiles={"groq": Profile("groq", base_url="http://localhost:1/v1")})
    assert resolve("groq", {}, config).base_url == "http://localhost:1/v1"


def test_without_its_key_it_fails_only_where_it_is_used():
    config = Config(default_profile="groq")
    with pytest.raises(ConfigError, match="groq needs GROQ_API_KEY"):
        resolve(None, {}, config)
    other = EndpointChoice(base_url="builtin")
    assert resolve_endpoint(other, {}, config).is_builtin
    assert resolve_endpoint(EndpointChoice(profile="serve"), {}, config).profile == "serve"


def test_it_can_be_the_default_profile():
    endpoint = resolve(None, {"GROQ_API_KEY": "gsk-1"}, Config(default_profile="groq"))
    assert endpoint.base_url == "https://api.groq.com/openai/v1"
    assert endpoint.reason == "default_profile is groq"


def test_known_names_are_suggested():
    with pytest.raises(ConfigError) as caught:
        resolve("gorq", {})
    assert caught.value.remedy == 'did you mean "groq"?'
