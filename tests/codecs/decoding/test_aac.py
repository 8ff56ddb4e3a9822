from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.feeding import decode_until_fault, in_pieces, joined, split_at
from tests.codecs.ffmpeg_streams import adts, sweep
from tests.codecs.mpeg_frames import adts_frames, id3v2
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs.decoding.aac import AacDecoder, single_block_packets
from voicecli.codecs.decoding.mpeg import adts_header
from voicecli.codecs.decoding.mpegsync import Frame
from voicecli.codecs.decoding.padding_marker import DATA_ELEMENT, padding_marker

BLOCK = 1024


def decoded(*pieces):
    """Decode a stream without faults."""
    blocks, fault = decode_until_fault(AacDecoder(), pieces)
    assert fault is None
    return joined(blocks)


def snr_db(got, truth):
    noise = np.square(got - truth).sum()
    return 10 * np.log10(np.square(truth).sum() / noise)


def with_marker(frame, padding, *, check=None):
    """Put a padding marker before the audio of an ADTS frame."""
    marker = padding_marker(padding) if check is None else padding_marker(padding)[:-2] + check
    payload = DATA_ELEMENT + marker + frame[7:]
    word = int.from_bytes(frame[:7], "big") & ~(0x1FFF << 13)
    return (word | 7 + len(payload) << 13).to_bytes(7, "big") + payload


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 24000, 44100, 48000])
def test_length_is_within_a_block_and_position_exact(rate_hz, channels):
    frames = 7001 + rate_hz % 1000
    got, truth = decoded(adts(frames, rate_hz, channels)), sweep(frames, rate_hz, channels)
    assert frames <= len(got) < frames + BLOCK
    assert got.dtype == np.float32
    assert got.shape[1] == channels
    around = [float(got[500 + n : 6000 + n, 0] @ truth[500:6000, 0]) for n in range(-400, 401)]
    assert int(np.argmax(around)) == 400
    assert snr_db(got[:frames], truth) > 12
    assert snr_db(got[:400], truth[:400]) > 12


@pytest.mark.parametrize("frames", [1, 1024, 1025, 5000])
def test_length_is_within_a_block_for_any_length(frames):
    assert frames <= len(decoded(adts(frames))) < frames + BLOCK


@given(data=st.data())
@settings(max_examples=20)
def test_any_split_gives_the_same_samples(data):
    stream = id3v2() + adts(5000) + b"garbage" + adts(3000, 16000) + adts(3000, 16000)
    at = data.draw(st.lists(st.integers(0, len(stream)), max_size=40))
    assert np.array_equal(decoded(*split_at(stream, at)), decoded(stream))


def test_blocks_follow_the_contract():
    decoder = AacDecoder()
    assert decoder.format is None
    for piece in in_pieces(100, adts(9000, 44100, 2)):
        for block in decoder.feed(piece):
            assert block.samples.flags.c_contiguous
            assert block.frames == BLOCK
            assert decoder.format == AudioFormat(44100, 2, "float32")
    assert decoder.flush() == []


def test_the_first_block_arrives_with_the_last_byte_of_its_frame():
    priming, first, *_ = adts_frames(adts(9000))
    decoder = AacDecoder()
    assert decoder.feed(priming + first[:-1]) == []
    assert [block.frames for block in decoder.feed(first[-1:])] == [BLOCK]


@pytest.mark.parametrize("between", [b"", id3v2()])
def test_concatenated_streams_each_lose_their_priming(between):
    streams = [adts(5000), adts(3001), adts(7000, 44100, 2), adts(2000, 44100), adts(1, 44100)]
    blocks, fault = decode_until_fault(AacDecoder(), in_pieces(100, between.join(streams)))
    assert fault is None
    alone = [decode_until_fault(AacDecoder(), [stream])[0] for stream in streams]
    expected = [block for blocks in alone for block in blocks]
    assert [block.format for block in blocks] == [block.format for block in expected]
    for block, other in zip(blocks, expected, strict=True):
        assert np.array_equal(block.samples, other.samples)


@pytest.mark.slow
def test_the_encoders_recurring_name_is_not_a_seam():
    stream = adts(BLOCK * 600, 8000)
    marked = [at for at, frame in enumerate(adts_frames(stream)) if b"Lavc" in frame]
    assert marked == [0, 256, 512]
    assert len(decoded(stream)) == BLOCK * 600


@pytest.mark.parametrize("padding", [0, 1, 700, BLOCK - 1])
def test_a_marked_frame_loses_its_padding(padding):
    *frames, last = adts_frames(adts(9000))
    whole = decoded(*frames, last)
    got = decoded(*frames, with_marker(last, padding))
    assert np.array_equal(got, whole[: len(whole) - padding])


@pytest.mark.parametrize("tag", [b"", id3v2()])
def test_another_stream_begins_after_a_marked_frame(tag):
    # After 256 frames FFmpeg's encoder would write its name in any case.
    *frames, last = adts_frames(adts(BLOCK * 255))
    assert len(frames) == 255
    second = adts(3000)
    got = decoded(*frames, with_marker(last, 5), tag, second)
    assert len(got) == BLOCK * 255 - 5 + len(decoded(second))
    assert np.array_equal(got[BLOCK * 255 - 5 :], decoded(second))


def test_an_empty_stream_between_others_adds_nothing():
    empty = adts_frames(adts(2000))[0]
    whole = decoded(adts(2000))
    got = decoded(adts(2000), with_marker(empty, 0), adts(2000))
    assert np.array_equal(got, np.concatenate([whole, whole]))


@pytest.mark.parametrize(
    ("padding", "check"),
    [(BLOCK, None), (0xFFFF, None), (5, b"\0\0"), (0x8005, None)],
    ids=["all of the frame", "more than that", "damaged", "negative"],
)
def test_an_invalid_marker_is_ignored(padding, check):
    frames = adts_frames(adts(9000))
    stream = [*frames[:4], with_marker(frames[4], padding, check=check), *frames[5:]]
    assert np.array_equal(decoded(*stream), decoded(*frames))


@settings(max_examples=25)
@given(padding=st.integers(0, 0xFFFF), at=st.integers(0, 8), split=st.integers(1, 60))
def test_a_false_marker_costs_a_frame_and_the_priming_after_it(padding, at, split):
    frames = adts_frames(adts(9000))
    stream = b"".join([*frames[:at], with_marker(frames[at], padding), *frames[at + 1 :]])
    got = decoded(*in_pieces(split, stream))
    assert len(decoded(*frames)) - len(got) < 2 * BLOCK
    assert np.array_equal(got, decoded(stream))


def test_a_tag_within_a_stream_is_not_a_seam():
    frames = adts_frames(adts(9000))
    assert np.array_equal(decoded(*frames[:5], id3v2(), *frames[5:]), decoded(adts(9000)))


def joined_frame(frames, *, crc):
    """Join the raw data blocks of several frames in one (ISO/IEC 14496-3 §1.A.2.2.1)."""
    payloads = [frame[7:] for frame in frames]
    body = b"".join(payloads)
    if crc:
        ends = np.cumsum([len(payload) + 2 for payload in payloads])
        positions = b"".join(int(end).to_bytes(2, "big") for end in ends[:-1])
        if len(frames) == 1:
            body = b"\0\0" + payloads[0]
        else:
            body = positions + b"\0\0" + b"".join(payload + b"\0\0" for payload in payloads)
    head = bytearray(frames[0][:7])
    length = 7 + len(body)
    head[1] = head[1] & 0xFE if crc else head[1]
    head[3:6] = head[3] & 0xFC | length >> 11, length >> 3 & 0xFF, head[5] & 31 | (length & 7) << 5
    head[6] = head[6] & 0xFC | len(frames) - 1
    return bytes(head) + body


@pytest.mark.parametrize("crc", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_several_raw_data_blocks_in_a_frame_decode(count, crc):
    frames = adts_frames(adts(12000))
    groups = [frames[at : at + count] for at in range(0, len(frames), count)]
    stream = b"".join(joined_frame(group, crc=crc) for group in groups)
    assert np.array_equal(decoded(stream), decoded(adts(12000)))


def test_a_frame_of_several_blocks_is_split_into_its_blocks():
    frames = adts_frames(adts(12000))[2:5]
    data = joined_frame(frames, crc=True)
    packets = single_block_packets(Frame(adts_header(data), data, after_tag=False))
    assert [packet[7:] for packet in packets] == [frame[7:] for frame in frames]
    for packet in packets:
        assert adts_header(packet).frame_bytes == len(packet)


def test_a_marker_in_a_frame_of_several_blocks_cuts_the_last():
    *frames, first, last = adts_frames(adts(12000))
    whole = decoded(*frames, first, last)
    for padding, left in ((700, BLOCK - 700), (1500, 0)):
        group = joined_frame([with_marker(first, padding), last], crc=False)
        blocks, _ = decode_until_fault(AacDecoder(), [*frames, group])
        assert np.array_equal(joined(blocks), whole[: len(whole) - BLOCK + left])
        assert all(block.frames for block in blocks)
