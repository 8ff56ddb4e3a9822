"""README, ARCHITECTURE, CONTRIBUTING and the help agree with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer.main

from voicecli import Output, OutputSettings, __version__
from voicecli.bench import answers
from voicecli.cli.app import COMMANDS, EPILOG, make_app
from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import FILE_KEYS, PROFILE_KEYS, Config, load_config
from voicecli.errors import ExitStatus
from voicecli.session import engine
from voicecli.telemetry.metrics import SCHEMA, Recorder

ROOT = Path(__file__).parents[1]
README, ARCHITECTURE, CONTRIBUTING, CHANGELOG = (
    (ROOT / f"{name}.md").read_text(encoding="utf-8")
    for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG")
)
FIRST_STEPS = (ROOT / "docs" / "first-steps.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
DOCS = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
SOURCES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "voicecli").rglob("*.py")}


def options_of(command: str) -> set[str]:
    """Return every option of a command and its subcommands."""
    found = typer.main.get_command(make_app(command)).commands[command]
    commands = [found, *getattr(found, "commands", {}).values()]
    options = {name for each in commands for p in each.params for name in p.opts}
    return options | {"--help", "-h"}


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def inline_code(text: str) -> list[str]:
    """Return what is in single backticks outside of code blocks, which may span lines."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]


def command_lines(code: list[str]) -> list[str]:
    """Return the arguments of every ``voicecli`` command line in pieces of code."""
    lines = [line.partition("  #")[0] for piece in code for line in piece.split("\n")]
    found = [re.split(r"(?:^|[ |&$]+)voicecli (?=\w)", line)[1:] for line in lines]
    return [line.partition(" | ")[0].partition("   ")[0] for each in found for line in each]


def every_command() -> dict[str, typer.core.TyperCommand]:
    """Return every command and subcommand by its words, such as ``config show``."""
    top = {name: typer.main.get_command(make_app(name)).commands[name] for name in COMMANDS}
    below = {
        f"{name} {word}": command
        for name, group in top.items()
        for word, command in getattr(group, "commands", {}).items()
    }
    return top | below


COMMAND_HELP = every_command()
EXAMPLES = [command.epilog or "" for command in COMMAND_HELP.values()]


@pytest.mark.parametrize("name", COMMAND_HELP)
def test_every_command_explains_itself_with_examples_of_its_own(name):
    lines = (COMMAND_HELP[name].epilog or "").splitlines()
    assert lines[:1] == ["Examples:"]
    own = [line for line in lines[1:] if f"voicecli {name}" in line]
    assert own, lines


def test_command_lines_have_known_commands_and_options():
    lines = [
        *command_lines([*code_blocks(README, "console"), *inline_code(README), EPILOG, *EXAMPLES]),
        *command_lines([block for text in DOCS.values() for block in code_blocks(text, "console")]),
    ]
    assert lines
    for line in lines:
        command = line.split()[0]
        assert command in COMMANDS, line
        assert set(re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", line)) <= options_of(command), line


class TestReadme:
    def test_it_lists_every_command_in_order(self):
        table = re.findall(r"^\| `(\w+)` \|", README, flags=re.MULTILINE)
        assert table == list(COMMANDS)

    def test_its_options_exist(self):
        known = set().union(*map(options_of, COMMANDS))
        named = {code.split()[0] for code in inline_code(README) if code.startswith("--")}
        assert named
        assert named <= known

    def test_its_exit_statuses_are_those_of_the_code_and_the_help(self):
        in_readme = {int(n) for n in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)}
        in_help = {int(n) for n in re.findall(r"^  (\d+) ", EPILOG, flags=re.MULTILINE)}
        assert in_readme == in_help == {int(status) for status in ExitStatus}

    def test_its_variables_are_read_by_the_code(self):
        named = set(re.findall(r"\b(?:VOICECLI|OPENAI)_[A-Z_]+\b", README + EPILOG))
        assert {"VOICECLI_BASE_URL", "VOICECLI_API_KEY", "OPENAI_API_KEY"} <= named
        code = "".join(text.replace(EPILOG, "") for text in SOURCES.values())
        assert [name for name in named if f'"{name}"' not in code] == []

    def test_its_configuration_is_accepted(self, tmp_path):
        blocks = code_blocks(README, "toml")
        assert blocks
        for block in blocks:
            (tmp_path / "config.toml").write_text(block, encoding="utf-8")
            assert load_config(tmp_path / "config.toml").profiles

    def test_its_order_of_endpoints_is_in_force(self, tmp_path):
        """Each place in the list decides, set together with all places below it."""
        section = README[README.index("### Which server") :]
        places = re.findall(r"^\d\. (.*)$", section[: section.index("```")], flags=re.MULTILINE)
        assert [place.split()[0].strip("`,") for place in places] == [
            "--base-url", "VOICECLI_BASE_URL", "default_profile", "OPENAI_BASE_URL",
            "OPENAI_API_KEY", "nothing:",
        ]  # fmt: skip
        env = {
            "VOICECLI_BASE_URL": "http://two.test/v1",
            "OPENAI_BASE_URL": "http://four.test/v1",
            "OPENAI_API_KEY": "sk-secret-secret",
        }
        path = tmp_path / "config.toml"
        path.write_text('default_profile = "p"\n[profiles.p]\nbase_url = "http://three.test"')

        def label(url: str | None, env: dict[str, str], config: Config) -> str:
            return resolve_endpoint(EndpointChoice(base_url=url), env, config).label

        assert label("http://one.test", env, load_config(path)) == "http://one.test"
        assert label(None, env, load_config(path)) == "http://two.test/v1"
        del env["VOICECLI_BASE_URL"]
        assert label(None, env, load_config(path)) == "http://three.test"
        assert label(None, env, Config()) == "http://four.test/v1"
        del env["OPENAI_BASE_URL"]
        assert label(None, env, Config()) == "https://api.openai.com/v1"
        assert label(None, {}, Config()) == "builtin"

    @pytest.mark.slow
    def test_its_python_runs(self, monkeypatch):
        """It speaks, with an output that lets nothing be heard."""
        silent = Output(OutputSettings(output="discard"))
        monkeypatch.setattr(engine, "Output", lambda: silent)
        names = {}
        for block in code_blocks(README, "python"):
            exec(block, names)
        assert names["result"].error is None
        assert names["playback"].sentences == (2, 2)

    def test_its_metrics_exist(self):
        section = README[README.index("### What was heard") : README.index("### Exit status")]
        keys = re.findall(r"`([a-z_]+(?:_ms|_s)|underruns\.\w+)`", section)
        assert keys
        result = Recorder("run").result()
        for key in keys:
            value = result
            for part in key.split("."):
                value = value[part]
        assert SCHEMA in section


class TestFirstSteps:
    def test_its_captures_fit_80_columns_and_show_no_machine(self):
        lines = "".join(code_blocks(FIRST_STEPS, "console")).splitlines()
        shown = [line for line in lines if not line.startswith("$ ")]
        assert max(map(len, shown)) <= 80
        assert not re.search(r"/(root|home|tmp|work)/", FIRST_STEPS)

    def test_its_commands_exist(self):
        lines = command_lines(code_blocks(FIRST_STEPS, "console"))
        commands = {line.split()[0] for line in lines} - {"Hello"}
        assert {"say", "play", "doctor", "voices", "config", "bench"} <= commands <= set(COMMANDS)


class TestConfigurationDocument:
    def test_its_keys_are_those_of_the_code(self):
        sections = [
            CONFIGURATION.split(title)[1].split("\n## ")[0]
            for title in ("## Keys at the top level", "## Keys of a profile")
        ]
        top, profile = (re.findall(r"^\| `(\w+)` \|", each, re.MULTILINE) for each in sections)
        assert top == [*FILE_KEYS, "lexicon", "profiles"]
        assert profile == list(PROFILE_KEYS)

    def test_its_example_is_accepted(self, tmp_path):
        (block,) = code_blocks(CONFIGURATION, "toml")
        (tmp_path / "config.toml").write_text(block, encoding="utf-8")
        assert set(load_config(tmp_path / "config.toml").profiles) == {"kokoro", "work"}

    def test_its_variables_are_read_by_the_code(self):
        code = "".join(SOURCES.values())
        named = set(re.findall(r"^\| `([A-Z_]+)` \|", CONFIGURATION, flags=re.MULTILINE))
        assert {name for name in named if f'"{name}"' not in code} == set()
        in_help = set(re.findall(r"\b(?:VOICECLI|OPENAI)_[A-Z_]+\b", EPILOG))
        assert in_help <= named


@pytest.mark.parametrize("text", [ARCHITECTURE, CONTRIBUTING], ids=["ARCHITECTURE", "CONTRIBUTING"])
class TestNames:
    def test_files_and_folders_exist(self, text):
        bases = [ROOT, ROOT / "voicecli", *(path.parent for path in SOURCES)]
        paths = [code for code in inline_code(text) if re.fullmatch(r"[\w./-]*/[\w./-]*", code)]
        assert paths
        assert [path for path in paths if not any((base / path).exists() for base in bases)] == []

    def test_classes_and_functions_exist(self, text):
        code = "".join(SOURCES.values())
        names = [name for name in inline_code(text) if re.fullmatch(r"[A-Z]\w+(\.\w+)*", name)]
        parts = {part for name in names for part in name.split(".")}
        assert parts
        assert [part for part in parts if not re.search(rf"\b{part}\b", code)] == []


def test_every_top_level_module_and_package_is_in_architecture():
    for path in (ROOT / "voicecli").iterdir():
        if path.suffix == ".py" and not path.stem.startswith("__"):
            assert re.search(rf"`{path.stem}(\.py)?`", ARCHITECTURE), path.name
        elif (path / "__init__.py").is_file():
            assert f"`{path.name}/`" in ARCHITECTURE, path.name


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__


@pytest.mark.parametrize("text", [README, ARCHITECTURE, CONTRIBUTING, CHANGELOG])
def test_links_to_files_lead_somewhere(text):
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_of_the_docs_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)\)", DOCS[path]):
        assert (path.parent / target).exists(), target


def test_the_events_of_the_event_log_are_documented():
    text = DOCS[ROOT / "docs" / "json.md"]
    documented = re.findall(r"^\| `(TTS_\w+)` \|", text, flags=re.MULTILINE)
    code = SOURCES[ROOT / "voicecli" / "telemetry" / "eventlog.py"]
    assert documented == re.findall(r'"(TTS_\w+)"', code)


@pytest.mark.parametrize("text", [README, FIRST_STEPS], ids=["README", "first-steps"])
def test_the_legend_of_bench_is_that_of_the_code(text):
    (shown,) = re.findall(r"^TTFB: .*?without gaps$", text, flags=re.DOTALL | re.MULTILINE)
    assert set(_meanings(shown)) <= set(_meanings(answers.legend(answers.COLUMNS)))


def _meanings(legend: str) -> list[str]:
    return " ".join(legend.split()).split("; ")
