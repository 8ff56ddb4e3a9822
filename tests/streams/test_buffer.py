from __future__ import annotations

import io
import threading

import av
import pytest

from tests.codecs.samples import encoded
from voicecli.streams.base import BufferFull, StreamClosed
from voicecli.streams.buffer import StreamBuffer

TIMEOUT_S = 10


def in_thread(work):
    """Run ``work`` on a thread; a function that joins it and returns its outcome."""
    outcome = []

    def body():
        try:
            outcome.append(work())
        except Exception as error:  # noqa: BLE001  the test judges it
            outcome.append(error)

    thread = threading.Thread(target=body)
    thread.start()

    def join():
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()
        return outcome[0]

    return join


def wait_for_waiter(buffer):
    """Return once a thread waits inside the buffer."""
    while not buffer._changed._waiters:
        pass


def test_reads_are_short_and_in_order():
    buffer = StreamBuffer()
    assert buffer.write(b"abc") == 3
    buffer.write(bytearray(b"defg"))
    assert buffer.size == 7
    assert buffer.read(2) == b"ab"
    assert buffer.read(10) == b"c"
    assert buffer.read(10) == b"defg"
    assert buffer.size == 0


def test_the_writers_memory_may_be_reused():
    buffer, memory = StreamBuffer(), bytearray(b"abc")
    buffer.write(memory)
    memory[:] = b"xyz"
    assert buffer.read(3) == b"abc"


def test_after_the_end_reads_return_the_rest_then_nothing():
    buffer = StreamBuffer()
    buffer.write(b"abc")
    buffer.end_input()
    with pytest.raises(StreamClosed):
        buffer.write(b"d")
    with pytest.raises(StreamClosed):
        buffer.write_nowait(b"d")
    assert buffer.read(2) == b"ab"
    assert buffer.read() == b"c"
    assert buffer.read(5) == b""
    assert buffer.read() == b""


def test_reading_nothing_takes_nothing():
    buffer = StreamBuffer()
    buffer.write(b"abc")
    assert buffer.read(0) == b""
    assert buffer.size == 3


def test_a_read_waits_for_the_first_byte():
    buffer = StreamBuffer()
    join = in_thread(lambda: buffer.read(100))
    wait_for_waiter(buffer)
    buffer.write(b"late")
    assert join() == b"late"


@pytest.mark.parametrize("end", ["end_input", "close"])
def test_a_waiting_read_ends_with_the_input(end):
    buffer = StreamBuffer()
    join = in_thread(lambda: buffer.read(100))
    wait_for_waiter(buffer)
    getattr(buffer, end)()
    assert join() == b""


def test_a_write_waits_for_room_and_the_bound_is_never_exceeded():
    buffer = StreamBuffer(max_bytes=4)
    join = in_thread(lambda: buffer.write(b"0123456789"))
    got = b""
    while len(got) < 10:
        assert buffer.size <= 4
        got += buffer.read(3)
    assert join() == 10
    assert got == b"0123456789"


@pytest.mark.parametrize("end", ["end_input", "close"])
def test_a_waiting_write_is_rejected_when_the_buffer_closes(end):
    buffer = StreamBuffer(max_bytes=2)
    join = in_thread(lambda: buffer.write(b"abc"))
    wait_for_waiter(buffer)
    getattr(buffer, end)()
    assert isinstance(join(), StreamClosed)


def test_write_nowait_takes_all_or_nothing():
    buffer = StreamBuffer(max_bytes=4)
    buffer.write_nowait(b"abc")
    with pytest.raises(BufferFull, match="3 of 4"):
        buffer.write_nowait(b"de")
    assert issubclass(BufferFull, BufferError)
    buffer.write_nowait(b"d")
    buffer.write_nowait(b"")
    buffer.end_input()
    assert buffer.readall() == b"abcd"


def test_close_drops_the_contents_and_is_idempotent():
    buffer = StreamBuffer()
    buffer.write(b"abc")
    buffer.close()
    buffer.close()
    assert buffer.closed
    assert buffer.size == 0
    assert buffer.read(3) == b""
    with pytest.raises(StreamClosed):
        buffer.write(b"d")


def test_a_buffer_of_no_bytes_is_rejected():
    with pytest.raises(ValueError):
        StreamBuffer(0)


def test_it_reads_like_a_file():
    buffer = StreamBuffer()
    assert buffer.readable()
    assert buffer.writable()
    assert not buffer.seekable()
    buffer.write(b"line one\nline")
    buffer.write(b" two\n")
    buffer.end_input()
    assert io.BufferedReader(buffer).readlines() == [b"line one\n", b"line two\n"]


def test_a_decoder_that_reads_files_decodes_from_it():
    data, buffer = encoded("mp3", 6_000), StreamBuffer(max_bytes=512)

    def feed():
        buffer.write(data)
        buffer.end_input()

    join = in_thread(feed)
    with av.open(buffer) as container:
        frames = sum(frame.samples for frame in container.decode(audio=0))
    join()
    assert frames >= 6_000
