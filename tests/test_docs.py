"""README, ARCHITECTURE and the help tell the same story as the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer.main

from voicecli import __version__
from voicecli.cli.app import COMMANDS, EPILOG, make_app
from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import Config, load_config
from voicecli.errors import ExitStatus
from voicecli.telemetry.metrics import SCHEMA, Recorder

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def options_of(command: str) -> set[str]:
    """Every option of a command, those of its subcommands included."""
    found = typer.main.get_command(make_app(command)).commands[command]
    commands = [found, *getattr(found, "commands", {}).values()]
    options = {name for each in commands for p in each.params for name in p.opts}
    return options | {"--help", "-h"}


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_readme_names_every_command_and_no_other():
    table = re.findall(r"^\| `(\w+)` \|", README, flags=re.MULTILINE)
    assert table == list(COMMANDS)


@pytest.mark.parametrize("line", re.findall(r"(?<!from )\bvoicecli (\w+)([^`\n]*)", README))
def test_every_command_line_in_the_readme_exists(line):
    command, rest = line
    assert command in COMMANDS or command in {"for", "is"}, line
    if command in COMMANDS:
        named = set(re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", rest.split("#")[0]))
        assert named <= options_of(command)


def test_every_option_named_in_the_readme_s_prose_exists():
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    known = set().union(*(options_of(command) for command in COMMANDS))
    named = set(re.findall(r"`(--[a-z-]+)", prose))
    assert named
    assert named <= known


def test_exit_statuses_are_the_same_in_code_readme_and_help():
    in_readme = {int(n) for n in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)}
    in_help = {int(n) for n in re.findall(r"^  (\d+) ", EPILOG, flags=re.MULTILINE)}
    assert in_readme == in_help == {int(status) for status in ExitStatus}


def test_the_order_of_endpoints_in_the_readme_is_the_one_in_force():
    """Each place in the list, set alone and with all places below it, decides."""
    section = README[README.index("### Which server") :]
    places = re.findall(r"^\d\. (.*)$", section[: section.index("```")], flags=re.MULTILINE)
    assert [p.split()[0].strip("`,") for p in places] == [
        "--base-url", "VOICECLI_BASE_URL", "default_profile", "OPENAI_BASE_URL", "OPENAI_API_KEY",
        "nothing:",
    ]  # fmt: skip
    env = {
        "VOICECLI_BASE_URL": "http://two.test/v1",
        "OPENAI_BASE_URL": "http://four.test/v1",
        "OPENAI_API_KEY": "sk-secret-secret",
    }
    profile = load_config_text(
        'default_profile = "p"\n[profiles.p]\nbase_url = "http://three.test"'
    )

    def label(url: str | None, env: dict[str, str], config: Config) -> str:
        return resolve_endpoint(EndpointChoice(base_url=url), env, config).label

    assert label("http://one.test", env, profile) == "http://one.test"
    assert label(None, env, profile) == "http://two.test/v1"
    del env["VOICECLI_BASE_URL"]
    assert label(None, env, profile) == "http://three.test"
    assert label(None, env, Config()) == "http://four.test/v1"
    del env["OPENAI_BASE_URL"]
    assert label(None, env, Config()) == "https://api.openai.com/v1"
    assert label(None, {}, Config()) == "builtin"


def load_config_text(text: str) -> Config:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(text, encoding="utf-8")
        return load_config(path)


def test_the_configuration_in_the_readme_is_accepted():
    blocks = code_blocks(README, "toml")
    assert blocks
    for block in blocks:
        assert load_config_text(block).profiles


def test_the_python_in_the_readme_runs(monkeypatch):
    """With a session that only notes what it was given."""
    import voicecli

    ran = []

    class Noting:
        spawn = None

        def run(self, sources):
            ran.extend(sources)
            return SimpleNamespace(spoken_s=0.0)

    monkeypatch.setitem(voicecli.__dict__, "Session", Noting)
    for block in code_blocks(README, "python"):
        exec(block, {})
    assert [source.label for source in ran] == ["builtin"]


def test_metrics_named_in_the_readme_exist():
    section = README[README.index("### What was heard") : README.index("### Exit status")]
    keys = re.findall(r"`([a-z_]+(?:_ms|_s)|underruns\.\w+)`", section)
    assert keys
    result = Recorder("run").result()
    for key in keys:
        value = result
        for part in key.split("."):
            value = value[part]
    assert SCHEMA in section


def test_every_package_and_module_named_in_architecture_exists():
    for name in re.findall(r"`(\w+)/`", ARCHITECTURE):
        assert (ROOT / "voicecli" / name).is_dir(), name
    for name in re.findall(r"`(\w+/\w+\.py)`", ARCHITECTURE):
        assert (ROOT / "voicecli" / name).is_file(), name


def test_every_top_level_module_is_in_architecture():
    modules = {path.stem for path in (ROOT / "voicecli").glob("*.py")}
    for name in modules - {"__init__", "__main__"}:
        assert re.search(rf"`{name}(\.py)?`", ARCHITECTURE), name
    for package in (ROOT / "voicecli").iterdir():
        if (package / "__init__.py").is_file():
            assert f"`{package.name}/`" in ARCHITECTURE, package.name


def test_version_is_said_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__


def test_links_in_the_documents_lead_somewhere():
    for document in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (ROOT / target).exists(), f"{document}: {target}"
