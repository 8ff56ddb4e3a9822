from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.config.urls import is_loopback, is_openai, parse_base_url
from voicecli.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "normalised"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://example.org/v1/", "https://example.org/v1"),
        ("https://example.org///", "https://example.org"),
        ("HTTP://Example.org:8000/V1", "http://Example.org:8000/V1"),
        ("http://[::1]:8880/v1", "http://[::1]:8880/v1"),
        ("localhost:8880", "http://localhost:8880"),
        ("localhost:8880/v1/", "http://localhost:8880/v1"),
        ("127.0.0.1/v1", "http://127.0.0.1/v1"),
        ("[::1]:8880", "http://[::1]:8880"),
        ("//localhost:1/v1", "http://localhost:1/v1"),
        (" http://localhost:1/v1\r\n", "http://localhost:1/v1"),
        ("http://localhost:1/v1/audio/speech", "http://localhost:1/v1"),
        ("http://localhost:1/v1/audio/speech/", "http://localhost:1/v1"),
        ("localhost:1/audio/speech", "http://localhost:1"),
        ("tts.localhost", "http://tts.localhost"),
    ],
)
def test_a_base_url_is_normalised(url, normalised):
    assert parse_base_url(url, "--base-url") == (normalised, None)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "not a URL"),
        ("ftp://example.org/", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("http://", "has no host"),
        ("https:///v1", "has no host"),
        ("http://host:port/v1", "not a URL"),
        ("http://host:99999/v1", "not a URL"),
        ("http://[::1/v1", "not a URL"),
        ("http://ho st/v1", "not a URL"),
        ("http://host/v\n1", "not a URL"),
        ("http://host\\@evil.example/", "not a URL"),
        ("http://hōst/v1", "not a URL"),
        ("https://host/v1?key=1", "a query or fragment"),
        ("https://host/v1#x", "a query or fragment"),
        ("http://api.openai.com/v1", "requires https"),
        ("http://..", "no valid host"),
        ("http://a..b/v1", "no valid host"),
        ("http://" + "a" * 300, "no valid host"),
        ("http://" + ".".join(["a" * 60] * 5), "no valid host"),
        ("http://-%2f-/", "no valid host"),
    ],
)
def test_an_invalid_base_url_is_rejected(url, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse_base_url(url, "--base-url")
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_missing_slash_is_put_in(scheme):
    with pytest.raises(ConfigError) as caught:
        parse_base_url(f"{scheme}:/192.168.1.7:8880/v1", "--base-url")
    assert caught.value.remedy == f"use {scheme}://192.168.1.7:8880/v1"


def test_a_missing_scheme_is_answered_with_the_corrected_url():
    with pytest.raises(ConfigError) as caught:
        parse_base_url("tts.example.org:8880/v1", "VOICECLI_BASE_URL")
    assert caught.value.message == "VOICECLI_BASE_URL has no scheme: 'tts.example.org:8880/v1'"
    assert caught.value.remedy == "use https://tts.example.org:8880/v1"


@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret@api.openai.com/v1",
        "https://host/v1?api_key=s3cret",
        "https://host/v1#s3cret",
        "ftp://user:s3cret@host/",
        "https://user:s3cret@ho st/",
        "https://user:s3cret@host:port/",
        "user:s3cret@example.org?s3cret",
        "https://host/v1?mail=a@b&key=s3cret",
        "https://me:s3cret?x@host/v1",
        "https://me:s3cret#x@host/v1",
    ],
)
def test_a_url_with_a_secret_is_rejected_without_repeating_it(url):
    with pytest.raises(ConfigError) as caught:
        parse_base_url(url, "--base-url")
    assert "s3cret" not in caught.value.message + (caught.value.remedy or "")


@pytest.mark.parametrize(
    ("url", "login"),
    [
        ("https://me:pw@host/v1", ("me", "pw")),
        ("https://me@host/v1", ("me", "")),
        ("https://me%40x:p%3A%2F@host/v1", ("me@x", "p:/")),
        ("https://me:p@ss@host/v1", ("me", "p@ss")),
    ],
)
def test_user_and_password_are_taken_out_of_a_url(url, login):
    assert parse_base_url(url, "--base-url") == ("https://host/v1", login)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("", False),
        ("notlocalhost", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("192.168.0.7", False),
        ("0.0.0.0", False),
    ],
)
def test_loopback_is_judged_without_a_lookup(host, loopback):
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("url", "openai"),
    [
        ("https://api.openai.com/v1", True),
        ("https://API.OpenAI.com", True),
        ("https://api.openai.com:443/v1", True),
        ("https://api.openai.com:8443/v1", False),
        ("http://api.openai.com/v1", False),
        ("https://api.openai.com.evil.example/v1", False),
        ("https://evil-api.openai.com/v1", False),
        ("https://openai.com/v1", False),
        ("https://api.openai.com./v1", False),
        ("https://evil.example/api.openai.com", False),
    ],
)
def test_only_the_exact_host_is_openai(url, openai):
    assert is_openai(url) is openai


@given(st.text(max_size=40))
def test_any_text_is_normalised_or_rejected_with_a_config_error(text):
    try:
        url, _ = parse_base_url(text, "--base-url")
    except ConfigError:
        return
    assert parse_base_url(url, "--base-url") == (url, None)
