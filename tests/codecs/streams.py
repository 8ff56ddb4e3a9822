"""Streams to decode, built in memory, with every number in reach of the test.

The Ogg checksum here is RFC 3533's, bit by bit, and owes nothing to the code
under test; the compressed streams come from FFmpeg's encoders.
"""

from __future__ import annotations

import functools
import io
import itertools
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from voicecli.audio.pcm import Pcm

FIRST, LAST, CONTINUED = 2, 4, 1


def noise(frames: int, channels: int = 1, seed: int = 1) -> NDArray[np.int16]:
    """White noise of shape (frames, channels): no two stretches are alike."""
    rng = np.random.default_rng(seed)
    return rng.integers(-20_000, 20_000, (frames, channels)).astype("<i2")


def tone(frames: int, channels: int = 1, rate_hz: int = 48_000) -> NDArray[np.int16]:
    """440 Hz at half scale, of shape (frames, channels)."""
    wave = np.rint(16_000 * np.sin(2 * np.pi * 440 * np.arange(frames) / rate_hz))
    return np.repeat(wave.astype("<i2")[:, None], channels, axis=1)


# --- cutting and joining


def decode(decoder, pieces: Iterable[bytes]) -> list[Pcm]:
    """All blocks of a stream fed piece by piece, flush included."""
    blocks = [block for piece in pieces for block in decoder.feed(piece)]
    return blocks + decoder.flush()


def decode_until_fault(decoder, pieces: Iterable[bytes]) -> tuple[list[Pcm], Exception | None]:
    """All blocks up to the first fault, and the fault; a fault owed is collected."""
    blocks: list[Pcm] = []
    try:
        for piece in pieces:
            blocks += decoder.feed(piece)
        blocks += decoder.flush()
        blocks += decoder.flush()
    except Exception as fault:  # noqa: BLE001  the tests judge it
        return blocks, fault
    return blocks, None


def joined(blocks: Sequence[Pcm]) -> NDArray:
    """The samples of all blocks in a row, of shape (frames, channels)."""
    if not blocks:
        return np.zeros((0, 1), np.int16)
    return np.concatenate([block.samples for block in blocks])


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    """``data`` cut at the positions, in any order; pieces may be empty."""
    points = [0, *sorted(min(point, len(data)) for point in at), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(points)]


def by(size: int, data: bytes) -> list[bytes]:
    """``data`` in pieces of ``size`` bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


# --- WAV


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    """A RIFF chunk, padded to even length; ``size`` overrides what it says."""
    claimed = len(body) if size is None else size
    return name + struct.pack("<I", claimed) + body + b"\0" * (len(body) & 1)


def fmt(
    channels: int = 1,
    rate_hz: int = 24_000,
    bits: int = 16,
    tag: int = 1,
    *,
    align: int | None = None,
) -> bytes:
    align = channels * ((bits + 7) // 8) if align is None else align
    return chunk(
        b"fmt ",
        struct.pack(
            "<HHIIHH", tag, channels, rate_hz, rate_hz * align & 0xFFFFFFFF, align & 0xFFFF, bits
        ),
    )


def extensible(
    channels: int, rate_hz: int, bits: int, tag: int, tail: bytes | None = None
) -> bytes:
    """A WAVE_FORMAT_EXTENSIBLE format chunk."""
    guid_tail = bytes.fromhex("000000001000800000aa00389b71") if tail is None else tail
    align = channels * bits // 8
    body = struct.pack("<HHIIHH", 0xFFFE, channels, rate_hz, rate_hz * align, align, bits)
    body += struct.pack("<HHIH", 22, bits, 0, tag) + guid_tail
    return chunk(b"fmt ", body)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    """A RIFF/WAVE file of whole chunks."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def wav(samples: NDArray, rate_hz: int = 24_000, size: int | None = None) -> bytes:
    """A 16-bit WAV; ``size`` goes into both size fields."""
    return riff(fmt(samples.shape[1], rate_hz), chunk(b"data", samples.tobytes(), size), size=size)


# --- Ogg


@functools.cache
def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        register = byte << 24
        for _ in range(8):
            register = (register << 1) ^ (0x04C11DB7 if register & 0x80000000 else 0)
        table.append(register & 0xFFFFFFFF)
    return table


def crc(data: bytes) -> int:
    """Ogg's checksum, as the RFC describes it."""
    table, register = _crc_table(), 0
    for byte in data:
        register = ((register << 8) & 0xFFFFFFFF) ^ table[register >> 24 ^ byte]
    return register


def lace(packets: Sequence[bytes], *, open_end: bool = False) -> bytes:
    """Lacing values of packets; with ``open_end`` the last goes on (its length is 255 n)."""
    values = bytearray()
    for packet in packets:
        values += b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    if open_end:
        assert values.pop() == 0
    return bytes(values)


def page(
    packets: Sequence[bytes],
    *,
    serial: int = 7,
    sequence: int = 0,
    granule: int = 0,
    flags: int = 0,
    open_end: bool = False,
) -> bytes:
    lacing = lace(packets, open_end=open_end)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, sequence, 0, len(lacing))
    whole = head + lacing + b"".join(packets)
    return whole[:22] + struct.pack("<I", crc(whole)) + whole[26:]


def opus_head(
    channels: int = 1,
    pre_skip: int = 312,
    gain_q8: int = 0,
    version: int = 1,
    family: int = 0,
    mapping: bytes = b"",
) -> bytes:
    fixed = struct.pack(
        "<8sBBHIhB", b"OpusHead", version, channels, pre_skip, 48_000, gain_q8, family
    )
    return fixed + mapping


OPUS_TAGS = b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", 0)


@functools.cache
def opus_packets(count: int, channels: int = 1, frame_ms: int = 20) -> tuple[bytes, ...]:
    """Packets of a tone from libopus, ``frame_ms`` each."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = 48_000
    encoder.format = "s16"
    encoder.layout = "mono" if channels == 1 else "stereo"
    encoder.bit_rate = 32_000 * channels
    encoder.options = {"frame_duration": str(frame_ms)}
    per_packet = 48 * frame_ms
    sound = tone(count * per_packet, channels)
    packets: list[bytes] = []
    encoder.open()
    for at in range(0, len(sound), per_packet):
        block = np.ascontiguousarray(sound[at : at + per_packet].reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(block, "s16", encoder.layout.name)
        frame.sample_rate = 48_000
        frame.pts = at
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    packets += [bytes(packet) for packet in encoder.encode(None)]
    return tuple(packets[:count])


def opus_pages(
    packets: Sequence[bytes],
    *,
    per_page: int = 5,
    serial: int = 7,
    head: bytes | None = None,
    start_granule: int = 0,
    trim: int = 0,
    frame: int = 960,
    mark_last: bool = True,
) -> list[bytes]:
    """The pages of one Ogg Opus stream; ``trim`` frames are padding at its end."""
    pages = [
        page([opus_head() if head is None else head], serial=serial, flags=FIRST),
        page([OPUS_TAGS], serial=serial, sequence=1),
    ]
    for at in range(0, len(packets), per_page):
        some = packets[at : at + per_page]
        is_last = at + per_page >= len(packets)
        granule = start_granule + (at + len(some)) * frame - (trim if is_last else 0)
        flags = LAST if is_last and mark_last else 0
        pages.append(page(some, serial=serial, sequence=len(pages), granule=granule, flags=flags))
    return pages


# --- whole files from FFmpeg's muxers


@functools.cache
def encoded(codec: str, frames: int, channels: int = 1, rate_hz: int = 48_000) -> bytes:
    """A tone of ``frames`` frames as opus, mp3, aac or flac."""
    encoder, container, options = {
        "opus": ("libopus", "ogg", {"page_duration": "100000"}),
        "mp3": ("libmp3lame", "mp3", {}),
        "aac": ("aac", "adts", {}),
        "flac": ("flac", "flac", {}),
    }[codec]
    file = io.BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    with av.open(file, "w", format=container, options=options) as out:
        stream = out.add_stream(encoder, rate=rate_hz, layout=layout)
        block = np.ascontiguousarray(tone(frames, channels, rate_hz).reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(block, "s16", layout)
        frame.sample_rate = rate_hz
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


@dataclass(frozen=True)
class Sample:
    """A whole stream of one codec and what must come of it.

    ``exact`` holds the samples where the codec loses none.
    """

    codec: str
    data: bytes
    frames: int
    channels: int
    rate_hz: int
    exact: NDArray | None = None


def samples_of(codec: str) -> list[Sample]:
    """Streams of one codec for the contract suite: mono, stereo, two laid end to end."""
    return _SAMPLES[codec]()


def _pcm() -> list[Sample]:
    mono = noise(600)
    return [Sample("pcm", mono.tobytes(), 600, 1, 24_000, mono)]


def _wav() -> list[Sample]:
    mono, stereo = noise(500), noise(300, 2, seed=2)
    known, unknown = wav(mono), wav(mono, size=0xFFFFFFFF)
    return [
        Sample("wav", known, 500, 1, 24_000, mono),
        Sample("wav", wav(stereo, 44_100), 300, 2, 44_100, stereo),
        Sample("wav", unknown + known, 1000, 1, 24_000, np.concatenate([mono, mono])),
    ]


def _compressed(codec: str, frames: int) -> list[Sample]:
    one = encoded(codec, frames)
    stereo = encoded(codec, frames, 2)
    lossless = codec == "flac"

    def of(data: bytes, channels: int, times: int) -> Sample:
        sound = np.concatenate([tone(frames, channels)] * times) if lossless else None
        return Sample(codec, data, frames * times, channels, 48_000, sound)

    return [of(one, 1, 1), of(stereo, 2, 1), of(one + one, 1, 2)]


_SAMPLES: dict[str, Callable[[], list[Sample]]] = {
    "pcm": _pcm,
    "wav": _wav,
    "opus": lambda: _compressed("opus", 6_000),
    "mp3": lambda: _compressed("mp3", 6_000),
    # ADTS tells no padding, so these are whole blocks (FFmpeg primes with exactly one).
    "aac": lambda: _compressed("aac", 6 * 1024),
    "flac": lambda: _compressed("flac", 20_000),
}
