"""``voicecli endpoints``: servers that are known, found and configured."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.cli import options
from voicecli.cli.config_file import append_to_file
from voicecli.cli.help import Command, Group
from voicecli.cli.output import print_json, print_message, print_table
from voicecli.config.endpoint import EndpointChoice, resolve_endpoint
from voicecli.config.file import Config, find_config, suggest
from voicecli.config.presets import presets, settings_of
from voicecli.errors import ConfigError, ExitStatus, VoiceError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.config.endpoint import Endpoint
    from voicecli.config.presets import Preset

LIST_EXAMPLES = """Examples:
  voicecli endpoints
  GROQ_API_KEY=... voicecli say --profile groq "Hello."
"""

ADD_EXAMPLES = """Examples:
  voicecli endpoints add openrouter
  voicecli say --profile openrouter "Hello."
"""

TEST_EXAMPLES = """Examples:
  voicecli endpoints test
  voicecli endpoints test openrouter kokoro-fastapi
"""

_WORD = "Hello."
_DISCOVERY_S = 1.0

endpoints_app = typer.Typer(
    cls=Group,
    invoke_without_command=True,
    rich_markup_mode=None,
    help="List speech servers: known ones, those on this machine, and your profiles.",
    epilog=LIST_EXAMPLES,
)


@endpoints_app.callback()
def endpoints(
    context: typer.Context,
    json_: options.JsonObject = False,
) -> None:
    """List speech servers: known ones, those on this machine, and your profiles.

    The name of a known one works as --profile once the variable of its key is set.
    """
    if context.invoked_subcommand is not None:
        return
    from voicecli.sources.discovery import find_local_servers  # noqa: PLC0415  httpx2

    config, found = find_config(os.environ), find_local_servers(_DISCOVERY_S)
    if json_:
        local = [{"base_url": server.base_url, "model": server.model} for server in found]
        known = {name: _about(name) for name in presets()}
        print_json({"known": known, "found": local, "configured": sorted(config.profiles)})
        return
    print_table([*_known_rows(), *_configured_rows(config), *_found_rows(found)])


def _about(name: str) -> dict[str, Any]:
    preset = presets()[name]
    return {
        **settings_of(name),
        "formats": list(preset.formats),
        "streams": preset.streams,
        "usable": preset.is_usable(os.environ),
        "sources": list(preset.sources),
        "checked": preset.checked,
        "note": preset.note or None,
    }


def _known_rows() -> Iterator[tuple[str, ...]]:
    for name, preset in presets().items():
        profile = preset.profile
        variable = profile.api_key_env
        key = "no key" if variable is None else variable
        if variable is not None and not preset.is_usable(os.environ):
            key += " (not set)"
        yield name, profile.base_url or "", key, _described(preset)


def _described(preset: Preset) -> str:
    """Describe a server in one cell of the table; ``--json`` has all its pages."""
    profile = preset.profile
    parts = [f"{profile.model}, {profile.voice}", " ".join(preset.formats)]
    if profile.max_input_chars is not None:
        parts.append(f"{profile.max_input_chars} characters at most")
    if preset.streams is not None:
        parts.append("streams" if preset.streams else "does not stream")
    parts += [preset.note, f"{preset.sources[0]} (read {preset.checked})"]
    return "; ".join(part for part in parts if part)


def _configured_rows(config: Config) -> Iterator[tuple[str, ...]]:
    for name in sorted(config.profiles):
        try:
            endpoint = resolve_endpoint(EndpointChoice(profile=name), os.environ, config)
        except ConfigError as error:
            yield clean(name, 60), "", "", f"profile; {error.message}"
        else:
            key = endpoint.key_variable or "no key"
            yield clean(name, 60), endpoint.label, key, "profile of your configuration"


def _found_rows(found: list[Any]) -> Iterator[tuple[str, ...]]:
    for server in found:
        key = "requires a key" if server.wants_key else "no key"
        yield "(found)", server.base_url, key, server.model or ""


@endpoints_app.command(cls=Command, epilog=ADD_EXAMPLES)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a known server.")],
) -> None:
    """Add a known server to the configuration file, as a profile.

    You can then change the profile.
    """
    if name not in presets():
        raise ConfigError(
            f'no known server is called "{clean(name, 60)}"', remedy=suggest(name, [*presets()])
        )
    if name in find_config(os.environ).profiles:
        raise ConfigError(f"there is a profile {name} already", remedy="voicecli config edit")
    path = append_to_file(f"profiles.{name}", settings_of(name))
    variable = presets()[name].profile.api_key_env
    hint = f"; set {variable} to its key" if variable else ""
    print_message(f"wrote profile {name} to {path}{hint}")


@endpoints_app.command("test", cls=Command, epilog=TEST_EXAMPLES)
def speak_a_word(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Profiles or known servers.  [default: all usable]"),
    ] = None,
    timeout: Annotated[
        float,
        options.network_option(metavar="S", min=0.001, max=3600, help="Longest wait for bytes."),
    ] = 10.0,
    json_: options.JsonObject = False,
) -> None:
    """Speak a word with each endpoint, without playing it.

    Prints when the first byte came, which format was sent, and how much faster than
    speech it arrived. Exits with 4 if one of them failed.
    """
    config = find_config(os.environ)
    chosen = names or [*sorted(config.profiles), *_usable(config)]
    results = {name: _test(name, config, timeout) for name in dict.fromkeys(chosen)}
    if json_:
        print_json(results)
    elif results:
        print_table([(clean(name, 60), _describe(result)) for name, result in results.items()])
    else:
        print_message("there is no profile, and no key of a known server is set")
    failed = any("error" in result for result in results.values())
    raise typer.Exit(ExitStatus.SOURCE if failed else ExitStatus.OK)


def _usable(config: Config) -> Iterator[str]:
    """Yield the known servers whose keys are set; those without are tested by name only."""
    for name, preset in presets().items():
        if preset.needs_key and preset.is_usable(os.environ) and name not in config.profiles:
            yield name


def _test(name: str, config: Config, timeout_s: float) -> dict[str, Any]:
    try:
        endpoint = resolve_endpoint(EndpointChoice(profile=name), os.environ, config)
        return _speak(endpoint, timeout_s)
    except VoiceError as error:
        return {"error": error.message, "remedy": error.remedy}


def _speak(endpoint: Endpoint, timeout_s: float) -> dict[str, Any]:
    from voicecli.codecs.decoding.auto import AutoDecoder  # noqa: PLC0415  numpy
    from voicecli.sources.registry import SourceContext, source_for  # noqa: PLC0415  likewise

    shared = SourceContext(read_timeout_s=timeout_s)
    request = endpoint.request(_WORD, endpoint.response_format or "pcm")
    started, first_s, audio_s = time.monotonic(), None, 0.0
    try:
        source = source_for(endpoint, request, shared)
        source.prepare()
        started = time.monotonic()
        with source.open() as response:
            info = response.info.of_audio
            decoder = AutoDecoder(info.requested, info.content_type, info.rate_hz, info.channels)
            for chunk in response:
                first_s = time.monotonic() - started if first_s is None else first_s
                audio_s += sum(pcm.samples.shape[0] / pcm.rate_hz for pcm in decoder.feed(chunk))
            audio_s += sum(pcm.samples.shape[0] / pcm.rate_hz for pcm in decoder.flush())
    finally:
        shared.close()
    elapsed_s = time.monotonic() - started
    return {
        "endpoint": endpoint.label,
        "first_byte_ms": round((first_s or elapsed_s) * 1e3, 1),
        "requested": request.response_format,
        "format": decoder.name,
        "audio_s": round(audio_s, 3),
        "speed": round(audio_s / max(elapsed_s, 1e-6), 2),
    }


def _describe(result: dict[str, Any]) -> str:
    if "error" in result:
        return f"failed: {result['error']}"
    sent = result["format"]
    speed = result["speed"]
    times = f"{speed:.1f}" if speed >= 1 else f"{speed:.2f}"
    honoured = "" if sent == result["requested"] else f" instead of {result['requested']}"
    return (
        f"first byte after {result['first_byte_ms']:.0f} ms; {sent}{honoured}; "
        f"{times} times as fast as speech"
    )
