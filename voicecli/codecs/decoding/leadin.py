"""Skip what may precede the sound: tags, NULs, line ends, a byte order mark."""

from __future__ import annotations

import re

from voicecli.audio.tags import ID3V1_BYTES, tag_bytes
from voicecli.codecs.text_response import readable

MAX_FILLER_BYTES = 1 << 20
"""Most NULs, line ends and byte order marks that are skipped."""

_MAX_FILLER_OF_SAMPLES = 16
"""Most filler to look past if samples are expected: more is silence."""

_MAX_FILLER_IF_LABELLED = 4_096
"""The same if something says that these are not samples: those that are begin 85 ms later."""

_MAX_LOOKED_PAST_BYTES = 1 << 17

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FILLER = re.compile(rb"(?:\r|\n|\xef\xbb\xbf)+|\0+")  # a magic may begin with NULs
_FILLER_STARTS = b"\0\r\n\xef"


class LeadIn:
    """Skips what precedes the sound, in bytes split anywhere, and holds none of it.

    If the sound may be raw samples (``may_be_samples``), NULs and line ends stay: they
    may be silence. `look_past` tells where another format may begin behind them;
    ``is_labelled`` says that one was announced.
    """

    def __init__(self, *, may_be_samples: bool, is_labelled: bool = False) -> None:
        self._may_be_samples = may_be_samples
        self._is_labelled = is_labelled
        self._tag_left_bytes = 0
        self._filler_left_bytes = MAX_FILLER_BYTES
        self.skipped_tag = False
        """Whether a tag was skipped."""

    @property
    def is_inside_tag(self) -> bool:
        """Whether the bytes so far end inside a tag."""
        return self._tag_left_bytes > 0

    def skip(self, data: bytes, *, final: bool) -> int | None:
        """Return how many bytes of ``data`` to skip, None to wait for more, 0 at the sound."""
        if not self._tag_left_bytes:
            size_bytes = self._tag_bytes(data, final=final)
            if size_bytes is None:
                return None
            if not size_bytes:
                return self._filler(data, final=final)
            self._tag_left_bytes, self.skipped_tag = size_bytes, True
        skipped = min(self._tag_left_bytes, len(data))
        self._tag_left_bytes -= skipped
        return skipped or None

    def _tag_bytes(self, data: bytes, *, final: bool) -> int | None:
        """Return the size of the tag here; 0 for none, None if more bytes must decide.

        Three letters at the start of an ID3v1 tag are a weak sign: text is not a tag.
        """
        is_id3v1 = data.startswith(b"TAG")
        if is_id3v1 and (self._may_be_samples or final > (len(data) >= ID3V1_BYTES)):
            return 0
        if is_id3v1 and len(data) < ID3V1_BYTES:
            return None
        if is_id3v1 and readable(data[:ID3V1_BYTES]) is not None:
            return 0
        return tag_bytes(data) if data[:1] in (b"I", b"T", b"A") else 0

    def _filler(self, data: bytes, *, final: bool) -> int | None:
        if self._may_be_samples:
            is_marked = len(data) >= len(_BYTE_ORDER_MARK) and data.startswith(_BYTE_ORDER_MARK)
            return len(_BYTE_ORDER_MARK) if is_marked else 0
        size_bytes = min(_filler_bytes(data), self._filler_left_bytes)
        self._filler_left_bytes -= size_bytes
        is_open = _BYTE_ORDER_MARK.startswith(data[size_bytes:]) and not final
        return size_bytes or (None if is_open else 0)

    def look_past(self, data: bytes) -> int:
        """Return where in ``data`` another format may begin, behind filler and tags.

        It is the end of ``data`` or later if more bytes must decide. A tag at the very
        beginning is left to `skip`, which holds none of it.
        """
        if not self._may_be_samples:
            return 0
        is_announced = self._is_labelled or self.skipped_tag
        left_bytes = _MAX_FILLER_IF_LABELLED if is_announced else _MAX_FILLER_OF_SAMPLES
        at = 0
        while at < len(data):
            size_bytes: int | None = _filler_bytes(data, at)
            left_bytes -= size_bytes or 0
            if not size_bytes and (at or data.startswith(b"TAG")):
                size_bytes = tag_bytes(data, at)
                left_bytes = _MAX_FILLER_IF_LABELLED if size_bytes else left_bytes
            if size_bytes is None or (not size_bytes and _BYTE_ORDER_MARK.startswith(data[at:])):
                return len(data)
            if not size_bytes:
                break
            at += size_bytes
            if left_bytes < 0 or at > _MAX_LOOKED_PAST_BYTES:
                return 0
        return at


def _filler_bytes(data: bytes, at: int = 0) -> int:
    if at >= len(data) or data[at] not in _FILLER_STARTS:
        return 0
    match = _FILLER.match(data, at)
    return match.end() - at if match else 0
