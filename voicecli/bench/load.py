"""One of many listeners in a load test: it requests speech and reports how it went.

Reports are request events for Locust (``events.request.fire``), which supplies the users,
on one machine or many, and the statistics. Its columns are headed ms, and so is
everything here, one row for each type and name:

==========  =========================================================================
TTFB        until the first byte of the body: often a header without sound
TTFA        until the first sample is heard, on an ideal device
RTF         ms of generation per second of audio: at 1000 the server is only just
            fast enough. (A bare 0.13 would be shown, and sorted into a percentile, as 0)
continuity  ms of silence within the sound. Fails if there was any, or if the sound
            broke off: its failures are the share of answers not heard in one piece
speech      until the last byte, or the failure, and the bytes. Fails for everything
            but a complete answer
==========  =========================================================================

An answer that broke off had its first byte and its first sound all the same; a refused
one had neither. As an answer is up to five events, Locust's "Aggregated" row adds up
unrelated things.

Nothing here imports Locust, which changes the importing process (gevent). Under gevent,
a listener that waits for its server blocks no other: it waits on sockets and locks, which
gevent replaces. Computing does block the others: decoding (1 ms per second of audio) and
making a client for https (20 ms). Slow imports are therefore done with this module.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from voicecli.bench.simulate import simulate
from voicecli.clock import SystemClock
from voicecli.codecs.decoding.auto import preload
from voicecli.codecs.formats import CODECS
from voicecli.config.endpoint import Endpoint, EndpointChoice, resolve_endpoint
from voicecli.config.file import AUTO, find_config
from voicecli.config.server import KEYLESS
from voicecli.errors import ConfigError, VoiceError
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy
from voicecli.sources.registry import SourceContext, source_for
from voicecli.telemetry.metrics import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from voicecli.clock import Clock
    from voicecli.playback.policy import Policy

_VARYING = re.compile(
    r"""(?<![\w(:/.-])          # not within a word, an address or a status such as (429)
        (?: \d+(?:[.,]\d+)*     # a number of bytes or seconds
          | (?=[\w-]*\d)[\w-]{8,}  # something like a request's id
        )(?![\w:/)-]|[.]\w)""",
    re.VERBOSE,
)


def _import_all() -> None:
    """Import the SDK and the decoders: 200 ms that would block all listeners."""
    shared = SourceContext()
    local = Endpoint("http://127.0.0.1/v1", KEYLESS, None, "imports", None, "", "")
    shared.client(local).prepare()
    shared.close()
    for codec in CODECS:
        preload(codec)


_import_all()


class Failure(Exception):
    """Why an event is a failure: our error's code and message.

    Locust keeps a row for every new text. So whatever differs from one failure to the
    next, such as the number of bytes before a cut, is replaced by "...". The error itself
    is the ``__cause__`` if there is one.
    """

    def __init__(self, code: str, message: str, cause: VoiceError | None = None) -> None:
        super().__init__(f"{code}: {_VARYING.sub('...', message)}")
        self.__cause__ = cause

    def __repr__(self) -> str:
        """Return the text alone, as Locust shows it."""
        return str(self)


class Listener:
    """One listener with a connection of its own; for one thread or greenlet.

    ``report`` takes each event, like Locust's ``environment.events.request.fire``.
    ``host`` is the server's URL, as for ``--base-url``; None leaves it to the environment
    and the configuration file. These also give the key, the timeouts and the buffer.
    Nothing is learned from one answer to the next: each is heard as by a new user.
    `close` it when done.

    Raises:
        ConfigError: there is no such profile, a key is missing, or there is no server
            (the built-in voice is not one).
    """

    def __init__(
        self,
        host: str | None,
        report: Callable[..., object],
        *,
        profile: str | None = None,
        env: Mapping[str, str] = os.environ,
        clock: Clock | None = None,
    ) -> None:
        config = find_config(env)
        endpoint = resolve_endpoint(EndpointChoice(base_url=host, profile=profile), env, config)
        if endpoint.base_url is None:
            # Locust shows the message only, so the remedy is part of it.
            raise ConfigError(
                "a load test needs a server: set --host, for example to `voicecli serve`"
            )
        self._endpoint = endpoint
        self._shared = SourceContext(
            pcm_rate_hz=config.sample_rate_hz,
            connect_timeout_s=config.connect_timeout_s,
            read_timeout_s=config.timeout_s,
            caches=False,
        )
        self._policy: Policy = (
            AdaptivePolicy()
            if config.buffer_ms == AUTO
            else BufferPolicy.fixed(config.buffer_ms / 1e3)
        )
        self._report = report
        self._clock = clock or SystemClock()
        # Now rather than during an answer, where it would count against the server.
        source_for(endpoint, endpoint.request("", ""), self._shared).prepare()

    def request(
        self,
        text: str,
        response_format: str,
        *,
        voice: str | None = None,
        model: str | None = None,
        name: str | None = None,
    ) -> None:
        """Request one utterance, listen to its end, and report.

        Takes as long as the server does, not as long as the sound. ``voice`` and ``model``
        default to the endpoint's; ``name`` is the name of the events, by default the
        format. Errors are reported, not raised.
        """
        request = self._endpoint.request(text, response_format)
        request = replace(request, voice=voice or request.voice, model=model or request.model)
        source = source_for(self._endpoint, request, self._shared)
        recorder, error = Recorder(run_id=""), None
        started_at = self._clock.now()
        try:
            simulate(source, clock=self._clock, policy=self._policy, observers=[recorder])
        except VoiceError as fault:
            error = fault
        took_ms = (self._clock.now() - started_at) * 1e3
        for event in _events(name or response_format, recorder.result(), error, took_ms):
            self._report(**event)

    def close(self) -> None:
        """Close the connection."""
        self._shared.close()


def _events(
    name: str, metrics: Mapping[str, Any], error: VoiceError | None, took_ms: float
) -> Iterator[dict[str, Any]]:
    """Yield the events of one answer; ``metrics`` has the schema ``voicecli.metrics/1``."""
    failure = Failure(error.code, error.message, error) if error else None
    ttfb_ms, ttfa_ms, rtf = metrics["ttfb_ms"], metrics["ttfa_ms"], metrics["rtf"]
    if ttfb_ms is not None:
        yield _event("TTFB", name, ttfb_ms)
    if ttfa_ms is not None:
        yield _event("TTFA", name, ttfa_ms)
        gaps = metrics["underruns"]["sink"]
        gap = Failure("underrun", "the sound had gaps") if gaps["count"] else None
        yield _event("continuity", name, gaps["total_ms"], failure or gap)
    if rtf is not None and not failure:
        yield _event("RTF", f"{name} (ms per s of audio)", rtf * 1e3)
    generation_ms = metrics["generation_ms"]
    speech_ms = took_ms if generation_ms is None else generation_ms
    yield _event("speech", name, speech_ms, failure, length=metrics["bytes"])


def _event(
    kind: str, name: str, ms: float, failure: Failure | None = None, *, length: int = 0
) -> dict[str, Any]:
    return {
        "request_type": kind,
        "name": name,
        "response_time": ms,
        "response_length": length,
        "exception": failure,
        "context": {},
    }
