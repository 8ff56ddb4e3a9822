"""Fixtures and settings for every kind of test."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from _pytest.pathlib import import_path
from _pytest.runner import runtestprotocol
from coverage import Coverage
from hypothesis import is_hypothesis_test, settings

from tests.support.cli import Cli
from tests.support.resident import running_resident
from tests.support.sound_server import SoundServer
from voicecli.cli.signals import _left_to_watcher

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

# Every run tries the same examples, so that nobody's change fails by chance. To look for new
# ones: VOICECLI_TEST_PROFILE=thorough. How long one takes says more about the machine's load
# than about the code.
settings.register_profile("full", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("quick", deadline=None, derandomize=True, max_examples=10)
settings.register_profile("thorough", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("VOICECLI_TEST_PROFILE", "full"))

# A test run in the background of a shell, or started by ``nohup``, would hand an ignored
# SIGINT or SIGHUP to every program it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).parent
SOUND = re.compile(r"sound_server|mark\.sound")

SLOW = (
    "bench/",
    "cli/bench/",
    "cli/test_library_output.py",
    "cli/test_mcp_tools.py",
    "cli/test_progress.py",
    "cli/test_resume.py",
    "cli/test_running.py",
    "cli/test_save_stream.py",
    "cli/test_standard_streams.py",
    "codecs/encoding/test_legality.py",
    "control/resident/",
    "e2e/",
    "examples/",
    "session/test_engine.py",
    "session/test_long_texts.py",
    "session/test_mixed_formats.py",
    "session/test_recovery.py",
    "support_tests/",
    "test_browser.py",
)
"""Places that start other programs, or take seconds: ``scripts/test --quick`` leaves them out.

A single test elsewhere has ``@pytest.mark.slow``.
"""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark tests: ``sound`` by fixture, ``slow`` by place, ``no_cover`` if examples are random.

    Random examples run the same lines hundreds of times, which measuring makes twice as
    slow, and what they reach differs from run to run.
    """
    for item in items:
        if "sound_server" in getattr(item, "fixturenames", ()):
            item.add_marker("sound")
        if is_slow(item.path):
            item.add_marker("slow")
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("no_cover")


@functools.cache
def is_slow(path: Path) -> bool:
    """Return whether a file or folder is a slow place."""
    return path.is_relative_to(ROOT) and f"{path.relative_to(ROOT).as_posix()}/".startswith(SLOW)


def may_be_sound(module: Path) -> bool:
    """Return whether a module may have sound tests, by its text and that of its fixtures."""
    fixtures = module.parent / "conftest.py"
    sources = [module]
    if fixtures.exists() and fixtures.parent != ROOT:
        sources.append(fixtures)
    return any(SOUND.search(source.read_text(encoding="utf-8")) for source in sources)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what ``-m`` leaves out as a whole."""
    return is_left_out(collection_path, config) or None


def is_left_out(path: Path, config: pytest.Config) -> bool:
    """Return whether ``-m`` leaves out all tests of a file or folder."""
    chosen = config.option.markexpr
    if "not slow" in chosen and is_slow(path):
        return True
    return chosen == "sound" and path.name.startswith("test_") and not may_be_sound(path)


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Send fewer messages from a worker of xdist: of a test that passes, only its result.

    Set-up and teardown are reported if they fail, are skipped, or are to be timed.
    """
    config = item.config
    if not hasattr(config, "workerinput") or config.option.durations is not None:
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True


def pytest_runtest_teardown() -> None:
    """Take signals back from a run that was interrupted: it keeps them until its process ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is _left_to_watcher:
            signal.set_wakeup_fd(-1)
            is_interrupt = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if is_interrupt else signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let each worker of xdist import other modules first, if it collects all of them.

    On a fresh clone each would compile every module. This way the others have compiled most of
    them by the time it gets there.
    """
    config = session.config
    worker = getattr(config, "workerinput", None)
    if worker is None or config.args != config.getini("testpaths"):
        return
    modules = [path for path in sorted(ROOT.rglob("test_*.py")) if not is_left_out(path, config)]
    first = len(modules) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    for path in modules[first:] + modules[:first]:
        try:
            import_path(
                path, mode="importlib", root=config.rootpath, consider_namespace_packages=False
            )
        except (Exception, pytest.skip.Exception):  # noqa: BLE001  collecting it reports that
            for name, module in tuple(sys.modules.items()):
                if getattr(module, "__file__", None) == str(path):
                    del sys.modules[name]


def pytest_collection_finish() -> None:
    """Keep the garbage collector from visiting thousands of test items again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def quick_collections(request: pytest.FixtureRequest) -> None:
    """Do the same with what earlier tests imported, for measurements: each begins by collecting."""
    if "bench" in request.path.parts:
        gc.collect()
        gc.freeze()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Stop the second measurement too for ``no_cover``: pytest-cov has two in a worker of xdist.

    It pauses the one on top, at which coverage lets the one below go on.
    """
    below = Coverage.current() if item.get_closest_marker("no_cover") else None
    if below is None:
        return (yield)
    below.stop()
    try:
        return (yield)
    finally:
        below.start()


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """Start one private sound server for the whole run; recordings do not disturb each other.

    Every worker has one; with blocks of 5 ms, four of them take half of two processors.
    With VOICECLI_TEST_RESIDENT, the commands on it are done by a resident.
    """
    with SoundServer(block_ms=10) as server, contextlib.ExitStack() as stack:
        if os.environ.get("VOICECLI_TEST_RESIDENT"):
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            stack.enter_context(running_resident(Cli(home, server).environment()))
        yield server


@pytest.fixture(scope="session", autouse=True)
def _forbid_os_exit() -> Iterator[None]:
    """Fail a test that calls ``os._exit``: it would end the run with a status of its choice."""
    real_exit, test_process = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != test_process:
            real_exit(status)  # a forked child
        raise AssertionError(f"os._exit({status}) would have ended the test run")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "_exit", refuse)
        yield
