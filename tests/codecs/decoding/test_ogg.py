"""The demultiplexer: framing, loss, damage, and bounded memory."""

from __future__ import annotations

import pytest

from tests.codecs.containers import CONTINUED, FIRST, LAST, page
from tests.codecs.feeding import in_pieces
from voicecli.codecs.decoding.ogg import OggDemuxer

HEAD = page([b"head"], flags=FIRST)


def feed(demuxer, data):
    return list(demuxer.feed(data))


def pages_of(pieces):
    demuxer = OggDemuxer()
    pages = [page for piece in pieces for page in demuxer.feed(piece)]
    return [*pages, *demuxer.flush()]


def packets_of(pieces, serial=7):
    return [packet for page in pages_of(pieces) if page.serial == serial for packet in page.packets]


def damage(data, at):
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


@pytest.mark.parametrize(
    "lengths", [[0], [1], [254], [255], [256], [510], [0, 0, 5], [255, 255], [300, 1, 600]]
)
def test_lacing_of_any_packet_size_is_read(lengths):
    packets = [bytes([n]) * length for n, length in enumerate(lengths)]
    for size in (1, 7, 4096):
        assert packets_of(in_pieces(size, HEAD + page(packets, sequence=1))) == [b"head", *packets]


def test_a_page_has_the_fields_of_its_header():
    first, second = pages_of([HEAD + page([b"x"], sequence=1, granule=960, flags=LAST)])
    assert (first.first, first.last, first.granule, first.packets) == (True, False, 0, [b"head"])
    assert (second.first, second.last, second.granule, second.lost) == (False, True, 960, 0)
    assert second.checked


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_packets_continue_over_pages(size):
    packet = bytes(range(255)) * 5
    data = HEAD
    data += page([b"a", packet[:255]], sequence=1, granule=5, open_end=True)
    data += page([packet[255:765]], sequence=2, granule=-1, flags=CONTINUED, open_end=True)
    data += page([packet[765:], b"b"], sequence=3, granule=9, flags=CONTINUED)
    assert packets_of(in_pieces(size, data)) == [b"head", b"a", packet, b"b"]
    assert [page.granule for page in pages_of([data])] == [0, 5, None, 9]


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_packet_with_a_missing_page_is_dropped_whole(missing):
    packet = bytes(255 * 3)
    pages = [
        HEAD,
        page([b"a", packet[:255]], sequence=1, open_end=True),
        page([packet[255:510]], sequence=2, granule=-1, flags=CONTINUED, open_end=True),
        page([packet[510:], b"b"], sequence=3, flags=CONTINUED),
        page([b"c"], sequence=4),
    ]
    del pages[missing]
    expected = {1: [b"head", b"b", b"c"], 2: [b"head", b"a", b"b", b"c"], 3: [b"head", b"a", b"c"]}
    pages = pages_of([b"".join(pages)])
    assert [packet for page in pages for packet in page.packets] == expected[missing]
    assert sum(page.lost for page in pages) == 1


def test_a_packet_that_is_not_continued_is_dropped():
    data = HEAD + page([bytes(255)], sequence=1, open_end=True) + page([b"b"], sequence=2)
    assert packets_of([data]) == [b"head", b"b"]


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_an_endless_packet_is_cut(size):
    body = bytes(255 * 255)
    data = HEAD + page([body], sequence=1, granule=-1, open_end=True)
    for sequence in range(2, 6):
        data += page([body], sequence=sequence, granule=-1, flags=CONTINUED, open_end=True)
    data += page([b"end", b"next"], sequence=6, flags=CONTINUED)
    _, longest, following = packets_of(in_pieces(size, data))
    assert len(longest) == 1 << 16
    assert following == b"next"


def test_multiplexed_streams_are_distinguished():
    data = HEAD + page([b"other"], serial=8, flags=FIRST)
    data += page([bytes(255)], sequence=1, open_end=True)
    data += page([b"x"], serial=8, sequence=1)
    data += page([b"end"], sequence=2, flags=CONTINUED)
    assert packets_of([data]) == [b"head", bytes(255) + b"end"]
    assert packets_of([data], serial=8) == [b"other", b"x"]


def test_a_stream_without_its_first_page_is_left_out():
    assert pages_of([page([b"x"], sequence=5)]) == []


def test_pages_of_a_stream_without_its_first_page_are_counted():
    demuxer = OggDemuxer()
    feed(demuxer, page([b"x"], serial=8, sequence=5))  # joined late
    assert demuxer.orphaned_pages == 0
    feed(demuxer, HEAD + page([b"x"], serial=8, sequence=6) + page([b"x"], sequence=1))
    assert demuxer.orphaned_pages == 1


@pytest.mark.parametrize(("serial", "is_new"), [(7, False), (8, True)])
def test_a_partial_page_of_a_new_stream_is_recognised(serial, is_new):
    whole = page([bytes(9)], serial=serial, sequence=1)
    for kept in (0, 3, 4, 26, len(whole) - 1):
        demuxer = OggDemuxer()
        feed(demuxer, HEAD + whole[:kept])
        known = kept > 27 and not is_new
        assert demuxer.holds_start_of_new_stream is (kept > 0 and not known)


@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_a_partial_capture_pattern_counts_only_right_after_a_good_page(size):
    bad = damage(page([bytes(9)], sequence=1), 30)
    of_another_version = b"OggS\x01" + bytes(30)
    others = [b"\0", bytes(3), bytes(60), b"O", b"Og", b"xOgg", b"OggX", bad, of_another_version]
    for kept in range(1, 4):
        begun = b"OggS"[:kept]
        for data in (HEAD + begun, HEAD + bytes(60) + HEAD + begun):
            assert starts_new_stream(data, size), data
        for junk in others:
            assert not starts_new_stream(HEAD + junk + begun, size), (junk, begun)
        assert not starts_new_stream(HEAD + begun + b"\0", size)
        assert not starts_new_stream(begun, size)
    assert not starts_new_stream(HEAD + b"\0\0\0", size)


def starts_new_stream(data, size):
    demuxer = OggDemuxer()
    for piece in in_pieces(size, data):
        feed(demuxer, piece)
    return demuxer.holds_start_of_new_stream


def test_a_serial_may_be_used_again():
    data = HEAD + page([bytes(255)], sequence=1, open_end=True)
    data += page([b"again"], flags=FIRST) + page([b"x"], sequence=1)
    pages = pages_of([data])
    assert [page.packets for page in pages] == [[b"head"], [], [b"again"], [b"x"]]
    assert not any(page.lost for page in pages)


def test_the_number_of_remembered_streams_is_limited():
    demuxer = OggDemuxer()
    for serial in range(1000):
        feed(demuxer, page([b"head"], serial=serial, flags=FIRST))
    assert len(demuxer._streams) == 32
    assert feed(demuxer, page([b"x"], serial=0, sequence=1)) == []
    assert feed(demuxer, page([b"x"], serial=999, sequence=1))[0].packets == [b"x"]


def test_page_numbers_wrap_around():
    data = page([b"head"], flags=FIRST, sequence=0xFFFFFFFF) + page([b"x"], sequence=0)
    assert [page.lost for page in pages_of([data])] == [0, 0]


def test_page_numbers_that_go_back_are_not_a_loss():
    data = HEAD + page([b"x"], sequence=9) + page([b"y"], sequence=3) + page([b"z"], sequence=4)
    assert [page.lost for page in pages_of([data])] == [0, 8, 0, 0]
