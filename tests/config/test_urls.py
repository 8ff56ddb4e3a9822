from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.config.urls import check_url, is_loopback, is_openai
from voicecli.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "taken"),
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
def test_takes_and_normalises(url, taken):
    assert check_url(url, "--base-url") == taken


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "no URL"),
        ("ftp://example.org/", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("http://", "no host"),
        ("https:///v1", "no host"),
        ("http://host:port/v1", "no URL"),
        ("http://host:99999/v1", "no URL"),
        ("http://[::1/v1", "no URL"),
        ("http://ho st/v1", "no URL"),
        ("http://host/v\n1", "no URL"),
        ("http://host\\@evil.example/", "no URL"),
        ("http://hōst/v1", "no URL"),
        ("https://host/v1?key=1", "without [?] and #"),
        ("https://host/v1#x", "without [?] and #"),
        ("http://api.openai.com/v1", "https only"),
    ],
)
def test_refuses(url, message):
    with pytest.raises(ConfigError, match=message) as caught:
        check_url(url, "--base-url")
    assert caught.value.message.isprintable()


def test_missing_scheme_is_answered_with_the_corrected_form():
    with pytest.raises(ConfigError) as caught:
        check_url("tts.example.org:8880/v1", "VOICECLI_BASE_URL")
    assert caught.value.message == "VOICECLI_BASE_URL has no scheme: 'tts.example.org:8880/v1'"
    assert caught.value.remedy == "write https://tts.example.org:8880/v1"


@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret@host/v1",
        "https://s3cret@host/v1",
        "user:s3cret@localhost:80/v1",
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
def test_secrets_in_a_url_are_refused_and_not_repeated(url):
    with pytest.raises(ConfigError) as caught:
        check_url(url, "--base-url")
    assert "s3cret" not in caught.value.message + (caught.value.remedy or "")


def test_credentials_are_told_where_to_go():
    with pytest.raises(ConfigError, match="credentials") as caught:
        check_url("https://me:pw@host/v1", "--base-url")
    assert "VOICECLI_API_KEY" in caught.value.remedy


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
def test_loopback_goes_by_the_spelling(host, loopback):
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
def test_only_openais_own_host_is_openai(url, openai):
    assert is_openai(url) is openai


@given(st.text(max_size=40))
def test_any_text_is_a_url_or_a_clear_refusal(text):
    try:
        url = check_url(text, "--base-url")
    except ConfigError:
        return
    assert check_url(url, "--base-url") == url
