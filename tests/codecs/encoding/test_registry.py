from __future__ import annotations

import subprocess
import sys

import pytest

from tests.codecs.encoding.roundtrip import CODECS, sound
from voicecli.codecs import CODECS as DECODERS
from voicecli.codecs.encoding import Encoded, make_encoder
from voicecli.errors import ConfigError, UnsupportedFormat


def test_every_format_has_an_encoder():
    assert set(CODECS) == set(DECODERS)
    for codec in DECODERS:
        assert make_encoder(codec, 24_000, 1).rate_hz == 24_000


def test_an_unknown_format_is_refused_with_the_choice():
    with pytest.raises(UnsupportedFormat, match="vorbis") as error:
        make_encoder("vorbis", 24_000, 1)
    assert all(codec in error.value.remedy for codec in CODECS)


@pytest.mark.parametrize("codec", CODECS)
def test_unsupported_numbers_of_channels_are_refused(codec):
    most = 8 if codec == "pcm" else 2
    for channels in (-1, 0, most + 1):
        with pytest.raises(ConfigError, match=f"{channels} channels"):
            make_encoder(codec, 24_000, channels)
    (chunk, *_) = [*make_encoder(codec, 24_000, most).feed(sound(9_000, channels=most))]
    assert isinstance(chunk, Encoded)


@pytest.mark.parametrize("codec", ["pcm", "wav", "flac"])
def test_a_bitrate_is_refused_for_lossless_formats(codec):
    with pytest.raises(ConfigError, match="bitrate"):
        make_encoder(codec, 24_000, 1, bitrate_bps=64_000)


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "opus"])
def test_pages_are_for_opus_only(codec):
    with pytest.raises(ConfigError, match="page_ms"):
        make_encoder(codec, 24_000, 1, page_ms=100)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("rate_hz", [0, -24_000])
def test_an_invalid_rate_is_refused(codec, rate_hz):
    with pytest.raises(ConfigError, match=str(rate_hz)):
        make_encoder(codec, rate_hz, 1)


def test_settings_reach_the_encoder():
    def size(**settings):
        encoder = make_encoder("opus", 24_000, 1, **settings)
        return sum(len(c.data) for c in encoder.feed(sound(48_000)) + encoder.flush())

    assert size(bitrate_bps=16_000) < size() < size(bitrate_bps=96_000)
    assert size(page_ms=1_000) < size() < size(page_ms=20)


def test_only_the_libraries_of_the_format_are_imported():
    code = (
        "import sys; from voicecli.codecs.encoding import make_encoder\n"
        "assert 'numpy' not in sys.modules\n"
        "make_encoder('wav', 24000, 1)\n"
        "assert 'av' not in sys.modules and 'opuslib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
