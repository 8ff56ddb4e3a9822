"""The private sound server starts, runs beside others, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.sound_server import SoundServer, SoundServerError, terminate

pytestmark = pytest.mark.sound


def devices(environment: dict[str, str]) -> list[str]:
    script = (
        "import json, sounddevice as sd;"
        "print(json.dumps([d['name'] for d in sd.query_devices() if d['max_output_channels']]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        timeout=30,
    )
    names: list[str] = json.loads(done.stdout)
    return names


def test_portaudio_sees_only_its_device(sound_server: SoundServer) -> None:
    assert sorted(devices(sound_server.environment())) == ["default", "pulse"]


def test_a_player_cannot_reach_another_sound_server(sound_server: SoundServer) -> None:
    env = sound_server.environment(
        {"PULSE_SERVER": "unix:/elsewhere", "PULSE_SINK": "card", "HOME": "/root"}
    )
    assert env["PULSE_SERVER"] == f"unix:{sound_server.folder}/native"
    assert "PULSE_SINK" not in env
    assert env["HOME"] == "/root"


def test_two_servers_run_side_by_side_and_leave_nothing(sound_server: SoundServer) -> None:
    with SoundServer(channels=2) as second:
        folder = second.folder
        assert folder != sound_server.folder
        assert folder.stat().st_mode & 0o777 == 0o700
        assert sorted(devices(second.environment())) == ["default", "pulse"]
        daemons = [process.pid for process in second._processes]
    assert not folder.exists()
    assert [pid for pid in daemons if Path(f"/proc/{pid}").exists()] == []
    assert sorted(devices(sound_server.environment())) == ["default", "pulse"]


def test_a_killed_test_run_leaves_no_daemon(tmp_path: Path) -> None:
    script = (
        "import sys, time; from tests.support.sound_server import SoundServer;"
        "s = SoundServer(); s.start();"
        "print(s.folder, *[p.pid for p in s._processes], flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        folder, *daemons = run.stdout.readline().split()
        run.send_signal(signal.SIGKILL)
        run.wait()
    deadline = time.monotonic() + 10
    while any(_alive(int(pid)) for pid in daemons) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [int(pid) for pid in daemons if _alive(int(pid))]
    subprocess.run(["rm", "-r", os.fsdecode(folder)], check=True)
    assert len(daemons) == 2
    assert left == []


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SoundServerError, match=r"pulseaudio, .* apt-get install pulseaudio"):
        SoundServer().start()


def test_a_failing_daemon_is_reported_with_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("pactl", "pacat", "parec"):
        (tmp_path / name).symlink_to("/bin/false")
    broken = tmp_path / "pulseaudio"
    broken.write_text("#!/bin/sh\necho no room >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(SoundServerError, match=r"exit 3\n.*no room"), SoundServer():
        pass


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    process = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    terminate(process, timeout_s=0.2)
    assert process.returncode == -signal.SIGKILL
