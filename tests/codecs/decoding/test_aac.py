from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs import he_aac_streams
from tests.codecs.feeding import by, cut, decode_until_fault, joined
from tests.codecs.ffmpeg_streams import adts, sweep
from tests.codecs.mpeg_frames import adts_frames, id3v2
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs.decoding.aac import AacDecoder, single_block_packets
from voicecli.codecs.decoding.libav import MAX_LOST_RUN
from voicecli.codecs.decoding.mpeg import adts_header
from voicecli.codecs.decoding.mpegsync import MAX_GARBAGE_BYTES, Frame
from voicecli.codecs.decoding.padding_marker import DATA_ELEMENT, padding_marker
from voicecli.errors import CorruptStream, TruncatedStream

BLOCK = 1024


def decoded(*pieces):
    """All samples of a stream without fault."""
    blocks, fault = decode_until_fault(AacDecoder(), pieces)
    assert fault is None
    return joined(blocks)


def faulty(*pieces):
    """Frames and fault of a stream."""
    blocks, fault = decode_until_fault(AacDecoder(), pieces)
    return len(joined(blocks)), fault


def snr_db(got, truth):
    noise = np.square(got - truth).sum()
    return 10 * np.log10(np.square(truth).sum() / noise)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 24000, 44100, 48000])
def test_length_is_within_a_block_and_the_place_exact(rate_hz, channels):
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
def test_length_is_within_a_block_whatever_the_length(frames):
    assert frames <= len(decoded(adts(frames))) < frames + BLOCK


@given(data=st.data())
@settings(max_examples=20)
def test_any_split_gives_the_same_samples(data):
    stream = id3v2() + adts(5000) + b"garbage" + adts(3000, 16000) + adts(3000, 16000)
    at = data.draw(st.lists(st.integers(0, len(stream)), max_size=40))
    assert np.array_equal(decoded(*cut(stream, at)), decoded(stream))


def test_blocks_keep_the_contract():
    decoder = AacDecoder()
    assert decoder.format is None
    for piece in by(100, adts(9000, 44100, 2)):
        for block in decoder.feed(piece):
            assert block.samples.flags.c_contiguous
            assert block.frames == BLOCK
            assert decoder.format == AudioFormat(44100, 2, "float32")
    assert decoder.flush() == []


def test_the_first_block_comes_with_the_last_byte_of_its_frame():
    priming, first, *_ = adts_frames(adts(9000))
    decoder = AacDecoder()
    assert decoder.feed(priming + first[:-1]) == []
    assert [block.frames for block in decoder.feed(first[-1:])] == [BLOCK]


@pytest.mark.parametrize("between", [b"", id3v2()])
def test_streams_laid_end_to_end_each_lose_their_priming(between):
    streams = [adts(5000), adts(3001), adts(7000, 44100, 2), adts(2000, 44100), adts(1, 44100)]
    blocks, fault = decode_until_fault(AacDecoder(), by(100, between.join(streams)))
    assert fault is None
    alone = [decode_until_fault(AacDecoder(), [stream])[0] for stream in streams]
    expected = [block for blocks in alone for block in blocks]
    assert [block.format for block in blocks] == [block.format for block in expected]
    for block, other in zip(blocks, expected, strict=True):
        assert np.array_equal(block.samples, other.samples)


def test_the_encoders_recurring_mark_is_no_seam():
    stream = adts(BLOCK * 600, 8000)
    marked = [at for at, frame in enumerate(adts_frames(stream)) if b"Lavc" in frame]
    assert marked == [0, 256, 512]
    assert len(decoded(stream)) == BLOCK * 600


def marked(frame, padding, *, check=None):
    """An ADTS frame with an end mark in a data stream element before its sound."""
    mark = padding_marker(padding) if check is None else padding_marker(padding)[:-2] + check
    payload = DATA_ELEMENT + mark + frame[7:]
    word = int.from_bytes(frame[:7], "big") & ~(0x1FFF << 13)
    return (word | 7 + len(payload) << 13).to_bytes(7, "big") + payload


@pytest.mark.parametrize("padding", [0, 1, 700, BLOCK - 1])
def test_a_marked_frame_is_cut_to_its_sound(padding):
    *frames, last = adts_frames(adts(9000))
    whole = decoded(*frames, last)
    got = decoded(*frames, marked(last, padding))
    assert np.array_equal(got, whole[: len(whole) - padding])


@pytest.mark.parametrize("tag", [b"", id3v2()])
def test_behind_a_marked_frame_another_stream_begins(tag):
    # 256 frames: where FFmpeg's encoder would write its name in any case.
    *frames, last = adts_frames(adts(BLOCK * 255))
    assert len(frames) == 255
    second = adts(3000)
    got = decoded(*frames, marked(last, 5), tag, second)
    assert len(got) == BLOCK * 255 - 5 + len(decoded(second))
    assert np.array_equal(got[BLOCK * 255 - 5 :], decoded(second))


def test_a_stream_of_no_sound_between_others_adds_none():
    empty = adts_frames(adts(2000))[0]
    whole = decoded(adts(2000))
    got = decoded(adts(2000), marked(empty, 0), adts(2000))
    assert np.array_equal(got, np.concatenate([whole, whole]))


@pytest.mark.parametrize(
    ("padding", "check"),
    [(BLOCK, None), (0xFFFF, None), (5, b"\0\0"), (0x8005, None)],
    ids=["all of the frame", "more than that", "damaged", "negative"],
)
def test_a_mark_that_cannot_be_is_none(padding, check):
    frames = adts_frames(adts(9000))
    stream = [*frames[:4], marked(frames[4], padding, check=check), *frames[5:]]
    assert np.array_equal(decoded(*stream), decoded(*frames))


@settings(max_examples=25)
@given(padding=st.integers(0, 0xFFFF), at=st.integers(0, 8), split=st.integers(1, 60))
def test_a_lying_mark_costs_a_frame_and_the_priming_behind_it(padding, at, split):
    frames = adts_frames(adts(9000))
    stream = b"".join([*frames[:at], marked(frames[at], padding), *frames[at + 1 :]])
    got = decoded(*by(split, stream))
    assert len(decoded(*frames)) - len(got) < 2 * BLOCK
    assert np.array_equal(got, decoded(stream))


def test_a_tag_within_a_stream_is_no_seam():
    frames = adts_frames(adts(9000))
    assert np.array_equal(decoded(*frames[:5], id3v2(), *frames[5:]), decoded(adts(9000)))


# --- several raw data blocks in a frame


def joined_frame(frames, *, crc):
    """One ADTS frame that holds the raw data blocks of several (ISO/IEC 14496-3 §1.A.2.2.1)."""
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
def test_several_raw_data_blocks_in_a_frame(count, crc):
    frames = adts_frames(adts(12000))
    groups = [frames[at : at + count] for at in range(0, len(frames), count)]
    stream = b"".join(joined_frame(group, crc=crc) for group in groups)
    assert np.array_equal(decoded(stream), decoded(adts(12000)))


def test_frames_taken_apart_are_the_frames_put_together():
    frames = adts_frames(adts(12000))[2:5]
    data = joined_frame(frames, crc=True)
    packets = single_block_packets(Frame(adts_header(data), data, after_tag=False))
    assert [packet[7:] for packet in packets] == [frame[7:] for frame in frames]
    for packet in packets:
        assert adts_header(packet).frame_bytes == len(packet)


def test_a_mark_in_a_frame_of_several_blocks_cuts_the_last():
    *frames, first, last = adts_frames(adts(12000))
    whole = decoded(*frames, first, last)
    for padding, left in ((700, BLOCK - 700), (1500, 0)):
        group = joined_frame([marked(first, padding), last], crc=False)
        blocks, _ = decode_until_fault(AacDecoder(), [*frames, group])
        assert np.array_equal(joined(blocks), whole[: len(whole) - BLOCK + left])
        assert all(block.frames for block in blocks)


# --- ends and damage


@given(part=st.floats(0.02, 0.999))
@settings(max_examples=15)
def test_a_cut_frame_is_told_and_the_rest_kept(part):
    data = adts(9000)
    size = int(len(data) * part)
    edges = np.cumsum([len(frame) for frame in adts_frames(data)])
    blocks, fault = decode_until_fault(AacDecoder(), [data[:size]])
    if size in edges:
        assert fault is None
    else:
        assert isinstance(fault, TruncatedStream)
    whole = int(np.searchsorted(edges, size, side="right"))
    assert len(joined(blocks)) == max(0, whole - 1) * BLOCK


def test_garbage_between_frames_is_passed():
    frames = adts_frames(adts(9000))
    junk = bytes(range(200)) * 20
    assert np.array_equal(decoded(*frames[:5], junk, *frames[5:], junk), decoded(adts(9000)))


def test_frames_behind_garbage_count_when_the_stream_ends_with_them():
    frames = adts_frames(adts(9000))
    other_rate = adts_frames(adts(9000, 44100))[5]
    assert len(decoded(*frames, b"garbage", frames[-1])) == BLOCK * len(frames)
    count, fault = faulty(b"garbage", other_rate)
    assert (count, fault) == (0, None)  # its only block is priming


@pytest.mark.parametrize("stream", [b"", b"\0" * 5000, b"RIFF" * 99, id3v2()])
def test_no_audio_at_all_is_told(stream):
    count, fault = faulty(stream)
    assert count == 0
    assert isinstance(fault, CorruptStream)


def test_endless_garbage_is_told_after_the_good_frames():
    count, fault = faulty(adts(9000), bytes(MAX_GARBAGE_BYTES + 9))
    assert isinstance(fault, CorruptStream)
    assert count == len(decoded(adts(9000)))


def spoil(frame):
    """A frame whose header is right and whose payload opens with a reserved element."""
    return frame[:7] + b"\xe7" + b"\xff" * (len(frame) - 8)


@pytest.mark.parametrize("lost", [range(4, 5), range(3, 6)])
def test_undecodable_frames_leave_silence_of_their_length(lost):
    frames = adts_frames(adts(12000))
    damaged = [b"" if at in lost else frame for at, frame in enumerate(frames)]
    spoilt = [spoil(frame) if at in lost else frame for at, frame in enumerate(frames)]
    got, whole = decoded(*spoilt), decoded(*frames)
    assert len(decoded(*damaged)) < len(got) == len(whole)
    after = BLOCK * (lost[-1] + 1)
    assert np.allclose(got[after:], whole[after:], atol=1e-5)


def test_too_many_undecodable_frames_in_a_row_are_told():
    frames = adts_frames(adts(12000))
    assert isinstance(
        faulty(*frames[:5], *[spoil(frames[5])] * (MAX_LOST_RUN + 1))[1], CorruptStream
    )


def test_a_stream_of_undecodable_frames_gives_no_silence():
    frames = adts_frames(adts(12000))
    count, fault = faulty(*[spoil(frames[5])] * 5)
    assert count == 0
    assert isinstance(fault, CorruptStream)


# --- SBR and parametric stereo


@pytest.mark.parametrize(
    ("data", "rate_hz", "level"),
    [
        (he_aac_streams.MONO, 48_000, 1.0),  # as two: parametric stereo may begin with any frame
        (he_aac_streams.STEREO, 44_100, 0.25),
        (he_aac_streams.PARAMETRIC, 48_000, 0.25),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_high_efficiency_doubles_the_rate(data, rate_hz, level, size):
    blocks, fault = decode_until_fault(AacDecoder(), by(size, data))
    assert fault is None
    assert {block.format for block in blocks} == {AudioFormat(rate_hz, 2, "float32")}
    got = joined(blocks)
    assert len(got) == (len(adts_frames(data)) - 1) * 2 * BLOCK
    middle = got[5_000:14_000]  # behind the encoder's own priming
    assert np.sqrt(2 * np.mean(middle[:, 0] ** 2)) == pytest.approx(0.4, rel=0.05)
    assert np.std(middle[:, 1]) / np.std(middle[:, 0]) == pytest.approx(level, rel=0.2)
    spectrum = np.abs(np.fft.rfft(middle[:, 0] * np.hanning(len(middle))))
    assert np.argmax(spectrum) * rate_hz / len(middle) == pytest.approx(440, abs=6)


@pytest.mark.parametrize("lost", [0, 4])
def test_a_damaged_frame_of_high_efficiency_leaves_as_much_silence(lost):
    frames = adts_frames(he_aac_streams.MONO)
    frames[lost] = frames[lost][:7] + b"\xff" * (len(frames[lost]) - 7)
    got = decoded(*frames)
    assert len(got) == (len(frames) - 1) * 2 * BLOCK


def test_high_efficiency_may_follow_plain_aac_without_a_word():
    plain = adts(5 * BLOCK)
    blocks, fault = decode_until_fault(AacDecoder(), [plain, he_aac_streams.MONO])
    assert fault is None
    frames = {
        rate_hz: sum(b.frames for b in blocks if b.rate_hz == rate_hz)
        for rate_hz in (24_000, 48_000)
    }
    assert frames[24_000] == 5 * BLOCK
    assert (
        frames[48_000] == len(adts_frames(he_aac_streams.MONO)) * 2 * BLOCK
    )  # its priming is played


def test_a_frame_that_decodes_to_no_numbers_spoils_none_behind_it():
    got, alone = decoded(he_aac_streams.POISONED, he_aac_streams.MONO), decoded(he_aac_streams.MONO)
    assert len(got) == 2 * BLOCK + 2 * BLOCK + len(alone)  # silence, priming, sound
    assert not got[: 2 * BLOCK].any()
    assert np.array_equal(got[4 * BLOCK :], alone)
