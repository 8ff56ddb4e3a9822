"""Recognise the format of a body by its first bytes.

Servers send mp3 whatever was requested, label raw samples vaguely or wrongly, and
explain errors in JSON with status 200. So the evidence is weighed in this order:

1. magic bytes, of supported and unsupported formats, and headers of frames;
2. text, which no supported format begins with;
3. the content type;
4. the requested format.

Tags and filler before all of this are skipped, whatever their size. A stream that
begins inside a frame is searched for the next one, if no claim says what it is.

Raw samples have no magic and may look like anything: quiet noise often begins with
FF FF or FF FB, silence with NULs, and any first byte may be a brace. If samples were
requested or announced, a frame header counts only with a second one where the first
says it will be, one of an unsupported format only with several frames that differ, filler
only before magic bytes or three headers, and text only after a run of 64 characters, or
if there is a word in it and nothing behind it.
Samples under the name of a compressed format are samples.

No decision depends on how the bytes were split; most need no more than the first chunk.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF16_LE
from typing import TYPE_CHECKING

from voicecli.codecs.decoding.flacheader import MAX_HEADER_BYTES, StreamInfo
from voicecli.codecs.decoding.framing import (
    ADTS_FRAMES,
    FRAMINGS,
    OLDER_LAYERS,
    SEARCH_BYTES,
    cannot_be_samples,
    find_frames,
    frames_at,
)
from voicecli.codecs.decoding.leadin import LeadIn
from voicecli.codecs.decoding.magic import find_magic
from voicecli.codecs.decoding.oggcodec import find_ogg_codec
from voicecli.codecs.media_type import parse_media_type
from voicecli.codecs.raw_coding import raw_coding
from voicecli.codecs.text_response import (
    MAX_TEXT_BYTES,
    explain,
    kind_of_text,
    looks_like_text,
    may_be_wide,
    readable,
    remedy_for,
)
from voicecli.errors import BadResponse, TruncatedStream, UnsupportedFormat
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from voicecli.codecs.decoding.framing import Framing
    from voicecli.codecs.raw_coding import RawCoding

_WORD = re.compile(r"[A-Za-z]{5}")
"""What makes a body of nothing but printable characters text, however short."""

_SAY = "voicecli say speaks text"

_MIN_TEXT_BYTES = 64
"""Readable bytes that make a text; one in 10²⁵ loud raw streams begins so."""

_FRAMED = (None, "mp3", "aac")
"""Labels of streams that are searched for frames: all other formats have magic bytes."""


class Sniffer:
    """Decides, from bytes split anywhere, which codec a body is in.

    ``seen`` holds every byte that the decoder needs; ``media_type`` is the parsed
    content type, if any, and ``coding`` how it says that samples are written, if it
    does. ``is_mislabelled``: samples came under the name of another format.

    Args:
        declared: the requested format, one of the six names, if any.
        content_type: the ``Content-Type`` that the server sent, if any.
        is_file: this is a file and not a server's answer, which errors then say.
    """

    def __init__(
        self,
        declared: str | None = None,
        content_type: str | None = None,
        *,
        is_file: bool = False,
    ) -> None:
        self.media_type = label = parse_media_type(content_type) if content_type else None
        self.coding: RawCoding | None = None
        self.is_mislabelled = False
        self._is_file = is_file
        self._refusal: UnsupportedFormat | None = None
        self._label = label and label.codec
        if label is not None and self._label in (None, "pcm"):
            try:
                self.coding = raw_coding(label)
            except UnsupportedFormat as refusal:
                self._refusal = refusal
        if label is not None and label.name.startswith("multipart/") and declared not in _FRAMED:
            # Its headers would be noise; decoders of frames skip them.
            self._refusal = UnsupportedFormat(f"{clean(label.name, limit=60)} is not supported")
        self._label = "pcm" if self.coding else self._label
        self._fallback = self._label or declared
        # Samples were requested, and another format is announced.
        is_audio = self._label is not None or (label is not None and label.is_audio)
        self._is_doubtful = declared == "pcm" and is_audio and self._label != "pcm"
        self._may_be_samples = self._fallback == "pcm" or self._is_doubtful
        self._text_is_due_bytes = 0  # text before this position has been read
        self._lead_in = LeadIn(may_be_samples=self._may_be_samples, is_labelled=self._is_doubtful)
        self.seen = b""

    def feed(self, data: bytes) -> str | None:
        """Take bytes of any length; return the name of the codec once it is certain.

        Raises:
            BadResponse: the body is text; the message quotes it. Not of a file.
            UnsupportedFormat: another format, named in the message, or nothing
                recognisable and no claim to go by.
        """
        is_riff = not self.seen and data.startswith(b"RIFF") and data[8:12] == b"WAVE"
        if is_riff and not self._lead_in.is_inside_tag:
            self.seen = data  # the shortest path for what needs no decoding
            return "wav"
        self.seen += data
        return self._decide(final=False)

    def finish(self) -> str:
        """End the body; return the name of the codec by what was received.

        Raises:
            BadResponse: the body is text, or empty.
            TruncatedStream: the body ends inside a tag.
            UnsupportedFormat: as in `feed`.
        """
        codec = self._decide(final=True)
        assert codec is not None
        return codec

    def _decide(self, *, final: bool) -> str | None:
        """Weigh the evidence in order; unless ``final``, wait for what is still open."""
        while True:
            codec, is_open = None, False
            if not self._lead_in.is_inside_tag:
                codec, is_open = self._by_magic(final=final)
            if codec is not None:
                return codec
            size_bytes = 0 if is_open else self._lead_in.skip(self.seen, final=final)
            if is_open or size_bytes is None:
                if not final:
                    return None
                break
            if not size_bytes:
                break
            self.seen = self.seen[size_bytes:]
        self._check_end(final=final)
        # A mark of UTF-16 looks like the header of a frame.
        is_marked = self.seen.startswith(BOM_UTF16_LE)
        checks = self._by_frames, self._by_text
        for check in reversed(checks) if is_marked else checks:
            codec, is_open = check(final=final)
            if codec is not None:
                return codec
            if is_open and not final:
                return None
        return self._by_claim(final=final)

    def _check_end(self, *, final: bool) -> None:
        """Raise the fault of a body that ended within its lead-in."""
        if final and self._lead_in.is_inside_tag:
            raise TruncatedStream("the stream ends inside a tag")
        if final and not self.seen and self._is_file:
            raise UnsupportedFormat("there is no audio in it")
        if final and not self.seen:
            raise BadResponse("received no audio: the response is empty")

    # Checks: each returns the codec it found, if any, and whether more bytes may change
    # its mind.

    def _by_magic(self, *, final: bool) -> tuple[str | None, bool]:
        past = self._lead_in.look_past(self.seen)
        is_open_after = False
        if past:  # silence begins with NULs, as do some magics
            codec, is_open_after = _codec_of_magic(self.seen[past:], final=final)
            if codec is not None:
                self.seen = self.seen[past:]
                return codec, False
        codec, is_open = _codec_of_magic(self.seen, final=final)
        return codec, is_open or is_open_after

    def _by_frames(self, *, final: bool) -> tuple[str | None, bool]:
        """Recognise formats made of frames, of which the first begins here."""
        codec, is_open = self._by_frames_behind_filler()
        if codec is not None:
            return codec, False
        for framing in FRAMINGS:
            if not framing.sync.startswith(self.seen[:1]):
                continue
            if self._may_be_samples and framing.codec is None:
                matches = cannot_be_samples(framing, self.seen)
                if matches:
                    raise UnsupportedFormat(f"{framing.name} is not supported")
                is_open |= matches is None
                continue
            is_claimed = framing.codec or (framing is OLDER_LAYERS and self._fallback == "mp3")
            is_trusted = is_claimed and not self._may_be_samples and not self._is_flac(framing)
            matches = frames_at(framing, self.seen, 0, 0 if is_trusted else framing.followers)
            if matches and framing.codec is None:
                raise UnsupportedFormat(f"{framing.name} is not supported")
            if matches:
                return framing.codec, False
            is_open |= matches is None
        if (final or not is_open) and StreamInfo.of_frame(self.seen) is not None:
            return "flac", False
        is_short = len(self.seen) < MAX_HEADER_BYTES and self.seen[:1] == b"\xff"
        return None, is_open or (is_short and not self._may_be_samples)

    def _by_frames_behind_filler(self) -> tuple[str | None, bool]:
        """Recognise frames behind filler that might be samples, by three headers in a row."""
        past = self._lead_in.look_past(self.seen)
        found = [
            (framing.codec, frames_at(framing, self.seen, past, framing.followers + 1))
            for framing in FRAMINGS
            if past and framing.codec is not None
        ]
        codec = next((codec for codec, matches in found if matches), None)
        if codec is not None:
            self.seen = self.seen[past:]
        return codec, any(matches is None for _, matches in found)

    def _is_flac(self, framing: Framing) -> bool:
        """Tell whether the bytes may be ADTS or FLAC, whose sync words have bits in common."""
        return framing is ADTS_FRAMES and StreamInfo.of_frame(self.seen) is not None

    def _by_text(self, *, final: bool) -> tuple[str | None, bool]:
        """Raise text, which is never audio, once there is enough of it to explain."""
        if len(self.seen) < self._text_is_due_bytes and not final:
            return None, True
        text = readable(self.seen[:MAX_TEXT_BYTES])
        if text is None:
            return None, len(self.seen) < _MIN_TEXT_BYTES and may_be_wide(self.seen)
        if len(self.seen) < MAX_TEXT_BYTES and not final:
            # Reading it again with every byte would take a second.
            self._text_is_due_bytes = min(2 * len(self.seen), MAX_TEXT_BYTES)
            return None, True
        if len(self.seen) >= _MIN_TEXT_BYTES or self._reads_as_text(text):
            if self._is_file:
                raise UnsupportedFormat(f"this is {kind_of_text(text)}, not audio", remedy=_SAY)
            raise BadResponse(explain(text), remedy=remedy_for(text))
        return None, False

    def _reads_as_text(self, text: str) -> bool:
        """Tell whether a body this short is text, though a few samples might look the same."""
        if self._fallback != "pcm" or (self.media_type is not None and self.media_type.is_text):
            return True
        stripped = text.strip()
        is_word = _WORD.search(stripped) is not None and stripped.isascii()
        return is_word or stripped[:1] + stripped[-1:] in ("{}", "[]", "<>")

    def _by_claim(self, *, final: bool) -> str | None:
        """Go by the label and the request; search for frames if these do not agree."""
        if self._refusal is not None:
            raise self._refusal
        if self._fallback is not None and not self._is_doubtful:
            return self._fallback
        if self._label in _FRAMED:
            if len(self.seen) < SEARCH_BYTES and not final:
                return None
            framing = find_frames(self.seen, final=final)
            if framing is not None and framing.codec is not None:
                return framing.codec
            if framing is not None and not self._is_doubtful:
                raise UnsupportedFormat(f"{framing.name} is not supported")
        if self._is_doubtful:
            self.is_mislabelled = True
            return "pcm"
        if self._lead_in.skipped_tag:
            return "mp3"  # whose decoder skips garbage, and reports what it does not find
        if self._is_file and looks_like_text(self.seen):
            raise UnsupportedFormat("this looks like text, not audio", remedy=_SAY)
        raise UnsupportedFormat(
            "unrecognised audio format",
            remedy="supported are pcm, wav, opus, mp3, aac and flac; "
            "for raw PCM or MP3 cut mid-frame, name the format (--format)",
        )


def _codec_of_magic(data: bytes, *, final: bool) -> tuple[str | None, bool]:
    if data.startswith(b"OggS"):
        return find_ogg_codec(data, final=final)
    codec, is_open = find_magic(data, final=final)
    return codec, is_open or (b"OggS".startswith(data) and not final)
