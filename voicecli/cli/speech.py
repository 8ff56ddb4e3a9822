"""What `say` speaks: the requests of a text, each at the endpoint of its voice."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from voicecli.cli.reading import Reading
from voicecli.clock import SystemClock
from voicecli.config.endpoint import distinct
from voicecli.session.cooldowns import CooldownFile, EndpointCooldowns
from voicecli.session.fallback import Candidate, Fallback
from voicecli.sources.registry import SourceContext, source_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from voicecli.cli.resume import RunKeeper
    from voicecli.cli.short_text import ShortText
    from voicecli.cli.text_input import TextInput
    from voicecli.cli.voice_endpoints import VoiceEndpoints
    from voicecli.clock import Clock
    from voicecli.config.endpoint import Endpoint
    from voicecli.errors import VoiceError
    from voicecli.playback.history import HistoryKey
    from voicecli.request import SpeechRequest
    from voicecli.session import Session
    from voicecli.session.input_limits import InputLimits
    from voicecli.session.pace import Pace
    from voicecli.session.planner import Planner
    from voicecli.session.utterance import Utterance
    from voicecli.sources.base import Source
    from voicecli.sources.english import EnglishSentences
    from voicecli.text.grouping import Estimate
    from voicecli.text.limits import InputLimit
    from voicecli.text.segment import Segment, Sentence

DEFAULT_FORMAT = "pcm"
"""Needs no decoding. Servers that do not support it answer in another format."""


class Speech:
    """One text on its way to a session; used once. ``keeper`` gets the text as it is read."""

    def __init__(
        self,
        text: TextInput,
        reading: Reading,
        endpoints: VoiceEndpoints,
        shared: SourceContext,
        keeper: RunKeeper | None = None,
    ) -> None:
        self.keeper = keeper
        """Keeps the run's place in its text; None if nothing does."""
        cooldowns = EndpointCooldowns(SystemClock(), CooldownFile())
        self._fallback = Fallback(
            lambda segment: self._candidates(segment.voice), cooldowns, recovers=reading.recovers
        )
        self._text = text
        self._reading = reading
        self._endpoints = endpoints
        self._shared = shared
        self._format = reading.format or DEFAULT_FORMAT
        self._planner: Planner | None = None
        self._tempo = 1.0
        self._used: set[tuple[str, str]] = set()
        self._english: EnglishSentences | None = None
        if endpoints.default.is_builtin or reading.script:
            from voicecli.sources.english import EnglishSentences  # noqa: PLC0415  few texts

            self._english = EnglishSentences(lambda voice: endpoints.of(voice).is_builtin)
        self._short = self._short_text()
        self.pace = None if self._short else self._known_pace()
        """Measures the segments; None for a single one."""
        self.began_at: float | None = None
        """When the text began to arrive (clock seconds), if that was during the run."""

    @property
    def speaker(self) -> HistoryKey:
        """Who speaks the lines without a voice of their own, as the run begins."""
        candidates = self._candidates(None)
        return candidates[self._fallback.choose(candidates)].speaker

    @property
    def left_out(self) -> int:
        """Number of words left out because the built-in voice cannot say them."""
        return self._english.left_out if self._english is not None else 0

    def is_growing(self) -> bool:
        """Whether the text is still being written, as far as is known; any thread."""
        return self._text.is_growing

    @property
    def sentences(self) -> int | None:
        """How many sentences the text has; None as long as more may follow."""
        if self._short is not None:
            return sum(not sentence.continues for sentence in self._short.sentences)
        if self._planner is None or not self._planner.is_complete:
            return None
        return self._planner.sentences

    def request(self, text: str = "", voice: str | None = None) -> SpeechRequest:
        """Return the request for a text in a voice."""
        return self._request(self._endpoints.of(voice), text)

    def _request(self, endpoint: Endpoint, text: str) -> SpeechRequest:
        if self._tempo != 1.0:
            from dataclasses import replace  # noqa: PLC0415  after a key was pressed

            speed = (endpoint.speed or 1.0) * self._tempo
            endpoint = replace(endpoint, speed=min(4.0, max(0.25, speed)))
        return endpoint.request(text, endpoint.format_or(self._format))

    def scale_speed(self, factor: float) -> None:
        """Multiply the speed of all further requests, from 0.25 to 4 of the voice's own."""
        self._tempo = min(4.0, max(0.25, self._tempo * factor))

    def utterances(self, session: Session, clock: Clock) -> Iterator[Utterance]:
        """Yield the utterances for a session to run.

        Raises:
            VoiceError: the text cannot be read, or nothing in it is English and its voice is.
        """
        self._shared.spawn = session.spawn
        if self._short is not None:
            yield self._short_utterance(self._short)
            return

        def is_over() -> bool:
            return session.is_over

        self._planner = planner = self._make_planner(
            self._pieces(is_over, clock), clock, prepare=lambda: self._prepare(session)
        )
        yield from planner.utterances(session.spawn, session.heard_s, is_over)

    def _make_planner(
        self,
        pieces: Iterable[str],
        clock: Clock,
        prepare: Callable[[], None] | None = None,
    ) -> Planner:
        from voicecli.session.planner import Planner  # noqa: PLC0415  not for short texts
        from voicecli.text.grouping import Grouping  # noqa: PLC0415  likewise

        return Planner(
            pieces,
            self._fallback,
            self.pace or _pace(),
            clock,
            options=self._reading.options,
            grouping=Grouping(self._reading.segment),
            limits=self._limits(),
            prepare=prepare,
            english=self._english,
        )

    def _short_text(self) -> ShortText | None:
        """Return the text as one segment if that is certain without the text stage."""
        from voicecli.cli.text_input import GivenText  # noqa: PLC0415  loaded by now

        most = self._endpoints.default.max_input_chars
        usual = Reading(format=self._reading.format, recovers=self._reading.recovers)
        is_usual = self._reading._replace(language=None, pause_ms=400) == usual
        if not isinstance(self._text, GivenText) or not is_usual:
            return None
        from voicecli.cli.short_text import ShortText, is_short_and_plain  # noqa: PLC0415  likewise

        text = self._text.text
        if not is_short_and_plain(text) or (most is not None and len(text) > most):
            return None
        if self._english is not None and not text.isascii():
            return None
        return ShortText(text, self._sentences_of)

    def _sentences_of(self, text: str) -> Sequence[Sentence]:
        from voicecli.text.stage import TextStage  # noqa: PLC0415  while the server thinks

        stage = TextStage(self._reading.options)
        return [*stage.feed(text), *stage.finish()]

    def _short_utterance(self, segment: ShortText) -> Utterance:
        if self.keeper is not None:
            self.keeper.read(segment.text)

        def split(whole: Segment, error: VoiceError) -> Sequence[Segment]:
            from voicecli.text.segment import Segment  # noqa: PLC0415  loaded by now

            parts = Segment(whole.number, whole.sentences)
            return self._make_planner((), SystemClock()).split(parts, error)

        return self._fallback.utterance(segment, split)

    def _pieces(self, is_over: Callable[[], bool], clock: Clock) -> Iterator[str]:
        is_waiting = not self._text.has_begun
        pieces = self._text.pieces(is_over)
        for piece in self.keeper.pieces(pieces) if self.keeper else pieces:
            if is_waiting and self._text.has_begun:
                is_waiting, self.began_at = False, clock.now()
            yield piece

    def _candidates(self, voice: str | None) -> Sequence[Candidate]:
        endpoints = distinct((self._endpoints.of(voice), *self._endpoints.fallbacks_of(voice)))
        usual = self._format
        return [
            Candidate(each.label, partial(self._source, each), each.model, each.format_or(usual))
            for each in endpoints
        ]

    def _source(self, endpoint: Endpoint, segment: Segment) -> Source:
        request = self._request(endpoint, segment.text)
        self._used.add((endpoint.label, request.model))
        return source_for(endpoint, request, self._shared)

    def _prepare(self, session: Session) -> None:
        """Load what the first request needs, and the rest too if nothing is to be sent soon."""
        source = source_for(self._endpoints.default, self.request(), self._shared)
        if not source.sends_request:
            session.preload()
        if not self._reading.script:  # its voices may belong to other endpoints
            source.prepare()
        if self._text.is_growing:
            session.preload()

    def _limits(self) -> InputLimits[tuple[str, str, int | None]]:
        from voicecli.session.input_limits import InputLimits  # noqa: PLC0415  not for short texts
        from voicecli.session.limit_file import LimitFile  # noqa: PLC0415  likewise
        from voicecli.text.limits import InputLimit, LimitOrigin  # noqa: PLC0415  likewise

        file = LimitFile()

        def key_of(voice: str | None) -> tuple[str, str, int | None]:
            endpoint = self._endpoints.of(voice)
            return endpoint.label, endpoint.model, endpoint.max_input_chars

        def known(key: tuple[str, str, int | None]) -> InputLimit:
            label, model, configured = key
            if configured is not None:
                return InputLimit(configured, LimitOrigin.CONFIGURED)
            return file.get(label, model) or InputLimit()

        def remember(key: tuple[str, str, int | None], limit: InputLimit) -> None:
            file.put(key[0], key[1], limit)

        return InputLimits(key_of, known, remember)

    def _known_pace(self) -> Pace:
        from voicecli.session.pace_file import PaceFile  # noqa: PLC0415  not for short texts

        endpoint = self._endpoints.default
        return _pace(PaceFile().get(endpoint.label, endpoint.model))

    def remember_pace(self) -> None:
        """Keep the endpoint's pace for the next run, if there was only one endpoint."""
        if self.pace is None or not self.pace.is_measured or len(self._used) != 1:
            return
        from voicecli.session.pace_file import PaceFile  # noqa: PLC0415  loaded by now

        ((label, model),) = self._used
        PaceFile().put(label, model, self.pace.estimate())


def _pace(prior: Estimate | None = None) -> Pace:
    from voicecli.session.pace import Pace  # noqa: PLC0415  not for short texts

    return Pace(prior)
