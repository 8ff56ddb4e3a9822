from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import sys, threading
from voicecli.sources.voicememory import limit_heaps

def virtual_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * 4096 / 2**20

if sys.argv[1] == "limited":
    limit_heaps()
before, done = virtual_mb(), threading.Event()
ready = threading.Barrier(9)

def work():
    data = [bytes(2000) for _ in range(1000)]
    ready.wait()
    done.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
ready.wait()
print(virtual_mb() - before)
done.set()
"""


def growth_mb(mode):
    command = [sys.executable, "-c", SCRIPT, mode]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has heaps per thread")
def test_threads_share_heaps():
    heap_mb = 64
    assert growth_mb("limited") < growth_mb("unlimited") - 4 * heap_mb


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has heaps per thread")
def test_a_sentence_of_samples_is_returned_at_once():
    script = """
import sys
from voicecli.sources.voicememory import limit_heaps, return_unused

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

limit_heaps()
bytes(bytearray(2_000_000))  # what was freed once raises glibc's own threshold
before = resident_mb()
sentences = [bytearray(1_000_000) for _ in range(50)]
kept = [bytearray(100) for _ in range(1000)]
del sentences
return_unused()
print(resident_mb() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert float(done.stdout) < 10
