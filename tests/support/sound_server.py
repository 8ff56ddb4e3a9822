"""A private PulseAudio server with a null sink: the loudspeaker of the tests.

The machine's own sound is neither used nor touched: runtime folder, socket, cookie, client
and ALSA configuration are in one temporary folder. Several servers can run side by side, as
root too, and on machines with a real sound card.

Reasons for the settings (all measured):

- The sink runs at 48 kHz, s16, one channel. A 48 kHz mono int16 stream at full
  volume then arrives at the monitor bit for bit; any other rate goes through
  PulseAudio's resampler.
- An idle null sink renders in blocks of up to 2 s, so the first sound after a silence can
  be that late. One silent client that asks for 5 ms keeps the blocks at 5 ms for all.
- Rewinding is off. A null sink that rewinds re-renders up to one block for each stream that
  starts. By then its monitor has sent the old block, so the recorder misses up to 1 ms of
  the head and gets blocks up to 3 ms late. Without it, block arrival jitters by 0.1 ms.
- Shared memory is off: containers have 64 MB of it, and a killed server leaves its share
  behind.
- Both daemons end with the process that started them (``setpriv --pdeathsig``), so a killed
  test run leaves nothing playing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

RATE_HZ = 48_000
SINK = "speaker"
START_TIMEOUT_S = 15.0

# PortAudio aborts the process if ALSA's configuration is empty, and lists every card and
# plug-in if it is the system's. These definitions give it one playback device under two
# names, as on a desktop.
ALSA_CONFIG = """\
pcm.!default { type pulse hint { show on description "Default" } }
ctl.!default { type pulse }
pcm.pulse { type pulse hint { show on description "PulseAudio" } }
ctl.pulse { type pulse }
"""

CLIENT_CONFIG = "autospawn = no\nenable-shm = no\n"

PACKAGES = "pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"


class SoundServerError(Exception):
    """The sound server did not start; the message contains its log."""


class SoundServer:
    """A PulseAudio daemon with one null sink, as a context manager.

    ``channels`` is that of the sink; with 1, mono content stays exact. It renders in blocks of
    ``block_ms``: with 5, it and a recorder take 29 % of a slow processor, with 10 they take 19 %.
    """

    def __init__(self, *, channels: int = 1, block_ms: int = 5) -> None:
        self.channels = channels
        self.block_ms = block_ms
        self.rate_hz = RATE_HZ
        self._dir: Path | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def folder(self) -> Path:
        """The runtime folder; it exists while the server runs."""
        assert self._dir is not None, "the sound server is not running"
        return self._dir

    @property
    def pid(self) -> int:
        """The daemon's process ID."""
        return self._processes[0].pid

    @property
    def monitor(self) -> str:
        """Name of the source that carries everything played."""
        return f"{SINK}.monitor"

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return an environment in which players reach this server and no other.

        ``base``, by default that of this process, is copied.
        """
        folder = self.folder
        env = dict(os.environ if base is None else base)
        for stale in ("PULSE_SINK", "PULSE_SOURCE", "DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
            env.pop(stale, None)
        env.update(
            XDG_RUNTIME_DIR=str(folder),
            PULSE_RUNTIME_PATH=str(folder / "pulse"),
            PULSE_STATE_PATH=str(folder / "state"),
            PULSE_SERVER=f"unix:{folder}/native",
            PULSE_COOKIE=str(folder / "cookie"),
            PULSE_CLIENTCONFIG=str(folder / "client.conf"),
            ALSA_CONFIG_PATH=str(folder / "alsa.conf"),
        )
        return env

    def start(self) -> None:
        """Start the daemon and the client that keeps it awake, and wait until both run.

        Raises:
            SoundServerError: a program is missing or did not start.
        """
        missing = [p for p in ("pulseaudio", "pactl", "pacat", "parec") if not shutil.which(p)]
        if missing:
            raise SoundServerError(
                f"{', '.join(missing)} not found; apt-get install {PACKAGES} (scripts/setup does)"
            )
        # Unix socket paths are limited to 107 bytes, which TMPDIR may exceed.
        self._dir = Path(tempfile.mkdtemp(prefix="vc-", dir="/tmp"))  # mode 0700
        (self._dir / "alsa.conf").write_text(ALSA_CONFIG)
        (self._dir / "client.conf").write_text(CLIENT_CONFIG)
        self._spawn_daemon()
        self._spawn_keep_awake()

    def stop(self) -> None:
        """End both processes and remove the folder; may be called twice."""
        while self._processes:
            terminate(self._processes.pop())
        if self._dir is not None:
            shutil.rmtree(self._dir, ignore_errors=True)
            self._dir = None

    def log(self) -> str:
        """Return the daemon's log so far."""
        return (self.folder / "log").read_text(errors="replace")

    def _spawn_daemon(self) -> None:
        sink = (
            f"module-null-sink sink_name={SINK} rate={RATE_HZ} channels={self.channels} "
            f"format=s16le norewinds=1"
        )
        protocol = f"module-native-protocol-unix socket={self.folder}/native auth-anonymous=1"
        with (self.folder / "log").open("wb") as log:
            daemon = self._spawn(
                ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--disable-shm=yes",
                 "--exit-idle-time=-1", "--log-target=stderr", "--log-time=yes",
                 f"--load={protocol}", f"--load={sink}"],
                stderr=log.fileno(),
            )  # fmt: skip
        self._until(daemon, self._answers, "PulseAudio did not answer")

    def _spawn_keep_awake(self) -> None:
        client = self._spawn(
            ["pacat", "--playback", f"--device={SINK}", f"--latency-msec={self.block_ms}",
             f"--rate={RATE_HZ}", f"--channels={self.channels}", "--format=s16le",
             "--client-name=keep-awake", "/dev/zero"],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._until(client, self._awake, "the silent client did not start")

    def _spawn(self, command: list[str], *, stderr: int) -> subprocess.Popen[bytes]:
        prefix = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
        process = subprocess.Popen(
            [*prefix, *command],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        self._processes.append(process)
        return process

    def _until(
        self, process: subprocess.Popen[bytes], ready: Callable[[], bool], message: str
    ) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready():
            if process.poll() is not None:
                raise SoundServerError(f"{message}: exit {process.returncode}\n{self.log()}")
            if time.monotonic() > deadline:
                raise SoundServerError(f"{message} in {START_TIMEOUT_S:.0f} s\n{self.log()}")
            time.sleep(0.02)

    def _pactl(self, *arguments: str) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(
                ["pactl", *arguments], env=self.environment() | {"LC_ALL": "C"},
                capture_output=True, text=True, timeout=5, check=False,
            )  # fmt: skip
            return done.stdout if done.returncode == 0 else ""
        return ""

    def _answers(self) -> bool:
        return SINK in self._pactl("list", "short", "sinks")

    def _awake(self) -> bool:
        return "RUNNING" in self._pactl("list", "short", "sinks")


def terminate(process: subprocess.Popen[bytes], *, timeout_s: float = 5.0) -> None:
    """Terminate a child process, kill it if it does not end, and reap it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
