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


def test_everything_is_written_in_order():
    saver = RecordingSaver()
    recording = RecordingThread(saver, heard)
    recording.raw(0, b"ab")
    recording.pcm(block())
    recording.raw(0, b"c")
    recording.start(spawn)
    assert recording.finish(50, "pcm") == SaveReport(["a.wav"], None)
    assert (saver.received, saver.frames) == (b"abc", 100)
    assert saver.finished == [(50, "pcm")]


def test_an_unknown_format_is_bin():
    saver = RecordingSaver()
    recording = RecordingThread(saver, heard)
    recording.start(spawn)
    recording.finish(None, None)
    assert saver.finished == [(None, "bin")]


def test_without_a_start_the_saver_is_finished_all_the_same():
    """It has opened its files by then."""
    saver = RecordingSaver()
    RecordingThread(saver, heard).finish(None, None)
    assert saver.finished == [(0, "bin")]


def test_a_slow_disk_is_not_waited_for():
    writing, written = threading.Event(), threading.Event()

    def slowly():
        writing.set()
        seen(written)

    saver = RecordingSaver(before_each=slowly)
    recording = RecordingThread(saver, heard)
    recording.start(spawn)
    recording.pcm(block())
    seen(writing)
    for _ in range(1000):
        recording.pcm(block())
    written.set()
    recording.finish(None, "pcm")
    assert saver.frames == 100_100


def test_if_nothing_is_heard_a_slow_disk_is_waited_for(monkeypatch):
    monkeypatch.setattr(module, "BACKLOG_BYTES", 250)
    monkeypatch.setattr(module, "PACED_BYTES", 250)
    saver = RecordingSaver()
    recording = RecordingThread(saver, lambda: True)
    changed = recording._queue._changed
    wait = changed.wait

    def write_once_waited_for(timeout=None):
        if recording.thread is None:
            recording.thread = threading.current_thread()  # its own waiting starts no other
            recording.start(spawn)
        return wait(timeout)

    monkeypatch.setattr(changed, "wait", write_once_waited_for)
    for _ in range(50):
        recording.raw(0, b"a" * 100)
        recording.pcm(block(100))
    assert recording.finish(None, "pcm") == SaveReport(["a.wav"], None)
    assert (saver.frames, len(saver.received)) == (5000, 5000)


def test_finish_releases_a_thread_that_waits_for_the_disk(monkeypatch):
    monkeypatch.setattr(module, "PACED_BYTES", 100)
    recording = RecordingThread(RecordingSaver(), lambda: True)
    recording.raw(0, b"a" * 100)
    waiting = threading.Thread(target=recording.raw, args=[0, b"b"])
    waiting.start()
    recording.finish(None, None)
    waiting.join(20)
    assert not waiting.is_alive()


@pytest.mark.parametrize("rest", [[b"d"], [b"d" * 500, b"e"]])
def test_a_disk_that_is_too_slow_is_given_up(monkeypatch, rest):
    monkeypatch.setattr(module, "BACKLOG_BYTES", 250)
    saver = RecordingSaver()
    recording = RecordingThread(saver, heard)
    recording.raw(0, b"a" * 100)
    recording.pcm(block(50))
    recording.pcm(block(100))  # does not fit
    for data in rest:
        recording.raw(0, data)  # would fit, but a recording has no gaps
    recording.start(spawn)
    report = recording.finish(None, "pcm")
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

    recording = RecordingThread(Failing(), heard)
    recording.raw(0, b"a")
    recording.raw(0, b"b")
    recording.start(spawn)
    assert recording.finish(None, None) == SaveReport([], full)


def test_a_block_that_comes_after_the_end_is_no_fault_of_the_disk():
    """A decoder thread that was left behind by an interrupt may still deliver one."""
    saver = RecordingSaver()
    recording = RecordingThread(saver, heard)
    recording.pcm(block(50))
    finish = saver.finish
    saver.finish = lambda *args: (recording.pcm(block()), finish(*args))[1]
    recording.start(spawn)
    assert recording.finish(None, "pcm").error is None
    assert saver.frames == 50
