import pytest

from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import Config, Profile, load_config
from voicecli.config.protocols import REALTIME_MODEL, protocol_of
from voicecli.config.retired import RetiredModels
from voicecli.config.urls import OPENAI_URL
from voicecli.errors import ConfigError

KEY = {"OPENAI_API_KEY": "sk-0123456789abcdef"}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def resolved(*, profile=None, **choice):
    profiles = {"mine": profile} if profile else {}
    selected = EndpointChoice(profile="mine" if profile else None, **choice)
    return resolve_endpoint(selected, KEY, Config(profiles=profiles))


@pytest.mark.parametrize(
    ("model", "given", "protocol"),
    [
        ("gpt-realtime-2.1-mini", None, "realtime"),
        ("gpt-realtime", None, "realtime"),
        ("gpt-realtime-2.1", "speech", "speech"),
        ("gpt-4o-mini-tts", None, "speech"),
        ("my-model", "realtime", "realtime"),
    ],
)
def test_the_protocol_follows_from_the_model_unless_it_is_given(model, given, protocol):
    assert protocol_of(model, given) == protocol


def test_a_realtime_endpoint_has_a_limit_for_its_texts():
    assert resolved(model="gpt-realtime-2.1").protocol == "realtime"
    assert resolved(model="gpt-realtime-2.1").max_input_chars == 1500
    assert resolved(model="tts-1").max_input_chars is None
    profile = Profile("mine", "http://localhost:1/v1", protocol="realtime", max_input_chars=300)
    assert resolved(profile=profile).protocol == "realtime"
    assert resolved(profile=profile).max_input_chars == 300


def test_the_default_changes_when_openai_has_refused_it():
    assert resolved().model == "gpt-4o-mini-tts"
    RetiredModels().add(OPENAI_URL, "gpt-4o-mini-tts")
    endpoint = resolved()
    assert (endpoint.model, endpoint.protocol) == (REALTIME_MODEL, "realtime")
    assert resolved(model="tts-1").model == "tts-1"
    assert resolved(base_url="http://localhost:1/v1").model == "tts-1"


def test_only_models_that_existed_are_remembered():
    known = RetiredModels()
    for model in ("tts-1", "tts-1-hd-1106", "tts2", "typo"):
        known.add(OPENAI_URL, model)
    assert known.of(OPENAI_URL) == {"tts-1", "tts-1-hd-1106"}
    assert known.path.stat().st_mode & 0o777 == 0o600
    known.path.write_text('{"https://api.openai.com/v1": [1, "", null, "tts-1"]}')
    assert known.of(OPENAI_URL) == {"tts-1"}


def test_the_keys_of_a_profile(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('[profiles.a]\nprotocol = "realtime"\ncache = true\n')
    profile = load_config(path).profiles["a"]
    assert (profile.protocol, profile.cache) == ("realtime", True)
    for line in ('protocol = "websocket"', "protocol = 1", 'cache = "yes"'):
        path.write_text(f"[profiles.a]\n{line}\n")
        with pytest.raises(ConfigError):
            load_config(path)
