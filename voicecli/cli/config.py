"""``voicecli config``: where the settings are, what they come to and why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.cli import options
from voicecli.cli.help import Command, Group, examples
from voicecli.cli.output import print_json, print_message
from voicecli.cli.table import columns
from voicecli.config.endpoint import Endpoint, EndpointChoice, resolve_endpoint
from voicecli.config.file import FILE_KEYS, Config, config_path, find_config
from voicecli.errors import SaveError
from voicecli.playback.history import History
from voicecli.playback.policy import AdaptivePolicy
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH_EXAMPLES = """Examples:

  voicecli config path

  $EDITOR "$(voicecli config path)"
"""

SHOW_EXAMPLES = """Examples:

  voicecli config show

  voicecli config show --profile kokoro

  voicecli config show --json | jq .endpoint
"""

FORGET_EXAMPLES = """Examples:

  voicecli config forget

  voicecli config show      # what there is to forget
"""

_REQUEST = {
    "model": "model",
    "voice": "voice",
    "response_format": "format",
    "speed": "speed",
    "instructions": "instructions",
    "extra_body": "extra",
}
"""Field of `Endpoint` → its key in a profile."""

config_app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Show the configuration: its file, and what it comes to.",
    epilog="Examples:\n  voicecli config path\n  voicecli config show\n  voicecli config forget\n",
)


@config_app.command(cls=Command, epilog=examples(PATH_EXAMPLES))
def path() -> None:
    """Print where the configuration file is, or would be.

    $VOICECLI_CONFIG, where it is set, says another place.
    """
    print(config_path(os.environ))


@config_app.command(cls=Command, epilog=examples(SHOW_EXAMPLES))
def show(
    base_url: options.BaseUrl = None,
    profile: options.ProfileName = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the settings in effect and where each comes from.

    Of the key it tells only whether there is one, and which variable holds it.
    """
    config = find_config(os.environ)
    choice = EndpointChoice(base_url=base_url, profile=profile)
    endpoint = resolve_endpoint(choice, os.environ, config)
    if json_:
        print_json(_described(config, endpoint))
        return
    rows = [*_file_rows(config), *_endpoint_rows(endpoint), *_setting_rows(config)]
    print(columns([*rows, *_learned_rows()]))
    for warning in endpoint.warnings:
        print(f"warning: {warning}")


@config_app.command(cls=Command, epilog=examples(FORGET_EXAMPLES))
def forget() -> None:
    """Delete what was learned of the timing of endpoints.

    From it --buffer-ms auto tells how long to hold the first sound back: one
    number a run, beside the endpoint, the model and the format.
    """
    history = History()
    try:
        there = history.forget()
    except OSError as error:
        raise SaveError(f"cannot delete {history.path}: {error.strerror or error}") from error
    print_message("forgotten" if there else "there was nothing to forget")


def _file_rows(config: Config) -> Iterator[tuple[str, str, str]]:
    there = config.path is not None and config.path.exists()
    yield "file", str(config.path), "" if there else "not there"
    if config.profiles:
        yield "profiles", ", ".join(sorted(config.profiles)), "file"


def _endpoint_rows(endpoint: Endpoint) -> Iterator[tuple[str, str, str]]:
    yield "endpoint", endpoint.label, endpoint.reason
    if endpoint.profile:
        yield "profile", endpoint.profile, ""
    if not endpoint.is_builtin:
        yield "key", "set" if endpoint.key_variable else "not set", endpoint.key_variable or ""
    for name, key in _REQUEST.items():
        if (value := getattr(endpoint, name)) not in (None, {}):
            yield key, str(value), endpoint.origins.get(name, f"profile {endpoint.profile}")


def _setting_rows(config: Config) -> Iterator[tuple[str, str, str]]:
    for key, value, origin in _settings(config):
        yield key, "-" if value is None else str(value), origin


def _settings(config: Config) -> Iterator[tuple[str, Any, str]]:
    """The settings that do not depend on the endpoint, by their keys in the file."""
    for key, name in FILE_KEYS.items():
        yield key, getattr(config, name), "file" if key in config.in_file else "default"


def _learned_rows() -> Iterator[tuple[str, str, str]]:
    for known in _learned():
        what = f"{known['endpoint']} {known['model']} {known['format']}"
        plural = "" if known["runs"] == 1 else "s"
        yield "learned", what, f"waits {known['wait_ms']:.0f} ms, from {known['runs']} run{plural}"


def _learned() -> Iterator[dict[str, Any]]:
    """What was learned, by endpoint, model and format."""
    for kind, runs in sorted(History().everything().items()):
        wait_s = AdaptivePolicy().knowing(runs).learned_s
        yield {
            **{name: clean(text) for name, text in kind._asdict().items()},
            "runs": len(runs),
            "needed_ms": [round(needed_s * 1e3, 1) for needed_s in runs],
            "wait_ms": round(wait_s * 1e3, 1),
        }


def _described(config: Config, endpoint: Endpoint) -> dict[str, Any]:
    request = {key: getattr(endpoint, name) for name, key in _REQUEST.items()}
    return {
        "file": {
            "path": str(config.path),
            "exists": config.path is not None and config.path.exists(),
        },
        "profiles": sorted(config.profiles),
        "endpoint": {
            "url": endpoint.label,
            "reason": endpoint.reason,
            "profile": endpoint.profile,
            "key": {"set": endpoint.key_variable is not None, "variable": endpoint.key_variable},
            **request,
            "extra": dict(endpoint.extra_body),
            "from": dict(endpoint.origins),
        },
        "settings": {
            key: {"value": value if value is None else _plain(value), "from": origin}
            for key, value, origin in _settings(config)
        },
        "learned": list(_learned()),
        "warnings": list(endpoint.warnings),
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it: paths are texts."""
    return value if isinstance(value, str | int | float) else str(value)
