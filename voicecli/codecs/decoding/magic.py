"""Magic bytes of formats, supported and not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Magic:
    """Bytes that a format begins with: ``parts`` of (offset, bytes), all of which must match.

    ``codec`` is one of ours, or None for the unsupported format ``name``.
    """

    codec: str | None
    name: str
    parts: tuple[tuple[int, bytes], ...]

    def matches(self, head: bytes) -> bool | None:
        """Tell whether ``head`` matches; None if more bytes must decide."""
        undecided = False
        for offset, magic in self.parts:
            present = head[offset : offset + len(magic)]
            if not magic.startswith(present):
                return False
            undecided |= len(present) < len(magic)
        return None if undecided else True


def _ours(codec: str, *parts: tuple[int, bytes]) -> Magic:
    return Magic(codec, codec, parts)


def _unsupported(name: str, *parts: tuple[int, bytes]) -> Magic:
    return Magic(None, name, parts)


MAGICS = (
    _ours("wav", (0, b"RIFF"), (8, b"WAVE")),
    _ours("flac", (0, b"fLaC")),
    _unsupported("AVI video", (0, b"RIFF"), (8, b"AVI ")),
    _unsupported("RF64", (0, b"RF64"), (8, b"WAVE")),
    _unsupported("RIFX (big-endian WAV)", (0, b"RIFX"), (8, b"WAVE")),
    _unsupported("MP4/M4A", (0, b"\0\0"), (4, b"ftyp")),
    _unsupported("WebM/Matroska", (0, b"\x1a\x45\xdf\xa3")),
    _unsupported("AIFF", (0, b"FORM"), (8, b"AIFF")),
    _unsupported("AIFF-C", (0, b"FORM"), (8, b"AIFC")),
    _unsupported("CAF", (0, b"caff\0\x01")),
    _unsupported("AU", (0, b".snd\0\0")),
    _unsupported("gzip-compressed data", (0, b"\x1f\x8b\x08")),
    _unsupported("AMR", (0, b"#!AMR")),
    _unsupported("AAC in ADIF", (0, b"ADIF")),
    _unsupported("Windows Media (ASF)", (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")),
    _unsupported("a PNG image", (0, b"\x89PNG\r\n\x1a\n")),
    _unsupported("a JPEG image", (0, b"\xff\xd8\xff\xe0"), (6, b"JFIF\0")),
    _unsupported("a JPEG image", (0, b"\xff\xd8\xff\xe1"), (6, b"Exif\0\0")),
    _unsupported("a GIF image", (0, b"GIF87a")),
    _unsupported("a GIF image", (0, b"GIF89a")),
    _unsupported("a WebP image", (0, b"RIFF"), (8, b"WEBP")),
    _unsupported("a PDF document", (0, b"%PDF-")),
    _unsupported("a ZIP archive", (0, b"PK\x03\x04"), (5, b"\0")),
)
