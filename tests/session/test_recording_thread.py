from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.session.fakes import RecordingSaver, seen
from voicecli.audio.pcm import Pcm
from voicecli.errors import SaveError
from voicecli.recording.saver import SaveReport
from voicecli.session import recording_thread as module
from voicecli.session.recording_thread import RecordingThread


def block(frames=100):
    return Pcm(np.zeros((frames, 1), np.int16), 8000)


def heard():
    return False


def spawn(work, name):
    thread = threading.Thread(target=work, name=name)
    thread.start()
    return thread


def test_writes_what_it_is_given_in_order():
    saver = RecordingSaver()
    keeper = RecordingThread(saver, heard)
    keeper.raw(0, b"ab")
    keeper.pcm(block())
    keeper.raw(0, b"c")
    keeper.start(spawn)
    assert keeper.finish(50, "pcm") == SaveReport(["a.wav"], None)
    assert (saver.received, saver.frames) == (b"abc", 100)
    assert saver.finished == [(50, "pcm")]


def test_a_format_that_was_never_found_out_is_bin():
    saver = RecordingSaver()
    keeper = RecordingThread(saver, heard)
    keeper.start(spawn)
    keeper.finish(None, None)
    assert saver.finished == [(None, "bin")]


def test_what_never_began_leaves_nothing():
    saver = RecordingSaver()
    assert RecordingThread(saver, heard).finish(None, None) == SaveReport()
    assert saver.finished == []


def test_nobody_waits_for_the_disk():
    writing, written = threading.Event(), threading.Event()

    def slowly():
        writing.set()
        seen(written)

    saver = RecordingSaver(before_each=slowly)
    keeper = RecordingThread(saver, heard)
    keeper.start(spawn)
    keeper.pcm(block())
    seen(writing)
    for _ in range(1000):
        keeper.pcm(block())
    written.set()
    keeper.finish(None, "pcm")
    assert saver.frames == 100_100


def test_where_nothing_is_heard_a_slow_disk_is_waited_for(monkeypatch):
    monkeypatch.setattr(module, "BACKLOG_BYTES", 250)
    monkeypatch.setattr(module, "PACED_BYTES", 250)
    saver = RecordingSaver()
    keeper = RecordingThread(saver, lambda: True)
    changed = keeper._queue._changed
    wait = changed.wait

    def write_once_waited_for(timeout=None):
        if keeper.thread is None:
            keeper.thread = threading.current_thread()  # its own waiting starts no other
            keeper.start(spawn)
        return wait(timeout)

    monkeypatch.setattr(changed, "wait", write_once_waited_for)
    for _ in range(50):
        keeper.raw(0, b"a" * 100)
        keeper.pcm(block(100))
    assert keeper.finish(None, "pcm") == SaveReport(["a.wav"], None)
    assert (saver.frames, len(saver.received)) == (5000, 5000)


def test_who_waits_for_a_disk_that_hangs_is_let_go(monkeypatch):
    monkeypatch.setattr(module, "PACED_BYTES", 100)
    keeper = RecordingThread(RecordingSaver(), lambda: True)
    keeper.raw(0, b"a" * 100)
    waiting = threading.Thread(target=keeper.raw, args=[0, b"b"])
    waiting.start()
    keeper.finish(None, None)
    waiting.join(20)
    assert not waiting.is_alive()


@pytest.mark.parametrize("rest", [[b"d"], [b"d" * 500, b"e"]])
def test_a_disk_too_slow_is_given_up_without_a_hole(monkeypatch, rest):
    monkeypatch.setattr(module, "BACKLOG_BYTES", 250)
    saver = RecordingSaver()
    keeper = RecordingThread(saver, heard)
    keeper.raw(0, b"a" * 100)
    keeper.pcm(block(50))
    keeper.pcm(block(100))  # does not fit
    for data in rest:
        keeper.raw(0, data)  # would, but what is written must be what was said
    keeper.start(spawn)
    report = keeper.finish(None, "pcm")
    assert (saver.received, saver.frames) == (b"a" * 100, 50)
    assert isinstance(report.error, SaveError)
    assert "too slow" in report.error.message
    assert report.saved == ["a.wav"]


def test_the_savers_own_error_comes_first(monkeypatch):
    monkeypatch.setattr(module, "BACKLOG_BYTES", 1)
    full = SaveError("disk full")

    class Failing(RecordingSaver):
        def finish(self, *_):
            return SaveReport([], full)

    keeper = RecordingThread(Failing(), heard)
    keeper.raw(0, b"a")
    keeper.raw(0, b"b")
    keeper.start(spawn)
    assert keeper.finish(None, None) == SaveReport([], full)
