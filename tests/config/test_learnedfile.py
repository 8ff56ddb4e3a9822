"""What earlier runs learned, whatever stands in the place of its file."""

from __future__ import annotations

import os

import pytest

from voicecli.sources.label_file import LabelFile

DAMAGED = (b"", b"{", b"[1]", b"\xff", b"[" * 100_000, b'{"a": 1e999999}', b"\0" * 1000)


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_empty_and_replaced(tmp_path, content):
    path = tmp_path / "labels.json"
    path.write_bytes(content)
    file = LabelFile(path)
    assert file.all() == {}
    file.put("http://one/v1", "audio/mpeg")
    assert file.all() == {"http://one/v1": {"audio/mpeg"}}


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path)],
)
def test_what_is_no_regular_file_is_replaced_at_once(tmp_path, make):
    path = tmp_path / "labels.json"
    make(path)
    file = LabelFile(path)
    assert file.get("http://one/v1") == frozenset()
    file.put("http://one/v1", "audio/mpeg")
    assert path.is_file()
    assert file.get("http://one/v1") == {"audio/mpeg"}


def test_a_folder_in_its_place_is_ignored(tmp_path):
    path = tmp_path / "labels.json"
    path.mkdir()
    file = LabelFile(path)
    file.put("http://one/v1", "audio/mpeg")
    assert file.all() == {}
    assert [path] == list(tmp_path.iterdir())
