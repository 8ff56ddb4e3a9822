"""Recognises the format of a body by its first bytes.

Servers send mp3 whatever was requested, label raw samples vaguely, and explain
errors in JSON with status 200. So the evidence is weighed in this order:

1. magic bytes, of supported and unsupported formats;
2. text, which no supported format begins with;
3. the content type;
4. the requested format.

Raw samples have no magic and may look like anything: quiet noise often begins with
FF FF or FF FB, and any first byte may be a brace. If the other evidence says pcm, an
MPEG frame header counts only with a second one where the first says it will be, and
text only after a run of 64 characters.

Most decisions need no more than the first chunk, and none more than 64 KiB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.codecs.decoding.magic import MAGICS
from voicecli.codecs.decoding.mpeg import ADTS, MP3
from voicecli.codecs.decoding.ogg import codec_of
from voicecli.codecs.decoding.oggpage import header_bytes
from voicecli.codecs.decoding.tags import tag_bytes
from voicecli.codecs.media_type import parse_media_type
from voicecli.codecs.text_response import MAX_TEXT_BYTES, explain, readable
from voicecli.errors import BadResponse, UnsupportedFormat

if TYPE_CHECKING:
    from voicecli.codecs.decoding.mpeg import Syntax

_MIN_TEXT_BYTES = 64
"""Readable bytes that make a text; one in 10²⁵ loud raw streams begins so."""

_MIN_MAGIC_BYTES = 4

_MAX_ID3_BYTES = 1 << 16
"""Longest tag that is read to its end to see which codec follows; longer ones hold a cover."""

_OGG_MAGIC_BYTES = 8


class Sniffer:
    """Decides, from bytes split anywhere, which codec a body is in.

    ``seen`` holds every byte fed, for the decoder; ``media_type`` is the parsed
    content type, if any.

    Args:
        declared: the requested format, one of the six names, if any.
        content_type: the ``Content-Type`` that the server sent, if any.
    """

    def __init__(self, declared: str | None = None, content_type: str | None = None) -> None:
        self.media_type = parse_media_type(content_type) if content_type else None
        self.seen = b""
        self._fallback = (self.media_type and self.media_type.codec) or declared

    def feed(self, data: bytes) -> str | None:
        """Take bytes of any length; return the name of the codec once it is certain.

        Raises:
            BadResponse: the body is text; the message quotes it.
            UnsupportedFormat: another format, named in the message, or nothing
                recognisable and no claim to go by.
        """
        self.seen += data
        return self._decide(final=False)

    def finish(self) -> str:
        """End the body; return the name of the codec by what was received.

        Raises:
            BadResponse: the body is text, or empty.
            UnsupportedFormat: as in `feed`.
        """
        if not self.seen:
            raise BadResponse("received no audio: the response is empty")
        codec = self._decide(final=True)
        assert codec is not None
        return codec

    def _decide(self, *, final: bool) -> str | None:
        """Weigh the evidence in order; unless ``final``, wait for what is still open."""
        for check in (self._by_magic, self._by_ogg, self._by_mpeg, self._by_text):
            codec, is_open = check(final=final)
            if codec is not None:
                return codec
            if is_open and not final:
                return None
        if self._fallback is None:
            raise UnsupportedFormat(
                "unrecognised audio format",
                remedy="supported are pcm, wav, opus, mp3, aac and flac; "
                "for raw PCM or MP3 cut mid-frame, name the format (--format)",
            )
        return self._fallback

    # Checks: each returns the codec it found, if any, and whether more bytes may change
    # its mind.

    def _by_magic(self, *, final: bool) -> tuple[str | None, bool]:
        is_open = False
        head = self.seen[:16]
        for magic in MAGICS:
            matches = magic.matches(head)
            if matches:
                if magic.codec is None:
                    raise UnsupportedFormat(f"{magic.name} is not supported")
                return magic.codec, False
            if matches is None and final and len(head) >= _MIN_MAGIC_BYTES and magic.codec:
                return magic.codec, False  # cut inside its header: the decoder reports that
            is_open |= matches is None
        return None, is_open

    def _by_ogg(self, *, final: bool) -> tuple[str | None, bool]:
        """Recognise Ogg, whose first packet names the codec."""
        if not self.seen.startswith(b"OggS"):
            return None, b"OggS".startswith(self.seen)
        body_at = header_bytes(self.seen)
        if len(self.seen) < body_at + _OGG_MAGIC_BYTES and not final:
            return None, True
        codec = codec_of(self.seen[body_at:])
        if codec in (None, "Opus", "Skeleton"):  # a skeleton does not name the other streams
            return "opus", False
        raise UnsupportedFormat(f"{codec} in Ogg is not supported, only Opus")

    def _by_mpeg(self, *, final: bool) -> tuple[str | None, bool]:
        """Recognise MP3 and ADTS by frame headers, with or without an ID3 tag before them."""
        id3_bytes = tag_bytes(self.seen) if self.seen.startswith(b"ID3") else 0
        if id3_bytes is None or b"ID3".startswith(self.seen):
            return None, True
        if id3_bytes:
            return self._after_id3(id3_bytes, final=final)
        if self.seen[:1] != b"\xff":
            return None, False
        is_open = False
        for name, syntax in (("mp3", MP3), ("aac", ADTS)):
            matches = self._begins_with(syntax)
            if matches:
                return name, False
            is_open |= matches is None
        sync = int.from_bytes(self.seen[:2], "big")
        is_older_layer = sync >> 5 == 0x7FF and sync >> 1 & 3 > 1  # noqa: PLR2004  bit fields
        if self._fallback == "mp3" and is_older_layer:
            raise UnsupportedFormat("MPEG audio of layer I or II is not supported, only MP3")
        return None, is_open

    def _after_id3(self, id3_bytes: int, *, final: bool) -> tuple[str | None, bool]:
        """Recognise what follows an ID3 tag: MP3, seldom ADTS or FLAC."""
        following = self.seen[id3_bytes : id3_bytes + ADTS.header_bytes]
        if id3_bytes <= _MAX_ID3_BYTES and len(following) < ADTS.header_bytes and not final:
            return None, True
        if following.startswith(b"fLaC"):
            return "flac", False
        is_aac = ADTS.header(following, 0) is not None or (
            self._fallback == "aac" and MP3.header(following, 0) is None
        )
        return "aac" if is_aac else "mp3", False

    def _begins_with(self, syntax: Syntax) -> bool | None:
        """Tell whether the body begins with a frame of ``syntax``; None if undecided."""
        if len(self.seen) < syntax.header_bytes:
            return None
        header = syntax.header(self.seen, 0)
        if header is None:
            return False
        if self._fallback != "pcm":
            return True
        behind = self.seen[header.frame_bytes : header.frame_bytes + syntax.header_bytes]
        if len(behind) < syntax.header_bytes:
            return None
        following = syntax.header(behind, 0)
        return following is not None and following.identity == header.identity

    def _by_text(self, *, final: bool) -> tuple[str | None, bool]:
        """Raise text, which is never audio, once there is enough of it to explain."""
        text = readable(self.seen[:MAX_TEXT_BYTES])
        if text is None:
            return None, False
        if len(self.seen) < MAX_TEXT_BYTES and not final:
            return None, True
        if len(self.seen) >= _MIN_TEXT_BYTES or self._reads_as_text(text):
            raise BadResponse(explain(text))
        return None, False

    def _reads_as_text(self, text: str) -> bool:
        """Tell whether a body this short is text, though a few samples might look the same."""
        if self._fallback != "pcm" or (self.media_type is not None and self.media_type.is_text):
            return True
        stripped = text.strip()
        return stripped[:1] + stripped[-1:] in ("{}", "[]", "<>")
