"""Ogg Opus: what RFC 7845 says of lengths, and what is left after loss and damage."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.containers import CONTINUED, FIRST, LAST, OPUS_TAGS, opus_head, opus_pages, page
from tests.codecs.feeding import by, decode, decode_until_fault, joined
from tests.codecs.samples import encoded, opus_packets
from voicecli.audio.pcm import AudioFormat
from voicecli.codecs import libopus
from voicecli.codecs.decoding.opus import OpusDecoder
from voicecli.codecs.decoding.opusformat import OpusHead, packet_length
from voicecli.errors import CorruptStream, TruncatedStream, UnsupportedFormat

RATES_HZ = [8_000, 12_000, 16_000, 24_000, 48_000]
PACKETS = 15
WHOLE = PACKETS * 960


def stream(**options):
    return b"".join(opus_pages(opus_packets(PACKETS), **options))


def samples(data, rate_hz=48_000):
    return joined(decode(OpusDecoder(rate_hz), [data]))


def plain(rate_hz=48_000):
    """Every frame that the packets hold, priming included."""
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


@pytest.mark.parametrize("start", [960, 48_000, 1 << 40])
def test_a_stream_cut_from_a_broadcast_has_its_own_beginning(start):
    assert np.array_equal(samples(stream(start_granule=start, trim=100)), samples(stream(trim=100)))


@pytest.mark.parametrize("trim", [0, 1, 960, 2 * 960 + 1, WHOLE - 312, WHOLE])
def test_a_stream_of_one_page_is_trimmed(trim):
    assert len(samples(stream(per_page=PACKETS, trim=trim))) == max(0, WHOLE - 312 - trim)


def test_a_page_whose_end_lies_before_its_beginning_is_played():
    pages = opus_pages(opus_packets(PACKETS))
    pages[-1] = page(opus_packets(PACKETS)[-5:], sequence=4, granule=17, flags=LAST)
    assert len(samples(b"".join(pages))) == WHOLE - 312


def test_an_empty_last_page_ends_the_stream():
    pages = opus_pages(opus_packets(PACKETS), mark_last=False)
    pages.append(page([], sequence=len(pages), granule=WHOLE, flags=LAST))
    assert np.array_equal(samples(b"".join(pages)), samples(stream()))


def test_pages_after_the_last_are_played_untrimmed():
    packets = opus_packets(PACKETS)
    pages = opus_pages(packets, trim=500)
    pages.append(page(packets[:1], sequence=len(pages), granule=WHOLE + 460))
    for pieces in ([b"".join(pages)], pages):
        got = joined(decode(OpusDecoder(), pieces))
        assert len(got) == WHOLE - 312 - 500 + 960
        assert np.array_equal(got[:-960], samples(stream(trim=500)))


@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
@pytest.mark.parametrize("frames", [5_000, 48_000])
def test_streams_of_another_muxer_are_exact(frames, rate_hz):
    data = encoded("opus", frames)
    assert len(samples(data, rate_hz)) == -(-frames * rate_hz // 48_000)


@given(st.integers(0, 255), st.binary(max_size=3))
def test_packet_length_agrees_with_libopus(toc, rest):
    packet = bytes([toc]) + rest
    kinds = (libopus._int, libopus.ctypes.c_char_p, libopus._int, libopus._int)
    count = libopus.c_function("opus_packet_get_nb_samples", *kinds)
    claimed = count(packet, len(packet), 48_000)
    assert packet_length(packet) == max(0, claimed)


def test_a_packet_of_nothing_has_no_length():
    assert packet_length(b"") == 0


@pytest.mark.parametrize("frame_ms", [5, 10, 40, 60])
def test_packets_of_other_durations(frame_ms):
    packets = opus_packets(8, frame_ms=frame_ms)
    data = b"".join(opus_pages(packets, frame=48 * frame_ms, per_page=3))
    assert len(samples(data)) == 8 * 48 * frame_ms - 312


# --- headers


def test_stereo():
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
    assert OpusHead.parse(opus_head(2, family=1, mapping=b"\1\1\0\1")).channels == 2


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (opus_head(6, family=1, mapping=b"\4\2\0\4\1\2\3\5"), "6 channels .mapping family 1"),
        (opus_head(3), "3 channels"),
        (opus_head(2, family=1, mapping=b"\2\0\0\1"), "mapping family 1"),
        (opus_head(2, family=1, mapping=b"\1\1\1\0"), "mapping family 1"),
        (opus_head(1, family=255), "mapping family 255"),
        (opus_head(version=16), "version 16"),
    ],
)
def test_headers_that_are_not_supported(head, message):
    with pytest.raises(UnsupportedFormat, match=message):
        OpusDecoder().feed(stream(head=head))


def test_a_later_minor_version_is_taken():
    assert len(samples(stream(head=opus_head(version=15)))) == WHOLE - 312


@pytest.mark.parametrize("head", [opus_head()[:18], opus_head(channels=0)])
def test_headers_that_are_damaged(head):
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
    """The audio pages of `stream`, numbered from ``sequence``."""
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
def test_rates_that_opus_has_not(rate_hz):
    with pytest.raises(ValueError, match="Opus decodes at"):
        OpusDecoder(rate_hz)


# --- several streams


@pytest.mark.parametrize("serial", [7, 8])
@pytest.mark.parametrize("size", [50, 1 << 20])
def test_chained_streams_are_each_trimmed(serial, size):
    first = stream(trim=100)
    second = b"".join(
        opus_pages(opus_packets(PACKETS, 2), serial=serial, head=opus_head(2, pre_skip=480), trim=7)
    )
    blocks = decode(OpusDecoder(), by(size, first + second))
    mono = [block for block in blocks if block.format.channels == 1]
    stereo = [block for block in blocks if block.format.channels == 2]
    assert blocks == mono + stereo
    assert np.array_equal(joined(mono), samples(first))
    assert np.array_equal(joined(stereo), samples(second))


def test_a_link_without_an_end_is_told_after_all_was_played():
    data = stream(mark_last=False) + stream(serial=9)
    blocks, fault = decode_until_fault(OpusDecoder(), [data])
    assert len(joined(blocks)) == 2 * (WHOLE - 312)
    assert isinstance(fault, TruncatedStream)


def test_streams_of_other_codecs_are_passed_over():
    ours = opus_pages(opus_packets(PACKETS))
    data = page([b"fishead\0" + bytes(56)], serial=1, flags=FIRST) + ours[0]
    data += page([b"\x80theora"], serial=2, flags=FIRST)
    for number, ogg_page in enumerate(ours[1:], 1):
        data += ogg_page + page([b"foreign"], serial=2, sequence=number)
    assert np.array_equal(samples(data), samples(stream()))


def test_of_opus_streams_side_by_side_the_first_is_played():
    ours = opus_pages(opus_packets(PACKETS))
    theirs = opus_pages(opus_packets(PACKETS, 2), serial=8, head=opus_head(2))
    mixed = [ogg_page for pair in zip(ours, theirs, strict=True) for ogg_page in pair]
    assert np.array_equal(samples(b"".join(mixed)), samples(stream()))


@pytest.mark.parametrize("magic", [b"\x01vorbis", b"\x7fFLAC\1\0", b"Speex   "])
def test_ogg_without_opus_is_refused_by_name(magic):
    name = magic.strip(b"\1\0 \x7f").decode()
    decoder = OpusDecoder()
    decoder.feed(page([magic + bytes(30)], flags=FIRST))
    for call in (lambda: decoder.feed(page([b"x"], sequence=1)), decoder.flush):
        with pytest.raises(UnsupportedFormat, match=f"(?i){name} in ogg"):
            call()


@pytest.mark.parametrize("packets", [[], [b"what?"]])
def test_ogg_of_an_unknown_kind_is_refused(packets):
    decoder = OpusDecoder()
    decoder.feed(page(packets, flags=FIRST))
    with pytest.raises(UnsupportedFormat, match="unknown codec"):
        decoder.flush()


def test_a_bad_second_link_is_told_after_the_first_came_out():
    decoder = OpusDecoder()
    blocks = decoder.feed(stream() + stream(serial=8, head=opus_head(5)))
    assert np.array_equal(joined(blocks), samples(stream()))
    with pytest.raises(UnsupportedFormat, match="5 channels"):
        decoder.feed(b"")
    with pytest.raises(UnsupportedFormat, match="5 channels"):
        decoder.flush()


def test_a_bad_link_that_only_the_end_brings_to_light():
    # A length that is a lie swallows the next link's header until no more bytes come.
    lie = b"OggS" + bytes(22) + b"\xff" + b"\xff" * 255
    last = page([opus_head(5)], serial=8, flags=FIRST)
    *pages, end = opus_pages(opus_packets(PACKETS))
    for data in (*pages, end, lie, last), (*pages, lie, end, last):
        blocks, fault = decode_until_fault(OpusDecoder(), [b"".join(data)])
        assert np.array_equal(joined(blocks), samples(stream()))
        assert isinstance(fault, UnsupportedFormat)


def test_a_link_of_another_codec_is_told_after_the_first_came_out():
    vorbis = page([b"\x01vorbis"], serial=8, flags=FIRST)
    for data in (vorbis, vorbis + page([b"x"], serial=8, sequence=1) + stream(serial=9)):
        blocks, fault = decode_until_fault(OpusDecoder(), [stream(), data])
        assert np.array_equal(joined(blocks), samples(stream()))
        assert isinstance(fault, UnsupportedFormat)
        assert "Vorbis" in fault.message


def test_what_came_before_a_link_of_another_codec_is_played_however_it_is_cut():
    packets = opus_packets(PACKETS)
    pages = opus_pages(packets)
    late = page(packets[:1], sequence=len(pages), granule=WHOLE + 960)
    vorbis = page([b"\x01vorbis"], serial=8, flags=FIRST), page([b"x"], serial=8, sequence=1)
    pages += [vorbis[0], late, vorbis[1]]  # whose second one is the fault, with ``late`` queued
    for pieces in (pages, [b"".join(pages)]):
        blocks, fault = decode_until_fault(OpusDecoder(), pieces)
        assert len(joined(blocks)) == WHOLE - 312 + 960
        assert isinstance(fault, UnsupportedFormat)


def test_a_stream_of_another_codec_that_joins_late_is_passed_over():
    begun, *rest = opus_pages(opus_packets(PACKETS))
    late = page([b"\x01vorbis"], serial=8, flags=FIRST) + page([b"x"], serial=8, sequence=1)
    mixed = begun + rest[0] + rest[1] + late + b"".join(rest[2:])
    assert np.array_equal(samples(mixed), samples(stream()))


def test_a_skeleton_may_come_with_each_link():
    link = page([b"fishead\0" + bytes(56)], serial=1, flags=FIRST) + stream()
    assert len(samples(link + link)) == 2 * len(samples(stream()))


def test_a_link_without_its_first_page_is_told_after_all_was_played():
    _, *headless = opus_pages(opus_packets(PACKETS), serial=8)
    data = stream() + b"".join(headless) + stream(serial=9)
    blocks, fault = decode_until_fault(OpusDecoder(), by(100, data))
    assert len(joined(blocks)) == 2 * len(samples(stream()))
    assert isinstance(fault, CorruptStream)
    assert len(samples(b"".join(headless) + stream())) == len(samples(stream()))  # joined late


@pytest.mark.parametrize("there", [1, 2, 3, 4, 20, 27, 40])
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_an_end_inside_a_links_first_page_is_told(there, size):
    cut = stream(serial=8)[:there]
    blocks, fault = decode_until_fault(OpusDecoder(), by(size, stream() + cut))
    assert np.array_equal(joined(blocks), samples(stream()))
    assert isinstance(fault, TruncatedStream)


def test_what_lies_behind_the_end_is_no_fault():
    skeleton = page([b"fishead\0" + bytes(56)], serial=1, flags=FIRST)
    theirs = page([bytes(100)], serial=1, sequence=1)
    for rest in (b"TAG" + bytes(125), theirs[:-9], b"\0", bytes(300), b"og", b"\nOg", b"OggX"):
        assert np.array_equal(samples(skeleton + stream() + rest), samples(stream()))


# --- ends


def test_no_last_page_is_told_after_all_was_played():
    blocks, fault = decode_until_fault(OpusDecoder(), [stream(mark_last=False)])
    assert np.array_equal(joined(blocks), samples(stream()))
    assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("lost_bytes", [1, 200, 400])
def test_an_end_inside_a_page_costs_only_the_cut_packets(lost_bytes):
    data = stream()[:-lost_bytes]
    decoder = OpusDecoder()
    before = joined(decoder.feed(data))
    rest, fault = decode_until_fault(decoder, [])
    got = np.concatenate([before, joined(rest)]) if rest else before
    assert np.array_equal(got, samples(stream())[: len(got)])
    assert len(got) >= WHOLE - 312 - 960 * (1 + lost_bytes // 60)
    assert isinstance(fault, TruncatedStream)


@pytest.mark.parametrize("data", [b"", b"nothing like Ogg", b"OggS"])
def test_no_ogg_at_all_is_corrupt(data):
    decoder = OpusDecoder()
    assert decoder.feed(data) == []
    with pytest.raises(CorruptStream, match="no Ogg Opus"):
        decoder.flush()


@pytest.mark.parametrize("packet", [b"\xff\xff\xff", b"\x03", b""])
def test_packets_that_are_all_garbage_are_corrupt(packet):
    pages = opus_pages([packet] * 4)
    _, fault = decode_until_fault(OpusDecoder(), pages)
    assert isinstance(fault, CorruptStream)


def test_headers_alone_are_a_short_stream():
    pages = opus_pages(opus_packets(1))[:2]
    with pytest.raises(TruncatedStream):
        decode(OpusDecoder(), pages)


def test_a_stream_of_no_length_is_no_fault():
    pages = opus_pages(opus_packets(1))[:2]
    pages.append(page([], sequence=2, granule=0, flags=LAST))
    assert decode(OpusDecoder(), pages) == []


# --- loss


def lossy(*missing, count=PACKETS, **options):
    pages = opus_pages(opus_packets(count), **options)
    return b"".join(some for number, some in enumerate(pages) if number not in missing)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("missing", [(2,), (3,), (2, 3), (1,), (1, 2)])
def test_lost_pages_keep_their_time(missing, rate_hz):
    data = lossy(*missing)
    whole = samples(stream(), rate_hz)
    got = samples(data, rate_hz)
    assert got.shape == whole.shape
    assert np.array_equal(joined(decode(OpusDecoder(rate_hz), by(1, data))), got)


def test_a_lost_page_is_bridged_with_sound_that_dies_away():
    got, whole = samples(lossy(3)), samples(stream())
    at = 5 * 960 - 312
    assert np.array_equal(got[:at], whole[:at])
    assert 4_000 < np.abs(got[at : at + 480]).max() < 24_000
    assert np.abs(got[at + 4 * 960 : at + 5 * 960]).max() < 8_000
    # What follows is in its place: loudness takes its time to come back, phase does not.
    assert np.corrcoef(got[-960:, 0], whole[-960:, 0])[0, 1] > 0.9


def test_a_damaged_page_is_concealed_like_a_lost_one():
    pages = opus_pages(opus_packets(PACKETS))
    pages[3] = pages[3][:100] + bytes([pages[3][100] ^ 1]) + pages[3][101:]
    assert np.array_equal(samples(b"".join(pages)), samples(lossy(3)))


def test_a_lost_last_page_is_a_cut_stream():
    blocks, fault = decode_until_fault(OpusDecoder(), [lossy(4)])
    assert np.array_equal(joined(blocks), samples(stream())[: 10 * 960 - 312])
    assert isinstance(fault, TruncatedStream)


def test_joining_a_broadcast_late_is_no_loss():
    data = lossy(2, start_granule=1 << 40)
    assert len(samples(data)) == WHOLE - 5 * 960 - 312


@pytest.mark.parametrize("claim", [1 << 40, (1 << 63) - 1])
def test_a_claimed_gap_is_filled_within_reason(claim):
    packets = opus_packets(PACKETS)
    pages = opus_pages(packets, mark_last=False)
    for number in range(100):
        some = page(packets[:1], sequence=50 + 2 * number, granule=claim - 99_999 + 960 * number)
        pages.append(some)
    blocks, _ = decode_until_fault(OpusDecoder(8_000), pages)
    seconds = sum(block.duration_s for block in blocks)
    assert 5 < seconds < 5 + 2 * (0.02 * 115)


def test_a_gap_of_no_length_or_less_is_none():
    packets = opus_packets(PACKETS)
    pages = opus_pages(packets, mark_last=False)
    pages.append(page(packets[:1], sequence=9, granule=960, flags=LAST))
    assert len(samples(b"".join(pages))) == WHOLE - 312 + 960


def test_a_refused_packet_keeps_its_time():
    packets = list(opus_packets(PACKETS))
    toc = packets[7][0] | 3  # many frames of which the sizes do not add up
    packets[7] = bytes([toc, 0x82, 0xFF, 0xFF])
    length = packet_length(packets[7])
    got = samples(b"".join(opus_pages(packets)))
    assert len(got) == WHOLE - 312 - 960 + length


def test_recovery_uses_what_the_next_packet_remembers():
    decoder = libopus.OpusPacketDecoder(48_000, 1)
    out = np.zeros(960, np.int16)
    packets = opus_packets(3)
    decoder.decode(packets[0], out.ctypes.data, 960)
    decoder.recover(packets[2], out.ctypes.data, 960)
    assert np.abs(out).max() > 1_000  # no redundancy in CELT: concealed all the same


def test_recovery_from_a_packet_that_libopus_refuses():
    decoder = libopus.OpusPacketDecoder(48_000, 1)
    out = np.zeros(960, np.int16)
    decoder.decode(opus_packets(1)[0], out.ctypes.data, 960)
    decoder.recover(b"\xff", out.ctypes.data, 960)
    assert np.abs(out).max() > 1_000


def test_a_gap_shorter_than_the_next_packet_is_concealed():
    packets = opus_packets(PACKETS)
    pages = opus_pages(packets[:5], mark_last=False)
    pages.append(page(packets[5:6], sequence=4, granule=6 * 960 + 480, flags=LAST))
    assert len(samples(b"".join(pages))) == 6 * 960 + 480 - 312


# --- long pages


def test_sound_does_not_wait_for_a_long_page():
    packets = opus_packets(30)
    pages = opus_pages(packets, per_page=30)
    decoder = OpusDecoder()
    assert decoder.feed(pages[0] + pages[1]) == []
    head_bytes = 27 + 30
    got = decoder.feed(pages[2][: head_bytes + len(packets[0])])
    assert joined(got).shape == (960 - 312, 1)


@pytest.mark.parametrize("trim", [0, 500, 3_000, 15 * 960])
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_a_long_last_page_is_trimmed_however_it_comes(trim, size):
    pages = opus_pages(opus_packets(30), per_page=15, trim=trim)
    blocks = decode(OpusDecoder(), by(size, b"".join(pages)))
    expected = samples(b"".join(opus_pages(opus_packets(30), per_page=15)))
    assert np.array_equal(joined(blocks), expected[: len(expected) - trim])


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
@pytest.mark.parametrize("which", [2, 3])
def test_a_long_page_found_bad_does_not_shift_the_end(which, size):
    pages = opus_pages(opus_packets(45), per_page=15, trim=500)
    pages[which] = pages[which][:-1] + bytes([pages[which][-1] ^ 1])
    blocks = decode(OpusDecoder(), by(size, b"".join(pages)))
    assert len(joined(blocks)) == 45 * 960 - 312 - 500


@pytest.mark.parametrize("spoil", [lambda data: data[:-1] + b"?", lambda data: data[:-90]])
def test_a_long_last_page_that_is_bad_ends_the_same_however_cut(spoil):
    data = spoil(b"".join(opus_pages(opus_packets(30), per_page=15, trim=5_000)))
    whole, fault = decode_until_fault(OpusDecoder(), [data])
    for size in (1, 61, 500):
        parts, same = decode_until_fault(OpusDecoder(), by(size, data))
        assert np.array_equal(joined(parts), joined(whole))
        assert type(fault) is type(same) is TruncatedStream


@settings(max_examples=40)
@given(st.data())
def test_a_spoilt_stream_depends_on_no_cut_and_raises_only_ours(data):
    spoilt = bytearray(b"".join(opus_pages(opus_packets(30), per_page=15)) + stream(serial=3))
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    whole, fault = decode_until_fault(OpusDecoder(), [bytes(spoilt)])
    parts, same = decode_until_fault(OpusDecoder(), by(data.draw(st.integers(1, 300)), spoilt))
    assert np.array_equal(flat(whole), flat(parts))
    assert type(fault) is type(same)
    assert isinstance(fault, CorruptStream | TruncatedStream | UnsupportedFormat | None)


def flat(blocks):
    return np.concatenate([np.zeros(0, np.int16), *(block.samples.ravel() for block in blocks)])


# --- libopus


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_works_without_a_libopus_on_the_system():
    done = run(
        "import ctypes.util\n"
        "asked = []\n"
        "ctypes.util.find_library = nowhere = lambda name: asked.append(name)\n"
        "from voicecli.codecs import make_decoder, preload\n"
        "preload('opus'); make_decoder('opus')\n"
        "assert ctypes.util.find_library is nowhere, 'left behind'\n"
        "assert asked == [], asked\n"
        "from voicecli.codecs.libopus import version\n"
        "print(version())"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("libopus ")


NO_BUNDLE = (
    "import importlib.util, ctypes.util\n"
    "find = importlib.util.find_spec\n"
    "importlib.util.find_spec = lambda name, *rest: None if name == 'av' else find(name, *rest)\n"
)


def test_works_with_the_system_alone():
    # Stands in for a system's libopus: the very file that the wheel carries, under its own path.
    path = libopus.bundled_with_av()
    done = run(
        NO_BUNDLE
        + f"ctypes.util.find_library = lambda name: {path!r} if name == 'opus' else None\n"
        "from voicecli.codecs import make_decoder\n"
        "make_decoder('opus').feed(b'')\n"
    )
    assert done.returncode == 0, done.stderr


def test_says_what_to_do_where_there_is_no_libopus():
    done = run(
        NO_BUNDLE + "ctypes.util.find_library = nowhere = lambda name: None\n"
        "from voicecli.codecs import AutoDecoder, make_decoder, preload\n"
        "from voicecli.codecs.encoding import make_encoder\n"
        "from voicecli.errors import UnsupportedFormat\n"
        "from tests.codecs.containers import opus_head, page\n"
        "for call in (lambda: preload('opus'), lambda: make_encoder('opus', 24000, 1),\n"
        "             lambda: AutoDecoder().feed(page([opus_head()], flags=2))):\n"
        "    try:\n"
        "        call()\n"
        "    except UnsupportedFormat as fault:\n"
        "        assert fault.message.startswith('Opus needs libopus, which was not found')\n"
        "        assert 'libopus0' in fault.remedy\n"
        "    else:\n"
        "        raise SystemExit('nothing raised')\n"
        "assert ctypes.util.find_library is nowhere\n"
    )
    assert done.returncode == 0, done.stderr


def test_the_bundled_library_is_looked_for_without_importing_pyav(monkeypatch):
    assert libopus.bundled_with_av() is not None
    monkeypatch.setattr(libopus.importlib.util, "find_spec", lambda _: None)
    assert libopus.bundled_with_av() is None


def test_a_pyav_that_carries_no_libopus(monkeypatch, tmp_path):
    spec = type("Spec", (), {"origin": str(tmp_path / "av" / "__init__.py")})
    monkeypatch.setattr(libopus.importlib.util, "find_spec", lambda _: spec)
    assert libopus.bundled_with_av() is None
    mac = tmp_path / "av" / ".dylibs" / "libopus.0.dylib"
    mac.parent.mkdir(parents=True)
    mac.touch()
    assert libopus.bundled_with_av() == str(mac)


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 1), (48_000, 3), (48_000, 0)])
def test_libopus_refuses_other_shapes(rate_hz, channels):
    with pytest.raises(ValueError, match="libopus cannot decode"):
        libopus.OpusPacketDecoder(rate_hz, channels)
