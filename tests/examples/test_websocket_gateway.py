from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from websockets.sync.client import connect

from tests.support.recorder import Recorder
from tests.support.tones import tone

EXAMPLE = Path(__file__).parents[2] / "examples" / "websocket_gateway.py"
RATE_HZ = 24_000
FRAME_BYTES = RATE_HZ // 50 * 2


@contextmanager
def gateway(*arguments, env=None):
    """The example as a process of its own; its address."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE), "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**(env or {}), "PYTHONPATH": str(EXAMPLE.parents[1])},
        text=True,
    )
    try:
        greeting = process.stdout.readline()
        assert greeting.startswith("listening on "), process.communicate()[1]
        yield greeting.split()[-1]
    finally:
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=10)
    assert (out, errors) == ("", "")
    assert process.returncode == 0


def send(connection, sound):
    data = sound.astype("<i2").tobytes()
    for at in range(0, len(data), FRAME_BYTES):
        connection.send(data[at : at + FRAME_BYTES])


def ended(connection):
    connection.send("end")
    return json.loads(connection.recv(timeout=20))


def test_frames_are_paced_and_the_end_is_reported_once_it_was_heard():
    with gateway("--device", "null") as address, connect(address) as connection:
        began = time.monotonic()
        send(connection, np.zeros(RATE_HZ, np.int16))
        assert ended(connection)["received_s"] == 1.0
        assert time.monotonic() - began >= 0.99


def test_clearing_drops_what_was_not_heard():
    with gateway("--device", "null") as address, connect(address) as connection:
        began = time.monotonic()
        send(connection, np.zeros(RATE_HZ * 9 // 10, np.int16))
        connection.send("clear")
        ended(connection)
        assert time.monotonic() - began < 0.9


def test_two_clients_one_after_the_other():
    with gateway("--device", "null") as address:
        for _ in range(2):
            with connect(address) as connection:
                send(connection, np.zeros(RATE_HZ // 10, np.int16))
                assert ended(connection)["received_s"] == 0.1


@pytest.mark.sound
def test_it_is_heard(sound_server):
    with (
        Recorder(sound_server) as recorder,
        gateway(env=sound_server.environment()) as address,
        connect(address) as connection,
    ):
        send(connection, tone(0.6, rate_hz=RATE_HZ))
        assert ended(connection)["received_s"] == 0.6
        heard = recorder.finish().sound()
    assert heard.audible_s == pytest.approx(0.6, abs=0.005)
