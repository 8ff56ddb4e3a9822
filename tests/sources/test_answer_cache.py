from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.session.fakes import ScriptedSource
from tests.sources.clients import AUDIO, KEY
from tests.support.speech_server import Reply, error
from voicecli.config.endpoint import Endpoint
from voicecli.errors import VoiceError
from voicecli.request import SpeechRequest
from voicecli.sources.answer_cache import AnswerCache, CachedAnswer
from voicecli.sources.base import AnswerReport, Response, SourceInfo
from voicecli.sources.cached import CachedSource, answer_key
from voicecli.sources.registry import SourceContext, source_for

pytestmark = pytest.mark.usefixtures("no_proxy")

INFO = SourceInfo("pcm", "audio/pcm;rate=24000", 24_000, 1)
REQUEST = SpeechRequest("Hello.", "alloy", "tts-1", "pcm")


def named(number):
    return hashlib.sha256(b"%d" % number).digest()


@pytest.fixture
def cache(tmp_path):
    return AnswerCache(tmp_path / "answers", max_bytes=10_000)


def answer(size=1000, fill=1):
    return CachedAnswer(INFO, bytes([fill]) * size)


def test_what_was_put_is_got(cache):
    assert cache.get(named(1)) is None
    cache.put(named(1), answer())
    assert cache.get(named(1)) == answer()
    assert cache.get(named(2)) is None
    assert cache.size()[:2] == (1, 1000)
    assert cache.clear()
    assert not cache.clear()
    assert cache.get(named(1)) is None


def test_the_bound_is_kept_and_what_was_used_last_stays(cache):
    for number in range(10):
        cache.put(named(number), answer())
        time.sleep(0.001)
    assert cache.get(named(0)) is not None
    cache.put(named(10), answer(2500))
    assert cache.size().bytes <= 10_000
    assert cache.get(named(0)) is not None
    assert [cache.get(named(number)) is None for number in (1, 2, 3, 4)] == [
        True,
        True,
        True,
        False,
    ]
    cache.put(named(11), answer(10_001))
    assert cache.get(named(11)) is None
    cache.put(named(12), answer(10_000))
    assert cache.size()[:2] == (1, 10_000)


def test_the_file_shrinks_with_what_it_holds(tmp_path):
    cache = AnswerCache(tmp_path, max_bytes=2_000_000)
    for number in range(40):
        cache.put(named(number), answer(100_000))
    assert cache.size().file_bytes < 2_400_000


def test_what_another_version_stored_is_read_as_far_as_it_is_known(cache):
    info = '{"content_type": "audio/mpeg", "of_the_future": 1}'
    cache.put(named(1), answer())
    with contextlib.closing(sqlite3.connect(cache.path)) as database, database:
        checksum = hashlib.sha256(info.encode() + b"\0" + answer().data).digest()
        database.execute("UPDATE answers SET info = ?, checksum = ?", (info, checksum))
    assert cache.get(named(1)) == (SourceInfo(content_type="audio/mpeg"), answer().data)


def test_only_the_owner_can_read_it(cache):
    previous = os.umask(0)
    try:
        cache.put(named(1), answer())
    finally:
        os.umask(previous)
    assert cache.path.parent.stat().st_mode & 0o777 == 0o700
    assert cache.path.stat().st_mode & 0o777 == 0o600


def test_the_text_is_not_kept(cache):
    request = replace(REQUEST, text="A secret sentence.", instructions="Whisper.")
    endpoint = Endpoint("http://x/v1", KEY, None, "", None, "tts-1", "alloy")
    cache.put(answer_key(endpoint, request), answer())
    content = cache.path.read_bytes()
    assert not any(word in content for word in (b"secret", b"Whisper", KEY.encode()))


@pytest.mark.parametrize("column", ["data", "info", "checksum"])
def test_a_changed_answer_is_dropped(cache, column):
    cache.put(named(1), answer())
    with contextlib.closing(sqlite3.connect(cache.path)) as database, database:
        database.execute(f"UPDATE answers SET {column} = ?", (b"x" * 1000,))
    assert cache.get(named(1)) is None
    assert cache.size().answers == 0


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"x" * 9000]
)
def test_a_damaged_file_is_replaced(cache, content):
    cache.path.parent.mkdir()
    cache.path.write_bytes(content)
    assert cache.get(named(1)) is None
    cache.put(named(1), answer())
    assert cache.get(named(1)) == answer()


def test_a_table_of_another_shape_is_replaced(cache):
    cache.path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(cache.path)) as database:
        database.execute("CREATE TABLE answers (key BLOB, words TEXT)")
    assert cache.get(named(1)) is None
    cache.put(named(1), answer())
    assert cache.get(named(1)) == answer()


def test_a_cache_that_cannot_be_used_is_ignored(tmp_path):
    (tmp_path / "file").write_text("")
    cache = AnswerCache(tmp_path / "file" / "below")
    cache.put(named(1), answer())
    assert cache.get(named(1)) is None
    assert cache.size() == (0, 0, 0)
    assert cache.fault == f"Not a directory: {tmp_path / 'file' / 'below'}"


def fill_disk(monkeypatch):
    connect = sqlite3.connect

    def full(*args, **named_args):
        database = connect(*args, **named_args)
        database.execute("PRAGMA max_page_count = 1")
        return database

    monkeypatch.setattr(sqlite3, "connect", full)


def test_a_full_disk_is_reported_and_drops_nothing(cache, monkeypatch):
    """SQLite's own bound on pages stands for the disk's."""
    cache.put(named(1), answer())
    fill_disk(monkeypatch)
    cache.put(named(2), answer(9_000))
    assert cache.fault == "database or disk is full"
    assert cache.get(named(1)) == answer()
    assert cache.get(named(2)) is None


def test_a_fault_that_is_over_is_forgotten(cache, monkeypatch):
    monkeypatch.setattr("voicecli.sources.answer_cache._WAIT_S", 0.0)
    cache.put(named(1), answer())
    with contextlib.closing(sqlite3.connect(cache.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        cache.put(named(2), answer())
        assert cache.fault == "database is locked"
    cache.put(named(2), answer())
    assert cache.fault is None


def test_a_cache_that_cannot_be_used_is_mentioned_and_the_answer_is_heard(tmp_path):
    (tmp_path / "file").write_text("")
    source = ScriptedSource([b"\0" * 480], info=SourceInfo("pcm", None, 24_000, 1))
    cached = CachedSource(source, AnswerCache(tmp_path / "file" / "below"), named(1))
    cached.prepare()
    with cached.open() as response:
        assert b"".join(response) == b"\0" * 480
    assert response.report().warning.startswith("answers are not cached: Not a directory")


def test_a_disk_that_is_full_by_the_last_answer_is_mentioned_too(cache, monkeypatch):
    source = ScriptedSource([b"\0" * 9_000], info=SourceInfo("pcm", None, 24_000, 1))
    cached = CachedSource(source, cache, named(1))
    with cached.open() as response:
        fill_disk(monkeypatch)
        b"".join(response)
    assert response.report().warning == "answers are not cached: database or disk is full"


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_belongs_to_another_user_is_neither_read_nor_changed(cache, monkeypatch, what):
    """Whoever it belongs to could have put any sound there."""
    cache.put(named(1), answer())
    cache.path.parent.chmod(0o755)

    def fstat(descriptor):
        found = os.fstat(descriptor)
        return SimpleNamespace(st_uid=found.st_uid + 1)

    theirs = {"fstat": fstat} if what == "file" else {"geteuid": lambda: os.getuid() + 1}
    instead = SimpleNamespace(**vars(os) | theirs)
    monkeypatch.setattr("voicecli.sources.answer_cache.os", instead)
    assert cache.get(named(1)) is None
    assert "another user" in cache.fault
    mode = cache.path.parent.stat().st_mode & 0o777
    assert mode == (0o755 if what == "folder" else 0o700)


@pytest.mark.parametrize("at", ["folder", "file", "journal"])
@pytest.mark.parametrize("what", ["file", "link", "folder", "pipe", "garbage"])
def test_anything_may_be_in_the_cache_s_place(tmp_path, at, what):
    cache = AnswerCache(tmp_path / "answers")
    place = {
        "folder": cache.path.parent,
        "file": cache.path,
        "journal": cache.path.with_name(cache.path.name + "-journal"),
    }[at]
    place.parent.mkdir(exist_ok=True)
    precious = tmp_path / "precious"
    precious.write_text("precious")
    match what:
        case "file" | "garbage":
            place.write_bytes(b"" if what == "file" else os.urandom(9000))
        case "link":
            place.symlink_to(precious)
        case "folder":
            place.mkdir()
        case "pipe":
            os.mkfifo(place)
    source = ScriptedSource([b"\0" * 480], info=SourceInfo("pcm", None, 24_000, 1))
    for _ in range(2):
        with CachedSource(source, cache, named(1)).open() as response:
            assert b"".join(response) == b"\0" * 480
    assert cache.fault is None or response.report().warning.endswith(cache.fault)
    assert precious.read_text() == "precious"


WORK = """
import hashlib, pathlib, random, sys
from voicecli.sources.answer_cache import AnswerCache, CachedAnswer
from voicecli.sources.base import SourceInfo

cache = AnswerCache(pathlib.Path(sys.argv[1]), max_bytes=1_000_000)
chance = random.Random(int(sys.argv[2]))
while True:
    number = chance.randrange(40)
    key = hashlib.sha256(b"%d" % number).digest()
    wanted = (b"%d," % number) * 20_000
    found = cache.get(key)
    if found is not None and found.data != wanted:
        print("WRONG", flush=True)
    if found is None:
        cache.put(key, CachedAnswer(SourceInfo("pcm"), wanted))
    if cache.size().bytes > 1_000_000:
        print("BOUND", flush=True)
    print(".", end="", flush=True)
"""


@pytest.mark.slow
def test_ten_processes_that_are_killed_at_any_moment(tmp_path):
    folder = tmp_path / "answers"
    chance = random.Random(1)
    running = [start(folder, seed) for seed in range(10)]
    said = ""
    for seed in range(10, 13):  # whose places others take
        said += kill(running.pop(0), chance.random() / 50)
        running.append(start(folder, seed))
    said += "".join(kill(each, chance.random() / 50) for each in running)
    assert set(said) == {"."}, said
    cache = AnswerCache(folder, max_bytes=1_000_000)
    size = cache.size()
    assert 0 < size.bytes <= 1_000_000
    assert size.file_bytes < 1_300_000
    for number in range(40):
        found = cache.get(named(number))
        assert found is None or found.data == (b"%d," % number) * 20_000


def start(folder, seed):
    command = [sys.executable, "-c", WORK, str(folder), str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def kill(process, after_s):
    """Kill a process in the middle of its work, and return what it printed."""
    said = process.stdout.read(2)
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    return said + process.communicate()[0]


class FakeSource:
    """Yields ``chunks``, and counts its requests."""

    label = "fake"
    sends_request = True

    def __init__(self, *chunks, info=INFO, fault=None, report=None):
        self.chunks, self.info, self.fault, self.report = chunks, info, fault, report
        self.opened = self.prepared = 0
        self.on_chunk = None

    def prepare(self):
        self.prepared += 1

    def open(self, events=None):
        self.opened += 1
        return Response(self.info, self._read(), report=lambda: self.report)

    def _read(self):
        for chunk in self.chunks:
            if self.on_chunk is not None:
                self.on_chunk()
            yield chunk
        if self.fault is not None:
            raise self.fault

    def cancel(self):
        pass


def read(cache, source, key=b"k"):
    cached = CachedSource(source, cache, key)
    cached.prepare()
    with cached.open() as response:
        return b"".join(response), response.info, response.report(), cached.sends_request


def test_a_hit_makes_no_request_and_loads_nothing(cache):
    first, second = FakeSource(b"ab", b"cd"), FakeSource(b"never")
    assert read(cache, first)[:2] == (b"abcd", INFO)
    data, info, report, sends_request = read(cache, second)
    assert (data, info) == (b"abcd", INFO)
    assert report.is_cached
    assert not sends_request
    assert (second.opened, second.prepared) == (0, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"info": INFO._replace(has_known_end=False)},
        {"info": INFO._replace(content_type="application/json")},
        {"info": INFO._replace(content_type="text/html; charset=utf-8")},
        {"report": AnswerReport(said="x", is_reworded=True)},
    ],
)
def test_answers_that_are_not_kept(cache, fields):
    assert read(cache, FakeSource(b"abcd", **fields))[0] == b"abcd"
    assert cache.size().answers == 0


def test_an_error_labelled_as_sound_is_not_kept(cache):
    read(cache, FakeSource(b'{"error": "x"}'))
    assert cache.size().answers == 0


def test_an_incomplete_answer_is_not_kept(cache):
    with pytest.raises(VoiceError):
        read(cache, FakeSource(b"ab", fault=VoiceError("cut")))
    cancelled = FakeSource(b"ab", b"cd")
    source = CachedSource(cancelled, cache, b"k")
    cancelled.on_chunk = source.cancel
    with source.open() as response:
        list(response)
    left = CachedSource(FakeSource(b"ab", b"cd"), cache, b"k").open()
    with left as response:
        next(iter(response))
    assert cache.size().answers == 0


def test_what_makes_an_answer_another_one():
    endpoint = Endpoint("http://x/v1", KEY, None, "", None, "tts-1", "alloy")
    changes = (
        {"text": "Other."}, {"voice": "b"}, {"model": "b"}, {"response_format": "opus"},
        {"speed": 1.5}, {"instructions": "x"}, {"extra_body": {"stream": True}},
    )  # fmt: skip
    keys = {answer_key(endpoint, replace(REQUEST, **change)) for change in ({}, *changes)}
    keys |= {answer_key(replace(endpoint, base_url="http://y/v1"), REQUEST)}
    keys |= {answer_key(replace(endpoint, protocol="realtime"), REQUEST)}
    keys |= {answer_key(endpoint, REQUEST, 8000)}
    assert len(keys) == len(changes) + 4
    assert answer_key(replace(endpoint, api_key="other"), REQUEST) in keys


@pytest.mark.parametrize(
    ("profile", "flag", "requests"), [(True, None, 1), (False, True, 1), (True, False, 2)]
)
def test_a_profile_or_a_flag_turns_it_on(server, tmp_path, monkeypatch, profile, flag, requests):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    endpoint = Endpoint(server.url, KEY, None, "", None, "tts-1", "alloy", cache=profile)
    for _ in range(2):
        shared = SourceContext(caches=flag)
        with source_for(endpoint, REQUEST, shared).open() as response:
            assert b"".join(response) == AUDIO
        shared.close()
    assert len(server.speech_requests) == requests


def test_refusals_and_cut_answers_of_a_server_are_not_kept(server, tmp_path):
    cache = AnswerCache(tmp_path)
    endpoint = Endpoint(server.url, KEY, None, "", None, "tts-1", "alloy", cache=True)
    shared = SourceContext(_answers=cache)
    for reply in (
        error(500, {}),
        Reply(body=AUDIO, cut_at=0.5),
        Reply(body=AUDIO, framing="close"),
    ):
        server.reply = reply
        with (
            contextlib.suppress(VoiceError),
            source_for(endpoint, REQUEST, shared).open() as answer,
        ):
            b"".join(answer)
    shared.close()
    assert cache.size().answers == 0
