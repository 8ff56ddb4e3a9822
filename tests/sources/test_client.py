from __future__ import annotations

import json

import pytest

from tests.sources.clients import AUDIO, KEY, client, fails, read, source
from tests.support.speech_server import FOREVER, Reply, error
from voicecli.config.endpoint import KEYLESS
from voicecli.errors import AuthError, BadResponse, ConfigError, SourceTimeout
from voicecli.request import SpeechRequest
from voicecli.sources.client import SpeechClient
from voicecli.sources.openai import OpenAISource

pytestmark = pytest.mark.usefixtures("no_proxy")


LEAKS = {
    "OPENAI_API_KEY": "sk-leak-of-the-openai-key",
    "OPENAI_ADMIN_KEY": "sk-leak-of-the-admin-key",
    "OPENAI_ORG_ID": "org-leak",
    "OPENAI_PROJECT_ID": "project-leak",
    "OPENAI_WEBHOOK_SECRET": "webhook-leak",
    "OPENAI_BASE_URL": "http://leak.example/v1",
    "OPENAI_CUSTOM_HEADERS": "X-Leak: custom-leak\nAuthorization: Bearer leak\n"
    "accept-encoding: gzip\nHost: leak.example",
}


class TestHeaders:
    def test_asks_for_uncompressed_bytes(self, server):
        read(server.url)
        assert server.speech_requests[0].headers["accept-encoding"] == "identity"

    def test_nothing_about_the_machine_is_sent(self, server):
        read(server.url)
        headers = server.speech_requests[0].headers
        assert not [
            name for name in headers if "-os" in name or "arch" in name or "runtime" in name
        ]

    def test_nothing_of_openai_s_variables_reaches_another_server(self, server, monkeypatch):
        for name, value in LEAKS.items():
            monkeypatch.setenv(name, value)
        assert read(server.url) == AUDIO
        (asked,) = server.speech_requests
        assert "leak" not in json.dumps([asked.headers, asked.json])
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.headers["accept-encoding"] == "identity"

    def test_openai_itself_is_told_organization_and_project(self, monkeypatch):
        for name, value in LEAKS.items():
            monkeypatch.setenv(name, value)
        with client("https://api.openai.com/v1") as made:
            headers = made.sdk().default_headers
        assert headers["OpenAI-Organization"] == "org-leak"
        assert headers["OpenAI-Project"] == "project-leak"
        assert "custom-leak" not in json.dumps(headers)

    def test_openai_is_told_nothing_where_nothing_is_set(self, monkeypatch):
        for name in LEAKS:
            monkeypatch.delenv(name, raising=False)
        with client("https://api.openai.com/v1") as made:
            assert not [n for n in made.sdk().default_headers if n.startswith("OpenAI-")]


class TestKey:
    def test_401_is_about_the_key(self, server):
        server.reply = error(401, {"error": {"message": f"Incorrect API key: {KEY}"}})
        fault = fails(server.url, AuthError)
        assert "Incorrect API key" in fault.message
        assert KEY not in str(fault) + fault.message

    def test_a_dummy_key_is_no_secret(self, server):
        server.reply = error(400, {"detail": "ask the voicecli people"})
        assert "voicecli people" in fails(server.url, BadResponse, KEYLESS).message

    def test_a_key_too_short_to_be_one_garbles_no_message(self, server):
        server.reply = error(400, {"detail": "a box of foxes"})
        assert "a box of foxes" in fails(server.url, BadResponse, "x").message

    def test_a_key_that_http_cannot_carry_is_not_shown(self, server):
        fault = fails(server.url, ConfigError, "sk-01234567\n89")
        assert "0123" not in fault.message + (fault.remedy or "")


class TestConnections:
    def test_the_requests_of_one_client_share_its_connection(self, server):
        with client(server.url) as made:
            request = SpeechRequest("Hello.", "alloy", "tts-1", "pcm")
            for _ in range(2):
                with OpenAISource(made, request) as speech:
                    assert b"".join(speech) == AUDIO
            assert len(made._transport._sockets) == 1

    def test_the_sdk_s_own_limit_on_waiting(self, server):
        server.reply = Reply(ttfb_s=FOREVER)
        assert fails(server.url, SourceTimeout, limits={"read_timeout_s": 0.1}).retryable

    def test_a_proxy_of_an_unusable_kind_is_a_configuration_error(self, monkeypatch):
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
        with source("http://speech.example/v1") as speech, pytest.raises(ConfigError) as caught:
            speech.warm()
        assert "ALL_PROXY" in caught.value.remedy

    def test_closing_what_was_never_used(self):
        SpeechClient("http://127.0.0.1:9/v1", KEY).close()
