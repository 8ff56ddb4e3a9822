"""Ogg Opus: exact lengths as in RFC 7845, and behaviour after loss and damage."""

from __future__ import annotations

import functools
import io

import av
import numpy as np
import pytest

from tests.codecs.containers import CONTINUED, LAST, OPUS_TAGS, opus_head, opus_pages, page
from tests.codecs.feeding import decode, in_pieces, joined
from tests.codecs.samples import encoded, opus_packets
from tests.codecs.signals import tone
from voicecli.audio.pcm import NO_SPEAKERS, AudioFormat
from voicecli.codecs import libopus
from voicecli.codecs.decoding.opus import OpusDecoder
from voicecli.codecs.decoding.opusformat import OpusHead
from voicecli.errors import CorruptStream, UnsupportedFormat

RATES_HZ = [8_000, 12_000, 16_000, 24_000, 48_000]
PACKETS = 15
WHOLE = PACKETS * 960


def stream(**options):
    return b"".join(opus_pages(opus_packets(PACKETS), **options))


def samples(data, rate_hz=48_000):
    return joined(decode(OpusDecoder(rate_hz), [data]))


def plain(rate_hz=48_000):
    """Decode every frame of the packets, priming included."""
    return samples(stream(head=opus_head(pre_skip=0)), rate_hz)


# --- lengths


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(
    ("pre_skip", "trim"), [(0, 0), (312, 0), (312, 648), (313, 647), (3840, 7)]
)
def test_length_is_exact_at_every_rate(rate_hz, pre_skip, trim):
    step = 48_000 // rate_hz
    got = samples(stream(head=opus_head(pre_skip=pre_skip), trim=trim), rate_hz)
    # The decoder's frames fall on every step-th instant at 48 kHz; those in [start, end) count.
    expected = sum(pre_skip <= at < WHOLE - trim for at in range(0, WHOLE, step))
    assert got.shape == (expected, 1)
    first = -(-pre_skip // step)
    assert np.array_equal(got, plain(rate_hz)[first : first + expected])


@pytest.mark.parametrize("pre_skip", [959, 960, 961, 3840, 6000])
def test_what_is_skipped_may_span_pages_that_arrive_one_by_one(pre_skip):
    pages = opus_pages(opus_packets(PACKETS), head=opus_head(pre_skip=pre_skip), per_page=1)
    got = joined(decode(OpusDecoder(48_000), pages))
    assert np.array_equal(got, plain()[pre_skip:])


@pytest.mark.parametrize("start", [960, 48_000, 1 << 40])
def test_a_stream_may_start_at_any_granule(start):
    assert np.array_equal(samples(stream(start_granule=start, trim=100)), samples(stream(trim=100)))


@pytest.mark.parametrize("trim", [0, 1, 960, 2 * 960 + 1, WHOLE - 312, WHOLE])
def test_a_stream_of_one_page_is_trimmed(trim):
    assert len(samples(stream(per_page=PACKETS, trim=trim))) == max(0, WHOLE - 312 - trim)


def test_a_granule_before_the_page_begins_is_ignored():
    pages = opus_pages(opus_packets(PACKETS))
    pages[-1] = page(opus_packets(PACKETS)[-5:], sequence=4, granule=17, flags=LAST)
    assert len(samples(b"".join(pages))) == WHOLE - 312


def test_an_empty_last_page_ends_the_stream():
    pages = opus_pages(opus_packets(PACKETS), mark_last=False)
    pages.append(page([], sequence=len(pages), granule=WHOLE, flags=LAST))
    assert np.array_equal(samples(b"".join(pages)), samples(stream()))


def test_pages_after_the_last_page_are_played_untrimmed():
    packets = opus_packets(PACKETS)
    pages = opus_pages(packets, trim=500)
    pages.append(page(packets[:1], sequence=len(pages), granule=WHOLE + 460))
    for pieces in ([b"".join(pages)], pages):
        got = joined(decode(OpusDecoder(), pieces))
        assert len(got) == WHOLE - 312 - 500 + 960
        assert np.array_equal(got[:-960], samples(stream(trim=500)))


@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
@pytest.mark.parametrize("frames", [5_000, 48_000])
def test_streams_of_ffmpegs_muxer_are_exact(frames, rate_hz):
    data = encoded("opus", frames)
    assert len(samples(data, rate_hz)) == -(-frames * rate_hz // 48_000)


@pytest.mark.parametrize(
    ("packet", "duration_ms"),
    [
        (b"\x00", 10),  # SILK; one frame
        (b"\x08", 20),
        (b"\x18", 60),
        (b"\x61", 20),  # hybrid; two frames of 10 ms
        (b"\x80", 2.5),  # CELT
        (b"\xfa", 40),  # two frames of 20 ms, with different sizes
        (b"\xfb\x06", 120),  # as many as the second byte says
        (b"\xfb\x07", 0),  # longer than 120 ms
        (b"\x1b\x00", 0),
        (b"\xfb", 0),
        (b"", 0),
    ],
)
def test_packet_length_follows_from_the_first_two_bytes(packet, duration_ms):
    assert libopus.OpusPacketDecoder.packet_length(packet) == duration_ms * 48


@pytest.mark.parametrize("frame_ms", [5, 10, 40, 60])
def test_packets_of_other_durations_are_exact(frame_ms):
    packets = opus_packets(8, frame_ms=frame_ms)
    data = b"".join(opus_pages(packets, frame=48 * frame_ms, per_page=3))
    assert len(samples(data)) == 8 * 48 * frame_ms - 312


def test_a_page_is_decoded_by_as_few_calls_as_possible(monkeypatch):
    sizes, decode_one = [], libopus.OpusPacketDecoder.decode

    def watched(self, packet, address, frames):
        sizes.append(frames)
        decode_one(self, packet, address, frames)

    monkeypatch.setattr(libopus.OpusPacketDecoder, "decode", watched)
    packets = opus_packets(PACKETS)  # nine of one configuration, six of another
    samples(b"".join(opus_pages(packets, per_page=PACKETS)))
    assert sizes == [6 * 960, 3 * 960, 6 * 960]


# --- headers


def test_stereo_decodes_to_two_channels():
    packets = opus_packets(PACKETS, 2)
    decoder = OpusDecoder(24_000)
    got = joined(decode(decoder, opus_pages(packets, head=opus_head(2))))
    assert got.shape == (WHOLE // 2 - 156, 2)
    assert decoder.format == AudioFormat(24_000, 2, "int16")


def test_output_gain_is_applied():
    quieter = samples(stream(head=opus_head(gain_q8=-1541)))  # −6.02 dB
    assert np.abs(quieter * 2.0 - samples(stream())).max() <= 4


def test_family_1_with_one_stream_is_family_0():
    mapped = samples(stream(head=opus_head(family=1, mapping=b"\1\0\0")))
    assert np.array_equal(mapped, samples(stream()))
    plain = OpusHead.parse(opus_head(2, family=1, mapping=b"\1\1\0\1"))
    assert (plain.channels, plain.mapping) == (2, None)


@functools.cache
def surround(channels, layout, family):
    """Encode a tone in one channel after the other with FFmpeg's muxer, 0.1 s each."""
    file = io.BytesIO()
    sound = np.zeros((channels * 4_800, channels), np.int16)
    for channel in range(channels):
        sound[channel * 4_800 : (channel + 1) * 4_800, channel] = tone(4_800)[:, 0]
    with av.open(file, "w", format="ogg") as out:
        options = {"mapping_family": str(family)}
        track = out.add_stream("libopus", rate=48_000, layout=layout, options=options)
        track.bit_rate = 64_000 * channels
        block = np.ascontiguousarray(sound.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(block, "s16", layout)
        frame.sample_rate, frame.pts = 48_000, 0
        out.mux(track.encode(frame))
        out.mux(track.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("channels", "layout", "family"),
    [
        *[(6, "5.1", 1), (3, "3.0", 1), (4, "quad", 1), (5, "5.0", 1), (8, "7.1", 1)],
        *[(1, "mono", 255), (2, "stereo", 255), (3, "3.0", 255), (6, "5.1", 255)],
    ],
)
def test_channels_come_out_in_the_order_of_wave_files(channels, layout, family):
    data = surround(channels, layout, family)
    for size in (100, 1 << 20):
        blocks = decode(OpusDecoder(), in_pieces(size, data))
        got = joined(blocks)
        assert got.shape == (channels * 4_800, channels)
        assert {block.speakers for block in blocks} == {
            NO_SPEAKERS if family == 255 and channels > 2 else blocks[0].speakers
        }
        loud = [np.abs(got[at * 4_800 + 1_200 :][:2_400]).max(axis=0) for at in range(channels)]
        if layout in ("5.1", "7.1") and family == 1:
            del loud[3]  # the encoder's filter takes the tone from the subwoofer
            assert [int(np.argmax(level)) for level in loud] == [
                n for n in range(channels) if n != 3
            ]
        else:
            assert [int(np.argmax(level)) for level in loud] == list(range(channels))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (opus_head(3), "3 channels"),
        (opus_head(9, family=1), "9 channels .mapping family 1"),
        (opus_head(9, family=255), "9 channels .mapping family 255"),
        (opus_head(4, family=2), "mapping family 2"),
        (opus_head(version=16), "version 16"),
    ],
)
def test_unsupported_headers_are_refused(head, message):
    with pytest.raises(UnsupportedFormat, match=message):
        OpusDecoder().feed(stream(head=head))


@pytest.mark.parametrize(
    "mapping",
    [b"", b"\4\2\0\4\1\2\3", b"\0\0" + bytes(6), b"\1\2" + bytes(6), b"\2\0\0\1\2\0\0\0"],
)
def test_impossible_mappings_are_corrupt(mapping):
    with pytest.raises(CorruptStream, match="channel mapping"):
        OpusDecoder().feed(stream(head=opus_head(6, family=1, mapping=mapping)))


def test_a_channel_without_a_source_is_silent():
    head = opus_head(2, family=255, mapping=b"\1\0\xff\0")
    got = joined(decode(OpusDecoder(), [stream(head=head)]))
    assert not got[:, 0].any()
    assert np.array_equal(got[:, 1], samples(stream())[:, 0])


def test_a_later_minor_version_is_accepted():
    assert len(samples(stream(head=opus_head(version=15)))) == WHOLE - 312


@pytest.mark.parametrize("head", [opus_head()[:18], opus_head(channels=0)])
def test_damaged_headers_are_corrupt(head):
    decoder = OpusDecoder()
    for _ in range(2):
        with pytest.raises(CorruptStream):
            decoder.feed(stream(head=head))
    with pytest.raises(CorruptStream):
        decoder.flush()


def test_long_comments_over_many_pages_are_skipped():
    tags = OPUS_TAGS + bytes(255 * 300 - len(OPUS_TAGS))
    pages = opus_pages(opus_packets(PACKETS))
    parts = [
        page([tags[: 255 * 200]], sequence=1, granule=-1, open_end=True),
        page([tags[255 * 200 :]], sequence=2, flags=CONTINUED),
    ]
    renumbered = opus_pages_from(3)
    assert np.array_equal(samples(b"".join([pages[0], *parts, *renumbered])), samples(stream()))


def opus_pages_from(sequence):
    """Make the audio pages of `stream`, numbered from ``sequence``."""
    packets = opus_packets(PACKETS)
    return [
        page(
            packets[at : at + 5],
            sequence=sequence + at // 5,
            granule=(at + 5) * 960,
            flags=LAST if at + 5 == PACKETS else 0,
        )
        for at in range(0, PACKETS, 5)
    ]


def test_a_stream_without_comments_loses_nothing():
    data = b"".join([opus_pages(opus_packets(PACKETS))[0], *opus_pages_from(1)])
    assert np.array_equal(samples(data), samples(stream()))


@pytest.mark.parametrize("rate_hz", [0, 44_100, 22_050])
def test_rates_that_opus_lacks_are_refused(rate_hz):
    with pytest.raises(ValueError, match="Opus decodes at"):
        OpusDecoder(rate_hz)
