from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Annotated

import pytest
import typer
import typer.main

from voicecli.cli.app import make_app
from voicecli.cli.help import Command, examples
from voicecli.errors import ExitStatus

HEAVY = ("openai", "httpx2", "numpy", "av", "onnxruntime", "sounddevice", "opuslib", "rich",
         "pydub", "hibari")  # fmt: skip


@pytest.mark.parametrize("name", ["say", "play", "devices", "voices", "doctor", "serve"])
def test_every_command_shows_its_examples_line_by_line(house, name):
    module = importlib.import_module(f"voicecli.cli.{name}")
    told = house.run(name, "--help")
    assert told.status == 0
    shown = told.out[told.out.index("Examples:") :]
    assert shown == examples(module.EXAMPLES)
    assert "\n\n" not in shown


def test_options_stand_in_groups(house):
    lines = house.run("say", "--help").out.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == [
        "Arguments:",
        "Voice:",
        "Sound:",
        "Saving:",
        "Network:",
        "Output:",
        "Options:",
        "Examples:",
    ]
    assert [line.split()[0] for line in lines if line.startswith("  --save")] == ["--save"]


@pytest.mark.parametrize("text", ["-5 degrees", "- one", "--- note"])
def test_a_text_taken_for_an_option_is_told_how_to_be_said(house, text):
    told = house.run("say", text)
    assert told.status == 2
    assert 'as in voicecli say -- "-5 degrees"' in told.err


@pytest.mark.parametrize("argv", [("say", "--formt", "wav", "x"), ("play", "-5 degrees")])
def test_an_option_that_is_misspelt_is_no_text(house, argv):
    told = house.run(*argv)
    assert told.status == 2
    assert "No such option" in told.err
    assert "dash" not in told.err


def nothing(
    seen: Annotated[int, typer.Option(help="Seen.")] = 1,
    hidden: Annotated[int, typer.Option(hidden=True)] = 1,
) -> None:
    """Do nothing."""


def test_hidden_options_and_missing_examples_leave_no_trace():
    small = typer.Typer(rich_markup_mode=None, add_completion=False)
    small.command(cls=Command)(nothing)
    context = typer.main.get_command(small).make_context("small", [], resilient_parsing=True)
    told = context.get_help()
    assert "--seen" in told
    assert "--hidden" not in told
    assert told.splitlines()[-1].startswith("  --help")


def test_arguments_are_named_without_python_s_types(house):
    out = house.run("say", "--help").out
    assert "Usage: voicecli say [OPTIONS] [TEXT]..." in out
    assert "<" not in out.replace("<=", "").replace(">=", "")


def test_every_option_says_what_it_does():
    command = typer.main.get_command(make_app())
    for name, sub in command.commands.items():
        for param in getattr(sub, "params", []):
            assert param.help, (name, param.name)


def test_alone_it_shows_help(house):
    told = house.run()
    assert "Usage: voicecli [OPTIONS] COMMAND [ARGS]..." in told.out + told.err
    assert "voicecli doctor" in told.out + told.err


def test_the_exit_statuses_are_told(house):
    told = house.run("--help")
    table, _, variables = told.out.partition("Exit status:\n")[2].partition("\n\n")
    assert [int(line.split()[0]) for line in table.splitlines()] == [int(s) for s in ExitStatus]
    for name in ("VOICECLI_BASE_URL", "VOICECLI_API_KEY", "VOICECLI_CONFIG", "VOICECLI_TRACEBACK"):
        assert f"  {name}" in variables


def test_help_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from voicecli.cli.app import run\n"
        "status = run(sys.argv[1:])\n"
        f"print([name for name in {HEAVY} if name in sys.modules], status)\n"
    )
    for argv in (["--help"], ["say", "--help"], ["play", "--help"], ["--version"], ["say", ""]):
        done = subprocess.run(
            [sys.executable, "-c", script, *argv],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stdout.splitlines()[-1].startswith("[] "), argv
