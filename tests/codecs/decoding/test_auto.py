"""Decoders by name, and the one that recognises the format."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.codecs.containers import wav
from tests.codecs.feeding import decode, decode_until_fault, in_pieces, joined
from tests.codecs.mpeg_frames import id3v2
from tests.codecs.samples import samples_of
from tests.codecs.signals import noise
from tests.support.tones import encode, tone
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs import (
    CODECS,
    AutoDecoder,
    make_decoder,
    preload,
)
from voicecli.codecs.encoding import make_encoder
from voicecli.errors import BadResponse, CorruptStream, TruncatedStream, UnsupportedFormat

NAMES = ["pcm", "wav", "opus", "mp3", "aac", "flac"]


@pytest.mark.parametrize("name", NAMES)
def test_every_format_has_a_decoder(name):
    preload(name)
    assert type(make_decoder(name)).__name__ == f"{name.capitalize()}Decoder"


@pytest.mark.slow
@pytest.mark.parametrize("name", CODECS)
def test_preloading_imports_everything_that_decoding_needs(name):
    # Loading happens while the server works; later it would delay the first sound.
    code = f"""
import sys
from voicecli.codecs import preload
assert "numpy" not in sys.modules
preload({name!r})
assert "numpy" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("call", [make_decoder, preload])
def test_unknown_names_are_refused_with_the_choice(call):
    with pytest.raises(UnsupportedFormat, match="'ogg'") as raised:
        call("ogg")
    assert "pcm, wav, opus, mp3, aac, flac" in raised.value.remedy


def test_a_requested_rate_applies_to_pcm_and_opus_only():
    pcm = make_decoder("pcm", rate_hz=16_000, channels=2)
    pcm.feed(bytes(4))
    assert pcm.format == AudioFormat(16_000, 2)
    (opus, *_) = samples_of("opus")
    for asked, given in ((24_000, 24_000), (44_100, 48_000), (None, 48_000)):
        decoder = make_decoder("opus", rate_hz=asked)
        decode(decoder, [opus.data])
        assert decoder.format.rate_hz == given
    sound = make_decoder("wav", rate_hz=8_000, channels=2)
    decode(sound, [wav(noise(10))])
    assert sound.format == AudioFormat(24_000, 1)


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = (
        "import sys; from voicecli.codecs import AutoDecoder; AutoDecoder('opus')\n"
        "heavy = {'numpy', 'av', 'opuslib'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# --- AutoDecoder


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize("codec", NAMES[1:])
def test_the_format_is_recognised_and_named(codec, size):
    sample = samples_of(codec)[0]
    decoder = AutoDecoder("pcm", "audio/mpeg")
    assert (decoder.name, decoder.format) == (None, None)
    blocks = decode(decoder, in_pieces(size, sample.data))
    assert decoder.name == codec
    assert decoder.format == AudioFormat(
        sample.rate_hz, sample.channels, blocks[-1].format.sample_type
    )
    assert len(joined(blocks)) == sample.frames


@pytest.mark.parametrize(
    ("content_type", "arguments", "expected"),
    [
        (None, {}, (24_000, 1)),
        (None, {"rate_hz": 16_000, "channels": 2}, (16_000, 2)),
        ("audio/pcm", {"rate_hz": 16_000}, (16_000, 1)),
        ("audio/pcm;rate=22050", {"rate_hz": 16_000, "channels": 2}, (22_050, 2)),
        ("audio/L16; rate=8000; channels=2", {"rate_hz": 16_000}, (8_000, 2)),
        ("audio/basic", {}, (8_000, 1)),
        ("audio/PCMU", {"rate_hz": 16_000}, (16_000, 1)),
        ("audio/x-alaw;rate=11025", {"rate_hz": 16_000}, (11_025, 1)),
        ("audio/pcm;rate=nonsense", {"rate_hz": 16_000}, (16_000, 1)),
        ("text/html;rate=8000", {"rate_hz": 16_000}, (16_000, 1)),
    ],
)
def test_raw_samples_have_the_claimed_rate_or_the_requested_one(content_type, arguments, expected):
    decoder = AutoDecoder("pcm", content_type, **arguments)
    decoder.feed(noise(1_000).tobytes())
    assert decoder.name == "pcm"
    assert (decoder.format.rate_hz, decoder.format.channels) == expected


def test_opus_is_decoded_at_the_requested_rate():
    sample = samples_of("opus")[0]
    blocks = decode(AutoDecoder(opus_rate_hz=24_000, rate_hz=8_000), [sample.data])
    assert {block.rate_hz for block in blocks} == {24_000}
    assert len(joined(blocks)) == sample.frames // 2


def test_recognition_loses_no_sample():
    sound = noise(500)
    for size in (1, 3, 1000):
        blocks = decode(AutoDecoder("pcm"), in_pieces(size, sound.tobytes()))
        assert np.array_equal(joined(blocks), sound)


def test_a_body_recognised_only_at_its_end_is_decoded():
    sound = np.frombuffer(b"abcd", "<i2").reshape(-1, 1)
    decoder = AutoDecoder("pcm")
    assert decoder.feed(b"abcd") == []
    assert np.array_equal(joined(decoder.flush()), sound)


def test_a_truncated_body_recognised_at_its_end_gives_blocks_and_fault():
    decoder = AutoDecoder("pcm")
    assert decoder.feed(b"abc") == []
    (block,) = decoder.flush()
    assert block.samples.tobytes() == b"ab"
    with pytest.raises(TruncatedStream):
        decoder.flush()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", BadResponse),
        (b'{"error": "no"}', BadResponse),
        (b"<html>" + b"x" * 5000, BadResponse),
        (b"RIFF", TruncatedStream),
        (b"caff\0\x01\0\0", UnsupportedFormat),
        (b"OggS" + bytes(400), CorruptStream),
    ],
)
def test_faults_are_raised_again(body, error):
    decoder = AutoDecoder("wav")
    blocks, fault = decode_until_fault(decoder, in_pieces(100, body))
    assert blocks == []
    assert isinstance(fault, error)
    with pytest.raises(error):
        decoder.flush()


def test_feeding_after_a_fault_raises_it_again():
    decoder = AutoDecoder("wav")
    for _ in range(2):
        with pytest.raises(UnsupportedFormat, match="CAF"):
            decoder.feed(b"caff\0\x01\0\0")


@pytest.mark.parametrize("codec", NAMES[1:])
def test_a_file_without_audio_is_a_bad_response(codec):
    encoder = make_encoder(codec, 24_000, 1)
    header = b"".join(chunk.data for chunk in encoder.flush())
    patch = encoder.header_patch() or b""
    empty = patch + header[len(patch) :]
    assert decode(make_decoder(codec), [empty]) == []
    for pieces in ([empty], in_pieces(1, empty)):
        blocks, fault = decode_until_fault(AutoDecoder(codec), pieces)
        assert blocks == []
        assert isinstance(fault, BadResponse)
        assert fault.message == f"received {codec} without audio"


def test_a_fault_after_good_blocks_is_known_before_it_is_raised():
    decoder = AutoDecoder()
    assert decoder.fault is None
    assert decoder.feed(wav(noise(10)) + wav(noise(10)).replace(b"fmt ", b"LIST"))
    assert isinstance(decoder.fault, CorruptStream)
    decoder = AutoDecoder()
    with pytest.raises(BadResponse):
        decoder.feed(b'{"error": {"message": "' + b"no credit " * 2_000)
    assert isinstance(decoder.fault, BadResponse)


@pytest.mark.parametrize("codec", CODECS)
def test_nothing_is_left_after_the_end(codec):
    """Also after a stream so short that it is recognised only at its end."""
    data = bytes(2) if codec == "pcm" else samples_of(codec)[0].data
    for pieces in ([data], in_pieces(7, data)):
        decoder = AutoDecoder(codec)
        assert sum(block.frames for block in decode(decoder, pieces)) > 0
        assert decoder.flush() == []
        assert decoder.fault is None


@pytest.mark.parametrize("size", [1, 100, 1_000_000])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("mp3", "wav"),
        ("mp3", "opus"),
        ("mp3", "flac"),
        ("mp3", "aac"),
        ("aac", "mp3"),
        ("aac", "wav"),
        ("aac", "opus"),
        ("aac", "flac"),
        ("opus", "wav"),
        ("opus", "mp3"),
        ("opus", "aac"),
        ("wav", "mp3"),
        ("wav", "aac"),
        ("wav", "opus"),
        ("wav", "flac"),
    ],
)
@pytest.mark.parametrize("tag", [b"", id3v2(bytes(2_000))])
def test_audio_in_another_format_behind_the_sound_is_reported(first, second, tag, size):
    rate_hz = 48_000
    sound = tone(0.2, rate_hz=rate_hz)
    sounds = [encode(sound, name, rate_hz=rate_hz, sized=True) for name in (first, second)]
    data = tag.join(sounds)
    blocks, fault = decode_until_fault(AutoDecoder(first), in_pieces(size, data))
    assert isinstance(fault, CorruptStream)
    assert f"{second} audio follows the " in fault.message
    frames = sum(len(block.samples) for block in blocks)
    assert frames == pytest.approx(0.2 * rate_hz, abs=2_500)
