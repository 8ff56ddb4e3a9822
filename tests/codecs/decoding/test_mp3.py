from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.feeding import decode_until_fault, in_pieces, joined, split_at
from tests.codecs.ffmpeg_streams import mp3, raw_mp3, sweep
from tests.codecs.mpeg_frames import ID3V1, ape, id3v2, mp3_frames
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs.decoding.libav import MAX_LOST_RUN
from voicecli.codecs.decoding.mp3 import Mp3Decoder
from voicecli.codecs.decoding.mpegsync import MAX_GARBAGE_BYTES
from voicecli.errors import CorruptStream, TruncatedStream

LSF_FRAME = 576


def decoded(*pieces):
    """Decode a stream without faults."""
    blocks, fault = decode_until_fault(Mp3Decoder(), pieces)
    assert fault is None
    return joined(blocks)


def faulty(*pieces):
    """Return the number of frames of a stream, and its fault."""
    blocks, fault = decode_until_fault(Mp3Decoder(), pieces)
    return len(joined(blocks)), fault


def lag(got, truth):
    """Return the delay of ``got`` in frames, at which the two differ least."""
    here = truth[1000:6000, 0]
    differences = [np.square(got[1000 + n : 6000 + n, 0] - here).sum() for n in range(-700, 701)]
    return int(np.argmin(differences)) - 700


def snr_db(got, truth):
    noise = np.square(got - truth).sum()
    return 10 * np.log10(np.square(truth).sum() / noise)


# --- exact lengths


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
def test_length_and_position_are_exact(rate_hz, channels):
    frames = 7001 + rate_hz % 1000
    got = decoded(mp3(frames, rate_hz, channels))
    truth = sweep(frames, rate_hz, channels)
    assert got.shape == (frames, channels)
    assert got.dtype == np.float32
    assert lag(got, truth) == 0
    assert snr_db(got, truth) > 12


@pytest.mark.parametrize("frames", [100, 576, 1105, 1152, 5000, 24000, 24001])
def test_any_length_is_exact(frames):
    assert len(decoded(mp3(frames))) == frames
    assert len(decoded(mp3(frames, 44100, 2))) == frames
    assert len(decoded(mp3(frames, quality=4))) == frames  # variable bitrate


def test_head_and_tail_are_intact():
    got, truth = decoded(mp3(12000)), sweep(12000)
    assert snr_db(got[:400], truth[:400]) > 9
    assert snr_db(got[-400:], truth[-400:]) > 9


def test_without_a_tag_only_the_decoder_delay_is_cut():
    stream = raw_mp3(10000)
    got = decoded(stream)
    assert len(got) == LSF_FRAME * len(mp3_frames(stream)) - 529
    assert lag(got, sweep(10000)) == 576  # LAME's delay, which is stated nowhere


def test_a_stream_joined_midway_keeps_all_frames():
    frames = mp3_frames(raw_mp3(20000, 44100))
    later = next(at for at, frame in enumerate(frames) if at > 3 and frame[4])
    assert len(decoded(*frames[later:])) == 1152 * (len(frames) - later)


@given(data=st.data())
@settings(max_examples=20)
def test_any_split_gives_the_same_samples(data):
    stream = mp3(5000) + id3v2() + b"garbage" + mp3(3000, 16000) + raw_mp3(3000)
    whole = [decoded(mp3(5000)), decoded(mp3(3000, 16000))]
    at = data.draw(st.lists(st.integers(0, len(stream)), max_size=40))
    blocks, fault = decode_until_fault(Mp3Decoder(), split_at(stream, at))
    assert fault is None
    assert np.array_equal(joined(blocks), decoded(stream))
    assert np.array_equal(joined(blocks)[:8000], np.concatenate(whole))


def test_blocks_follow_the_contract():
    decoder = Mp3Decoder()
    assert decoder.format is None
    for piece in in_pieces(100, mp3(9000, 44100, 2) + mp3(5000, 24000)):
        for block in decoder.feed(piece):
            assert block.samples.flags.c_contiguous
            assert block.frames > 0
            assert decoder.format.rate_hz in {44100, 24000}
    decoder.flush()
    assert decoder.format == AudioFormat(24000, 1, "float32")


# --- concatenated streams


@pytest.mark.parametrize("between", [b"", id3v2(), ID3V1, ape(), ID3V1 + id3v2(bytes(70000))])
def test_concatenated_files_are_each_trimmed(between):
    files = [(5000, 24000), (3001, 24000), (7000, 44100), (2000, 16000)]
    stream = between.join(mp3(*file) for file in files)
    blocks, fault = decode_until_fault(Mp3Decoder(), in_pieces(333, stream + between))
    assert fault is None
    assert np.array_equal(joined(blocks), np.concatenate([decoded(mp3(*f)) for f in files]))
    assert [b.rate_hz for b in blocks] == sorted(
        (b.rate_hz for b in blocks), key=[24000, 44100, 16000].index
    )


def test_a_file_without_a_tag_may_follow_one_with_a_tag():
    got = decoded(mp3(5000), id3v2(), raw_mp3(4000))
    assert np.array_equal(got[:5000], decoded(mp3(5000)))
    assert len(got) == 5000 + LSF_FRAME * len(mp3_frames(raw_mp3(4000)))


def test_a_file_longer_than_its_count_keeps_everything():
    raw = mp3_frames(raw_mp3(4000))
    head = mp3_frames(mp3(5000))
    got = decoded(*head, *raw)
    assert len(got) == LSF_FRAME * (len(head) - 1 + len(raw)) - 1105


def test_a_tag_within_a_counted_file_does_not_end_it():
    frames = mp3_frames(mp3(9000))
    assert np.array_equal(decoded(*frames[:6], id3v2(), *frames[6:]), decoded(mp3(9000)))


# --- latency


def test_the_first_block_arrives_with_the_last_byte_of_its_frame():
    tag, first, second, *_ = mp3_frames(mp3(24000))
    decoder = Mp3Decoder()
    assert decoder.feed(tag + first) == []  # 576 frames, all of them delay
    assert decoder.feed(second[:-1]) == []
    assert [block.frames for block in decoder.feed(second[-1:])] == [2 * LSF_FRAME - 1105]


def test_padding_holds_back_only_the_end():
    frames = mp3_frames(mp3(24000))
    decoder = Mp3Decoder()
    counts = [sum(b.frames for b in decoder.feed(frame)) for frame in frames]
    assert counts[3:-2] == [LSF_FRAME] * len(counts[3:-2])
    assert sum(counts) == 24000
    assert decoder.flush() == []


# --- truncation


@pytest.mark.parametrize("part", [0.05, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_file_keeps_what_arrived(part):
    data = mp3(24000)
    whole = decoded(data)
    blocks, fault = decode_until_fault(Mp3Decoder(), in_pieces(500, data[: int(len(data) * part)]))
    assert isinstance(fault, TruncatedStream)
    got = joined(blocks)
    assert np.array_equal(got, whole[: len(got)].reshape(got.shape))


def test_a_file_cut_between_frames_is_reported_by_its_count():
    frames = mp3_frames(mp3(24000))
    for kept in (1, 2, len(frames) // 2, len(frames) - 1):
        count, fault = faulty(*frames[:kept])
        assert isinstance(fault, TruncatedStream)
        assert count == min(24000, max(0, LSF_FRAME * (kept - 1) - 1105))


def test_a_short_file_is_reported_after_later_files():
    count, fault = faulty(*mp3_frames(mp3(24000))[:20], mp3(5000))
    assert isinstance(fault, TruncatedStream)
    assert count == LSF_FRAME * 19 - 1105 + 5000


def test_a_cut_frame_is_reported_without_a_tag():
    count, fault = faulty(raw_mp3(9000)[:-1])
    assert isinstance(fault, TruncatedStream)
    assert count == LSF_FRAME * (len(mp3_frames(raw_mp3(9000))) - 1) - 529


# --- damage


def test_garbage_between_frames_is_skipped():
    frames = mp3_frames(mp3(9000))
    junk = bytes(range(200)) * 20
    assert np.array_equal(decoded(*frames[:5], junk, *frames[5:], junk), decoded(mp3(9000)))


def test_a_frame_after_garbage_counts_if_the_stream_ends_with_it():
    frames = mp3_frames(raw_mp3(9000))
    assert len(decoded(*frames, b"garbage", frames[-1])) == LSF_FRAME * (len(frames) + 1) - 529


@pytest.mark.parametrize("stream", [b"", b"\0" * 5000, b"RIFF" * 99, mp3(100)[:60], id3v2()])
def test_a_stream_without_audio_is_reported(stream):
    count, fault = faulty(stream)
    assert count == 0
    assert isinstance(fault, CorruptStream | TruncatedStream)


def test_endless_garbage_is_reported_after_the_good_frames():
    frames = mp3_frames(raw_mp3(9000))
    count, fault = faulty(*frames, bytes(MAX_GARBAGE_BYTES + 9))
    assert isinstance(fault, CorruptStream)
    assert count == LSF_FRAME * len(frames) - 529


def damage(frame):
    """Make the side information of a frame invalid."""
    return frame[:4] + b"\xff" * (len(frame) - 4)


@pytest.mark.parametrize("lost", [range(5, 6), range(9, 13), range(1, 3)])
def test_undecodable_frames_become_silence_of_their_length(lost):
    frames = mp3_frames(mp3(20000))
    damaged = [damage(frame) if at in lost else frame for at, frame in enumerate(frames)]
    got, whole = decoded(*damaged), decoded(*frames)
    assert got.shape == whole.shape
    after = LSF_FRAME * (lost[-1] + 2)
    assert np.allclose(got[after:], whole[after:])


def test_too_many_undecodable_frames_in_a_row_are_reported():
    frames = mp3_frames(raw_mp3(9000))
    assert faulty(*frames[:9], *[damage(frames[9])] * MAX_LOST_RUN, *frames[9:])[1] is None
    count, fault = faulty(*frames[:9], *[damage(frames[9])] * (MAX_LOST_RUN + 1), *frames[9:])
    assert isinstance(fault, CorruptStream)
    assert count == LSF_FRAME * (9 + MAX_LOST_RUN) - 529


def test_a_stream_of_undecodable_frames_is_not_silence():
    frames = mp3_frames(raw_mp3(9000))
    assert faulty(*[damage(frames[9])] * 5)[0] == 0


@pytest.mark.parametrize("rates", [(24_000, 44_100), (44_100, 24_000), (48_000, 8_000, 22_050)])
def test_each_frame_has_the_rate_in_its_header(rates):
    parts = [raw_mp3(rate_hz // 2, rate_hz) for rate_hz in rates]
    expected = {
        rate_hz: len(mp3_frames(part)) * (1_152 if rate_hz >= 32_000 else LSF_FRAME)
        for rate_hz, part in zip(rates, parts, strict=True)
    }
    expected[rates[0]] -= 529
    for size in (13, 1000, 1 << 20):
        frames = dict.fromkeys(rates, 0)
        blocks, fault = decode_until_fault(Mp3Decoder(), in_pieces(size, b"".join(parts)))
        assert fault is None
        for block in blocks:
            frames[block.rate_hz] += block.frames
        assert frames == expected
