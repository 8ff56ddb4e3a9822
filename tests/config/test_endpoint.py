from __future__ import annotations

import base64

import pytest

from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import Config, Profile
from voicecli.config.server import KEYLESS
from voicecli.errors import ConfigError

KOKORO = "http://localhost:8880/v1"
OPENAI = "https://api.openai.com/v1"
ELSEWHERE = "https://tts.example.org/v1"
OPENAI_KEY = {"OPENAI_API_KEY": "sk-openai"}
OUR_KEY = {"VOICECLI_API_KEY": "ours"}


def config(*profiles, default=None):
    return Config(default_profile=default, profiles={profile.name: profile for profile in profiles})


def resolve(env=None, settings=None, **choice):
    return resolve_endpoint(EndpointChoice(**choice), env or {}, settings or Config())


def profile(name="kokoro", base_url=KOKORO, **settings):
    return Profile(name, base_url=base_url, **settings)


# -- which endpoint

EVERYTHING = {
    "VOICECLI_BASE_URL": "http://localhost:2/v1",
    "OPENAI_BASE_URL": "http://localhost:4/v1",
    **OPENAI_KEY,
}
PROFILES = config(
    profile("named", "http://localhost:1/v1"),
    profile("standing", "http://localhost:3/v1"),
    default="standing",
)


@pytest.mark.parametrize(
    ("choice", "without", "settings", "base_url", "reason"),
    [
        (
            {"base_url": "http://localhost:0", "profile": "named"},
            [],
            PROFILES,
            "http://localhost:0",
            "--base-url was given",
        ),
        ({"profile": "named"}, [], PROFILES, "http://localhost:1/v1", "--profile named was given"),
        ({}, [], PROFILES, "http://localhost:2/v1", "VOICECLI_BASE_URL is set"),
        (
            {},
            ["VOICECLI_BASE_URL"],
            PROFILES,
            "http://localhost:3/v1",
            "default_profile is standing",
        ),
        ({}, ["VOICECLI_BASE_URL"], Config(), "http://localhost:4/v1", "OPENAI_BASE_URL is set"),
        ({}, ["VOICECLI_BASE_URL", "OPENAI_BASE_URL"], Config(), OPENAI, "OPENAI_API_KEY is set"),
        ({}, list(EVERYTHING), Config(), None, "no endpoint is set"),
    ],
)
def test_the_first_setting_in_the_order_decides(choice, without, settings, base_url, reason):
    env = {name: value for name, value in EVERYTHING.items() if name not in without}
    endpoint = resolve(env, settings, **choice)
    assert (endpoint.base_url, endpoint.reason) == (base_url, reason)
    empty = dict.fromkeys(EVERYTHING, "") | env
    assert resolve(empty, settings, **choice) == endpoint


def test_builtin_is_forced_by_flag_profile_and_variable():
    for endpoint in (
        resolve(EVERYTHING, base_url="builtin"),
        resolve(EVERYTHING, config(profile(base_url="builtin")), profile="kokoro"),
        resolve({**EVERYTHING, "VOICECLI_BASE_URL": "builtin"}),
    ):
        assert endpoint.is_builtin
        assert not endpoint.is_openai
        assert endpoint.api_key is None
        assert endpoint.label == "builtin"
        assert (endpoint.model, endpoint.voice) == ("hibari", "heart")


def test_an_empty_flag_is_not_an_absent_one():
    with pytest.raises(ConfigError, match="--base-url is not a URL"):
        resolve(base_url="")


def test_a_malformed_url_is_reported_with_its_setting():
    with pytest.raises(ConfigError, match="base_url of profile kokoro"):
        resolve(settings=config(profile(base_url="gopher://x")), profile="kokoro")
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL"):
        resolve({"OPENAI_BASE_URL": "example.org"})


def test_an_unknown_profile_is_reported_with_a_suggestion():
    with pytest.raises(ConfigError, match='no profile "koko"') as caught:
        resolve(settings=config(profile()), profile="koko")
    assert caught.value.remedy == 'did you mean "kokoro"?'


def test_label_has_the_url_without_secrets():
    assert resolve(base_url="https://tts.example.org:1/v1/").label == "https://tts.example.org:1/v1"


# -- which key ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "choice", "key", "variable"),
    [
        (OPENAI_KEY, {}, "sk-openai", "OPENAI_API_KEY"),
        (OPENAI_KEY, {"base_url": OPENAI}, "sk-openai", "OPENAI_API_KEY"),
        (OPENAI_KEY | OUR_KEY, {"base_url": OPENAI}, "sk-openai", "OPENAI_API_KEY"),
        (OUR_KEY, {"base_url": OPENAI}, "ours", "VOICECLI_API_KEY"),
        (OPENAI_KEY, {"base_url": "https://api.openai.com:443/v1/"}, "sk-openai", "OPENAI_API_KEY"),
        (OPENAI_KEY | {"OPENAI_BASE_URL": ELSEWHERE}, {}, "sk-openai", "OPENAI_API_KEY"),
        (
            OPENAI_KEY | {"OPENAI_BASE_URL": ELSEWHERE},
            {"base_url": ELSEWHERE + "/"},
            "sk-openai",
            "OPENAI_API_KEY",
        ),
        (OUR_KEY | {"OPENAI_BASE_URL": ELSEWHERE}, {}, KEYLESS, None),
        (OPENAI_KEY | {"OPENAI_BASE_URL": KOKORO}, {"base_url": ELSEWHERE}, KEYLESS, None),
        (OPENAI_KEY, {"base_url": ELSEWHERE}, KEYLESS, None),
        (OPENAI_KEY | {"VOICECLI_BASE_URL": ELSEWHERE}, {}, KEYLESS, None),
        (OPENAI_KEY | OUR_KEY, {"base_url": ELSEWHERE}, "ours", "VOICECLI_API_KEY"),
        (OUR_KEY | {"VOICECLI_BASE_URL": ELSEWHERE}, {}, "ours", "VOICECLI_API_KEY"),
        (OPENAI_KEY, {"base_url": "https://api.openai.com.example.org/v1"}, KEYLESS, None),
        (OPENAI_KEY, {"base_url": "https://api.openai.com:8443/v1"}, KEYLESS, None),
        (OPENAI_KEY, {"base_url": "https://xapi.openai.com/v1"}, KEYLESS, None),
        ({"VOICECLI_API_KEY": " ours\n"}, {"base_url": ELSEWHERE}, "ours", "VOICECLI_API_KEY"),
        ({"VOICECLI_API_KEY": " "}, {"base_url": ELSEWHERE}, KEYLESS, None),
    ],
)
def test_a_key_goes_only_to_its_own_server(env, choice, key, variable):
    endpoint = resolve(env, **choice)
    assert (endpoint.api_key, endpoint.key_variable) == (key, variable)


@pytest.mark.parametrize(
    ("env", "key", "variable"),
    [
        ({"KOKORO_KEY": "k"} | OPENAI_KEY | OUR_KEY, "k", "KOKORO_KEY"),
        (OPENAI_KEY | OUR_KEY, KEYLESS, None),
    ],
)
def test_a_profile_that_names_a_variable_uses_only_that(env, key, variable):
    settings = config(profile(api_key_env="KOKORO_KEY"))
    endpoint = resolve(env, settings, profile="kokoro")
    assert (endpoint.api_key, endpoint.key_variable) == (key, variable)
    warned = ("profile kokoro names KOKORO_KEY, which is not set",)
    assert endpoint.warnings == (() if variable else warned)


def test_a_profile_that_names_no_variable_uses_ours():
    endpoint = resolve(OPENAI_KEY | OUR_KEY, config(profile()), profile="kokoro")
    assert endpoint.key_variable == "VOICECLI_API_KEY"


def test_the_key_of_a_profile_does_not_go_to_another_url():
    settings = config(profile(api_key_env="KOKORO_KEY", voice="bella"))
    endpoint = resolve({"KOKORO_KEY": "k"}, settings, profile="kokoro", base_url=ELSEWHERE)
    assert endpoint.api_key == KEYLESS
    assert endpoint.voice == "bella"
    assert endpoint.warnings == ()


def test_a_profile_cannot_send_the_key_of_openai_elsewhere():
    settings = config(profile(api_key_env="OPENAI_API_KEY"))
    with pytest.raises(ConfigError, match="names OPENAI_API_KEY for a server that is not"):
        resolve(OPENAI_KEY, settings, profile="kokoro")
    at_openai = config(profile(base_url=OPENAI, api_key_env="OPENAI_API_KEY"))
    assert resolve(OPENAI_KEY, at_openai, profile="kokoro").api_key == "sk-openai"


@pytest.mark.parametrize(
    ("choice", "settings", "env", "variable"),
    [
        ({"base_url": OPENAI}, Config(), {}, "OPENAI_API_KEY"),
        ({}, Config(), {"OPENAI_BASE_URL": OPENAI}, "OPENAI_API_KEY"),
        (
            {"profile": "kokoro"},
            config(profile(base_url=OPENAI, api_key_env="WORK")),
            OPENAI_KEY,
            "WORK",
        ),
    ],
)
def test_openai_without_a_key_is_a_config_error(choice, settings, env, variable):
    with pytest.raises(ConfigError, match=f"requires a key, and {variable} is not set") as caught:
        resolve(env, settings, **choice)
    assert f"export {variable}=" in caught.value.remedy


@pytest.mark.parametrize("key", ["a\nb", "sk-ключ", "a\x00b"])
def test_a_key_that_is_not_printable_ascii_is_rejected_without_repeating_it(key):
    with pytest.raises(ConfigError) as caught:
        resolve({"VOICECLI_API_KEY": key}, base_url=ELSEWHERE)
    assert "VOICECLI_API_KEY" in caught.value.message
    assert key not in caught.value.message


@pytest.mark.parametrize(
    ("base_url", "env", "warns"),
    [
        ("http://tts.example.org/v1", OUR_KEY, True),
        ("http://192.168.0.7:8880/v1", OUR_KEY, True),
        ("https://tts.example.org/v1", OUR_KEY, False),
        (KOKORO, OUR_KEY, False),
        ("http://127.0.0.1:8880/v1", OUR_KEY, False),
        ("http://tts.example.org/v1", {}, False),
    ],
)
def test_a_key_over_plain_http_causes_a_warning(base_url, env, warns):
    warnings = resolve(env, base_url=base_url).warnings
    assert [("plain http" in warning) for warning in warnings] == [True] * warns
    assert "ours" not in "".join(warnings)


def test_the_key_is_not_in_the_repr():
    endpoint = resolve(OPENAI_KEY)
    assert "sk-openai" not in repr(endpoint) + str(endpoint)


# -- model, voice and the rest -----------------------------------------------


@pytest.mark.parametrize(
    ("env", "choice", "model", "voice"),
    [
        (OPENAI_KEY, {}, "gpt-4o-mini-tts", "alloy"),
        ({}, {"base_url": KOKORO}, "tts-1", "alloy"),
        ({}, {}, "hibari", "heart"),
        ({}, {"voice": "emma"}, "hibari", "emma"),
        (OPENAI_KEY, {"model": "tts-1-hd", "voice": "nova"}, "tts-1-hd", "nova"),
    ],
)
def test_model_and_voice_fit_the_endpoint(env, choice, model, voice):
    endpoint = resolve(env, **choice)
    assert (endpoint.model, endpoint.voice) == (model, voice)


def test_flag_beats_profile_beats_default():
    settings = config(
        profile(
            model="kokoro",
            voice="bella",
            response_format="opus",
            speed=1.5,
            instructions="Calm.",
            extra_body={"stream": True, "a": 1},
        )
    )
    endpoint = resolve({}, settings, profile="kokoro", voice="sky", speed=0.5, extra_body={"a": 2})
    assert (endpoint.model, endpoint.voice) == ("kokoro", "sky")
    assert (endpoint.response_format, endpoint.speed) == ("opus", 0.5)
    assert endpoint.instructions == "Calm."
    assert endpoint.extra_body == {"stream": True, "a": 2}
    assert endpoint.profile == "kokoro"
    assert endpoint.origins["model"] == "profile kokoro"
    assert endpoint.origins["voice"] == "flag"
    assert resolve().origins == {"model": "default", "voice": "default"}


def test_a_profile_without_a_url_applies_to_any_endpoint():
    settings = config(profile("calm", None, instructions="Calm."), default="calm")
    assert resolve(OPENAI_KEY, settings).instructions == "Calm."
    assert resolve(OPENAI_KEY, settings).base_url == OPENAI
    assert resolve({}, settings, profile="calm", base_url=KOKORO).instructions == "Calm."
    assert resolve({}, settings).reason == "no endpoint is set"


def test_the_default_profile_applies_to_its_own_url_only():
    settings = config(profile(voice="bella"), default="kokoro")
    endpoint = resolve({"VOICECLI_BASE_URL": ELSEWHERE}, settings)
    assert (endpoint.voice, endpoint.profile) == ("alloy", None)


def test_a_named_profile_replaces_the_default_one():
    settings = config(profile(), profile("calm", None, instructions="Calm."), default="kokoro")
    assert resolve({}, settings, profile="calm").is_builtin


def test_openai_is_recognised_by_its_url():
    assert resolve(OPENAI_KEY).is_openai
    assert not resolve({}, base_url=KOKORO).is_openai


class TestLogin:
    URL = "https://me:s3cret-word@host/v1"

    def test_it_is_sent_in_place_of_a_key(self):
        endpoint = resolve(OUR_KEY, base_url=self.URL)
        assert (endpoint.base_url, endpoint.label) == ("https://host/v1", "https://host/v1")
        encoded = base64.b64encode(b"me:s3cret-word").decode()
        assert endpoint.server.headers == (("Authorization", f"Basic {encoded}"),)
        assert endpoint.server.has_key
        assert (endpoint.api_key, endpoint.warnings) == (KEYLESS, ())
        assert {"s3cret-word", encoded} <= set(endpoint.server.all_secrets)

    def test_nothing_shows_it(self):
        endpoint = resolve(OUR_KEY, base_url=self.URL)
        assert "s3cret" not in repr(endpoint) + repr(endpoint.server)

    def test_without_encryption_there_is_a_warning(self):
        (warning,) = resolve({}, base_url="http://me:s3cret@host.example/v1").warnings
        assert "unencrypted" in warning
        assert "s3cret" not in warning
        assert resolve({}, base_url="http://me:s3cret@localhost/v1").warnings == ()

    def test_a_key_beside_it_is_not_sent(self):
        settings = config(profile(base_url=self.URL, api_key_env="KOKORO_KEY"))
        endpoint = resolve({"KOKORO_KEY": "k"}, settings, profile="kokoro")
        assert endpoint.api_key == KEYLESS
        assert "KOKORO_KEY is not sent" in endpoint.warnings[0]


class TestHeaders:
    HEADERS = {"X-Key": "$KOKORO_KEY", "X-Both": "a ${KOKORO_KEY} $$1", "X-Plain": "yes"}  # noqa: RUF012

    def test_variables_are_replaced(self):
        settings = config(profile(headers=self.HEADERS))
        endpoint = resolve({"KOKORO_KEY": "s3cret"}, settings, profile="kokoro")
        sent = (("X-Key", "s3cret"), ("X-Both", "a s3cret $1"), ("X-Plain", "yes"))
        assert endpoint.server.headers == sent
        assert "s3cret" in endpoint.server.all_secrets
        assert "s3cret" not in repr(endpoint)

    @pytest.mark.parametrize("env", [{}, {"KOKORO_KEY": " "}, {"KOKORO_KEY": "a\nb"}])
    def test_a_missing_variable_is_an_error(self, env):
        settings = config(profile(headers=self.HEADERS))
        with pytest.raises(ConfigError, match="needs KOKORO_KEY"):
            resolve(env, settings, profile="kokoro")

    def test_they_belong_to_the_profile_s_own_server(self):
        settings = config(profile(headers=self.HEADERS))
        assert resolve({}, settings, profile="kokoro", base_url=ELSEWHERE).headers == ()

    def test_the_key_of_openai_does_not_go_elsewhere_in_a_header(self):
        settings = config(profile(headers={"X-Key": "$OPENAI_API_KEY"}))
        with pytest.raises(ConfigError, match="names OPENAI_API_KEY for a server that is not"):
            resolve(OPENAI_KEY, settings, profile="kokoro")
