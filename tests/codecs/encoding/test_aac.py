from __future__ import annotations

import numpy as np
import pytest

from tests.codecs.encoding.roundtrip import decoded, encoded, floats, sound
from tests.codecs.mpeg_frames import adts_frames
from voicecli.codecs.decoding.libav import LibavPacketDecoder
from voicecli.codecs.decoding.mpeg import ADTS, ADTS_RATES_HZ, adts_header
from voicecli.codecs.decoding.mpegsync import FrameReader
from voicecli.codecs.decoding.padding_marker import DATA_ELEMENT, MARKER_BYTES, adts_padding
from voicecli.codecs.encoding.aac import AacEncoder
from voicecli.errors import ConfigError


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", ADTS_RATES_HZ)
def test_every_frame_states_rate_channels_and_length(rate_hz, channels):
    data, _ = encoded("aac", sound(5_000, rate_hz, channels), rate_hz)
    frames = adts_frames(data)
    assert len(frames) == 1 + 5  # the priming, then 5000 in blocks of 1024
    for frame in frames:
        header = adts_header(frame)
        assert (header.rate_hz, header.channels, header.header_bytes) == (rate_hz, channels, 7)
        assert header.frames == 1024
        assert frame[5] & 0x1F == 0x1F  # with the next six bits: buffer fullness unknown
        assert frame[6] == 0xFC


@pytest.mark.parametrize(("frames", "packets"), [(0, 1), (1, 2), (1_024, 2), (1_025, 3)])
def test_there_are_no_more_blocks_than_the_audio_needs(frames, packets):
    data, _ = encoded("aac", sound(frames))
    assert len(adts_frames(data)) == packets


@pytest.mark.parametrize(("frames", "padding"), [(0, 0), (1, 1_023), (1_024, 0), (1_025, 1_023)])
def test_only_the_last_frame_is_marked(frames, padding):
    data, _ = encoded("aac", sound(frames))
    marks = [adts_padding(frame) for frame in FrameReader(ADTS).feed(data)]
    assert marks == [None] * (len(marks) - 1) + [padding]


@pytest.mark.parametrize("channels", [1, 2])
def test_other_decoders_hear_the_same_and_silence_after_it(channels):
    data, _ = encoded("aac", sound(2_048 + 200, channels=channels))
    *before, last = adts_frames(data)
    bare = framed(last, last[7 + MARKER_BYTES + len(DATA_ELEMENT) :])
    ours = floats(decoded("aac", data))
    with_mark, without = (
        np.concatenate([block.samples for frame in frames for block in libav.decode(frame)])
        for libav, frames in (
            (LibavPacketDecoder("aac"), [*before, last]),
            (LibavPacketDecoder("aac"), [*before, bare]),
        )
    )
    assert np.array_equal(with_mark, without)
    assert np.array_equal(with_mark[1_024:][: 2_048 + 200], ours)
    assert np.abs(with_mark[1_024 + 2_048 + 400 :]).max() < 0.02


def framed(like, payload):
    """Put ``payload`` after the ADTS header of another frame."""
    word = int.from_bytes(like[:7], "big") & ~(0x1FFF << 13)
    return (word | 7 + len(payload) << 13).to_bytes(7, "big") + payload


def test_the_bitrate_is_kept():
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (96_000, 1)).astype(np.float32)
    for bitrate_bps in (32_000, 64_000, 96_000):
        data, _ = encoded("aac", noise, 48_000, bitrate_bps=bitrate_bps)
        assert len(data) * 8 / 2 == pytest.approx(bitrate_bps, rel=0.2)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "most_bps"), [(8_000, 1, 48_000), (24_000, 2, 288_000)]
)
def test_bitrates_out_of_range_are_refused(rate_hz, channels, most_bps):
    AacEncoder(rate_hz, channels, bitrate_bps=most_bps)
    for bitrate_bps in (7_999, most_bps + 1):
        with pytest.raises(ConfigError, match=str(bitrate_bps)) as error:
            AacEncoder(rate_hz, channels, bitrate_bps=bitrate_bps)
        assert str(most_bps) in error.value.remedy
