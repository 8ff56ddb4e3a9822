"""The variables and the top-level key that set a voice, a model or a profile."""

from __future__ import annotations

import pytest

from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import load_config
from voicecli.errors import ConfigError

FILE = """
voice = "of-the-file"
default_profile = "first"
[profiles.first]
base_url = "http://first.test/v1"
model = "of-first"
[profiles.second]
base_url = "http://second.test/v1"
voice = "of-second"
model = "of-second"
[profiles."odd{}name{"]
voice = "odd"
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(FILE)
    return load_config(path)


def resolved(config, env=None, **choice):
    endpoint = resolve_endpoint(EndpointChoice(**choice), env or {}, config)
    return endpoint.label, endpoint.voice, endpoint.model


def test_the_voice_of_the_file_is_a_default(config):
    assert resolved(config) == ("http://first.test/v1", "of-the-file", "of-first")
    assert resolved(config, profile="second")[1] == "of-second"
    assert resolved(config, voice="mine")[1] == "mine"
    assert resolved(config, base_url="builtin")[1] == "of-the-file"


def test_variables_count_more_than_the_file(config):
    env = {"VOICECLI_VOICE": "v", "VOICECLI_MODEL": "m"}
    assert resolved(config, env) == ("http://first.test/v1", "v", "m")
    assert resolved(config, env, voice="mine", model="own")[1:] == ("mine", "own")
    assert resolved(config, {"VOICECLI_VOICE": ""})[1] == "of-the-file"


def test_a_profile_asked_for_counts_more_than_variables(config):
    env = {"VOICECLI_VOICE": "v", "VOICECLI_MODEL": "m"}
    assert resolved(config, env, profile="second")[1:] == ("of-second", "of-second")
    assert resolved(config, env, profile="first")[1:] == ("v", "of-first")


def test_a_variable_takes_the_place_of_the_default_profile(config):
    env = {"VOICECLI_PROFILE": "second"}
    assert resolved(config, env) == ("http://second.test/v1", "of-second", "of-second")
    assert resolved(config, env, profile="first")[0] == "http://first.test/v1"
    other = env | {"VOICECLI_BASE_URL": "http://other.test"}
    assert resolved(config, other)[0] == "http://other.test"
    with pytest.raises(ConfigError, match='no profile "none"'):
        resolved(config, {"VOICECLI_PROFILE": "none"})


def test_where_each_comes_from_is_known(config):
    env = {"VOICECLI_PROFILE": "second", "VOICECLI_VOICE": "v"}
    endpoint = resolve_endpoint(EndpointChoice(speed=2.0), env, config)
    assert endpoint.reason == "VOICECLI_PROFILE is second"
    origins = {name: endpoint.origins[name] for name in ("voice", "model", "speed")}
    assert origins == {"voice": "VOICECLI_VOICE", "model": "profile second", "speed": "flag"}
    endpoint = resolve_endpoint(EndpointChoice(), {}, config)
    assert endpoint.origins["voice"] == "file"
    odd = resolve_endpoint(EndpointChoice(profile="odd{}name{"), {}, config)
    assert odd.voice == "odd"
