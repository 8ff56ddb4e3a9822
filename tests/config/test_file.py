from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from voicecli.config.file import Config, Profile, config_path, find_config, load_config, suggest
from voicecli.errors import ConfigError

WHOLE = """
default_profile = "kokoro"
device = "USB"
volume = 0.5
buffer_ms = 250
latency_ms = 80
preroll_ms = 300
sample_rate = 22050
timeout_s = 12.5
connect_timeout_s = 2
retries = 0
recordings = "~/recordings"

[profiles.kokoro]
base_url = "http://localhost:8880/v1"
api_key_env = "KOKORO_KEY"
model = "kokoro"
voice = "af_bella(2)+af_sky(1)"
format = "opus"
speed = 1
instructions = "Cheerful."
max_input_chars = 900
extra = { stream = true, n = [1, 2.5], lang = { code = "a" } }
headers = { X-Key = "$KOKORO_KEY" }
allow_redirects_to = ["https://Other.example", "http://localhost:81"]

[profiles.plain]
"""


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "config.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(path)

    return load


def test_every_key_is_read(load, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    config = load(WHOLE)
    assert config.default_profile == "kokoro"
    assert (config.device, config.volume, config.sample_rate_hz) == ("USB", 0.5, 22_050)
    assert (config.buffer_ms, config.latency_ms, config.preroll_ms) == (250.0, 80.0, 300.0)
    assert (config.timeout_s, config.connect_timeout_s, config.retries) == (12.5, 2.0, 0)
    assert config.recordings == Path("/home/me/recordings")
    assert config.profiles["plain"] == Profile("plain")
    assert config.profiles["kokoro"] == Profile(
        name="kokoro",
        base_url="http://localhost:8880/v1",
        api_key_env="KOKORO_KEY",
        model="kokoro",
        voice="af_bella(2)+af_sky(1)",
        response_format="opus",
        speed=1.0,
        instructions="Cheerful.",
        extra_body={"stream": True, "n": [1, 2.5], "lang": {"code": "a"}},
        headers={"X-Key": "$KOKORO_KEY"},
        allow_redirects_to=("https://other.example:443", "http://localhost:81"),
        max_input_chars=900,
    )
    assert {"volume", "profiles.kokoro", "profiles.plain"} < config.in_file


def test_the_lexicon_is_kept_as_it_is(load):
    config = load("[lexicon]\nkubectl = 'cube control'\n[lexicon.de]\nApp = 'Anwendung'")
    assert config.lexicon == {"kubectl": "cube control", "de": {"App": "Anwendung"}}
    assert load("").lexicon == {}


def test_buffer_ms_may_be_auto_and_is_by_default(load):
    assert load("buffer_ms = 'auto'").buffer_ms == load("").buffer_ms == "auto"


def test_device_index_is_kept_as_text(load):
    assert load("device = 3").device == "3"


def test_missing_file_means_defaults(tmp_path):
    path = tmp_path / "none.toml"
    assert load_config(path) == Config(path=path)


def test_empty_file_means_defaults(load, tmp_path):
    assert load("") == Config(path=tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("volume = '1'", "volume"),
        ("volume = true", "volume"),
        ("volume = nan", "volume"),
        ("volume = -0.1", "volume"),
        ("buffer_ms = 'slow'", "buffer_ms"),
        ("buffer_ms = -1", "buffer_ms"),
        ("latency_ms = 0", "latency_ms"),
        ("buffer_ms = true", "buffer_ms"),
        ("volume = 5", "volume"),
        ("retries = 1.0", "retries"),
        ("retries = true", "retries"),
        ("retries = -1", "retries"),
        ("timeout_s = 0", "timeout_s"),
        ("sample_rate = 10", "sample_rate"),
        ("device = -1", "device"),
        ("device = true", "device"),
        ("device = ''", "device"),
        ("recordings = 3", "recordings"),
        ("default_profile = ' '", "default_profile"),
        ("profiles = 3", "profiles"),
        ("lexicon = 3", "lexicon"),
        ("[profiles.a]\nmax_input_chars = 3", "profiles.a.max_input_chars"),
        ("profiles.a = 3", "profiles.a"),
        ("[profiles.a]\nspeed = 9", "profiles.a.speed"),
        ("[profiles.a]\nmodel = 1", "profiles.a.model"),
        ("[profiles.a]\nextra = 1", "profiles.a.extra"),
        ("[profiles.a]\nextra = { day = 2026-11-20 }", "profiles.a.extra"),
        ("[profiles.a]\nextra = { days = [{ day = 2026-11-20 }] }", "profiles.a.extra"),
    ],
)
def test_an_invalid_value_is_reported_with_its_key_and_file(load, tmp_path, text, named):
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert f'"{named}"' in caught.value.message
    assert str(tmp_path / "config.toml") in caught.value.message
    assert "must be" in caught.value.message


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("volum = 1", "volum", 'did you mean "volume"?'),
        ("[profile.a]", "profile", 'did you mean "profiles"?'),
        ("[profiles.a]\nbaseurl = 'x'", "profiles.a.baseurl", 'did you mean "base_url"?'),
        ("zzz = 1", "zzz", "known: default_profile, voice, device"),
    ],
)
def test_an_unknown_key_is_reported_with_a_suggestion(load, text, key, remedy):
    with pytest.raises(ConfigError, match=f'unknown key "{key}"') as caught:
        load(text)
    assert caught.value.remedy.startswith(remedy)


def test_default_profile_must_exist(load):
    with pytest.raises(ConfigError, match='names "koko"') as caught:
        load("default_profile = 'koko'\n[profiles.kokoro]\n")
    assert caught.value.remedy == 'did you mean "kokoro"?'
    with pytest.raises(
        ConfigError, match="neither one of its profiles nor a known server"
    ) as caught:
        load("default_profile = 'gorq'")
    assert caught.value.remedy == 'did you mean "groq"?'


def test_default_profile_may_be_a_known_server(load):
    assert load("default_profile = 'groq'").default_profile == "groq"


def test_a_key_variable_requires_a_base_url(load):
    with pytest.raises(ConfigError, match='"api_key_env" but no "base_url"'):
        load("[profiles.a]\napi_key_env = 'KEY'")


@pytest.mark.parametrize(
    "line",
    ['headers = "X-Key"', 'headers = { "a b" = "c" }', 'headers = { Host = "x" }',
     "headers = { a = 1 }",
     'headers = { a = "b\\u000ac" }', 'allow_redirects_to = "https://a"',
     'allow_redirects_to = ["https://a/b"]', 'allow_redirects_to = ["a"]',
     'allow_redirects_to = ["https://a:b"]', "allow_redirects_to = [1]"],
)  # fmt: skip
def test_headers_and_origins_are_checked(load, line):
    with pytest.raises(ConfigError, match="must be a"):
        load(f"[profiles.a]\nbase_url = 'https://h/v1'\n{line}")


def test_control_characters_in_keys_are_not_shown(load):
    with pytest.raises(ConfigError) as caught:
        load('"a\\u001b[31mb" = 1')
    assert '"ab"' in caught.value.message


@pytest.mark.parametrize("text", ["volume = ", b"\xff\xfe", "a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_reported(load, text):
    with pytest.raises(ConfigError, match=r"config\.toml is not valid TOML"):
        load(text)


def test_an_unreadable_file_is_reported(tmp_path):
    with pytest.raises(ConfigError, match="Is a directory"):
        load_config(tmp_path)


def test_variable_names_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.toml").write_text("volume = 2")
    env = {"VOICECLI_CONFIG": "~/mine.toml"}
    assert config_path(env) == tmp_path / "mine.toml"
    assert find_config(env).volume == 2


def test_a_file_in_place_of_the_folder_means_defaults(tmp_path):
    (tmp_path / "config").touch()
    path = tmp_path / "config" / "config.toml"
    assert load_config(path) == Config(path=path)


def test_a_byte_order_mark_is_skipped(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbfvolume = 0.5\r\n")
    assert load_config(path).volume == 0.5


def test_a_variable_that_names_a_missing_file_is_reported(tmp_path):
    with pytest.raises(ConfigError, match=r"VOICECLI_CONFIG names .*none\.toml"):
        find_config({"VOICECLI_CONFIG": str(tmp_path / "none.toml")})


@pytest.mark.parametrize("env", [{}, {"VOICECLI_CONFIG": ""}])
def test_without_the_variable_the_file_is_in_the_platform_folder(env, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    path = config_path(env)
    assert path.parts[-2:] == ("voicecli", "config.toml")
    assert path.is_relative_to(tmp_path)
    assert find_config(env) == Config(path=path)


def test_nothing_is_suggested_if_nothing_is_defined():
    assert suggest("a", []) == "none is defined"


def test_import_is_cheap():
    script = (
        "import sys, voicecli.config.endpoint\n"
        "print({'tomllib', 'platformdirs', 'difflib', 'json', 'numpy', 'typer'} & set(sys.modules))"
    )
    # Coverage imports some of these for itself.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    run = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=env
    )
    assert run.stdout.strip() == "set()"


NOT_A_FILE = "it is not a regular file"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, NOT_A_FILE),
        (lambda path: path.symlink_to("/dev/zero"), NOT_A_FILE),
        (lambda path: path.mkdir(), "Is a directory"),
    ],
    ids=["pipe", "device", "folder"],
)
def test_anything_but_a_regular_file_is_an_error_at_once(tmp_path, make, reason):
    path = tmp_path / "config.toml"
    make(path)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.message == f"cannot read {path}: {reason}"


def huge(path):
    path.touch()
    os.truncate(path, 1 << 30)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (huge, "too large"),
        (lambda path: path.write_text("volume" + ".a" * 20_000 + " = 1"), "too large"),
        (lambda path: path.write_text("volume" + ".a" * 1900 + " = 1"), "too deeply"),
        (lambda path: path.write_text("volume = " + "[" * 100_000), "too deeply"),
        (lambda path: path.write_text("volume = " + "{a = " * 40_000), "too deeply"),
    ],
    ids=["1 GB", "20,000 dots", "many dots", "lists", "tables"],
)
def test_an_excessive_file_is_an_error_within_bounded_memory(tmp_path, write, reason):
    path = tmp_path / "config.toml"
    write(path)
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError, match=reason):
            load_config(path)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()
