"""Choose the source that speaks a request; the only place that does.

An endpoint without a URL is the built-in voice; http and https are servers with
OpenAI's speech API, or with its Realtime API. Any other scheme is looked up among the
entry points of the group ``voicecli.sources``, so that a package can add a source::

    [project.entry-points."voicecli.sources"]
    piper = "voicecli_piper:make_source"

    def make_source(endpoint, request, shared):  # as `source_for`, and returns a `Source`
        ...

``voicecli say --base-url piper://en_US-amy`` then calls ``make_source``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from voicecli.config.protocols import REALTIME
from voicecli.sources.voicenames import REALTIME_SUBSTITUTES

if TYPE_CHECKING:
    from voicecli.config.endpoint import Endpoint
    from voicecli.config.retired import RetiredModels
    from voicecli.config.server import Server
    from voicecli.request import SpeechRequest
    from voicecli.sources.answer_cache import AnswerCache
    from voicecli.sources.base import Source
    from voicecli.sources.client import SpeechClient
    from voicecli.sources.realtime_client import RealtimeClient
    from voicecli.sources.voicecache import VoiceCache
    from voicecli.threads import Spawn


@dataclass(slots=True)
class SourceContext:
    """What sources share from request to request: settings, connections, loaded voices.

    ``pcm_rate_hz`` and ``overrides_rate`` are as for `OpenAISource`, the other settings
    as for `SpeechClient`; ``spawn`` lends threads for loading. ``strict_words`` is
    ``is_strict`` of `RealtimeSource`. ``caches`` is whether answers are cached;
    None leaves that to the profile. Any number of threads may make sources; `close`
    it when done.
    """

    pcm_rate_hz: int | None = None
    connect_timeout_s: float = 5.0
    read_timeout_s: float | None = None
    proxy: str | None = None
    spawn: Spawn | None = None
    overrides_rate: bool = False
    strict_words: bool = False
    caches: bool | None = None
    _clients: dict[Server, SpeechClient] = field(default_factory=dict)
    _realtime: dict[Server, RealtimeClient] = field(default_factory=dict)
    _retired: RetiredModels | None = None
    _answers: AnswerCache | None = None
    _voices: VoiceCache | None = None

    def client(self, endpoint: Endpoint) -> SpeechClient:
        """Return the client of an endpoint with a URL."""
        from voicecli.sources.client import SpeechClient  # noqa: PLC0415  servers only

        server = endpoint.server
        if server not in self._clients:
            client = SpeechClient(
                server,
                connect_timeout_s=self.connect_timeout_s,
                read_timeout_s=self.read_timeout_s,
                proxy=self.proxy,
            )
            self._clients.setdefault(server, client)  # if two threads made one, the first counts
        return self._clients[server]

    def realtime(self, endpoint: Endpoint) -> RealtimeClient:
        """Return the sessions of an endpoint with a Realtime API."""
        from voicecli.sources.realtime_client import RealtimeClient  # noqa: PLC0415  it only

        server = endpoint.server
        if server not in self._realtime:
            client = RealtimeClient(
                server, connect_timeout_s=self.connect_timeout_s, proxy=self.proxy
            )
            self._realtime.setdefault(server, client)
        return self._realtime[server]

    def retired(self) -> RetiredModels:
        """Return the models that are known to be retired."""
        from voicecli.config.retired import RetiredModels  # noqa: PLC0415  OpenAI only

        self._retired = self._retired or RetiredModels()
        return self._retired

    def answers(self) -> AnswerCache:
        """Return the cache of answers."""
        from voicecli.sources.answer_cache import AnswerCache  # noqa: PLC0415  with --cache

        self._answers = self._answers or AnswerCache()
        return self._answers

    def use_voices(self, voices: VoiceCache | None) -> None:
        """Use voices that are already loaded."""
        self._voices = voices

    def voices(self) -> VoiceCache:
        """Return the built-in voices that are loaded."""
        from voicecli.sources.voicecache import VoiceCache  # noqa: PLC0415  built-in voice only

        self._voices = self._voices or VoiceCache()
        return self._voices

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()
        for sessions in self._realtime.values():
            sessions.close()


def source_for(endpoint: Endpoint, request: SpeechRequest, shared: SourceContext) -> Source:
    """Return a source of one request's speech; nothing is loaded or sent yet.

    Raises:
        ConfigError: no installed package handles the endpoint's URL.
    """
    source = _source(endpoint, request, shared)
    if not (endpoint.cache if shared.caches is None else shared.caches):
        return source
    from voicecli.sources.cached import CachedSource, answer_key  # noqa: PLC0415  with --cache

    key = answer_key(endpoint, request, shared.pcm_rate_hz, shared.overrides_rate)
    return CachedSource(source, shared.answers(), key)


def _source(endpoint: Endpoint, request: SpeechRequest, shared: SourceContext) -> Source:
    if endpoint.base_url is None:
        from voicecli.sources.builtin import BuiltinSource  # noqa: PLC0415  only where used

        return BuiltinSource(request, shared.voices(), shared.spawn)
    scheme = endpoint.base_url.partition(":")[0]
    if scheme in ("http", "https"):
        if endpoint.protocol == REALTIME:
            return _realtime(endpoint, request, shared=shared)
        return _speech(endpoint, request, shared)
    from voicecli.sources.plugins import plugin_source  # noqa: PLC0415  only where used

    return plugin_source(scheme, endpoint, request, shared)


def _speech(endpoint: Endpoint, request: SpeechRequest, shared: SourceContext) -> Source:
    from voicecli.sources.openai import OpenAISource  # noqa: PLC0415  only where used

    source = OpenAISource(
        shared.client(endpoint),
        request,
        pcm_rate_hz=shared.pcm_rate_hz,
        overrides_rate=shared.overrides_rate,
    )
    if not endpoint.is_openai:
        return source
    from voicecli.sources.retirement import RetiringSource  # noqa: PLC0415  OpenAI only

    make_realtime = partial(_realtime, endpoint, shared=shared)
    memory, base_url = shared.retired(), endpoint.server.base_url
    return RetiringSource(source, request, make_realtime, memory, base_url)


def _realtime(
    endpoint: Endpoint,
    request: SpeechRequest,
    warnings: tuple[str, ...] = (),
    *,
    shared: SourceContext,
) -> Source:
    from voicecli.sources.realtime import RealtimeSource  # noqa: PLC0415  only where used

    if endpoint.is_openai and (voice := REALTIME_SUBSTITUTES.get(request.voice)):
        warnings += (f"the Realtime API has no voice {request.voice}; {voice} speaks instead",)
        request = replace(request, voice=voice)
    client, is_strict = shared.realtime(endpoint), shared.strict_words
    return RealtimeSource(client, request, is_strict=is_strict, warnings=warnings)
