"""What a body is, by its first bytes.

Servers answer mp3 whatever was asked, label raw samples plainly, and explain
errors in JSON with status 200. So the evidence is weighed in this order:

1. magic bytes, of formats that are ours and of those that are not;
2. text, which no codec of ours begins with;
3. the content type;
4. the format asked for.

Raw samples have no magic and may look like anything: quiet noise begins with
FF FF or FF FB as often as not, and any first byte may be a brace. Where pcm is
what the other evidence says, an MPEG frame header is believed only with a second
one where the first says it will be, and text only after a run of 64 characters.

Most decisions need no more than the first chunk, and none more than 64 KiB.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from voicecli.codecs.decoding.mpeg import ADTS, MP3, Syntax
from voicecli.codecs.decoding.ogg import codec_of
from voicecli.codecs.media_type import MediaType, parse_media_type
from voicecli.codecs.text_response import MAX_TEXT_BYTES, explain, readable
from voicecli.errors import BadResponse, UnsupportedFormat

_TEXT_RUN = 64
"""Readable bytes that make a text; one in 10²⁵ loud raw streams begins so."""

_MAX_ID3_BYTES = 1 << 16
"""A longer tag (it holds a cover) is not waited out to see which codec comes behind."""

_MAX_OGG_HEADER = 27 + 255 + 8

_ID3_HEADER = struct.Struct(">3s2BB4B")


@dataclass(frozen=True, slots=True)
class _Magic:
    """Bytes that formats begin with: ``parts`` of (offset, bytes), all of which must match."""

    parts: tuple[tuple[int, bytes], ...]
    codec: str | None  # ours, or None
    stranger: str = ""  # the name of one that is not

    def matches(self, head: bytes) -> bool | None:
        """True or False where ``head`` decides it, None where more bytes must."""
        undecided = False
        for offset, magic in self.parts:
            there = head[offset : offset + len(magic)]
            if not magic.startswith(there):
                return False
            undecided |= len(there) < len(magic)
        return None if undecided else True


def _stranger(name: str, *parts: tuple[int, bytes]) -> _Magic:
    return _Magic(parts, None, name)


_MAGICS = (
    _Magic(((0, b"RIFF"), (8, b"WAVE")), "wav"),
    _Magic(((0, b"fLaC"),), "flac"),
    _stranger("AVI video", (0, b"RIFF"), (8, b"AVI ")),
    _stranger("RF64", (0, b"RF64"), (8, b"WAVE")),
    _stranger("RIFX (big-endian WAV)", (0, b"RIFX"), (8, b"WAVE")),
    _stranger("MP4/M4A", (0, b"\0\0"), (4, b"ftyp")),
    _stranger("WebM/Matroska", (0, b"\x1a\x45\xdf\xa3")),
    _stranger("AIFF", (0, b"FORM"), (8, b"AIFF")),
    _stranger("AIFF-C", (0, b"FORM"), (8, b"AIFC")),
    _stranger("CAF", (0, b"caff\0\x01")),
    _stranger("AU", (0, b".snd\0\0")),
    _stranger("gzip-compressed data", (0, b"\x1f\x8b\x08")),
    _stranger("AMR", (0, b"#!AMR")),
    _stranger("AAC in ADIF", (0, b"ADIF")),
    _stranger("Windows Media (ASF)", (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")),
    _stranger("a PNG image", (0, b"\x89PNG\r\n\x1a\n")),
    _stranger("a JPEG image", (0, b"\xff\xd8\xff\xe0"), (6, b"JFIF\0")),
    _stranger("a JPEG image", (0, b"\xff\xd8\xff\xe1"), (6, b"Exif\0\0")),
    _stranger("a GIF image", (0, b"GIF87a")),
    _stranger("a GIF image", (0, b"GIF89a")),
    _stranger("a WebP image", (0, b"RIFF"), (8, b"WEBP")),
    _stranger("a PDF document", (0, b"%PDF-")),
    _stranger("a ZIP archive", (0, b"PK\x03\x04"), (5, b"\0")),
)

_OURS = {magic.codec: magic for magic in _MAGICS if magic.codec is not None}


@dataclass(frozen=True, slots=True)
class Decision:
    """What the body is.

    ``codec`` is one of the six names; ``media_type`` what the server claimed,
    for the rate and channels of raw samples.
    """

    codec: str
    media_type: MediaType | None


@dataclass(slots=True)
class Sniffer:
    """Decides, from bytes cut anywhere, which codec a body is in.

    Args:
        declared: the format that was asked for, one of the six names, if any.
        content_type: the header of that name as the server sent it, if any.

    ``seen`` holds every byte fed; whoever gets the decision feeds them on.
    """

    declared: str | None = None
    content_type: str | None = None
    seen: bytes = field(init=False, default=b"")
    _media_type: MediaType | None = field(init=False)
    _fallback: str | None = field(init=False)
    claim: Decision | None = field(init=False)
    """What it is said to be; the bytes may know better."""
    _magic: tuple[tuple[int, bytes], ...] = field(init=False)  # of what it is said to be, if any

    def __post_init__(self) -> None:
        self._media_type = parse_media_type(self.content_type) if self.content_type else None
        claimed = self._media_type.codec if self._media_type else None
        self._fallback = claimed or self.declared
        self.claim = Decision(self._fallback, self._media_type) if self._fallback else None
        self._magic = _OURS[self._fallback].parts if self._fallback in _OURS else ()

    def feed(self, data: bytes) -> Decision | None:
        """Take bytes of any length; return the decision once there is one.

        Raises:
            BadResponse: it is text; the message says what it says.
            UnsupportedFormat: audio or video of a kind that no decoder here takes,
                by name, or nothing recognisable and no claim to go by.
        """
        self.seen += data
        for offset, magic in self._magic:
            if not self.seen.startswith(magic, offset):
                break
        else:
            if self._magic:
                return self.claim  # as nearly always
        return self._decide(final=False)

    def finish(self) -> Decision:
        """Say that no more bytes will come, and decide by what there is.

        Raises:
            BadResponse: it is text, or nothing.
            UnsupportedFormat: as in `feed`.
        """
        if not self.seen:
            raise BadResponse("no audio came: the answer is empty")
        decision = self._decide(final=True)
        assert decision is not None
        return decision

    def _decide(self, *, final: bool) -> Decision | None:
        """Weigh the evidence in order; whatever is still open, unless ``final``, waits."""
        for witness in (self._by_magic, self._by_ogg, self._by_mpeg, self._by_text):
            codec, is_open = witness(final=final)
            if codec is not None:
                return Decision(codec, self._media_type)
            if is_open and not final:
                return None
        if self._fallback is None:
            raise UnsupportedFormat(
                "the audio is in no format that is known here",
                remedy="only pcm, wav, opus, mp3, aac and flac are; raw pcm has to be asked for",
            )
        return Decision(self._fallback, self._media_type)

    # Witnesses: each returns the codec it names, if any, and whether more bytes may
    # change its mind.

    def _by_magic(self, *, final: bool) -> tuple[str | None, bool]:
        is_open = False
        head = self.seen[:16]
        for magic in _MAGICS:
            matches = magic.matches(head)
            if matches:
                if magic.codec is None:
                    raise UnsupportedFormat(f"{magic.stranger} is not supported")
                return magic.codec, False
            if matches is None and final and len(head) >= 4 and magic.codec:  # noqa: PLR2004  a tag
                return magic.codec, False  # cut within its header: its decoder will say so
            is_open |= matches is None
        return None, is_open

    def _by_ogg(self, *, final: bool) -> tuple[str | None, bool]:
        """Ogg says what it carries in the first packet of its first page."""
        if not self.seen.startswith(b"OggS"):
            return None, b"OggS".startswith(self.seen)
        if len(self.seen) < _MAX_OGG_HEADER and not final:
            body_at = 27 + self.seen[26] if len(self.seen) > 26 else _MAX_OGG_HEADER  # noqa: PLR2004
            if len(self.seen) < body_at + 8:
                return None, True
        packet = self.seen[27 + self.seen[26] :] if len(self.seen) > 26 else b""  # noqa: PLR2004
        codec = codec_of(packet)
        if codec in (None, "Opus", "Skeleton"):  # a skeleton says nothing of what it comes with
            return "opus", False
        raise UnsupportedFormat(f"Ogg with {codec} inside is not supported, only Opus")

    def _by_mpeg(self, *, final: bool) -> tuple[str | None, bool]:
        """MP3 and ADTS: frame headers, with or without an ID3 tag before them."""
        tag_bytes = self._id3_bytes()
        if tag_bytes is None:
            return None, True
        if tag_bytes:
            return self._behind_id3(tag_bytes, final=final)
        if self.seen[:1] != b"\xff":
            return None, False
        is_open = False
        for name, syntax in (("mp3", MP3), ("aac", ADTS)):
            matches = self._is_mpeg(syntax)
            if matches:
                return name, False
            is_open |= matches is None
        self._refuse_older_layers()
        return None, is_open

    def _id3_bytes(self) -> int | None:
        """Length of the ID3v2 tag that comes first, 0 without one; None while that is open."""
        if not self.seen.startswith(b"ID3"):
            return None if b"ID3".startswith(self.seen) else 0
        if len(self.seen) < _ID3_HEADER.size:
            return None
        _, major, minor, flags, *sizes = _ID3_HEADER.unpack_from(self.seen)
        if 0xFF in (major, minor) or max(sizes) > 0x7F:  # noqa: PLR2004  bytes of 7 bits
            return 0
        size: int = sum(part << shift for part, shift in zip(sizes, (21, 14, 7, 0), strict=True))
        return 10 + size + (10 if flags & 0x10 else 0)

    def _behind_id3(self, tag_bytes: int, *, final: bool) -> tuple[str, bool] | tuple[None, bool]:
        """A tag comes before MP3, seldom before ADTS or FLAC: what follows tells."""
        behind = self.seen[tag_bytes : tag_bytes + ADTS.header_bytes]
        if tag_bytes <= _MAX_ID3_BYTES and len(behind) < ADTS.header_bytes and not final:
            return None, True
        if ADTS.header(behind, 0) is not None:
            return "aac", False
        if behind.startswith(b"fLaC"):
            return "flac", False
        if MP3.header(behind, 0) is None and self._fallback == "aac":
            return "aac", False
        return "mp3", False

    def _is_mpeg(self, syntax: Syntax) -> bool | None:
        """Whether the body begins with a frame of ``syntax``; None while that is open."""
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

    def _refuse_older_layers(self) -> None:
        """MPEG audio of layer I or II, where the server itself calls it MPEG audio."""
        head = self.seen[:2]
        is_sync = len(head) == 2 and head[1] & 0xE0 == 0xE0  # noqa: PLR2004  bytes of the sync
        if self._fallback == "mp3" and is_sync and head[1] >> 1 & 3 > 1:
            raise UnsupportedFormat("MPEG audio of layer I or II is not supported, only MP3")

    def _by_text(self, *, final: bool) -> tuple[str | None, bool]:
        """Text is never audio: collect as much as helps, then raise it."""
        text = readable(self.seen[:MAX_TEXT_BYTES])
        if text is None:
            return None, False
        enough = len(self.seen) >= MAX_TEXT_BYTES
        if not (enough or final):
            return None, True
        if len(self.seen) >= _TEXT_RUN or self._reads_as_text(text):
            raise BadResponse(explain(text))
        return None, False

    def _reads_as_text(self, text: str) -> bool:
        """Whether so short a body is text, though a few samples might read the same."""
        if self._media_type is not None and self._media_type.is_text:
            return True
        if self._fallback != "pcm":
            return True
        stripped = text.strip()
        return stripped[:1] + stripped[-1:] in ("{}", "[]", "<>")
