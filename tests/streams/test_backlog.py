from __future__ import annotations

import pytest

from voicecli.streams.backlog import JOINED_BYTES, LARGE_BYTES, Backlog, Turn


class Decoder:
    """Takes a second for each byte, by a clock of its own."""

    def __init__(self):
        self.fed = []
        self.now = 0.0

    def feed(self, data):
        self.fed.append(data)
        self.now += len(data)
        return [data]

    def flush(self):
        self.now += 1
        return [b"rest"]

    def clock(self):
        return self.now


@pytest.fixture
def decoder():
    return Decoder()


def taken(backlog, size, piece_bytes=100, *, ended=False):
    return backlog.take(size, piece_bytes, ended=ended)


def pieces_of(turn):
    """What it would decode, as if it had."""
    pieces, turn.undone = turn.undone, []
    return pieces


def test_bytes_come_out_in_order_cut_as_wanted(decoder):
    backlog = Backlog()
    for chunk in (b"abcdefg", b"", b"hi", b"jklmnop"):
        backlog.add(chunk)
    assert backlog.size == 16
    for size, pieces in (
        (3, [b"abc"]),
        (5, [b"de", b"fg", b"h"]),
        (99, [b"ij", b"kl", b"mn", b"op"]),
    ):
        turn = taken(backlog, size, 3 if size == 3 else 2)
        turn.run(decoder, 1000, decoder.clock)
        backlog.settle(turn)
        assert decoder.fed == pieces
        decoder.fed.clear()
    assert backlog.size == 0


def test_a_whole_chunk_is_not_copied():
    backlog, chunk = Backlog(), bytes(50)
    backlog.add(chunk)
    assert pieces_of(taken(backlog, 50))[0] is chunk


def test_small_chunks_become_one_piece(decoder):
    backlog = Backlog()
    for chunk in (b"ab", b"c", b"defg"):
        backlog.add(chunk)
    assert pieces_of(taken(backlog, 5, 5)) == [b"abcde"]
    assert pieces_of(taken(backlog, 5, 5)) == [b"fg"]
    assert pieces_of(taken(backlog, 5, 5)) == []


def test_large_chunks_are_not_copied_to_be_joined():
    backlog = Backlog()
    large = bytes(LARGE_BYTES)
    for chunk in (large, b"a", b"b", large, large, b"c"):
        backlog.add(chunk)
    pieces = pieces_of(taken(backlog, 1 << 20, 1 << 20))
    assert [len(piece) for piece in pieces] == [LARGE_BYTES, 2, LARGE_BYTES, LARGE_BYTES, 1]
    assert pieces[0] is pieces[2] is pieces[3] is large
    assert pieces[1] == b"ab"


def test_short_chunks_are_joined_up_to_a_bound_and_large_ones_are_not_bound():
    backlog = Backlog()
    for _ in range(3 * JOINED_BYTES // 4096):
        backlog.add(bytes(4096))
    turn = taken(backlog, 1 << 20, 1 << 20)
    assert backlog.is_fine
    assert [len(piece) for piece in turn.undone] == [JOINED_BYTES]
    backlog.clear()
    for _ in range(8):
        backlog.add(bytes(LARGE_BYTES))
    turn = taken(backlog, 1 << 20, 1 << 20)
    assert not backlog.is_fine
    assert [len(piece) for piece in turn.undone] == [LARGE_BYTES] * 8


def test_a_turn_that_takes_too_long_leaves_the_rest_for_the_next(decoder):
    backlog = Backlog()
    backlog.add(b"abcdefgh")
    backlog.add(b"ij")
    turn = taken(backlog, 8, 2, ended=True)
    assert turn.run(decoder, 3, decoder.clock) == [b"ab", b"cd"]
    assert (turn.size, turn.spent_s, turn.flushed) == (4, 4, False)
    backlog.settle(turn)
    assert backlog.size == 6
    turn = taken(backlog, 8, 2, ended=True)
    assert turn.undone == [b"ef", b"gh"]  # those alone
    turn.run(decoder, 100, decoder.clock)
    backlog.settle(turn)
    assert not turn.flushed
    turn = taken(backlog, 8, 2, ended=True)
    assert turn.run(decoder, 100, decoder.clock) == [b"ij", b"rest"]
    assert turn.flushed
    assert turn.spent_s == 3


def test_the_last_turn_flushes_also_with_nothing_to_decode(decoder):
    turn = taken(Backlog(), 8, ended=True)
    assert turn.run(decoder, 0, decoder.clock) == [b"rest"]
    assert Turn().run(decoder, 0, decoder.clock) == []


def test_clearing_drops_what_was_cut_and_what_was_left():
    backlog = Backlog()
    backlog.add(b"abcdef")
    turn = taken(backlog, 4, 2)
    backlog.settle(turn)  # not one piece was done
    assert backlog.size == 6
    backlog.clear()
    assert backlog.size == 0
    assert turn.undone == [b"ab", b"cd"]  # it may be under way on another thread
    assert taken(backlog, 10).undone == []
    backlog.add(b"xyz")
    assert taken(backlog, 10).undone == [b"xyz"]
