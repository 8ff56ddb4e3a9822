from __future__ import annotations

import numpy as np
import pytest

from voicecli.streams.intake import (
    DEVICE_LEAD_MS,
    LEAD_MS,
    STRAIGHT_MS,
    Intake,
    device_queue_ms,
    queue_and_lead_ms,
)


class Queue:
    """The part of a pump that an intake sees; ``with_sink`` frames cannot be dropped."""

    def __init__(self, with_sink=0):
        self.with_sink = with_sink
        self.pieces = []

    @property
    def unheard(self):
        return self.with_sink + sum(map(len, self.pieces))

    def add(self, samples):
        self.pieces.append(samples)

    def drop_oldest(self):
        return len(self.pieces.pop(0)) if self.pieces else 0


def frames(count):
    return np.arange(count, dtype=np.int16).reshape(-1, 1)


@pytest.fixture
def queue():
    return Queue()


class TestWaiting:
    def test_what_fits_is_queued_whole(self, queue):
        rest, _ = Intake(queue, 100, "wait").add(frames(100))
        assert (len(rest), queue.unheard) == (0, 100)

    def test_of_a_longer_one_the_beginning(self, queue):
        queue.with_sink = 70
        rest, due = Intake(queue, 100, "wait").add(frames(40))
        assert rest[:, 0].tolist() == list(range(30, 40))
        assert queue.pieces[0][:, 0].tolist() == list(range(30))
        assert due == 10

    def test_a_rest_as_long_as_the_queue_waits_for_half_of_it(self, queue):
        _, due = Intake(queue, 100, "wait").add(frames(1000))
        assert due == 50

    def test_a_queue_of_one_frame_waits_for_that(self, queue):
        _, due = Intake(queue, 1, "wait").add(frames(3))
        assert due == 1

    def test_nothing_is_queued_where_there_is_no_room(self):
        queue = Queue(with_sink=130)  # more than agreed: the limit is the source's, not the sink's
        rest, due = Intake(queue, 100, "wait").add(frames(10))
        assert (len(rest), queue.pieces, due) == (10, [], 40)

    def test_an_empty_frame_is_no_piece(self, queue):
        Intake(queue, 100, "wait").add(frames(0))
        assert queue.pieces == []


class TestDropping:
    def test_what_fits_is_queued(self, queue):
        intake = Intake(queue, 100, "drop_newest")
        intake.add_or_drop(frames(100))
        assert (queue.unheard, intake.drops, intake.dropped) == (100, 0, 0)

    def test_the_newest_goes(self, queue):
        intake = Intake(queue, 100, "drop_newest")
        for count in (60, 50, 40):
            intake.add_or_drop(frames(count))
        assert [len(piece) for piece in queue.pieces] == [60, 40]
        assert (intake.drops, intake.dropped) == (1, 50)

    def test_the_oldest_go_one_by_one(self, queue):
        intake = Intake(queue, 100, "drop_oldest")
        for count in (30, 31, 32, 50):
            intake.add_or_drop(frames(count))
        assert [len(piece) for piece in queue.pieces] == [32, 50]
        assert (intake.drops, intake.dropped) == (2, 61)

    def test_the_newest_goes_where_all_is_with_the_sink(self):
        queue = Queue(with_sink=60)
        intake = Intake(queue, 100, "drop_oldest")
        intake.add_or_drop(frames(20))
        intake.add_or_drop(frames(50))
        assert queue.pieces == []
        assert (intake.drops, intake.dropped) == (2, 70)

    def test_what_would_never_fit_is_refused(self, queue):
        with pytest.raises(ValueError, match="longer than the queue"):
            Intake(queue, 100, "drop_oldest").add_or_drop(frames(101))


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ((1000, LEAD_MS, "wait"), (1000, LEAD_MS)),
        ((50, LEAD_MS, "wait"), (50, 50)),
        ((50, LEAD_MS, "drop_newest"), (50, 50)),
        ((1000, LEAD_MS, "drop_oldest"), (1000, LEAD_MS)),
        ((100, LEAD_MS, "drop_oldest"), (100, 50)),
        ((0, 20, "drop_oldest"), (STRAIGHT_MS, STRAIGHT_MS)),
    ],
)
def test_the_lead_is_a_part_of_the_queue(wanted, given):
    assert queue_and_lead_ms(*wanted) == given


@pytest.mark.parametrize("wanted", [(-1, 200, "wait"), (100, 0, "wait"), (100, 200, "explode")])
def test_what_makes_no_sense_is_refused(wanted):
    with pytest.raises(ValueError):
        queue_and_lead_ms(*wanted)


@pytest.mark.parametrize(
    ("queue_size_ms", "on_full", "room_ms"),
    [
        (1000, "wait", 1000),
        (50, "wait", DEVICE_LEAD_MS),
        (50, "drop_newest", DEVICE_LEAD_MS),
        (50, "drop_oldest", 2 * DEVICE_LEAD_MS),
        (0, "wait", 0),
        (-1, "wait", -1),  # refused later, as it was said
    ],
)
def test_a_device_has_room_for_what_it_takes_ahead(queue_size_ms, on_full, room_ms):
    assert device_queue_ms(queue_size_ms, on_full) == room_ms
