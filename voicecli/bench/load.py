"""A listener among many: asks a speech server, hears the answer, tells a load test what it heard.

What it tells are request events as Locust takes them (``events.request.fire``), so
that Locust brings the crowd, on one machine or many, and counts. Locust's columns
are headed ms, and so is everything here, a row a kind and name:

==========  =========================================================================
TTFB        until the first byte of the body came: a header, often, and no sound
TTFA        until the first sample was heard, on an ideal device
RTF         ms of generation per second of audio: at 1000 the server is only just
            fast enough. A bare 0.13 would be shown, and sorted into a percentile, as 0
continuity  ms of silence within the sound. Fails where there was any, and where the
            sound broke off: its failures are the share that was not heard in one piece
speech      until the last byte came, or the answer failed, and the bytes. Fails for
            everything that is not a whole answer
==========  =========================================================================

Rows tell what happened: an answer that broke off had its first byte and its first
sound all the same, one that was refused had neither. As an answer is up to five
events, Locust's line "Aggregated" adds up what does not belong together.

Nothing here imports Locust, which changes the process that does (gevent). Under
gevent a listener that waits for its server holds up no other: sockets and locks
are all that is waited on here, and those it replaces. What computes does hold up
the others: decoding, a ms for a second of audio, and making a client for https,
which takes 20. What is slow to import is therefore imported with this module.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from voicecli.bench.simulate import audition
from voicecli.clock import SystemClock
from voicecli.codecs.decoding.auto import preload
from voicecli.codecs.formats import CODECS
from voicecli.config.endpoint import KEYLESS, EndpointChoice, resolve_endpoint
from voicecli.config.file import AUTO, find_config
from voicecli.errors import ConfigError, VoiceError
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy
from voicecli.request import SpeechRequest
from voicecli.sources.client import SpeechClient
from voicecli.sources.openai import OpenAISource
from voicecli.telemetry.metrics import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from voicecli.clock import Clock
    from voicecli.playback.policy import Policy

_VARYING = re.compile(
    r"""(?<![\w(:/.-])          # not within a word, an address or the (429) of a status
        (?: \d+(?:[.,]\d+)*     # a number: of bytes, of seconds
          | (?=[\w-]*\d)[\w-]{8,}  # what looks like a request's id
        )(?![\w:/)-]|[.]\w)""",
    re.VERBOSE,
)


def _import_all() -> None:
    """Import the SDK and the decoders: 200 ms that would hold up a crowd of listeners."""
    client = SpeechClient("http://127.0.0.1/v1", KEYLESS)
    client.speech()
    client.close()
    for codec in CODECS:
        preload(codec)


_import_all()


class Report(Protocol):
    """Takes one event; ``environment.events.request.fire`` of Locust does."""

    def __call__(self, **event: Any) -> object:
        """Be told ``request_type``, ``name``, ``response_time`` in ms and so on."""


class Failure(Exception):
    """Why an event is a failure: the code of our error, and its message.

    Locust makes a row of every text that is new to it, for ever. So what differs
    from one failure to the next, as the number of bytes before a cut, is left out.
    The error itself is the ``__cause__``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {_VARYING.sub('...', message)}")

    @classmethod
    def of(cls, error: VoiceError) -> Failure:
        """The same for an error of ours."""
        failure = cls(error.code, error.message)
        failure.__cause__ = error
        return failure

    def __repr__(self) -> str:
        """The text alone, as Locust shows it."""
        return str(self)


class Listener:
    """One listener with a connection of its own; for one thread or greenlet.

    ``host`` is the server's URL, as in ``--base-url``. None leaves it to the
    environment and the configuration file, which also say what key is sent, how
    long a silent server is waited for, and how much is buffered. Nothing is
    learned from answer to answer: each is heard as by somebody new. `close` it
    when done.

    Raises:
        ConfigError: there is no such profile, no key where there must be one, or no
            server, as the built-in voice is none.
    """

    def __init__(
        self,
        host: str | None,
        report: Report,
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
                "a load test needs a server: name one, `voicecli serve` say, by --host"
            )
        self._client = SpeechClient(
            endpoint.base_url,
            endpoint.api_key or KEYLESS,
            connect_timeout_s=config.connect_timeout_s,
            read_timeout_s=config.timeout_s,
        )
        self._request = SpeechRequest(
            text="",
            voice=endpoint.voice,
            model=endpoint.model,
            response_format=endpoint.response_format or "",
            speed=endpoint.speed,
            instructions=endpoint.instructions,
            extra_body=endpoint.extra_body,
        )
        self._policy: Policy = (
            AdaptivePolicy()
            if config.buffer_ms == AUTO
            else BufferPolicy.fixed(config.buffer_ms / 1e3)
        )
        self._pcm_rate_hz = config.sample_rate_hz
        self._report = report
        self._clock = clock or SystemClock()
        self._client.speech()  # made now: during an answer it would count against the server

    def hear(
        self,
        text: str,
        response_format: str,
        *,
        voice: str | None = None,
        model: str | None = None,
        name: str | None = None,
    ) -> None:
        """Ask for one utterance, hear it to its end, report.

        Takes as long as the server does, not as long as the sound. ``voice`` and
        ``model`` are the endpoint's where they are None; ``name`` is what the
        events go by, the format where it is None. Faults of the outside world are
        reported and not raised.
        """
        request = replace(
            self._request,
            text=text,
            response_format=response_format,
            voice=voice or self._request.voice,
            model=model or self._request.model,
        )
        source = OpenAISource(self._client, request, pcm_rate_hz=self._pcm_rate_hz)
        recorder, error = Recorder(run_id=""), None
        began_at = self._clock.now()
        try:
            audition(source, clock=self._clock, policy=self._policy, observers=[recorder])
        except VoiceError as fault:
            error = fault
        took_ms = (self._clock.now() - began_at) * 1e3
        for event in _events(name or response_format, recorder.result(), error, took_ms):
            self._report(**event)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _events(
    name: str, metrics: Mapping[str, Any], error: VoiceError | None, took_ms: float
) -> Iterator[dict[str, Any]]:
    """One answer's; ``metrics`` are those of schema ``voicecli.metrics/1``."""
    failure = Failure.of(error) if error else None
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
