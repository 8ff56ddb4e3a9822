from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from voicecli.errors import SaveError
from voicecli.recording.partfile import PartFile


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_the_older_file_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"older")
    file = PartFile(path)
    file.write_at(b"6789", 5)
    file.write_at(b"12345", 0)
    assert path.read_bytes() == b"older"
    file.finish(7)
    assert path.read_bytes() == b"1234567"
    assert names(tmp_path) == ["a.wav"]


def test_writing_continues_after_a_truncation(tmp_path):
    file = PartFile(tmp_path / "a")
    file.write_at(b"12345", 0)
    file.truncate(2)
    file.write_at(b"9", 3)
    file.finish(4)
    assert (tmp_path / "a").read_bytes() == b"12\x009"


def test_discarding_leaves_the_older_file_only(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"older")
    file = PartFile(tmp_path / "a.wav")
    file.write_at(b"1", 0)
    file.discard()
    file.discard()
    assert names(tmp_path) == ["a.wav"]
    assert (tmp_path / "a.wav").read_bytes() == b"older"


def test_discarding_after_finishing_does_nothing(tmp_path):
    file = PartFile(tmp_path / "a.wav")
    file.finish(0)
    file.discard()
    assert names(tmp_path) == ["a.wav"]


def test_discarding_a_deleted_file_is_not_an_error(tmp_path):
    file = PartFile(tmp_path / "a.wav")
    next(tmp_path.iterdir()).unlink()
    file.discard()
    assert names(tmp_path) == []


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    real, link = tmp_path / "disk" / "real.wav", tmp_path / "link.wav"
    real.write_bytes(b"older")
    link.symlink_to(Path("disk") / "real.wav")
    file = PartFile(link)
    file.write_at(b"newer", 0)
    file.finish(5)
    assert link.is_symlink()
    assert real.read_bytes() == b"newer"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path, umask, mode):
    previous = os.umask(umask)
    try:
        PartFile(tmp_path / "a.wav").finish(0)
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "a.wav").stat().st_mode) == mode


def test_an_unwritable_folder_is_an_error_with_the_path(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / "file" / "a.wav"  # not even root can
    with pytest.raises(SaveError) as caught:
        PartFile(path)
    assert caught.value.message == f"cannot save {path}: Not a directory"


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(SaveError, match="there is no folder"):
        PartFile(tmp_path / "none" / "a.wav")


@pytest.mark.parametrize(
    ("path", "reason"), [(os.devnull, "not a regular file"), ("/", "it is a folder")]
)
def test_devices_and_folders_are_not_replaced(path, reason):
    with pytest.raises(SaveError, match=reason):
        PartFile(Path(path))
    assert not Path(path).is_file()


def test_a_target_that_became_a_folder_is_an_error(tmp_path):
    file = PartFile(tmp_path / "a.wav")
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(SaveError, match="Is a directory"):
        file.finish(0)
    assert names(tmp_path) == ["a.wav"]


def test_a_link_to_itself_is_an_error(tmp_path):
    (tmp_path / "a.wav").symlink_to("a.wav")
    with pytest.raises(SaveError, match="symbolic links"):
        PartFile(tmp_path / "a.wav")


def test_a_folder_without_rights_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root has all rights
    with pytest.raises(SaveError, match="no permission to write"):
        PartFile(tmp_path / "a.wav")


def test_its_name_says_what_it_is(tmp_path):
    file = PartFile(tmp_path / "a.wav")
    assert names(tmp_path) == ["a.wav.part"]
    assert file.left_behind is None
    file.discard()


def test_what_a_killed_run_left_is_replaced_by_the_first_write(tmp_path):
    left = tmp_path / "a.wav.part"
    left.write_bytes(b"of a killed run")
    file = PartFile(tmp_path / "a.wav")
    assert file.left_behind == left
    file.discard()  # nothing was written, so nothing is lost
    assert left.read_bytes() == b"of a killed run"
    file = PartFile(tmp_path / "a.wav")
    file.write_at(b"new", 0)
    file.finish(3)
    assert names(tmp_path) == ["a.wav"]
    assert (tmp_path / "a.wav").read_bytes() == b"new"


def test_two_runs_do_not_write_to_one_file(tmp_path):
    file = PartFile(tmp_path / "a.wav")
    with pytest.raises(SaveError, match="another run is saving to it"):
        PartFile(tmp_path / "a.wav")
    file.write_at(b"1", 0)
    file.finish(1)
    PartFile(tmp_path / "a.wav").discard()


@pytest.mark.parametrize("kind", ["symlink", "link", "pipe"])
def test_a_part_that_somebody_planted_is_not_written_to(tmp_path, kind):
    part, other = tmp_path / "a.wav.part", tmp_path / "other"
    other.write_bytes(b"precious")
    if kind == "symlink":
        part.symlink_to(other)
    elif kind == "link":
        part.hardlink_to(other)
    else:
        os.mkfifo(part)
    with pytest.raises(SaveError):
        PartFile(tmp_path / "a.wav")
    assert other.read_bytes() == b"precious"
