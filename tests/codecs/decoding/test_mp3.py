from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.feeding import by, cut, decode_until_fault, joined
from tests.codecs.ffmpeg_streams import mp3, raw_mp3, sweep
from tests.codecs.mpeg_frames import ID3V1, ape, id3v2, mp3_frames, silent_mp3_frame, with_info_tag
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs.decoding.libav import MAX_LOST_RUN
from voicecli.codecs.decoding.mp3 import Mp3Decoder
from voicecli.codecs.decoding.mpegsync import MAX_GARBAGE_BYTES
from voicecli.codecs.decoding.padding_marker import MARKER_BYTES, padding_marker
from voicecli.errors import CorruptStream, TruncatedStream

LSF_FRAME = 576


def decoded(*pieces):
    """All samples of a stream without fault."""
    blocks, fault = decode_until_fault(Mp3Decoder(), pieces)
    assert fault is None
    return joined(blocks)


def faulty(*pieces):
    """Frames and fault of a stream."""
    blocks, fault = decode_until_fault(Mp3Decoder(), pieces)
    return len(joined(blocks)), fault


def lag(got, truth):
    """By how many frames ``got`` is late: where the two differ least."""
    here = truth[1000:6000, 0]
    differences = [np.square(got[1000 + n : 6000 + n, 0] - here).sum() for n in range(-700, 701)]
    return int(np.argmin(differences)) - 700


def snr_db(got, truth):
    noise = np.square(got - truth).sum()
    return 10 * np.log10(np.square(truth).sum() / noise)


# --- exact lengths


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
def test_length_and_place_are_exact(rate_hz, channels):
    frames = 7001 + rate_hz % 1000
    got = decoded(mp3(frames, rate_hz, channels))
    truth = sweep(frames, rate_hz, channels)
    assert got.shape == (frames, channels)
    assert got.dtype == np.float32
    assert lag(got, truth) == 0
    assert snr_db(got, truth) > 12


@pytest.mark.parametrize("frames", [100, 576, 1105, 1152, 5000, 24000, 24001])
def test_length_is_exact_whatever_the_length(frames):
    assert len(decoded(mp3(frames))) == frames
    assert len(decoded(mp3(frames, 44100, 2))) == frames
    assert len(decoded(mp3(frames, quality=4))) == frames  # variable bit rate


def test_head_and_tail_are_whole():
    got, truth = decoded(mp3(12000)), sweep(12000)
    assert snr_db(got[:400], truth[:400]) > 9
    assert snr_db(got[-400:], truth[-400:]) > 9


def test_without_a_tag_only_the_decoders_own_delay_goes():
    stream = raw_mp3(10000)
    got = decoded(stream)
    assert len(got) == LSF_FRAME * len(mp3_frames(stream)) - 529
    assert lag(got, sweep(10000)) == 576  # LAME's delay, which nobody told


def test_a_stream_joined_midway_keeps_all_its_frames():
    frames = mp3_frames(raw_mp3(20000, 44100))
    later = next(at for at, frame in enumerate(frames) if at > 3 and frame[4])
    assert len(decoded(*frames[later:])) == 1152 * (len(frames) - later)


@given(data=st.data())
@settings(max_examples=20)
def test_any_split_gives_the_same_samples(data):
    stream = mp3(5000) + id3v2() + b"garbage" + mp3(3000, 16000) + raw_mp3(3000)
    whole = [decoded(mp3(5000)), decoded(mp3(3000, 16000))]
    at = data.draw(st.lists(st.integers(0, len(stream)), max_size=40))
    blocks, fault = decode_until_fault(Mp3Decoder(), cut(stream, at))
    assert fault is None
    assert np.array_equal(joined(blocks), decoded(stream))
    assert np.array_equal(joined(blocks)[:8000], np.concatenate(whole))


def test_blocks_keep_the_contract():
    decoder = Mp3Decoder()
    assert decoder.format is None
    for piece in by(100, mp3(9000, 44100, 2) + mp3(5000, 24000)):
        for block in decoder.feed(piece):
            assert block.samples.flags.c_contiguous
            assert block.frames > 0
            assert decoder.format.rate_hz in {44100, 24000}
    decoder.flush()
    assert decoder.format == AudioFormat(24000, 1, "float32")


# --- streams laid end to end


@pytest.mark.parametrize("between", [b"", id3v2(), ID3V1, ape(), ID3V1 + id3v2(bytes(70000))])
def test_files_laid_end_to_end_are_each_trimmed(between):
    files = [(5000, 24000), (3001, 24000), (7000, 44100), (2000, 16000)]
    stream = between.join(mp3(*file) for file in files)
    blocks, fault = decode_until_fault(Mp3Decoder(), by(333, stream + between))
    assert fault is None
    assert np.array_equal(joined(blocks), np.concatenate([decoded(mp3(*f)) for f in files]))
    assert [b.rate_hz for b in blocks] == sorted(
        (b.rate_hz for b in blocks), key=[24000, 44100, 16000].index
    )


def test_a_file_without_tag_behind_one_with_tag():
    got = decoded(mp3(5000), id3v2(), raw_mp3(4000))
    assert np.array_equal(got[:5000], decoded(mp3(5000)))
    assert len(got) == 5000 + LSF_FRAME * len(mp3_frames(raw_mp3(4000)))


def test_a_file_that_outruns_its_count_keeps_all_that_came():
    raw = mp3_frames(raw_mp3(4000))
    head = mp3_frames(mp3(5000))
    got = decoded(*head, *raw)
    assert len(got) == LSF_FRAME * (len(head) - 1 + len(raw)) - 1105


def test_a_tag_in_the_midst_of_a_counted_file_does_not_end_it():
    frames = mp3_frames(mp3(9000))
    assert np.array_equal(decoded(*frames[:6], id3v2(), *frames[6:]), decoded(mp3(9000)))


# --- the first sound


def test_the_first_block_comes_with_the_last_byte_of_its_frame():
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


# --- ends that come too early


@pytest.mark.parametrize("part", [0.05, 0.3, 0.5, 0.9, 0.999])
def test_a_cut_file_is_told_and_keeps_what_came(part):
    data = mp3(24000)
    whole = decoded(data)
    blocks, fault = decode_until_fault(Mp3Decoder(), by(500, data[: int(len(data) * part)]))
    assert isinstance(fault, TruncatedStream)
    got = joined(blocks)
    assert np.array_equal(got, whole[: len(got)].reshape(got.shape))


def test_a_file_cut_between_two_frames_is_told_by_its_count():
    frames = mp3_frames(mp3(24000))
    for kept in (1, 2, len(frames) // 2, len(frames) - 1):
        count, fault = faulty(*frames[:kept])
        assert isinstance(fault, TruncatedStream)
        assert count == min(24000, max(0, LSF_FRAME * (kept - 1) - 1105))


def test_a_short_file_is_told_after_the_files_behind_it():
    count, fault = faulty(*mp3_frames(mp3(24000))[:20], mp3(5000))
    assert isinstance(fault, TruncatedStream)
    assert count == LSF_FRAME * 19 - 1105 + 5000


def test_a_cut_frame_is_told_without_any_tag():
    count, fault = faulty(raw_mp3(9000)[:-1])
    assert isinstance(fault, TruncatedStream)
    assert count == LSF_FRAME * (len(mp3_frames(raw_mp3(9000))) - 1) - 529


# --- damage


def test_garbage_between_frames_is_passed():
    frames = mp3_frames(mp3(9000))
    junk = bytes(range(200)) * 20
    assert np.array_equal(decoded(*frames[:5], junk, *frames[5:], junk), decoded(mp3(9000)))


def test_a_frame_behind_garbage_counts_when_the_stream_ends_with_it():
    frames = mp3_frames(raw_mp3(9000))
    assert len(decoded(*frames, b"garbage", frames[-1])) == LSF_FRAME * (len(frames) + 1) - 529


@pytest.mark.parametrize("stream", [b"", b"\0" * 5000, b"RIFF" * 99, mp3(100)[:60], id3v2()])
def test_no_audio_at_all_is_told(stream):
    count, fault = faulty(stream)
    assert count == 0
    assert isinstance(fault, CorruptStream | TruncatedStream)


def test_endless_garbage_is_told_after_the_good_frames():
    frames = mp3_frames(raw_mp3(9000))
    count, fault = faulty(*frames, bytes(MAX_GARBAGE_BYTES + 9))
    assert isinstance(fault, CorruptStream)
    assert count == LSF_FRAME * len(frames) - 529


def spoil(frame):
    """A frame whose header is right and whose side information cannot be."""
    return frame[:4] + b"\xff" * (len(frame) - 4)


@pytest.mark.parametrize("lost", [range(5, 6), range(9, 13), range(1, 3)])
def test_undecodable_frames_leave_silence_of_their_length(lost):
    frames = mp3_frames(mp3(20000))
    damaged = [spoil(frame) if at in lost else frame for at, frame in enumerate(frames)]
    got, whole = decoded(*damaged), decoded(*frames)
    assert got.shape == whole.shape
    after = LSF_FRAME * (lost[-1] + 2)
    assert np.allclose(got[after:], whole[after:])


def test_too_many_undecodable_frames_in_a_row_are_told():
    frames = mp3_frames(raw_mp3(9000))
    assert faulty(*frames[:9], *[spoil(frames[9])] * MAX_LOST_RUN, *frames[9:])[1] is None
    count, fault = faulty(*frames[:9], *[spoil(frames[9])] * (MAX_LOST_RUN + 1), *frames[9:])
    assert isinstance(fault, CorruptStream)
    assert count == LSF_FRAME * (9 + MAX_LOST_RUN) - 529


def test_a_stream_of_undecodable_frames_gives_no_silence():
    frames = mp3_frames(raw_mp3(9000))
    assert faulty(*[spoil(frames[9])] * 5)[0] == 0


# --- info tags


def test_a_vbri_tag_is_not_played_and_counts():
    frame = silent_mp3_frame(b"\xff\xfb\x90\x04")
    vbri = frame[:36] + b"VBRI" + bytes(10) + (5).to_bytes(4, "big") + frame[54:]
    assert len(decoded(vbri, *[frame] * 5)) == 5 * 1152
    assert isinstance(faulty(vbri, *[frame] * 3)[1], TruncatedStream)


def test_a_writer_that_counts_its_own_tag_is_not_called_short():
    frame = silent_mp3_frame()
    other = with_info_tag(frame, 21, mp3_frames=6)
    assert len(decoded(other, *[frame] * 5)) == 5 * 1152
    assert isinstance(faulty(other, *[frame] * 4)[1], TruncatedStream)
    lame = with_info_tag(frame, 21, mp3_frames=6, lame=(b"LAME", 0, 0))
    assert isinstance(faulty(lame, *[frame] * 5)[1], TruncatedStream)


def test_padding_without_a_count_is_cut_where_the_stream_ends():
    frame = silent_mp3_frame()
    tag = with_info_tag(frame, 21, lame=(b"LAME", 576, 1529))
    assert len(decoded(tag, *[frame] * 9)) == 9 * 1152 - 1105 - 1000
    count, fault = faulty(tag, *[frame] * 9, frame[:50])
    assert isinstance(fault, TruncatedStream)
    assert count == 9 * 1152 - 1105


def test_what_may_be_padding_is_played_where_garbage_ends_the_stream():
    frame = silent_mp3_frame()
    tag = with_info_tag(frame, 21, lame=(b"LAME", 576, 1529))
    count, fault = faulty(tag, *[frame] * 9, bytes(MAX_GARBAGE_BYTES + 9))
    assert isinstance(fault, CorruptStream)
    assert count == 9 * 1152 - 1105


# --- the last frame says where the sound ends


def marked(frame, padding, *, check=None):
    """An MP3 frame whose ancillary data, here at the cost of its sound, is an end mark."""
    mark = padding_marker(padding) if check is None else padding_marker(padding)[:-2] + check
    return frame[:-MARKER_BYTES] + mark


OPEN = with_info_tag(silent_mp3_frame(), 21, lame=(b"Lavc", 576, 0))


@pytest.mark.parametrize("padding", [0, 1, 700, 1151])
def test_a_marked_frame_is_cut_to_its_sound(padding):
    frame = silent_mp3_frame()
    assert len(decoded(OPEN, *[frame] * 4, marked(frame, padding))) == 5 * 1152 - 1105 - padding
    assert len(decoded(*[frame] * 4, marked(frame, padding))) == 5 * 1152 - 529 - padding


def test_marked_streams_laid_end_to_end_are_each_cut():
    frame = silent_mp3_frame()
    stream = [OPEN, *[frame] * 4, marked(frame, 100)]
    assert len(decoded(*stream, *stream, id3v2(), *stream)) == 3 * (5 * 1152 - 1105 - 100)


def test_a_tag_that_knows_the_end_is_believed_rather_than_the_mark():
    frame = silent_mp3_frame()
    file = with_info_tag(frame, 21, mp3_frames=5, lame=(b"Lavc", 576, 529 + 300))
    for padding in (0, 300, 900):
        got = decoded(file, *[frame] * 4, marked(frame, padding))
        assert len(got) == 5 * 1152 - 1105 - 300


def test_the_mark_tells_what_is_padding_beyond_what_the_tag_tells():
    frame = silent_mp3_frame()
    tag = with_info_tag(frame, 21, lame=(b"Lavc", 576, 529 + 1152))
    assert len(decoded(tag, *[frame] * 5)) == 4 * 1152 - 1105
    for padding in (0, 1, 1151):
        got = decoded(tag, *[frame] * 4, marked(frame, padding))
        assert len(got) == 4 * 1152 - 1105 - padding


@pytest.mark.parametrize(
    ("padding", "check"),
    [(1152, None), (0xFFFF, None), (5, b"\0\0"), (0x8005, None)],
    ids=["all of the frame", "more than that", "damaged", "negative"],
)
def test_a_mark_that_cannot_be_is_none(padding, check):
    frame = silent_mp3_frame()
    assert len(decoded(OPEN, *[frame] * 4, marked(frame, padding, check=check))) == 5 * 1152 - 1105


@settings(max_examples=25)
@given(
    paddings=st.lists(st.none() | st.integers(0, 2000), min_size=5, max_size=5),
    split=st.integers(1, 500),
)
def test_a_lying_mark_cuts_its_own_frame_alone(paddings, split):
    frame = silent_mp3_frame()
    frames = [frame if padding is None else marked(frame, padding) for padding in paddings]
    lies = [padding if padding and padding < 1152 else 0 for padding in paddings]
    left = max(0, 1152 - 1105 - lies[0]) + sum(1152 - lie for lie in [*lies[1:], 0])
    assert len(decoded(*by(split, OPEN + b"".join([*frames, frame])))) == left


def test_frames_without_a_tag_behind_a_marked_one_are_another_stream():
    frame = silent_mp3_frame()
    stream = [OPEN, *[frame] * 4, marked(frame, 100)]
    whole = 5 * 1152 - 1105 - 100
    assert len(decoded(*stream, *[frame] * 3)) == whole + 3 * 1152
    file = with_info_tag(frame, 21, mp3_frames=5, lame=(b"Lavc", 576, 529 + 100))
    assert len(decoded(file, *stream[1:], *[frame] * 3)) == whole + 3 * 1152


def test_a_mark_within_a_file_whose_end_is_known_is_not_believed():
    frame = silent_mp3_frame()
    file = with_info_tag(frame, 21, mp3_frames=5, lame=(b"Lavc", 576, 529 + 100))
    assert len(decoded(file, frame, marked(frame, 9), *[frame] * 3)) == 5 * 1152 - 1105 - 100


def test_a_marked_frame_whose_sound_is_damaged_still_tells_the_end():
    *frames, last = mp3_frames(raw_mp3(9000))
    whole = decoded(*frames)
    got = decoded(*frames, marked(spoil(last), 300))
    assert len(got) == len(whole) + LSF_FRAME - 300
    assert np.array_equal(got[: len(whole)], whole)


def test_frames_with_crc_decode():
    frame = silent_mp3_frame(b"\xff\xfa\x90\xc4")
    assert decoded(*[frame] * 4).shape == (4 * 1152 - 529, 1)
