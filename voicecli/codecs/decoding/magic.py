"""The one table of magic bytes: of formats, supported and not.

Formats whose frames are found by headers of a few bits are in
`voicecli.codecs.decoding.framing`, codecs within Ogg in `voicecli.codecs.decoding.oggcodec`.
"""

from __future__ import annotations

from dataclasses import dataclass

from voicecli.errors import UnsupportedFormat


@dataclass(frozen=True, slots=True)
class Magic:
    """Bytes that a format begins with: ``parts`` of (offset, bytes), all of which must match.

    ``codec`` is one of ours, or None for the unsupported format ``name``. ``is_sound`` is false
    for data that is not audio, such as an image.
    """

    codec: str | None
    name: str
    parts: tuple[tuple[int, bytes], ...]
    is_sound: bool = True

    def matches(self, head: bytes) -> bool | None:
        """Tell whether ``head`` matches; None if more bytes must decide."""
        undecided = False
        for offset, magic in self.parts:
            present = head[offset : offset + len(magic)]
            if not magic.startswith(present):
                return False
            undecided |= len(present) < len(magic)
        return None if undecided else True

    def refusal(self) -> UnsupportedFormat:
        """Return the error to raise for an unsupported format."""
        if self.is_sound:
            return UnsupportedFormat(f"{self.name} is not supported")
        return UnsupportedFormat(f"{self.name} is not audio", remedy="only audio can be played")


def _ours(codec: str, *parts: tuple[int, bytes]) -> Magic:
    return Magic(codec, codec, parts)


def _unsupported(name: str, *magics: bytes) -> tuple[Magic, ...]:
    return tuple(Magic(None, name, ((0, magic),)) for magic in magics)


def _atom(name: str, *kinds: bytes) -> tuple[Magic, ...]:
    """Make the rows of a container made of MP4's atoms, whose kinds follow their size."""
    return tuple(Magic(None, name, ((0, b"\0"), (4, kind))) for kind in kinds)


def _other(name: str, *magics: bytes) -> tuple[Magic, ...]:
    """Make the rows of something that is not sound."""
    return tuple(Magic(None, name, ((0, magic),), is_sound=False) for magic in magics)


def _container(name: str, outer: bytes, inner: bytes) -> Magic:
    return Magic(None, name, ((0, outer), (8, inner)))


_TS_PACKET_BYTES = 188

MAGICS: tuple[Magic, ...] = (
    _ours("wav", (0, b"RIFF"), (8, b"WAVE")),
    _ours("flac", (0, b"fLaC")),
    # Containers.
    _container("AVI video", b"RIFF", b"AVI "),
    Magic(None, "a WebP image", ((0, b"RIFF"), (8, b"WEBP")), is_sound=False),
    _container("MIDI in RIFF", b"RIFF", b"RMID"),
    _container("QCELP speech (QCP)", b"RIFF", b"QLCM"),
    _container("xWMA", b"RIFF", b"XWMA"),
    _container("a SoundFont", b"RIFF", b"sfbk"),
    _container("RF64", b"RF64", b"WAVE"),
    _container("BW64", b"BW64", b"WAVE"),
    _container("RIFX (big-endian WAV)", b"RIFX", b"WAVE"),
    _container("AIFF", b"FORM", b"AIFF"),
    _container("AIFF-C", b"FORM", b"AIFC"),
    _container("8SVX", b"FORM", b"8SVX"),
    *_unsupported("Wave64 (W64)", b"riff\x2e\x91\xcf\x11"),
    *_atom("MP4/M4A", b"ftyp"),
    *_atom("MP4/M4A", b"styp", b"moof", b"sidx"),
    *_atom("QuickTime", b"moov", b"mdat", b"wide", b"free", b"skip"),
    *_unsupported("WebM/Matroska", b"\x1a\x45\xdf\xa3"),
    *_unsupported("CAF", b"caff\0\x01"),
    *_unsupported("AU", b".snd\0\0", b"dns."),
    *_unsupported("Windows Media (ASF)", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    *_unsupported("FLV", b"FLV\x01"),
    Magic(None, "MPEG-TS", tuple((n * _TS_PACKET_BYTES, b"G") for n in range(3))),
    *_unsupported("MPEG-PS", b"\0\0\x01\xba"),
    *_unsupported("MPEG video", b"\0\0\x01\xb3"),
    *_unsupported("RealMedia", b".RMF\0\0", b".ra\xfd\0"),
    *_unsupported("MXF", b"\x06\x0e\x2b\x34\x02\x05\x01\x01"),
    *_unsupported("GXF", b"\0\0\0\0\x01\xbc"),
    *_unsupported("WTV", b"\xb7\xd8\x00\x20\x37\x49\xda\x11"),
    *_unsupported(
        "Flash (SWF)", *(bytes((b, 0x57, 0x53, n)) for b in b"FCZ" for n in range(1, 45))
    ),
    *_unsupported("SMJPEG", b"\0\x0aSMJPEG"),
    *_unsupported("SMAF", b"MMMD"),
    *_unsupported("IVF", b"DKIF"),
    *_unsupported("AST", b"STRM\0", b"STRM\1"),
    *_unsupported("NUT", b"nut/multimedia container"),
    *_unsupported("SPHERE", b"NIST_1A\n"),
    *_unsupported("VOC", b"Creative Voice File\x1a"),
    *_unsupported("SoX", b".SoX", b"XoS."),
    *_unsupported("IRCAM", *(bytes((0x64, 0xA3, n, 0)) for n in range(1, 5))),
    *_unsupported("IRCAM", *(bytes((0, n, 0xA3, 0x64)) for n in range(1, 5))),
    *_unsupported("S/PDIF", b"\x72\xf8\x1f\x4e", b"\xf8\x72\x4e\x1f"),
    *_unsupported("DSF", b"DSD \x1c\0\0\0"),
    *_unsupported("DSDIFF", b"FRM8"),
    # Codecs with a header of their own.
    *_unsupported("AMR-WB", b"#!AMR-WB"),
    *_unsupported("AMR", b"#!AMR\n", b"#!AMR_"),
    *_unsupported("SILK", b"#!SILK", b"\x02#!SILK"),
    *_unsupported("iLBC", b"#!iLBC"),
    *_unsupported("EVRC", b"#!EVRC"),
    *_unsupported("AAC in ADIF", b"ADIF"),
    *_unsupported("WavPack", b"wvpk"),
    *_unsupported("TTA", b"TTA1", b"TTA2"),
    *_unsupported("Musepack", b"MPCK", b"MP+\x07", b"MP+\x17"),
    *_unsupported("Monkey's Audio", *(b"MAC " + bytes((low, 0x0F)) for low in range(256))),
    *_unsupported("OptimFROG", b"OFR "),
    *_unsupported("Shorten", b"ajkg"),
    *_unsupported("TAK", b"tBaK"),
    *_unsupported("DTS", b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80", b"DTSHDHDR"),
    *_unsupported("ATRAC", b"ea3\x03", b"EA3\x01"),
    *_unsupported("TwinVQ", b"TWIN97"),
    *_unsupported("QOA", b"qoaf"),
    *_unsupported("FMOD", b"FSB4", b"FSB5"),
    *_unsupported("Commodore 64 music (SID)", b"PSID\0", b"RSID\0"),
    *_unsupported("MIDI", b"MThd\0\0\0\x06"),
    *_unsupported("a tracker module", b"Extended Module: ", b"IMPM"),
    # What is not sound at all.
    *_other("an M3U playlist", b"#EXTM3U"),
    *_other("a PLS playlist", b"[playlist]"),
    *_other("gzip-compressed data", b"\x1f\x8b\x08"),
    *_other("bzip2-compressed data", *(b"BZh%d1AY" % level for level in range(1, 10))),
    *_other("xz-compressed data", b"\xfd7zXZ\0"),
    *_other("Zstandard-compressed data", b"\x28\xb5\x2f\xfd"),
    *_other("a RAR archive", b"Rar!\x1a\x07"),
    *_other("a 7z archive", b"7z\xbc\xaf\x27\x1c"),
    Magic(None, "a ZIP archive", ((0, b"PK\x03\x04"), (5, b"\0")), is_sound=False),
    *_other("a PNG image", b"\x89PNG\r\n\x1a\n"),
    Magic(None, "a JPEG image", ((0, b"\xff\xd8\xff\xe0"), (6, b"JFIF\0")), is_sound=False),
    Magic(None, "a JPEG image", ((0, b"\xff\xd8\xff\xe1"), (6, b"Exif\0\0")), is_sound=False),
    *_other("a GIF image", b"GIF87a", b"GIF89a"),
    *_other("a PDF document", b"%PDF-"),
    *_other("a program", b"\x7fELF\x01", b"\x7fELF\x02", b"MZ\x90\0\3\0"),
    *_other("a database", b"SQLite format 3\0"),
)

_OURS = (*(magic for magic in MAGICS if magic.codec), _ours("opus", (0, b"OggS\0\x02")))

_MIN_MAGIC_BYTES = 4
_HEAD_BYTES = 2 * _TS_PACKET_BYTES + 1

_BY_FIRST_BYTE: dict[int, list[Magic]] = {}
for _magic in MAGICS:
    _BY_FIRST_BYTE.setdefault(_magic.parts[0][1][0], []).append(_magic)


def find_magic(data: bytes, *, final: bool) -> tuple[str | None, bool]:
    """Return the codec of the magic bytes that ``data`` begins with, if any.

    The flag tells whether more bytes may find one. At the end of the stream (``final``)
    the beginning of a magic of ours will do: the decoder reports that it is cut.

    Raises:
        UnsupportedFormat: the magic bytes are those of another format.
    """
    is_open = False
    head = data[:_HEAD_BYTES]
    if not head:
        return None, not final
    for magic in _BY_FIRST_BYTE.get(head[0], ()):
        matches = magic.matches(head)
        if matches:
            if magic.codec is None:
                raise magic.refusal()
            return magic.codec, False
        if matches is None and final and len(head) >= _MIN_MAGIC_BYTES and magic.codec:
            return magic.codec, False
        is_open |= matches is None
    return None, is_open and not final


def codec_at(data: bytes | bytearray, at: int) -> tuple[str | None, bool]:
    """Return the codec of ours whose magic bytes are at ``at``, if any.

    The flag tells whether more bytes may find one.
    """
    head = bytes(data[at : at + _HEAD_BYTES])
    is_open = False
    for magic in _OURS:
        matches = magic.matches(head)
        if matches:
            return magic.codec, False
        is_open |= matches is None
    return None, is_open
