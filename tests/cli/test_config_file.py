from __future__ import annotations

import tomllib

import pytest

from voicecli.config.file import FILE_KEYS, PROFILE_KEYS, load_config
from voicecli.config.template import TEMPLATE


def uncommented():
    """The template with every setting in force."""
    lines = [line.removeprefix("# ") for line in TEMPLATE.splitlines()]
    return "\n".join(line for line in lines if " = " in line or line.startswith("["))


def test_the_template_is_valid_and_changes_nothing(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(TEMPLATE)
    config = load_config(path)
    assert config == load_config(tmp_path / "none.toml").__class__(path=path)


def test_the_template_has_every_key(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(uncommented())
    load_config(path)
    table = tomllib.loads(uncommented())
    assert set(table["profiles"]["kokoro"]) == set(PROFILE_KEYS)
    assert set(table) - {"lexicon", "profiles"} == set(FILE_KEYS)


def test_init_makes_the_file_once(cli):
    result = cli.run("config", "init")
    assert (result.exit_code, result.stdout) == (0, f"{cli.config}\n")
    assert cli.config.read_text() == TEMPLATE
    assert cli.config.stat().st_mode & 0o777 == 0o600
    cli.config.write_text("volume = 0.5\n")
    result = cli.run("config", "init")
    assert result.exit_code == 3
    assert "exists already" in result.stderr
    assert cli.config.read_text() == "volume = 0.5\n"


def test_init_where_nothing_can_be_written(cli, tmp_path):
    (tmp_path / "file").write_text("")
    cli.env["VOICECLI_CONFIG"] = str(tmp_path / "file" / "config.toml")
    assert cli.run("config", "init").exit_code == 7


@pytest.fixture
def editor(tmp_path):
    """A program that writes the content of ``text`` to the file it is given."""
    program = tmp_path / "editor"
    program.write_text(f'#!/bin/sh\ncat "{tmp_path}/text" > "$2"\n')
    program.chmod(0o755)

    def write(text):
        (tmp_path / "text").write_text(text)
        return f"'{program}' --wait"

    return write


def test_edit_opens_the_file_and_checks_it(cli, editor):
    result = cli.run("config", "edit", env={"EDITOR": editor("volume = 0.5\n")})
    assert (result.exit_code, result.stderr) == (0, f"voicecli: {cli.config} is in order\n")
    assert cli.config.read_text() == "volume = 0.5\n"
    env = {"EDITOR": "false", "VISUAL": editor("volumne = 0.5\n")}
    result = cli.run("config", "edit", env=env)
    assert result.exit_code == 3
    assert 'did you mean "volume"?' in result.stderr


def test_edit_without_a_working_editor(cli):
    result = cli.run("config", "edit", env={"EDITOR": "/no/such/editor"})
    assert result.exit_code == 3
    assert "cannot start /no/such/editor" in result.stderr
    result = cli.run("config", "edit", env={"EDITOR": "false"})
    assert result.exit_code == 3
    result = cli.run("config", "edit", env={"EDITOR": "", "VISUAL": "", "PATH": "/none"})
    assert "no editor was found" in result.stderr
