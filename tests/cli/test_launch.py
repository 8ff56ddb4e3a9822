from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from voicecli.cli import launch
from voicecli.cli.launch import process_started_at

ROOT = Path(__file__).parent.parent
TOLERANCE_S = 0.060

SCRIPT = """
import time
sum(range(100_000))
from voicecli.cli.launch import process_started_at
print(process_started_at(), time.monotonic())
"""


def test_a_child_knows_its_start():
    before = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        after = time.monotonic()  # Popen returns when the child runs its program
        result, _ = child.communicate(timeout=60)
    started, printed = (float(number) for number in result.split())
    assert before - TOLERANCE_S <= started <= after + TOLERANCE_S
    assert started < printed


def test_the_result_does_not_change():
    assert process_started_at() == pytest.approx(process_started_at(), abs=0.010)


class Machine:
    """A /proc and clocks of the test's making: 100 ticks a second, booted 50 s earlier."""

    def __init__(self, monkeypatch, *, comm="python3", ticks=15_000, cpu_s=0.0):
        fields = ["S", *["0"] * 18, str(ticks), *["0"] * 30]
        self.stat = f"4242 ({comm}) {' '.join(fields)}\n"
        monkeypatch.setattr(launch.Path, "read_text", lambda *_, **__: self.stat)
        monkeypatch.setattr(launch.os, "sysconf", lambda _: 100)
        monkeypatch.setattr(launch.time, "clock_gettime", lambda _: 160.0)
        monkeypatch.setattr(launch.time, "monotonic", lambda: 110.0)
        monkeypatch.setattr(launch.time, "process_time", lambda: cpu_s)


@pytest.mark.parametrize("comm", ["python3", "a) b (c", ") S 1 2"])
def test_the_program_name_does_not_matter(monkeypatch, comm):
    Machine(monkeypatch, comm=comm)
    # 150.00 to 150.01 s after boot; the monotonic clock is 50 s behind.
    assert process_started_at() == pytest.approx(100.005)


def test_cpu_time_narrows_the_range(monkeypatch):
    Machine(monkeypatch, cpu_s=9.996)
    assert process_started_at() == pytest.approx((100.0 + 100.004) / 2)


def test_cpu_time_of_several_threads_is_ignored(monkeypatch):
    Machine(monkeypatch, cpu_s=40.0)
    assert process_started_at() == pytest.approx(100.0)


@pytest.mark.parametrize("stat", ["", "4242 (python3) S 1", "4242 (python3) " + "x " * 30])
def test_with_an_invalid_proc_it_is_the_time_of_the_import(monkeypatch, stat):
    Machine(monkeypatch).stat = stat
    assert process_started_at() == launch._LOADED_AT


def test_without_proc_it_is_the_time_of_the_import(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(launch.Path, "read_text", missing)
    assert process_started_at() == launch._LOADED_AT
