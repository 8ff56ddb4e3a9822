"""``voicecli config``: show where the settings are, which apply and why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import typer

from voicecli.cli import options
from voicecli.cli.config_file import file_app
from voicecli.cli.help import Command, Group
from voicecli.cli.learned import learned_files, learned_json, learned_rows
from voicecli.cli.output import (
    print_json,
    print_message,
    print_paragraph,
    print_table,
    print_text,
)
from voicecli.config.endpoint import Endpoint, EndpointChoice, resolve_endpoint
from voicecli.config.file import FILE_KEYS, Config, config_path, exists, find_config
from voicecli.errors import SaveError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH_EXAMPLES = """Examples:
  voicecli config path
  cat "$(voicecli config path)"
"""

SHOW_EXAMPLES = """Examples:
  voicecli config show
  voicecli config show --profile kokoro
  voicecli config show --json | jq .endpoint
"""

FORGET_EXAMPLES = """Examples:
  voicecli config forget
  voicecli config show      # shows what there is to delete
"""

_REQUEST = {
    "model": "model",
    "voice": "voice",
    "response_format": "format",
    "speed": "speed",
    "instructions": "instructions",
    "extra_body": "extra",
    "protocol": "protocol",
    "max_input_chars": "max_input_chars",
    "cache": "cache",
}
"""Field of `Endpoint` → its key in a profile."""

config_app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Show and change the settings, and say where they come from.",
    epilog="Examples:\n  voicecli config path\n  voicecli config edit\n  voicecli config show\n",
)
config_app.add_typer(file_app)


@config_app.command(cls=Command, epilog=PATH_EXAMPLES)
def path() -> None:
    """Print the path of the configuration file.

    The file need not exist. $VOICECLI_CONFIG overrides the platform's place.
    """
    print_text(f"{config_path(os.environ)}\n")


@config_app.command(cls=Command, epilog=SHOW_EXAMPLES)
def show(
    base_url: options.BaseUrl = None,
    profile: options.ProfileName = None,
    json_: options.JsonObject = False,
) -> None:
    """Print the settings in effect and where each comes from.

    The key itself is never printed, only the variable that holds it.
    """
    config = find_config(os.environ)
    choice = EndpointChoice(base_url=base_url, profile=profile)
    endpoint = resolve_endpoint(choice, os.environ, config)
    if json_:
        print_json(_as_json(config, endpoint))
        return
    rows = [*_file_rows(config), *_endpoint_rows(endpoint), *_setting_rows(config)]
    print_table([*rows, *learned_rows()])
    for warning in endpoint.warnings:
        print_paragraph(f"warning: {warning}")


@config_app.command(cls=Command, epilog=FORGET_EXAMPLES)
def forget() -> None:
    """Delete what earlier runs learned.

    That is: when sound may start, how fast an endpoint speaks, the longest text it
    accepts, wrong labels of raw PCM, speech models that OpenAI has retired, endpoints
    that failed recently, and how much the sound device has to buffer.
    """
    existed = False
    for file in learned_files():
        try:
            existed = file.delete() or existed
        except OSError as error:
            raise SaveError(f"cannot delete {file.path}: {error.strerror or error}") from error
    print_message("deleted" if existed else "there was nothing to delete")


def _lexicon_size(config: Config) -> int:
    """Return the number of entries in the file's lexicon, in all languages."""
    entries = config.lexicon.values()
    return sum(len(entry) if isinstance(entry, dict) else 1 for entry in entries)


def _exists(config: Config) -> bool:
    return config.path is not None and exists(config.path)


def _file_rows(config: Config) -> Iterator[tuple[str, str, str]]:
    yield "file", str(config.path), "" if _exists(config) else "does not exist"
    if config.profiles:
        yield "profiles", ", ".join(sorted(config.profiles)), "file"
    if config.lexicon:
        entries = _lexicon_size(config)
        yield "lexicon", f"{entries} {'entry' if entries == 1 else 'entries'}", "file"


def _endpoint_rows(endpoint: Endpoint) -> Iterator[tuple[str, str, str]]:
    yield "endpoint", endpoint.label, endpoint.reason
    if endpoint.profile:
        yield "profile", endpoint.profile, ""
    if not endpoint.is_builtin:
        yield "key", "set" if endpoint.key_variable else "not set", endpoint.key_variable or ""
    origins = _origins(endpoint)
    for name, key in _REQUEST.items():
        if key in origins:
            yield key, str(getattr(endpoint, name)), origins[key]


def _origins(endpoint: Endpoint) -> dict[str, str]:
    """Return where each setting of a request comes from, by its key, if it is set at all."""
    found: dict[str, str] = {}
    for name, key in _REQUEST.items():
        if name == "protocol" and name not in endpoint.origins:
            continue  # the usual default is not worth a row
        if getattr(endpoint, name) not in (None, {}, False):
            found[key] = endpoint.origins.get(name, f"profile {endpoint.profile}")
    return found


def _setting_rows(config: Config) -> Iterator[tuple[str, str, str]]:
    for key, value, origin in _settings(config):
        yield key, "-" if value is None else str(value), origin


def _settings(config: Config) -> Iterator[tuple[str, Any, str]]:
    """Yield key, value and origin of each setting that is independent of the endpoint."""
    for key, name in FILE_KEYS.items():
        if key == "voice":  # shown with the endpoint
            continue
        yield key, getattr(config, name), "file" if key in config.in_file else "default"


def _as_json(config: Config, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "file": {"path": str(config.path), "exists": _exists(config)},
        "profiles": sorted(config.profiles),
        "endpoint": {
            "url": endpoint.label,
            "reason": endpoint.reason,
            "profile": endpoint.profile,
            "key": {"set": endpoint.key_variable is not None, "variable": endpoint.key_variable},
            **{key: getattr(endpoint, name) for name, key in _REQUEST.items()},
            "extra": dict(endpoint.extra_body),
            "from": _origins(endpoint),
        },
        "settings": {
            key: {"value": _as_json_value(value), "from": origin}
            for key, value, origin in _settings(config)
        },
        **learned_json(),
        "lexicon": _lexicon_size(config),
        "warnings": list(endpoint.warnings),
    }


def _as_json_value(value: Any) -> Any:
    """Convert a setting: paths become strings."""
    return value if value is None or isinstance(value, str | int | float) else str(value)
