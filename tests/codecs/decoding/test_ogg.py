"""The demultiplexer: framing, loss, damage, and how little it holds."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs.containers import CONTINUED, FIRST, LAST, lace, page
from tests.codecs.feeding import by, cut
from voicecli.codecs.decoding.ogg import OggDemuxer, codec_of

HEAD = page([b"head"], flags=FIRST)
MANY = [bytes([65 + n]) * (n + 3) for n in range(20)]  # enough for an eager page


def pages_of(pieces):
    demuxer = OggDemuxer()
    pages = [page for piece in pieces for page in demuxer.feed(piece)]
    return pages + demuxer.flush()


def packets_of(pieces, serial=7):
    return [packet for page in pages_of(pieces) if page.serial == serial for packet in page.packets]


def spoil(data, at):
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize(
    "lengths", [[0], [1], [254], [255], [256], [510], [0, 0, 5], [255, 255], [300, 1, 600]]
)
def test_lacing(lengths, size):
    packets = [bytes([n]) * length for n, length in enumerate(lengths)]
    assert packets_of(by(size, HEAD + page(packets, sequence=1))) == [b"head", *packets]


def test_a_page_tells_what_its_header_says():
    first, second = pages_of([HEAD + page([b"x"], sequence=1, granule=960, flags=LAST)])
    assert (first.first, first.last, first.granule, first.packets) == (True, False, 0, [b"head"])
    assert (second.first, second.last, second.granule, second.lost) == (False, True, 960, 0)
    assert second.complete


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_packets_continue_over_pages(size):
    packet = bytes(range(255)) * 5
    data = HEAD
    data += page([b"a", packet[:255]], sequence=1, granule=5, open_end=True)
    data += page([packet[255:765]], sequence=2, granule=-1, flags=CONTINUED, open_end=True)
    data += page([packet[765:], b"b"], sequence=3, granule=9, flags=CONTINUED)
    assert packets_of(by(size, data)) == [b"head", b"a", packet, b"b"]
    assert [page.granule for page in pages_of([data])] == [0, 5, None, 9]


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_packet_with_a_page_missing_is_left_out_whole(missing):
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


def test_a_packet_that_nobody_continues_is_left_out():
    data = HEAD + page([bytes(255)], sequence=1, open_end=True) + page([b"b"], sequence=2)
    assert packets_of([data]) == [b"head", b"b"]


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_a_packet_without_end_is_cut(size):
    body = bytes(255 * 255)
    data = HEAD + page([body], sequence=1, granule=-1, open_end=True)
    for sequence in range(2, 6):
        data += page([body], sequence=sequence, granule=-1, flags=CONTINUED, open_end=True)
    data += page([b"end", b"next"], sequence=6, flags=CONTINUED)
    _, longest, following = packets_of(by(size, data))
    assert len(longest) == 1 << 16
    assert following == b"next"


# --- several streams


def test_multiplexed_streams_are_told_apart():
    data = HEAD + page([b"other"], serial=8, flags=FIRST)
    data += page([bytes(255)], sequence=1, open_end=True)
    data += page([b"x"], serial=8, sequence=1)
    data += page([b"end"], sequence=2, flags=CONTINUED)
    assert packets_of([data]) == [b"head", bytes(255) + b"end"]
    assert packets_of([data], serial=8) == [b"other", b"x"]


def test_a_stream_whose_beginning_was_not_seen_is_left_out():
    assert pages_of([page([b"x"], sequence=5)]) == []


def test_pages_whose_stream_lost_its_first_are_counted():
    demuxer = OggDemuxer()
    demuxer.feed(page([b"x"], serial=8, sequence=5))  # who joins late has missed it
    assert demuxer.orphaned_pages == 0
    demuxer.feed(HEAD + page([b"x"], serial=8, sequence=6) + page([b"x"], sequence=1))
    assert demuxer.orphaned_pages == 1


@pytest.mark.parametrize(("serial", "strange"), [(7, False), (8, True)])
def test_the_beginning_of_a_page_is_strange_where_its_stream_is(serial, strange):
    whole = page([bytes(9)], serial=serial, sequence=1)
    for there in (0, 3, 4, 26, len(whole) - 1):
        demuxer = OggDemuxer()
        demuxer.feed(HEAD + whole[:there])
        known = there > 27 and not strange
        assert demuxer.holds_start_of_new_stream is (there > 0 and not known)


@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_less_than_a_capture_pattern_is_a_beginning_right_behind_a_good_page_only(size):
    bad = spoil(page([bytes(9)], sequence=1), 30)
    of_another_version = b"OggS\x01" + bytes(30)
    strange = [b"\0", bytes(3), bytes(60), b"O", b"Og", b"xOgg", b"OggX", bad, of_another_version]
    for there in range(1, 4):
        begun = b"OggS"[:there]
        for data in (HEAD + begun, HEAD + bytes(60) + HEAD + begun):
            assert strange_after(data, size), data
        for junk in strange:
            assert not strange_after(HEAD + junk + begun, size), (junk, begun)
        assert not strange_after(HEAD + begun + b"\0", size)
        assert not strange_after(begun, size)
    assert not strange_after(HEAD + b"\0\0\0", size)


def strange_after(data, size):
    demuxer = OggDemuxer()
    for piece in by(size, data):
        demuxer.feed(piece)
    return demuxer.holds_start_of_new_stream


def test_a_serial_may_begin_again():
    data = HEAD + page([bytes(255)], sequence=1, open_end=True)
    data += page([b"again"], flags=FIRST) + page([b"x"], sequence=1)
    pages = pages_of([data])
    assert [page.packets for page in pages] == [[b"head"], [], [b"again"], [b"x"]]
    assert not any(page.lost for page in pages)


def test_only_so_many_streams_are_remembered():
    demuxer = OggDemuxer()
    for serial in range(1000):
        demuxer.feed(page([b"head"], serial=serial, flags=FIRST))
    assert len(demuxer._streams) == 32
    assert demuxer.feed(page([b"x"], serial=0, sequence=1)) == []
    assert demuxer.feed(page([b"x"], serial=999, sequence=1))[0].packets == [b"x"]


def test_page_numbers_wrap_around():
    data = page([b"head"], flags=FIRST, sequence=0xFFFFFFFF) + page([b"x"], sequence=0)
    assert [page.lost for page in pages_of([data])] == [0, 0]


def test_page_numbers_that_go_back_are_no_loss():
    data = HEAD + page([b"x"], sequence=9) + page([b"y"], sequence=3) + page([b"z"], sequence=4)
    assert [page.lost for page in pages_of([data])] == [0, 8, 0, 0]


# --- damage


PLAIN = [HEAD, *(page([b"p%d" % n] * 3, sequence=n, granule=n) for n in range(1, 6))]


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("at", [0, 3, 4, 5, 6, 14, 18, 22, 26, 27, 30, 35])
def test_a_damaged_page_is_counted_and_the_next_found(at, size):
    pages = list(PLAIN)
    pages[3] = spoil(pages[3], at)
    found = pages_of(by(size, b"".join(pages)))
    assert [page.granule for page in found] == [0, 1, 2, 4, 5]
    assert [page.lost for page in found] == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("junk", [b"x", b"O", b"OggS", b"OggOggS", b"OggS\0" + b"\xff" * 30])
def test_junk_between_pages_is_passed_over(junk, size):
    data = junk.join(PLAIN) + junk
    assert [page.granule for page in pages_of(by(size, data))] == [0, 1, 2, 3, 4, 5]


def test_junk_is_not_kept():
    demuxer = OggDemuxer()
    for _ in range(50):
        demuxer.feed(b"\xaa" * 10_000 + b"Og")
        assert len(demuxer._buffer) <= 3


def test_a_damaged_length_hides_no_page():
    # The claim is for more bytes than ever come: only the end shows that it was false.
    pages = list(PLAIN)
    pages[1] = pages[1][:26] + b"\xff" + pages[1][27:]
    assert [page.granule for page in pages_of([b"".join(pages)])] == [0, 2, 3, 4, 5]


def test_another_version_is_no_page():
    odd = PLAIN[1][:4] + b"\1" + PLAIN[1][5:]
    assert [page.granule for page in pages_of([HEAD + odd + PLAIN[2]])] == [0, 2]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_whole_packets_of_a_page_cut_by_the_end_are_given(size):
    data = HEAD + page([b"one", b"two", b"three"], sequence=1, granule=3, flags=LAST)
    last = pages_of(by(size, data[:-2]))[-1]
    assert last.packets == [b"one", b"two"]
    assert (last.granule, last.last, last.complete) == (None, False, True)


def test_a_page_cut_by_the_end_is_not_trusted_after_a_loss():
    assert packets_of([HEAD + page([b"one", b"two"], sequence=2)[:-2]]) == [b"head"]
    assert packets_of([page([b"one", b"two"], flags=FIRST)[:-2]]) == []


# --- pages of many packets


EAGER = page(MANY, sequence=1, granule=20, flags=LAST)


def test_packets_of_a_long_page_do_not_wait_for_it():
    demuxer = OggDemuxer()
    demuxer.feed(HEAD)
    body_at = 27 + len(MANY)
    assert demuxer.feed(EAGER[: body_at + 2]) == []
    (part,) = demuxer.feed(EAGER[body_at + 2 : body_at + 3])
    assert part.packets == MANY[:1]
    assert (part.complete, part.last, part.granule) == (False, True, 20)
    (part,) = demuxer.feed(EAGER[body_at + 3 : -1])
    assert part.packets == MANY[1:-1]
    (part,) = demuxer.feed(EAGER[-1:])
    assert part.packets == MANY[-1:]
    assert (part.complete, part.last) == (True, True)


@given(st.lists(st.integers(0, len(HEAD + EAGER)), max_size=8))
def test_a_long_page_gives_the_same_packets_however_cut(points):
    assert packets_of(cut(HEAD + EAGER, points)) == [b"head", *MANY]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_long_page_found_bad_loses_its_say_but_not_its_packets(size):
    data = HEAD + spoil(EAGER, len(EAGER) - 1) + page([b"next"], sequence=2)
    pages = pages_of(by(size, data))
    packets = [packet for page in pages for packet in page.packets]
    assert packets[1:-2] == MANY[:-1]
    assert packets[-1] == b"next"
    bad = next(page for page in pages[1:] if page.complete)
    assert (bad.granule, bad.last) == (None, False)
    assert pages[-1].lost == 0


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_page_that_lost_bytes_does_not_swallow_the_next(size):
    short = EAGER[:60] + EAGER[80:]
    following = page([b"next"], sequence=2, granule=21)
    pages = pages_of(by(size, HEAD + short + following + page([b"z"], sequence=3)))
    assert [page.packets for page in pages[-2:]] == [[b"next"], [b"z"]]
    assert [page.lost for page in pages[-2:]] == [1, 0]
    assert not any(b"OggS" in packet for page in pages for packet in page.packets)


def test_a_long_page_after_a_loss_waits_for_its_checksum():
    demuxer = OggDemuxer()
    late = page(MANY, sequence=2, granule=20)
    assert len(demuxer.feed(HEAD)) == 1
    assert demuxer.feed(late[:-1]) == []
    (whole,) = demuxer.feed(late[-1:])
    assert (whole.packets, whole.lost) == (MANY, 1)


def test_a_long_page_may_continue_a_packet_and_leave_one_open():
    data = HEAD + page([bytes(255)], sequence=1, granule=-1, open_end=True)
    data += page([b"end", *MANY, bytes(255)], sequence=2, flags=CONTINUED, open_end=True)
    data += page([b"tail"], sequence=3, flags=CONTINUED)
    expected = [b"head", bytes(255) + b"end", *MANY, bytes(255) + b"tail"]
    for size in (1, 7, 1 << 20):
        assert packets_of(by(size, data)) == expected


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=5))
def test_garbage_raises_nothing_and_depends_on_no_cut(data, points):
    data = HEAD + data.replace(b"\0\0", b"OggS\0")
    assert packets_of([data]) == packets_of(cut(data, points))


@given(st.data())
def test_a_spoilt_stream_depends_on_no_cut(data):
    stream = HEAD + EAGER + PLAIN[2] + page(MANY, sequence=3) + PLAIN[4]
    for _ in range(data.draw(st.integers(1, 3))):
        stream = spoil(stream, data.draw(st.integers(0, len(stream) - 1)))
    points = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    assert packets_of([stream]) == packets_of(cut(stream, points)) == packets_of(by(1, stream))


def test_at_most_one_page_is_held():
    demuxer = OggDemuxer()
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, 0, 0, 7, 1, 0, 255) + b"\xff" * 255
    most = 0
    for piece in by(1000, head * 500):
        demuxer.feed(piece)
        most = max(most, len(demuxer._buffer))
    assert most <= 65_307 + 1000


@pytest.mark.parametrize(
    ("packet", "name"),
    [
        (b"OpusHead\1", "Opus"),
        (b"\x01vorbis", "Vorbis"),
        (b"\x7fFLAC\1", "FLAC"),
        (b"Speex   1", "Speex"),
        (b"fishead\0", "Skeleton"),
        (b"", None),
        (b"OpusHea", None),
    ],
)
def test_codecs_by_their_first_packet(packet, name):
    assert codec_of(packet) == name


def test_the_lacing_of_these_tests_is_sane():
    # The builder is checked too: a packet of 255 n bytes ends in a lacing value of 0.
    assert lace([bytes(255)]) == b"\xff\0"
    assert all(a < b for a, b in pairwise(len(packet) for packet in MANY))
