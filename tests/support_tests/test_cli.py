"""Runs are isolated from the user's environment and end with their test."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.cli import Cli, Result


@pytest.fixture
def fake(tmp_path: Path):
    """A package named voicecli with the given source."""

    def write(source: str) -> Cli:
        package = tmp_path / "fake" / "voicecli"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(source)
        home = tmp_path / "home"
        home.mkdir()
        return Cli(home)

    return write


def path_of(cli: Cli) -> dict[str, str]:
    return {"PYTHONPATH": str(cli.home.parent / "fake")}


def test_the_user_s_keys_and_home_are_not_inherited(tmp_path: Path, monkeypatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "VOICECLI_API_KEY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "secret")
    env = Cli(tmp_path).environment(ADDED="1")
    assert "secret" not in env.values()
    assert env["HOME"] == str(tmp_path)
    assert env["ADDED"] == "1"


def test_output_exit_code_and_json_are_returned(fake) -> None:
    cli = fake(
        "import sys; print('{\"a\": 1}'); print(sys.stdin.read(), file=sys.stderr); sys.exit(3)"
    )
    done = cli.run("say", env=path_of(cli), stdin=b"typed")
    assert (done.exit_code, done.json, done.stderr) == (3, {"a": 1}, "typed\n")
    assert done.started < done.ended


def test_anything_but_json_on_stdout_is_an_error() -> None:
    with pytest.raises(AssertionError, match="no JSON object on stdout"):
        _ = Result(0, "{} and more", "", 0.0, 0.0).json


def test_a_hang_is_reported_with_the_output(fake) -> None:
    cli = fake("import time; print('so far', flush=True); time.sleep(60)")
    with pytest.raises(AssertionError, match=r"hung for 1 s:\nso far"):
        cli.run(env=path_of(cli), timeout_s=1.0)


def test_signals_are_sent_and_timed(fake) -> None:
    cli = fake(
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(9));"
        "open('ready', 'w').close(); time.sleep(60)"
    )
    with cli.start(env=path_of(cli)) as running:
        while not (cli.home / "ready").exists():
            time.sleep(0.01)
        sent = running.signal(signal.SIGTERM)
        done = running.finish(10.0)
    assert done.exit_code == 9
    assert sent < done.ended


def test_a_run_ends_with_the_block(fake) -> None:
    cli = fake("import time; time.sleep(60)")
    with cli.start(env=path_of(cli)) as running:
        pid = running._process.pid
    assert not Path(f"/proc/{pid}").exists()


def test_the_machine_without_sound_has_portaudio_and_no_device(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sounddevice as sd; print(len(sd.query_devices()))"],
        env=Cli(tmp_path).environment(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=30,
    )
    assert done.stdout == b"0\n"
