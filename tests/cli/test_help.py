from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
from typing import Annotated

import pytest
import typer
import typer.main

from voicecli.cli.app import COMMANDS, make_app, run
from voicecli.cli.environment import Environment
from voicecli.cli.help import Command
from voicecli.cli.layout import example
from voicecli.errors import ExitStatus

HEAVY = ("openai", "httpx2", "numpy", "av", "onnxruntime", "sounddevice", "opuslib", "rich",
         "pydub", "hibari")  # fmt: skip


@pytest.mark.parametrize("name", ["say", "play", "devices", "voices", "doctor", "serve"])
def test_every_command_prints_its_examples_line_by_line(cli, name):
    module = importlib.import_module(f"voicecli.cli.{name}")
    result = cli.run(name, "--help")
    assert result.exit_code == 0
    assert result.stdout.endswith(f"\n\n{module.EXAMPLES}")


def test_options_are_in_panels(cli):
    lines = cli.run("say", "--help").stdout.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == [
        "Text:",
        "Voice and server:",
        "Format:",
        "Playback:",
        "Saving:",
        "Timing:",
        "Control:",
        "Network:",
        "Output:",
        "Diagnostics:",
        "Options:",
        "Examples:",
    ]
    assert len([line for line in lines if line.startswith("  -o, --save FILE")]) == 1


@pytest.mark.parametrize("text", ["-5 degrees", "- one", "--- note"])
def test_text_mistaken_for_an_option_is_answered_with_how_to_pass_it(cli, text):
    result = cli.run("say", text)
    assert result.exit_code == 2
    assert 'begins with a dash: voicecli say -- "-5 degrees"' in result.stderr


@pytest.mark.parametrize(
    "argv",
    [
        ("say", "--formt", "wav", "x"),
        ("play", "-5 degrees"),
        ("endpoints", "test", "--base-url", "x"),
    ],
)
def test_a_misspelt_option_is_not_mistaken_for_text(cli, argv):
    result = cli.run(*argv)
    assert result.exit_code == 2
    assert "No such option" in result.stderr
    assert "dash" not in result.stderr


def nothing(
    seen: Annotated[int, typer.Option(help="Seen.")] = 1,
    hidden: Annotated[int, typer.Option(hidden=True)] = 1,
) -> None:
    """Do nothing."""


def test_hidden_options_and_missing_examples_are_not_printed():
    small = typer.Typer(rich_markup_mode=None, add_completion=False)
    small.command(cls=Command)(nothing)
    context = typer.main.get_command(small).make_context("small", [], resilient_parsing=True)
    result = context.get_help()
    assert "--seen" in result
    assert "--hidden" not in result
    assert result.splitlines()[-1].startswith("  --help")


def test_arguments_are_listed_without_their_python_types(cli):
    out = cli.run("say", "--help").stdout
    assert "Usage: voicecli say [OPTIONS] [TEXT]..." in out
    assert "<" not in out.replace("<=", "").replace(">=", "")


def test_every_option_has_help():
    command = typer.main.get_command(make_app())
    for name, sub in command.commands.items():
        for param in getattr(sub, "params", []):
            assert param.help, (name, param.name)


@pytest.mark.parametrize(
    "argv", [(), *[(name,) for name in ("bench", "cache", "config", "endpoints", "resident")]]
)
def test_summaries_of_commands_are_not_cut(cli, argv):
    _, _, commands = cli.run(*argv, "--help").stdout.partition("Commands:\n")
    assert commands
    assert "..." not in commands.partition("\n\n")[0]


def test_without_arguments_it_prints_help(cli):
    result = cli.run()
    assert "Usage: voicecli [OPTIONS] COMMAND [ARGS]..." in result.stdout + result.stderr
    assert "voicecli doctor" in result.stdout + result.stderr


def test_the_help_lists_the_exit_statuses_and_variables(cli):
    result = cli.run("--help")
    table, _, variables = result.stdout.partition("Exit status:\n")[2].partition("\n\n")
    assert [int(line.split()[0]) for line in table.splitlines()] == [int(s) for s in ExitStatus]
    for name in ("VOICECLI_BASE_URL", "VOICECLI_API_KEY", "VOICECLI_CONFIG", "VOICECLI_TRACEBACK"):
        assert f"  {name}" in variables


@pytest.mark.slow
def test_help_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from voicecli.cli.app import run\n"
        "for argv in (['--help'], ['say', '--help'], ['play', '--help'], ['say', '']):\n"
        "    run(argv)\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    imported = done.stdout.splitlines()[-1].split()
    assert [name for name in HEAVY if name in imported] == []
    assert "voicecli.cli.say" in imported


COMMAND_LINES = [
    *([name] for name in COMMANDS),
    *(["bench", name] for name in ("encode", "decode", "source", "policy")),
    *(["config", name] for name in ("path", "show", "forget")),
]


@pytest.mark.parametrize("argv", [[], *COMMAND_LINES], ids=" ".join)
def test_no_line_of_help_is_wider_than_the_terminal(cli, argv):
    for columns in (60, 80):
        result = cli.run(*argv, "--help", env={"COLUMNS": str(columns)})
        assert result.exit_code == 0, result
        assert [line for line in result.stdout.splitlines() if len(line) > columns] == []


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("  voicecli say", ["  voicecli say"]),
        ('  voicecli say --voice emma "One two three."',
         ["  voicecli say --voice emma \\", '    "One two three."']),
        ("  4    network, server or file", ["  4    network, server or file"]),
        ("  4    network, or a file to play that cannot be read",
         ["  4    network, or a file to", "       play that cannot be", "       read"]),
        ("  VOICECLI_API_KEY    key for the server",
         ["  VOICECLI_API_KEY", "      key for the server"]),
    ],
)  # fmt: skip
def test_examples_are_continued_as_a_shell_allows(line, lines):
    assert example(line, 30) == lines


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["Hello"], 'Did you mean `voicecli say "Hello"`?'),
        (["Hello", "there."], 'Did you mean `voicecli say "Hello there."`?'),
        (["song.mp3"], "Did you mean `voicecli play song.mp3`?"),
        (["sya", "Hello"], "Did you mean 'say'?"),
        (["-o", "a.wav", "Hello"], "options follow the command"),
        (["config", "shwo"], "Did you mean 'show'?"),
    ],
)
def test_what_was_probably_meant_is_said(cli, argv, meant):
    result = cli.run(*argv)
    assert result.exit_code == 2
    assert meant in result.stderr


def test_usage_errors_break_no_word_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stderr = Terminal()
    variables = {**os.environ, "COLUMNS": "60"}
    path = "a/path/that/is/long/enough/to/be/broken.doc"
    status = run(["say", "-o", path, "Hi."], Environment(None, io.StringIO(), stderr, variables))
    assert status == 2
    lines = stderr.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    assert ".opus" in stderr.getvalue().split("Error")[1].replace(",", " ").split()
