"""Players other than ours, to check the recorder and to compare with."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tests.support.sound_server import SoundServer

# Open and start the stream, let it settle, then play. Both print the monotonic time of the
# first frame, by the program itself or by PortAudio.
_BLOCKING_WRITER = """
import json, sys, time
import sounddevice as sd
data = sys.stdin.buffer.read()
stream = sd.RawOutputStream(samplerate=48000, channels=1, dtype="int16", latency=0.05)
stream.start()
time.sleep(0.3)
written = time.monotonic()
stream.write(data)
stream.write(bytes(2 * round(48000 * (stream.latency + 0.05))))
print(json.dumps({"written": written, "latency": stream.latency}))
stream.stop(); stream.close()
"""

_CALLBACK = """
import json, sys, time
import sounddevice as sd
data = memoryview(sys.stdin.buffer.read())
at = 0
first = None
done = []
def callback(out, frames, when, status):
    global at, first
    if first is None:
        first = when.outputBufferDacTime - when.currentTime + time.monotonic()
    part = data[at:at + len(out)]
    out[:len(part)] = part
    out[len(part):] = bytes(len(out) - len(part))
    at += len(part)
    if not len(part):
        done.append(1)
stream = sd.RawOutputStream(samplerate=48000, channels=1, dtype="int16", latency=0.05,
                            callback=callback)
stream.start()
while len(done) < 1: time.sleep(0.01)
time.sleep(stream.latency + 0.1)
print(json.dumps({"dac": first}))
stream.abort(); stream.close()
"""


def pacat(server: SoundServer, samples: NDArray[np.int16], *, rate_hz: int = 48_000) -> None:
    """Play (frames,) or (frames, channels) to the end with PulseAudio's own client.

    Its buffer of half a second keeps the output exact even on a busy machine.
    """
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    subprocess.run(
        ["pacat", "--playback", f"--rate={rate_hz}", f"--channels={channels}", "--format=s16le",
         "--raw", "--latency-msec=500"],
        env=server.environment(), input=samples.tobytes(), check=True, timeout=60,
    )  # fmt: skip


def blocking_writer(server: SoundServer, samples: NDArray[np.int16]) -> dict[str, float]:
    """Play with PortAudio's blocking write; ``written`` is the time of the first write."""
    return _run(server, _BLOCKING_WRITER, samples)


def callback_player(server: SoundServer, samples: NDArray[np.int16]) -> dict[str, float]:
    """Play with PortAudio's callback; ``dac`` is PortAudio's time of the first frame."""
    return _run(server, _CALLBACK, samples)


def _run(server: SoundServer, script: str, samples: NDArray[np.int16]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", script], env=server.environment(), input=samples.tobytes(),
        stdout=subprocess.PIPE, check=True, timeout=60,
    )  # fmt: skip
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times
