"""The files with which the system starts the resident."""

from __future__ import annotations

import plistlib
from pathlib import Path

from voicecli.control.resident.install import service_files


def test_systemd_listens_for_it():
    files, command = service_files("/opt/my python/50%", "linux", {"HOME": "/home/me"})
    units = Path("/home/me/.config/systemd/user")
    assert set(files) == {units / "voicecli.socket", units / "voicecli.service"}
    assert "ListenStream=%t/voicecli/resident\n" in files[units / "voicecli.socket"]
    started = 'ExecStart="/opt/my python/50%%" -m voicecli resident run\n'
    assert started in files[units / "voicecli.service"]
    assert command.endswith("enable --now voicecli.socket")


def test_xdg_config_home_is_respected():
    files, _ = service_files("python", "linux", {"HOME": "/home/me", "XDG_CONFIG_HOME": "/etc/me"})
    assert {path.parent for path in files} == {Path("/etc/me/systemd/user")}


def test_launchd_starts_it_with_the_session():
    files, command = service_files("/opt/a&b/python", "darwin", {"HOME": "/Users/me"})
    ((path, content),) = files.items()
    assert path == Path("/Users/me/Library/LaunchAgents/voicecli.resident.plist")
    job = plistlib.loads(content.encode())
    assert job["Label"] == "voicecli.resident"
    assert job["ProgramArguments"][:4] == ["/opt/a&b/python", "-m", "voicecli", "resident"]
    assert command.endswith(str(path))
