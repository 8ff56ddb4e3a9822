from __future__ import annotations

import pytest

from tests.codecs.containers import CONTINUED, page
from voicecli.codecs.decoding.ogg import LogicalStream
from voicecli.codecs.decoding.oggpage import read_header


def header(packets, **settings):
    return read_header(bytearray(page(packets, **settings)))


@pytest.fixture
def stream():
    return LogicalStream(5)


def joined(stream, packets, **settings):
    """Return the packets of a page after it has begun."""
    packets = list(packets)
    stream.begin_page(header(packets, **settings), packets)
    return packets


def test_only_the_next_page_is_expected(stream):
    assert stream.expects(header([b"a"], sequence=5))
    assert not stream.expects(header([b"a"], sequence=6))
    stream.lost = 1
    assert not stream.expects(header([b"a"], sequence=5))


def test_missing_pages_are_counted_until_reported(stream):
    joined(stream, [b"a"], sequence=5)
    assert stream.lost == 0
    joined(stream, [b"a"], sequence=8)
    joined(stream, [b"a"], sequence=10)
    assert (stream.lost, stream.next_sequence) == (3, 11)


@pytest.mark.parametrize(("expected", "sequence", "lost"), [(0xFFFFFFFF, 1, 2), (9, 3, 0)])
def test_numbers_wrap_around_and_may_go_back(expected, sequence, lost):
    stream = LogicalStream(expected)
    joined(stream, [b"a"], sequence=sequence)
    assert (stream.lost, stream.next_sequence) == (lost, sequence + 1)


def test_a_packet_continues_over_pages(stream):
    stream.hold_tail(header([bytes(255)], open_end=True), b"one ")
    stream.hold_tail(header([bytes(255)], flags=CONTINUED, open_end=True), b"two ")
    assert joined(stream, [b"three", b"x"], sequence=5, flags=CONTINUED) == [b"one two three", b"x"]
    assert joined(stream, [b"no more"], sequence=6, flags=CONTINUED) == []


def test_a_new_partial_packet_replaces_the_old(stream):
    stream.hold_tail(header([bytes(255)], open_end=True), b"old ")
    stream.hold_tail(header([b"end", bytes(255)], flags=CONTINUED, open_end=True), b"new ")
    assert joined(stream, [b"end"], sequence=5, flags=CONTINUED) == [b"new end"]


def test_a_continuation_without_a_beginning_is_dropped(stream):
    stream.hold_tail(header([bytes(255)], flags=CONTINUED, open_end=True), b"middle")
    assert joined(stream, [b"end"], sequence=5, flags=CONTINUED) == []


@pytest.mark.parametrize("settings", [{"sequence": 5}, {"sequence": 6, "flags": CONTINUED}])
def test_a_partial_packet_is_dropped_if_not_continued_or_a_page_is_missing(stream, settings):
    stream.hold_tail(header([bytes(255)], open_end=True), b"half")
    whole = [] if "flags" in settings else [b"a"]
    assert joined(stream, [b"a"], **settings) == whole
    following = settings["sequence"] + 1
    assert joined(stream, [b"b"], sequence=following, flags=CONTINUED) == []


def test_an_endless_packet_is_cut(stream):
    stream.hold_tail(header([bytes(255)], open_end=True), bytes(60_000))
    stream.hold_tail(header([bytes(255)], flags=CONTINUED, open_end=True), bytes(60_000))
    (packet,) = joined(stream, [b"end"], sequence=5, flags=CONTINUED)
    assert len(packet) == 65_536
