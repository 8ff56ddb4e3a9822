"""What `scripts/fuzz` feeds with bytes: decoders, recognition, and the readers of answers.

Each target takes any bytes. It passes if nothing but the documented errors is raised, and
if the same bytes in pieces give the same result.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from voicecli.codecs import CODECS, AutoDecoder, make_decoder
from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.codecs.text_response import explain, readable
from voicecli.errors import BadResponse, DecodeError, NetworkError, VoiceError
from voicecli.sources.compression import decompressed
from voicecli.sources.http_errors import server_message
from voicecli.sources.sse import audio_of_events
from voicecli.sources.trailing_text import audio_before_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from voicecli.audio.pcm import Pcm

MAX_OUTPUT_BYTES = 64 << 20
"""A stream that expands to more is left: what is tested are its headers."""

_LABELS = (
    *(None, "audio/pcm", "audio/mpeg", "audio/L16;rate=8000", "audio/basic", "audio/ogg"),
    *("audio/L24;channels=2", "audio/pcm;encoding=float", "application/json", "audio/flac"),
)


def pieces_of(data: bytes, size: int) -> Iterator[bytes]:
    """Yield ``data`` in pieces of ``size`` bytes, or of random sizes if it is 0."""
    if size:
        yield from (data[at : at + size] for at in range(0, len(data), size))
        return
    at, sizes = 0, np.random.default_rng(len(data)).geometric(0.02, len(data) + 1)
    for some in sizes:
        yield data[at : at + int(some)]
        at += int(some)
        if at >= len(data):
            return


def decode(decoder: Any, pieces: Iterable[bytes]) -> tuple[bytes, str | None] | None:
    """Decode to samples and the kind of fault; None if there is too much."""
    samples = bytearray()
    try:
        for piece in chain(pieces, (None,)):
            call: Callable[[], list[Pcm]] = (
                decoder.flush if piece is None else lambda piece=piece: decoder.feed(piece)
            )
            blocks = call()
            while True:
                for block in blocks:
                    _check(block)
                    samples += block.samples.tobytes()
                if len(samples) > MAX_OUTPUT_BYTES:
                    return None
                if not decoder.pending:
                    break
                blocks = decoder.flush() if piece is None else decoder.feed(b"")
    except (DecodeError, BadResponse) as fault:
        return bytes(samples), type(fault).__name__
    return bytes(samples), None


def _check(block: Pcm) -> None:
    samples = block.samples
    assert samples.dtype in (np.int16, np.float32), samples.dtype
    assert samples.ndim == 2, samples.shape
    assert len(samples) > 0
    assert samples.flags.c_contiguous
    assert samples.flags.aligned
    assert 1_000 <= block.rate_hz <= 768_000, block.rate_hz
    assert samples.dtype == np.int16 or bool(np.isfinite(samples).all())


def _decoder(codec: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        if not data:
            return
        whole = decode(make_decoder(codec), [data[1:]])
        parts = decode(make_decoder(codec), pieces_of(data[1:], data[0]))
        assert whole == parts, (whole and whole[1], parts and parts[1])

    return target


def auto(data: bytes) -> None:
    """Decode what is recognised, with and without claims."""
    if len(data) < 2:
        return
    claim = (None, *CODECS)[data[0] % 7], _LABELS[data[0] // 7 % len(_LABELS)]
    how = {"is_file": bool(data[0] & 64), "is_checked": bool(data[0] & 128)}
    whole = decode(AutoDecoder(*claim, **how), [data[2:]])
    parts = decode(AutoDecoder(*claim, **how), pieces_of(data[2:], data[1]))
    assert whole == parts, (claim, whole and whole[1], parts and parts[1])


def sniff(data: bytes) -> None:
    """Recognise the format, whole and in pieces."""
    if not data:
        return
    claim = (None, *CODECS)[data[0] % 7], _LABELS[data[0] // 7 % len(_LABELS)]
    results = []
    for pieces in ([data[1:]], pieces_of(data[1:], 7), pieces_of(data[1:], 0)):
        sniffer = Sniffer(*claim)
        try:
            found = next((name for piece in pieces if (name := sniffer.feed(piece))), None)
            results.append(found or sniffer.finish())
        except (DecodeError, BadResponse) as fault:
            results.append(str(fault))
        assert sniffer.seen in data
    assert len(set(results)) == 1, results


def _audio(
    read: Callable[[Iterator[bytes]], Iterator[bytes]], data: Iterable[bytes]
) -> tuple[bytes, str | None]:
    audio = bytearray()
    try:
        for chunk in read(iter(data)):
            audio += chunk
    except (BadResponse, NetworkError) as fault:
        return bytes(audio), str(fault)
    return bytes(audio), None


def events(data: bytes) -> None:
    """Read server-sent events."""
    if data:
        whole = _audio(audio_of_events, [data[1:]])
        assert whole == _audio(audio_of_events, pieces_of(data[1:], data[0]))


def error_behind_samples(data: bytes) -> None:
    """Find a text behind raw samples."""
    if not data:
        return
    whole, fault = _audio(audio_before_text, [data[1:]])
    parts, other = _audio(audio_before_text, pieces_of(data[1:], data[0]))
    assert (whole, fault is None) == (parts, other is None)
    assert data[1:].startswith(whole)


def error_bodies(data: bytes) -> None:
    """Summarise what a server says instead of audio."""
    text = readable(data)
    shown = [server_message(data), *([explain(text)] if text is not None else [])]
    for line in filter(None, shown):
        assert line.isprintable(), repr(line)
        assert len(line) < 5_000


def compressed(data: bytes) -> None:
    """Decompress an answer."""
    if not data:
        return
    coding = ("gzip", "deflate", "br", "zstd", "gzip, deflate")[data[0] % 5]
    total = 0
    try:
        for chunk in decompressed(pieces_of(data[1:], 50), coding):
            total += len(chunk)
            if total > MAX_OUTPUT_BYTES:
                return
    except VoiceError:
        pass
    except Exception as error:
        if "DecodingError" not in {base.__name__ for base in type(error).__mro__}:
            raise


TARGETS: dict[str, Callable[[bytes], None]] = {
    **{codec: _decoder(codec) for codec in CODECS},
    "auto": auto,
    "sniff": sniff,
    "events": events,
    "error-behind-samples": error_behind_samples,
    "error-bodies": error_bodies,
    "compressed": compressed,
}


def seeds(name: str) -> Iterator[bytes]:
    """Yield inputs from which mutations of a target start."""
    from tests.codecs.samples import encoded, samples_of

    streams = {codec: samples_of(codec)[0].data[:3_000] for codec in CODECS}
    if name in CODECS:
        yield b"\x07" + streams[name]
        if name not in ("pcm", "wav"):
            yield b"\x40" + encoded(name, 3_000, 2)
    elif name in ("auto", "sniff"):
        for number, stream in enumerate(streams.values()):
            yield bytes([number, 13]) + stream
            yield bytes([7 * number, 1]) + b"ID3\4\0\0\0\0\0\2\0\0" + stream
    elif name == "events":
        delta = b'data: {"type":"speech.audio.delta","audio":"AAECAw=="}\r\n\r\n'
        yield b"\x05" + delta * 2 + b'data: {"type":"speech.audio.done"}\n\n'
        yield b"\x00event: error\ndata: " + b'{"error":{"message":"no"}}\n\n'
    elif name == "compressed":
        import gzip
        import zlib

        yield b"\0" + gzip.compress(b"a" * 500)
        yield b"\1" + zlib.compress(b"b" * 500)
    else:
        yield b"\x03" + bytes(20) + b'data: {"error": {"message": "quota"}}'
        yield b'{"detail": [{"msg": "field required"}]}'
        yield b"<!doctype html><title>502 Bad Gateway</title>"
