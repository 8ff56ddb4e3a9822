"""The runtime folder is the user's own, or there is none."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from voicecli.control.runtime import RuntimeFolderError, is_peer_ours, runtime_folder

OTHER_UID = 65534


@pytest.fixture
def env(tmp_path):
    return {"XDG_RUNTIME_DIR": str(tmp_path)}


def test_it_is_made_for_its_owner_only_whatever_the_umask(env, tmp_path):
    before = os.umask(0o777)
    try:
        path = runtime_folder(env)
    finally:
        os.umask(before)
    assert path == str(tmp_path / "voicecli")
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o700
    assert runtime_folder(env) == path


@pytest.mark.parametrize("base", ["", "relative/path", "/no/such/folder"])
def test_without_a_usable_base_it_is_in_the_temporary_folder(base, tmp_path):
    path = runtime_folder({"XDG_RUNTIME_DIR": base, "TMPDIR": str(tmp_path)})
    assert path == str(tmp_path / f"voicecli-{os.geteuid()}")


def test_a_link_is_refused(env, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "voicecli").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RuntimeFolderError, match="not a folder"):
        runtime_folder(env)


def test_a_folder_that_others_may_enter_is_refused(env, tmp_path):
    (tmp_path / "voicecli").mkdir()
    (tmp_path / "voicecli").chmod(0o750)
    with pytest.raises(RuntimeFolderError, match="chmod 700"):
        runtime_folder(env)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
class TestAnotherUser:
    def test_a_folder_of_another_user_is_refused(self, env, tmp_path):
        (tmp_path / "voicecli").mkdir(mode=0o700)
        os.chown(tmp_path / "voicecli", OTHER_UID, OTHER_UID)
        with pytest.raises(RuntimeFolderError, match="another user"):
            runtime_folder(env)

    def test_a_base_of_another_user_is_not_used(self, env, tmp_path):
        (tmp_path / "theirs").mkdir()
        os.chown(tmp_path / "theirs", OTHER_UID, OTHER_UID)
        env |= {"XDG_RUNTIME_DIR": str(tmp_path / "theirs"), "TMPDIR": str(tmp_path)}
        assert runtime_folder(env) == str(tmp_path / f"voicecli-{os.geteuid()}")

    def test_a_peer_of_another_user_is_recognised(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert is_peer_ours(ours)
        os.seteuid(OTHER_UID)
        try:
            ours, theirs = socket.socketpair()
        finally:
            os.seteuid(0)
        with ours, theirs:
            assert not is_peer_ours(ours)
