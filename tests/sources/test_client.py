from __future__ import annotations

import json

import pytest

from tests.sources.clients import AUDIO, KEY, Notes, client, fails, read, source
from tests.support.speech_server import FOREVER, Reply, error
from voicecli.config.server import KEYLESS
from voicecli.errors import AuthError, BadResponse, ConfigError, SourceTimeout
from voicecli.request import SpeechRequest
from voicecli.sources.client import SpeechClient, request_headers
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

    def test_openai_itself_gets_organization_and_project(self, monkeypatch):
        for name, value in LEAKS.items():
            monkeypatch.setenv(name, value)
        headers = request_headers("https://api.openai.com/v1", "3")
        assert headers["OpenAI-Organization"] == "org-leak"
        assert headers["OpenAI-Project"] == "project-leak"
        assert "custom-leak" not in json.dumps(headers)

    def test_openai_gets_neither_if_they_are_not_set(self, monkeypatch):
        for name in LEAKS:
            monkeypatch.delenv(name, raising=False)
        headers = request_headers("https://api.openai.com/v1", "3")
        assert not [name for name in headers if name.startswith("OpenAI-")]


class TestKey:
    def test_401_is_about_the_key(self, server):
        server.reply = error(401, {"error": {"message": f"Incorrect API key: {KEY}"}})
        fault = fails(server.url, AuthError)
        assert "Incorrect API key" in fault.message
        assert KEY not in str(fault) + fault.message

    def test_a_dummy_key_is_not_a_secret(self, server):
        server.reply = error(400, {"detail": "ask the voicecli people"})
        assert "voicecli people" in fails(server.url, BadResponse, KEYLESS).message

    def test_a_key_too_short_to_be_one_garbles_no_message(self, server):
        server.reply = error(400, {"detail": "a box of foxes"})
        assert "a box of foxes" in fails(server.url, BadResponse, "x").message

    def test_a_key_that_http_cannot_carry_is_not_shown(self, server):
        fault = fails(server.url, ConfigError, "sk-01234567\n89")
        assert "0123" not in fault.message + (fault.remedy or "")


class TestConnections:
    def test_requests_one_after_another_share_a_connection(self, server):
        notes = Notes()
        with client(server.url) as made:
            request = SpeechRequest("Hello.", "alloy", "tts-1", "pcm")
            for _ in range(3):
                with OpenAISource(made, request).open(notes) as response:
                    assert b"".join(response) == AUDIO
        assert notes.events == ["connected", "sent", "sent", "sent"]

    def test_a_connection_is_free_again_after_a_refusal(self, server):
        server.queued.extend([error(500, {}), error(400, {})])
        notes = Notes()
        with client(server.url) as made:
            request = SpeechRequest("Hello.", "alloy", "tts-1", "pcm")
            for _ in range(2):
                with pytest.raises(BadResponse):
                    OpenAISource(made, request).open(notes)
            with OpenAISource(made, request).open(notes) as response:
                assert b"".join(response) == AUDIO
        assert notes.events == ["connected", "sent", "sent", "sent"]

    def test_the_read_timeout_bounds_the_wait_for_an_answer(self, server):
        server.reply = Reply(ttfb_s=FOREVER)
        assert fails(server.url, SourceTimeout, limits={"read_timeout_s": 0.1}).retryable

    def test_an_unusable_proxy_is_a_configuration_error(self, monkeypatch):
        monkeypatch.setenv("ALL_PROXY", "socks4://127.0.0.1:1")
        with source("http://speech.example/v1") as speech, pytest.raises(ConfigError) as caught:
            speech.prepare()
        assert "ALL_PROXY" in caught.value.message

    def test_an_unused_client_can_be_closed(self):
        SpeechClient("http://127.0.0.1:9/v1", KEY).close()
