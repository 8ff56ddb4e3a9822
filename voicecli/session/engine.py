"""`Engine`: made once, speaks any number of texts, each as a `Playback`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from voicecli.clock import SystemClock
from voicecli.config.endpoint import Endpoint, distinct
from voicecli.config.protocols import protocol_of
from voicecli.config.server import KEYLESS
from voicecli.playback.history import History
from voicecli.playback.output import Output
from voicecli.session.async_text import AsyncText
from voicecli.session.cooldowns import CooldownFile, EndpointCooldowns
from voicecli.session.fallback import Candidate, Fallback
from voicecli.session.input_limits import InputLimits
from voicecli.session.pace import Pace
from voicecli.session.planner import Planner
from voicecli.session.playback import Playback
from voicecli.session.session import Session
from voicecli.session.settings import SessionSettings
from voicecli.session.thread_group import ThreadGroup
from voicecli.sources.english import EnglishSentences
from voicecli.sources.registry import SourceContext, source_for
from voicecli.telemetry.metrics import Recorder
from voicecli.text.grouping import Grouping
from voicecli.text.limits import InputLimit, LimitOrigin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voicecli.recording.saver import Saver
    from voicecli.sources.base import Source
    from voicecli.telemetry.observers import Observer
    from voicecli.text.grouping import Estimate
    from voicecli.text.segment import Segment
    from voicecli.text.stage import TextOptions

    Text = str | bytes | Iterable[str | bytes] | AsyncIterable[str | bytes]

_LEAVE_S = 10.0
"""How long `Engine.close` waits for playbacks to end."""


class Engine:
    """Speaks texts with one endpoint and one output; the built-in voice if none is named.

    Keeps what is costly between texts: connections, loaded voices, the sound device, and
    what is known about the endpoint's speed. Nothing is global: any number of engines may be
    used at once, and each may speak any number of texts at once. All methods may be called
    from any thread. A context manager; `close` it when done.

    Args:
        endpoint: a resolved endpoint, such as `resolve_endpoint` returns; else the
            following name one.
        base_url: of an OpenAI-compatible server, ``…/v1``; None is the built-in voice.
        api_key: its key, if it wants one.
        client: an ``openai.OpenAI`` or ``AzureOpenAI`` to speak through instead.
        model, voice, response_format: as in a request; None is the endpoint's default.
        output: where sound goes; None is the default sound device.
        settings: limits, volume and pauses.
        text: how text is read (language, Markdown, lexicon).
        grouping: how much text a request holds.
        learns: whether past runs decide how early sound starts.
        fallback: resolved endpoints to speak with, in this order, when one fails.
        recovers: whether the rest of a segment that broke off is requested again.
    """

    def __init__(  # noqa: PLR0913  one place for all that is kept
        self,
        endpoint: Endpoint | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        client: Any = None,
        model: str | None = None,
        voice: str | None = None,
        response_format: str | None = None,
        output: Output | None = None,
        settings: SessionSettings | None = None,
        text: TextOptions | None = None,
        grouping: Grouping = Grouping.AUTO,
        learns: bool = False,
        fallback: Sequence[Endpoint] = (),
        recovers: bool = True,
    ) -> None:
        self.endpoint = endpoint or _endpoint(base_url or _url_of(client), api_key, model, voice)
        if self.endpoint.is_builtin:
            response_format = "pcm"
        self._format = response_format or self.endpoint.response_format or "pcm"
        self._client = client
        self._output = output or Output()
        self._settings = settings or SessionSettings(expected_format=self._format)
        self._text = text
        self._grouping = grouping
        self._learns = learns
        self._spare = tuple(fallback)
        self._recovers = recovers
        self._cooldowns = EndpointCooldowns(SystemClock(), CooldownFile() if learns else None)
        self._shared = SourceContext()
        self._lock = threading.Lock()
        self._is_closed = False
        self._threads = ThreadGroup(lambda _: None)  # a playback keeps its own errors
        self._playbacks: set[Playback] = set()  # under the lock, as is the estimate
        self._estimate: Estimate | None = None
        most = self.endpoint.max_input_chars
        self._limit = InputLimit(most, LimitOrigin.CONFIGURED) if most else InputLimit()

    def say(
        self,
        text: Text,
        *,
        voice: str | None = None,
        speed: float | None = None,
        instructions: str | None = None,
        saver: Saver | None = None,
        observers: Sequence[Observer] = (),
    ) -> Playback:
        """Begin to speak a text, and return at once.

        ``text`` may be an iterable that is still being written, such as the stream of a
        language model; it is iterated on another thread, and an async one by a task of the
        running event loop. If it raises, `Playback.wait` does so after what it gave was spoken.

        Raises:
            RuntimeError: the engine is closed, or no event loop runs for an async iterable.
            TypeError: ``text`` is neither text nor an iterable.
        """
        self._check_open()
        endpoint = self._endpoint_with(voice, speed, instructions)
        pieces, on_stop = _pieces(text)
        with self._lock:
            pace, limit = Pace(self._estimate), self._limit
        recorder = Recorder(run_id="")
        candidates = self._candidates(endpoint)
        fallback = Fallback(lambda _: candidates, self._cooldowns, recovers=self._recovers)
        speaker = candidates[fallback.choose(candidates)].speaker
        session = Session(
            self._output,
            self._settings,
            history=History(speaker) if self._learns else None,
            observers=[recorder, *observers],
            saver=saver,
            pace=pace,
        )
        planner = Planner(
            pieces,
            fallback,
            pace,
            SystemClock(),
            options=self._text,
            grouping=self._grouping,
            limits=InputLimits(lambda _: None, lambda _: limit, self._learn_limit),
            english=EnglishSentences() if endpoint.is_builtin else None,
        )
        return self._start(Playback(session, planner, recorder, on_stop=on_stop), pace)

    def _endpoint_with(
        self, voice: str | None, speed: float | None, instructions: str | None
    ) -> Endpoint:
        return replace(
            self.endpoint,
            voice=voice or self.endpoint.voice,
            speed=self.endpoint.speed if speed is None else speed,
            instructions=instructions or self.endpoint.instructions,
        )

    def _check_open(self) -> None:
        if self._is_closed:
            raise RuntimeError("the engine is closed")

    def _start(self, playback: Playback, pace: Pace) -> Playback:
        with self._lock:
            self._playbacks.add(playback)
        self._threads.spawn(partial(self._run, playback, pace), "voicecli-playback")
        return playback

    def _run(self, playback: Playback, pace: Pace) -> None:
        playback.run()
        with self._lock:
            self._playbacks.discard(playback)
            if pace.is_measured:
                self._estimate = pace.estimate()

    def close(self) -> None:
        """Stop all playbacks, and close the connections. Idempotent."""
        with self._lock:
            self._is_closed = True
            playbacks = list(self._playbacks)
        for playback in playbacks:
            playback.stop()
        self._threads.join(_LEAVE_S)
        self._shared.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _learn_limit(self, _: None, limit: InputLimit) -> None:
        with self._lock:
            self._limit = limit

    def _candidates(self, endpoint: Endpoint) -> Sequence[Candidate]:
        return [
            Candidate(
                each.label,
                partial(self._source, each, is_first=not number),
                each.model,
                self._format_of(each, is_first=not number),
            )
            for number, each in enumerate(distinct((endpoint, *self._spare)))
        ]

    def _format_of(self, endpoint: Endpoint, *, is_first: bool) -> str:
        return self._format if is_first else endpoint.format_or(self._format)

    def _source(self, endpoint: Endpoint, segment: Segment, *, is_first: bool) -> Source:
        if segment.voice is not None and is_first:
            endpoint = replace(endpoint, voice=segment.voice)
        request = endpoint.request(segment.text, self._format_of(endpoint, is_first=is_first))
        if self._client is None or not is_first:
            return source_for(endpoint, request, self._shared)
        from voicecli.sources.given_client import GivenClient  # noqa: PLC0415  only if given
        from voicecli.sources.openai import OpenAISource  # noqa: PLC0415  only if given

        return OpenAISource(GivenClient(self._client), request)


def _pieces(text: Text) -> tuple[str | Iterable[str | bytes], Callable[[], None] | None]:
    """Return a text that a thread can iterate, and what stops it."""
    if isinstance(text, bytes | bytearray | memoryview):
        return [bytes(text)], None
    if isinstance(text, AsyncIterable):
        pieces = AsyncText(text)
        return pieces, pieces.close
    if not isinstance(text, Iterable):
        kind = type(text).__name__
        raise TypeError(f"text must be a string or an iterable of strings, not {kind}")
    return text, None


def _url_of(client: Any) -> str | None:
    if client is None:
        return None
    if not hasattr(client, "audio") or asyncio.iscoroutinefunction(client.audio.speech.create):
        raise TypeError("client must be a synchronous openai client, such as openai.OpenAI()")
    return str(client.base_url).rstrip("/")


def _endpoint(
    base_url: str | None, api_key: str | None, model: str | None, voice: str | None
) -> Endpoint:
    is_builtin = base_url is None
    model = model or ("hibari" if is_builtin else "tts-1")
    return Endpoint(
        base_url=base_url,
        api_key=None if is_builtin else api_key or KEYLESS,
        key_variable=None,
        reason="given to the engine",
        profile=None,
        model=model,
        voice=voice or ("heart" if is_builtin else "alloy"),
        protocol=protocol_of(model, None),
    )
