"""Chained and multiplexed Ogg streams, and streams that end early."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codecs.containers import FIRST, LAST, opus_head, opus_pages, page
from tests.codecs.feeding import decode, decode_until_fault, in_pieces, joined
from tests.codecs.samples import opus_packets
from voicecli.codecs.decoding.opus import OpusDecoder
from voicecli.errors import CorruptStream, TruncatedStream, UnsupportedFormat

PACKETS = 15
WHOLE = PACKETS * 960


def stream(**options):
    return b"".join(opus_pages(opus_packets(PACKETS), **options))


def samples(data, rate_hz=48_000):
    return joined(decode(OpusDecoder(rate_hz), [data]))


# --- several streams


@pytest.mark.parametrize("serial", [7, 8])
@pytest.mark.parametrize("size", [50, 1 << 20])
def test_chained_streams_are_each_trimmed(serial, size):
    first = stream(trim=100)
    second = b"".join(
        opus_pages(opus_packets(PACKETS, 2), serial=serial, head=opus_head(2, pre_skip=480), trim=7)
    )
    blocks = decode(OpusDecoder(), in_pieces(size, first + second))
    mono = [block for block in blocks if block.format.channels == 1]
    stereo = [block for block in blocks if block.format.channels == 2]
    assert blocks == mono + stereo
    assert np.array_equal(joined(mono), samples(first))
    assert np.array_equal(joined(stereo), samples(second))


def test_a_link_without_an_end_is_reported_after_all_audio():
    data = stream(mark_last=False) + stream(serial=9)
    blocks, fault = decode_until_fault(OpusDecoder(), [data])
    assert len(joined(blocks)) == 2 * (WHOLE - 312)
    assert isinstance(fault, TruncatedStream)


def test_multiplexed_streams_of_other_codecs_are_skipped():
    ours = opus_pages(opus_packets(PACKETS))
    data = page([b"fishead\0" + bytes(56)], serial=1, flags=FIRST) + ours[0]
    data += page([b"\x80theora"], serial=2, flags=FIRST)
    for number, ogg_page in enumerate(ours[1:], 1):
        data += ogg_page + page([b"foreign"], serial=2, sequence=number)
    assert np.array_equal(samples(data), samples(stream()))


def test_the_first_of_multiplexed_opus_streams_is_played():
    ours = opus_pages(opus_packets(PACKETS))
    theirs = opus_pages(opus_packets(PACKETS, 2), serial=8, head=opus_head(2))
    mixed = [ogg_page for pair in zip(ours, theirs, strict=True) for ogg_page in pair]
    assert np.array_equal(samples(b"".join(mixed)), samples(stream()))


@pytest.mark.parametrize("magic", [b"\x01vorbis", b"\x7fFLAC\1\0", b"Speex   "])
def test_ogg_with_another_codec_is_refused_by_name(magic):
    name = magic.strip(b"\1\0 \x7f").decode()
    decoder = OpusDecoder()
    decoder.feed(page([magic + bytes(30)], flags=FIRST))
    for call in (lambda: decoder.feed(page([b"x"], sequence=1)), decoder.flush):
        with pytest.raises(UnsupportedFormat, match=f"(?i){name} in ogg"):
            call()


@pytest.mark.parametrize("packets", [[], [b"what?"]])
def test_ogg_with_an_unknown_codec_is_refused(packets):
    decoder = OpusDecoder()
    decoder.feed(page(packets, flags=FIRST))
    with pytest.raises(UnsupportedFormat, match="unknown codec"):
        decoder.flush()


def test_an_unsupported_second_link_is_reported_after_the_first():
    decoder = OpusDecoder()
    blocks = decoder.feed(stream() + stream(serial=8, head=opus_head(5)))
    assert np.array_equal(joined(blocks), samples(stream()))
    with pytest.raises(UnsupportedFormat, match="5 channels"):
        decoder.feed(b"")
    with pytest.raises(UnsupportedFormat, match="5 channels"):
        decoder.flush()


def test_an_unsupported_link_found_at_the_end_is_reported():
    # A wrong length swallows the next link's header until the end.
    wrong_length = b"OggS" + bytes(22) + b"\xff" + b"\xff" * 255
    last = page([opus_head(5)], serial=8, flags=FIRST)
    *pages, end = opus_pages(opus_packets(PACKETS))
    for data in (*pages, end, wrong_length, last), (*pages, wrong_length, end, last):
        blocks, fault = decode_until_fault(OpusDecoder(), [b"".join(data)])
        assert np.array_equal(joined(blocks), samples(stream()))
        assert isinstance(fault, UnsupportedFormat)


def test_a_link_of_another_codec_is_reported_after_the_first():
    vorbis = page([b"\x01vorbis"], serial=8, flags=FIRST)
    for data in (vorbis, vorbis + page([b"x"], serial=8, sequence=1) + stream(serial=9)):
        blocks, fault = decode_until_fault(OpusDecoder(), [stream(), data])
        assert np.array_equal(joined(blocks), samples(stream()))
        assert isinstance(fault, UnsupportedFormat)
        assert "Vorbis" in fault.message


def test_audio_before_a_link_of_another_codec_is_played_for_any_split():
    packets = opus_packets(PACKETS)
    pages = opus_pages(packets)
    late = page(packets[:1], sequence=len(pages), granule=WHOLE + 960)
    vorbis = page([b"\x01vorbis"], serial=8, flags=FIRST), page([b"x"], serial=8, sequence=1)
    pages += [vorbis[0], late, vorbis[1]]  # the second is the fault, while ``late`` is queued
    for pieces in (pages, [b"".join(pages)]):
        blocks, fault = decode_until_fault(OpusDecoder(), pieces)
        assert len(joined(blocks)) == WHOLE - 312 + 960
        assert isinstance(fault, UnsupportedFormat)


def test_a_stream_of_another_codec_that_joins_late_is_skipped():
    begun, *rest = opus_pages(opus_packets(PACKETS))
    late = page([b"\x01vorbis"], serial=8, flags=FIRST) + page([b"x"], serial=8, sequence=1)
    mixed = begun + rest[0] + rest[1] + late + b"".join(rest[2:])
    assert np.array_equal(samples(mixed), samples(stream()))


def test_a_skeleton_may_come_with_each_link():
    link = page([b"fishead\0" + bytes(56)], serial=1, flags=FIRST) + stream()
    assert len(samples(link + link)) == 2 * len(samples(stream()))


def test_a_link_without_its_first_page_is_reported_after_all_audio():
    _, *headless = opus_pages(opus_packets(PACKETS), serial=8)
    data = stream() + b"".join(headless) + stream(serial=9)
    blocks, fault = decode_until_fault(OpusDecoder(), in_pieces(100, data))
    assert len(joined(blocks)) == 2 * len(samples(stream()))
    assert isinstance(fault, CorruptStream)
    assert len(samples(b"".join(headless) + stream())) == len(samples(stream()))  # joined late


@pytest.mark.parametrize("kept", [1, 2, 3, 4, 20, 27, 40])
def test_an_end_inside_a_links_first_page_is_reported(kept):
    data = stream() + stream(serial=8)[:kept]
    for size in (1, 100, len(data)):
        blocks, fault = decode_until_fault(OpusDecoder(), in_pieces(size, data))
        assert np.array_equal(joined(blocks), samples(stream()))
        assert isinstance(fault, TruncatedStream)


def test_other_bytes_after_the_end_are_not_a_fault():
    skeleton = page([b"fishead\0" + bytes(56)], serial=1, flags=FIRST)
    theirs = page([bytes(100)], serial=1, sequence=1)
    for rest in (b"TAG" + bytes(125), theirs[:-9], b"\0", bytes(300), b"og", b"\nOg", b"OggX"):
        assert np.array_equal(samples(skeleton + stream() + rest), samples(stream()))


# --- truncation


def test_a_missing_last_page_is_reported_after_all_audio():
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
def test_a_stream_without_ogg_is_corrupt(data):
    decoder = OpusDecoder()
    assert decoder.feed(data) == []
    with pytest.raises(CorruptStream, match="no Ogg Opus"):
        decoder.flush()


@pytest.mark.parametrize("packet", [b"\xff\xff\xff", b"\x03", b""])
def test_a_stream_of_garbage_packets_is_corrupt(packet):
    pages = opus_pages([packet] * 4)
    _, fault = decode_until_fault(OpusDecoder(), pages)
    assert isinstance(fault, CorruptStream)


def test_headers_alone_are_a_truncated_stream():
    pages = opus_pages(opus_packets(1))[:2]
    with pytest.raises(TruncatedStream):
        decode(OpusDecoder(), pages)


def test_an_empty_stream_is_not_a_fault():
    pages = opus_pages(opus_packets(1))[:2]
    pages.append(page([], sequence=2, granule=0, flags=LAST))
    assert decode(OpusDecoder(), pages) == []
