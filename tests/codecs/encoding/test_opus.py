"""Ogg Opus page by page, as RFC 7845 requires."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tests.codecs.encoding.roundtrip import chunks_of, decoded, encoded, file_of, floats, sound
from voicecli.codecs.decoding.ogg import OggDemuxer
from voicecli.codecs.decoding.opusformat import OpusHead
from voicecli.codecs.encoding.opus import OpusEncoder
from voicecli.codecs.encoding.opuspackets import MAX_PACKET_BYTES, OpusPacketEncoder
from voicecli.codecs.libopus import OpusPacketDecoder
from voicecli.errors import ConfigError

PRE_SKIP = 312


def pages_of(data):
    demuxer = OggDemuxer()
    pages = [*demuxer.feed(data), *demuxer.flush()]
    assert all(page.checked and not page.lost for page in pages)
    return pages


def noise(frames, rate_hz=48_000, channels=2):
    shape = (frames, channels)
    return np.random.default_rng(rate_hz).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8_000, 12_000, 16_000, 24_000, 48_000, 44_100])
def test_headers_describe_the_packets(rate_hz, channels):
    data, _ = encoded("opus", sound(3_000, rate_hz, channels), rate_hz)
    head, tags, *rest = pages_of(data)
    assert head.first
    assert head.granule == tags.granule == 0
    assert len(head.packets) == len(tags.packets) == 1
    assert OpusHead.parse(head.packets[0]) == OpusHead(channels, PRE_SKIP, 0)
    assert struct.unpack("<I", head.packets[0][12:16]) == (rate_hz,)
    assert tags.packets[0].startswith(b"OpusTags")
    assert b"libopus" in tags.packets[0]
    assert tags.packets[0].endswith(b"\x10\0\0\0ENCODER=voicecli")
    assert {page.serial for page in rest} == {7}


@pytest.mark.parametrize(("page_ms", "packets"), [(None, 5), (20, 1), (59, 2), (60, 3), (200, 10)])
def test_pages_have_the_requested_length_and_the_first_leaves_at_once(page_ms, packets):
    data, _ = encoded("opus", sound(48_000), page_ms=page_ms)
    sizes = [len(page.packets) for page in pages_of(data)[2:]]
    assert sizes[0] == 1
    assert set(sizes[1:-1]) == {packets}
    assert 1 <= sizes[-1] <= packets
    assert sum(sizes) == 101  # 2 s, and the encoder's delay


def test_the_first_page_leaves_with_its_first_packet():
    encoder = OpusEncoder(24_000, 1)
    assert encoder.feed(sound(479)) == []
    (first,) = encoder.feed(sound(1))
    assert [len(page.packets) for page in pages_of(first.data)] == [1, 1, 1]
    assert first.frames == 480 - PRE_SKIP // 2


@pytest.mark.parametrize("frames", [0, 1, 323, 324, 325, 480, 2_724, 2_725, 24_000])
def test_granules_count_packets_and_the_last_states_the_length(frames):
    data, _ = encoded("opus", sound(frames))
    audio = pages_of(data)[2:]
    position = 0
    for page in audio[:-1]:
        position += sum(OpusPacketDecoder.packet_length(packet) for packet in page.packets)
        assert page.granule == position
        assert not page.last
    last = audio[-1]
    assert last.last
    assert last.granule == PRE_SKIP + 2 * frames
    coded = position + sum(OpusPacketDecoder.packet_length(packet) for packet in last.packets)
    assert coded - 960 < last.granule <= coded
    assert last.granule > position
    assert len(decoded("opus", data)) == frames


def late_us(samples, rate_hz):
    """Return the delay of the rising tone: the slope of its phase over 250 to 3000 Hz."""
    window = np.hanning(len(samples))
    got = np.fft.rfft(floats(samples)[:, 0] * window)
    expected = np.fft.rfft(floats(sound(len(samples), rate_hz))[:, 0] * window)
    hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    cross = (got * expected.conj())[(hz > 250) & (hz < 3_000)]
    hz = hz[(hz > 250) & (hz < 3_000)]
    weight = np.abs(cross)
    return -1e6 * np.sum(weight * np.angle(cross) * hz) / np.sum(weight * hz**2) / (2 * np.pi)


@pytest.mark.parametrize(
    ("bitrate_bps", "early_us"), [(12_000, 47), (24_000, 47), (40_000, 0), (64_000, 0)]
)
def test_silk_is_early_by_a_fraction_of_a_frame_and_celt_is_not(bitrate_bps, early_us):
    """libopus compensates the delays of SILK's resamplers in whole frames of SILK's rate.

    (``delay_matrix_enc`` and ``delay_matrix_dec`` in silk/resampler.c.) The remainder
    is the same in opusenc and opusdec, and at every decoded rate. It is not a matter of
    pre-skip, whose 312 are whole frames at all of Opus's rates: RFC 7845 §4.2 has one
    pre-skip for both modes, which may change within a stream.
    """
    data, _ = encoded("opus", sound(48_000), bitrate_bps=bitrate_bps)
    for rate_hz in (24_000, 48_000):
        late = late_us(decoded("opus", data, rate_hz), rate_hz)
        assert late == pytest.approx(-early_us, abs=3)


@pytest.mark.parametrize("page_ms", [20, 100, 1_000])
def test_a_full_page_is_closed_early(page_ms):
    encoder = OpusEncoder(48_000, 2, bitrate_bps=510_000, page_ms=page_ms, serial=7)
    data = file_of(chunks_of(encoder, [noise(120_000)]))
    pages = list(OggDemuxer().feed(data))
    most = max(len(page.packets) for page in pages)
    assert most == {20: 1, 100: 5}.get(page_ms, most)
    if page_ms == 1_000:
        assert 40 < most < 50  # 255 lacing values at 5 or 6 each
    assert len(decoded("opus", data, 48_000, 2)) == 120_000


def test_serial_numbers_differ_by_default():
    serials = {pages_of(file_of(OpusEncoder(24_000, 1).flush()))[0].serial for _ in range(4)}
    assert len(serials) > 1


def test_more_bits_improve_the_audio_and_enlarge_the_file():
    samples = noise(48_000, channels=1) * np.float32(0.3)
    sizes, wrongs = [], []
    for bitrate_bps in (24_000, 64_000, 256_000):
        data, _ = encoded("opus", samples, 48_000, bitrate_bps=bitrate_bps)
        sizes.append(len(data))
        wrongs.append(np.std(floats(decoded("opus", data, 48_000)) - samples))
    assert sizes == sorted(sizes)
    assert wrongs == sorted(wrongs, reverse=True)
    assert sizes[1] * 8 == pytest.approx(64_000, rel=0.15)


@pytest.mark.parametrize("bitrate_bps", [0, 5_999, 510_001])
def test_bitrates_out_of_range_are_refused(bitrate_bps):
    with pytest.raises(ConfigError, match=str(bitrate_bps)):
        OpusEncoder(24_000, 1, bitrate_bps=bitrate_bps)


@pytest.mark.parametrize("page_ms", [0, 19, 1_001])
def test_page_lengths_out_of_range_are_refused(page_ms):
    with pytest.raises(ConfigError, match=str(page_ms)):
        OpusEncoder(24_000, 1, page_ms=page_ms)


def test_rejections_by_libopus_are_reported():
    with pytest.raises(ValueError, match="44100"):
        OpusPacketEncoder(44_100, 1, 32_000)
    with pytest.raises(ValueError, match="3 channels"):
        OpusPacketEncoder(48_000, 3, 32_000)
    with pytest.raises(ValueError, match="bit/s"):
        OpusPacketEncoder(48_000, 1, 0)
    with pytest.raises(ValueError, match="961 frames"):
        OpusPacketEncoder(48_000, 1, 32_000).encode(np.zeros((961, 1), np.float32))


def test_no_packet_exceeds_the_maximum():
    encoder = OpusPacketEncoder(48_000, 2, 510_000)
    sizes = [len(encoder.encode(block)) for block in np.split(noise(9_600), 10)]
    assert 1_200 < max(sizes) <= MAX_PACKET_BYTES
