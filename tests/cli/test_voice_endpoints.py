from __future__ import annotations

import pytest

from voicecli.cli.voice_endpoints import VoiceEndpoints
from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import Config, Profile
from voicecli.errors import ConfigError

GROQ = {"GROQ_API_KEY": "gsk-1"}


def fallbacks_of(fallback, env, *, config=None, profile=None):
    """The endpoints that would speak after the first, whose fallback may be its profile's."""
    choice, config = EndpointChoice(profile=profile), config or Config()
    default = resolve_endpoint(choice, env, config)
    found = VoiceEndpoints(default, choice, env, config, notify=print, fallback=fallback)
    return found.spare


def test_a_known_server_can_be_a_fallback():
    groq, builtin = fallbacks_of(["groq", "builtin"], GROQ)
    assert (groq.base_url, groq.api_key) == ("https://api.groq.com/openai/v1", "gsk-1")
    assert (groq.response_format, groq.voice, groq.max_input_chars) == ("wav", "autumn", 200)
    assert builtin.is_builtin


def test_a_profile_can_fall_back_on_a_known_server():
    mine = Profile("mine", base_url="http://localhost:1/v1", fallback=("groq",))
    (groq,) = fallbacks_of(None, GROQ, config=Config(profiles={"mine": mine}), profile="mine")
    assert groq.base_url == "https://api.groq.com/openai/v1"


def test_a_known_server_can_fall_back_on_another():
    (kokoro,) = fallbacks_of(["kokoro-fastapi"], GROQ, profile="groq")
    assert (kokoro.base_url, kokoro.key_variable) == ("http://localhost:8880/v1", None)


def test_a_profile_of_the_name_counts_more():
    config = Config(profiles={"groq": Profile("groq", base_url="http://localhost:1/v1")})
    (endpoint,) = fallbacks_of(["groq"], {}, config=config)
    assert endpoint.base_url == "http://localhost:1/v1"


def test_a_fallback_without_its_key_is_an_error():
    with pytest.raises(ConfigError, match="groq needs GROQ_API_KEY"):
        fallbacks_of(["groq"], {})


def test_a_voice_may_name_a_known_server():
    choice, config = EndpointChoice(), Config()
    default = resolve_endpoint(choice, {}, config)
    found = VoiceEndpoints(default, choice, GROQ, config, notify=lambda _: None)
    groq, other = found.of("groq/hannah"), found.of("nobody/hannah")
    assert (groq.base_url, groq.voice) == ("https://api.groq.com/openai/v1", "hannah")
    assert (other.base_url, other.voice) == (default.base_url, "nobody/hannah")
