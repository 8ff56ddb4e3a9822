"""The files with which systemd or launchd starts the resident; pure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from voicecli.control.resident.wire import SOCKET_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

_SOCKET = """[Unit]
Description=Socket of voicecli's resident

[Socket]
ListenStream=%t/voicecli/{name}
SocketMode=0600
DirectoryMode=0700

[Install]
WantedBy=sockets.target
"""

_SERVICE = """[Unit]
Description=Keeps voicecli loaded

[Service]
ExecStart="{python}" -m voicecli resident run
Restart=no
KillMode=mixed
"""

_PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" \
"http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>voicecli.resident</string>
  <key>ProgramArguments</key>
  <array>
    <string>{python}</string><string>-m</string><string>voicecli</string>
    <string>resident</string><string>run</string>
    <string>--idle-min</string><string>1000000</string>
  </array>
  <key>RunAtLoad</key><true/>
  <key>ProcessType</key><string>Interactive</string>
</dict>
</plist>
"""


def service_files(
    python: str, platform: str, environ: Mapping[str, str]
) -> tuple[dict[Path, str], str]:
    """Return the files by their paths, and the command that makes the system read them.

    On Linux systemd listens at the resident's socket and starts it with the first command;
    on macOS launchd starts it with the session.
    """
    home = Path(environ.get("HOME", "~")).expanduser()
    if platform == "darwin":
        path = home / "Library/LaunchAgents/voicecli.resident.plist"
        command = f"launchctl bootstrap gui/$(id -u) {path}"
        return {path: _PLIST.format(python=escape(python))}, command
    units = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "systemd/user"
    python = python.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    files = {
        units / "voicecli.socket": _SOCKET.format(name=SOCKET_NAME),
        units / "voicecli.service": _SERVICE.format(python=python),
    }
    return files, "systemctl --user daemon-reload && systemctl --user enable --now voicecli.socket"
