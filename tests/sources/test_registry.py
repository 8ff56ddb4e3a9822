from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import replace

import pytest

from tests.sources.clients import AUDIO, KEY
from tests.support.realtime_server import RealtimeServer
from voicecli.config.endpoint import Endpoint
from voicecli.config.server import KEYLESS
from voicecli.errors import ConfigError, SourceError
from voicecli.request import SpeechRequest
from voicecli.sources.builtin import BuiltinSource
from voicecli.sources.openai import OpenAISource
from voicecli.sources.registry import SourceContext, source_for
from voicecli.sources.retirement import RetiringSource

pytestmark = pytest.mark.usefixtures("no_proxy")

REQUEST = SpeechRequest("Hello.", "alloy", "tts-1", "pcm")

PARROT = """
from voicecli.sources.base import Response, SourceInfo

def make_source(endpoint, request, shared):
    return Parrot(endpoint, request)

class Parrot:
    sends_request = True

    def __init__(self, endpoint, request):
        self.label, self.text = endpoint.base_url + "\\x1b[31m", request.text

    def prepare(self):
        if self.text == "prepare":
            raise OSError("no perch")

    def open(self, events=None):
        if self.text == "open":
            raise KeyError("cracker")
        return Response(SourceInfo("pcm"), self.chunks())

    def chunks(self):
        yield b""
        yield bytearray(self.text.encode())
        if self.text == "read":
            1 / 0
        if self.text == "type":
            yield "text"

    def cancel(self):
        raise RuntimeError("never")
"""


def endpoint(base_url, key=KEY):
    return Endpoint(base_url, key, None, "a test", None, "tts-1", "alloy")


@pytest.fixture
def shared():
    context = SourceContext(pcm_rate_hz=8000)
    yield context
    context.close()


def read(source):
    with source.open() as response:
        return b"".join(response)


def test_without_a_url_it_is_the_built_in_voice(shared):
    source = source_for(endpoint(None, None), REQUEST, shared)
    assert isinstance(source, BuiltinSource)
    assert shared.voices() is shared.voices()


def test_a_server_gets_the_request_with_its_key(server, shared):
    source = source_for(endpoint(server.url), REQUEST, shared)
    assert read(source) == AUDIO
    assert source.open().info.rate_hz == 8000
    assert server.speech_requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_requests_to_one_endpoint_share_its_client(server, shared):
    assert shared.client(endpoint(server.url)) is shared.client(endpoint(server.url))
    assert shared.client(endpoint(server.url)) is not shared.client(endpoint(server.url, None))
    read(source_for(endpoint(server.url, None), REQUEST, shared))
    assert server.speech_requests[0].headers["authorization"] == f"Bearer {KEYLESS}"


def test_the_protocol_of_an_endpoint_decides(shared):
    with RealtimeServer() as server:
        realtime = replace(endpoint(server.url), protocol="realtime")
        request = replace(REQUEST, model="gpt-realtime-2.1-mini")
        assert len(read(source_for(realtime, request, shared))) == 9600
        assert len(read(source_for(realtime, request, shared))) == 9600
        assert shared.realtime(realtime) is shared.realtime(realtime)
        shared.close()
    assert len(server.connections) == 1
    assert server.connections[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_voice_that_openai_s_realtime_api_lacks_is_replaced(shared):
    openai = replace(endpoint("https://api.openai.com/v1"), protocol="realtime")
    for voice, spoken in (("nova", "marin"), ("cedar", "cedar")):
        source = source_for(openai, replace(REQUEST, voice=voice), shared)
        assert source._request.voice == spoken
        assert bool(source._warnings) is (voice != spoken)
    other = replace(endpoint("http://localhost:1/v1"), protocol="realtime")
    assert source_for(other, replace(REQUEST, voice="nova"), shared)._request.voice == "nova"


def test_only_models_of_openai_may_be_replaced(shared):
    openai = endpoint("https://api.openai.com/v1")
    assert isinstance(source_for(openai, REQUEST, shared), RetiringSource)
    assert isinstance(source_for(endpoint("http://localhost:1/v1"), REQUEST, shared), OpenAISource)


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """An installed distribution with an entry point for parrot:// URLs."""
    (tmp_path / "parrot.py").write_text(PARROT)
    metadata = tmp_path / "parrot-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[voicecli.sources]\nparrot = parrot:make_source\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield
    sys.modules.pop("parrot", None)


@pytest.mark.usefixtures("plugin")
def test_another_scheme_is_an_entry_point(shared):
    source = source_for(endpoint("parrot://polly"), REQUEST, shared)
    assert source.label == "parrot://polly"
    source.prepare()
    assert read(source) == b"Hello."
    source.cancel()


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prepare", "parrot:make_source failed: OSError: no perch"),
        ("open", "KeyError: 'cracker'"),
        ("read", "ZeroDivisionError"),
        ("type", "yields str, not bytes"),
    ],
)
def test_what_an_entry_point_does_wrong_is_an_error_under_its_name(shared, text, words):
    request = replace(REQUEST, text=text)
    source = source_for(endpoint("parrot://polly"), request, shared)
    with pytest.raises(SourceError, match=words):  # noqa: PT012  one of the two
        source.prepare()
        read(source)


@pytest.mark.usefixtures("plugin")
def test_an_entry_point_that_makes_no_source(shared, tmp_path):
    (tmp_path / "parrot.py").write_text("def make_source(*_):\n    return 7\n")
    with pytest.raises(ConfigError, match="makes no source: it lacks label"):
        source_for(endpoint("parrot://polly"), REQUEST, shared)


@pytest.mark.usefixtures("plugin")
def test_a_command_line_may_name_it(monkeypatch):
    from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
    from voicecli.config.file import Config

    found = resolve_endpoint(EndpointChoice(base_url="parrot://polly"), {}, Config())
    assert found.base_url == "parrot://polly"
    assert found.api_key == KEYLESS


@pytest.mark.usefixtures("plugin")
def test_a_broken_entry_point_is_a_configuration_error(shared, tmp_path):
    (tmp_path / "parrot.py").write_text("import no_such_package\n")
    with pytest.raises(
        ConfigError, match=r"parrot:make_source cannot be loaded: .*no_such_package"
    ):
        source_for(endpoint("parrot://polly"), REQUEST, shared)


def test_an_unknown_scheme_is_a_configuration_error(shared):
    with pytest.raises(ConfigError, match="adds a source for parrot:// URLs"):
        source_for(endpoint("parrot://polly"), REQUEST, shared)
