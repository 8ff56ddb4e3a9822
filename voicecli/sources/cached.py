"""A caching source in front of another: a cached answer needs no request."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import TYPE_CHECKING

from voicecli.sources.answer_cache import MAX_ANSWER_BYTES, CachedAnswer
from voicecli.sources.base import AnswerReport, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.config.endpoint import Endpoint
    from voicecli.request import SpeechRequest
    from voicecli.sources.answer_cache import AnswerCache
    from voicecli.sources.base import RequestEvents, Source

_VERSION = 1
"""Part of the key: answers cached by older versions are not found."""

_CHUNK_BYTES = 64 * 1024

_TEXT = (b"{", b"[", b"<")
"""Beginnings of error messages that servers label as sound: such an answer is not cached."""


class CachedSource:
    """Yields a cached answer, or the bytes of ``source``, which it caches if all of them arrive.

    The cache is asked once, by the method that is called first.
    """

    def __init__(self, source: Source, cache: AnswerCache, key: bytes) -> None:
        self._source = source
        self._cache = cache
        self._key = key
        self._is_cancelled = False
        self._has_asked = False
        self._keeping = threading.Lock()
        self._is_discarded = False
        self._found: CachedAnswer | None = None

    @property
    def label(self) -> str:
        """The label of the source."""
        return self._source.label

    @property
    def sends_request(self) -> bool:
        """Whether the answer is not cached and the source sends a request."""
        return self._kept() is None and self._source.sends_request

    def prepare(self) -> None:
        """Prepare the source, if it is needed."""
        if self._kept() is None:
            self._source.prepare()

    def open(self, events: RequestEvents | None = None) -> Response:
        """Return the cached answer, or make the request; raises as the source does."""
        if (kept := self._kept()) is not None:
            report = AnswerReport(is_cached=True)
            return Response(kept.info, self._chunks(kept.data), report=lambda: report)
        response = self._source.open(events)
        return Response(
            response.info,
            self._recorded(response),
            lambda: response.__exit__(None, None, None),
            report=lambda: self._report(response),
        )

    def cancel(self) -> None:
        """Stop soon; any thread, idempotent."""
        self._is_cancelled = True
        self._source.cancel()

    def discard(self) -> None:
        """Keep the answer no longer: it could not be decoded. Any thread, idempotent."""
        with self._keeping:
            self._is_discarded = True
            self._cache.drop(self._key)

    def _kept(self) -> CachedAnswer | None:
        if not self._has_asked:
            self._found, self._has_asked = self._cache.get(self._key), True
        return self._found

    def _report(self, response: Response) -> AnswerReport | None:
        """Add to the report of the source why the cache cannot be used."""
        report = response.report()
        if self._cache.fault is None:
            return report
        warning = f"answers are not cached: {self._cache.fault}"
        return (report or AnswerReport())._replace(warning=warning)

    def _chunks(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), _CHUNK_BYTES):
            if self._is_cancelled:
                return
            yield data[at : at + _CHUNK_BYTES]

    def _recorded(self, response: Response) -> Iterator[bytes]:
        """Yield an answer, and cache it once all of it has been taken."""
        kept: bytearray | None = bytearray()
        for chunk in response:
            if kept is not None:
                kept += chunk
                kept = kept if len(kept) <= MAX_ANSWER_BYTES else None
            yield chunk
        if kept and not self._is_cancelled and _is_worth_keeping(response, kept):
            with self._keeping:
                if not self._is_discarded:
                    self._cache.put(self._key, CachedAnswer(response.info, bytes(kept)))


def _is_worth_keeping(response: Response, data: bytearray) -> bool:
    """Return whether this is the whole answer, in sound, and with the words of the text."""
    report, info = response.report(), response.info
    kind = (info.of_audio.content_type or "").lower()
    is_text = kind.startswith("text/") or "json" in kind or data.startswith(_TEXT)
    is_reworded = report is not None and report.is_reworded
    return info.has_known_end and not is_text and not is_reworded


def answer_key(endpoint: Endpoint, request: SpeechRequest, *settings: object) -> bytes:
    """Return what identifies an answer: a hash of everything that decides how it sounds.

    ``settings`` are those of the source that change what it reports about the bytes.
    """
    said = [
        _VERSION, endpoint.base_url, endpoint.protocol, request.model, request.voice,
        request.response_format, request.speed, request.instructions, dict(request.extra_body),
        request.text, *settings,
    ]  # fmt: skip
    text = json.dumps(said, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
