"""Read the configuration file.

One TOML file at ``$VOICECLI_CONFIG``, or else in the platform's configuration
folder. It is optional. A misspelt key or a value of the wrong type is an error
that names the key, the file and the likely correction, because a setting that is
silently ignored costs more than one that is rejected.

::

    default_profile = "kokoro"
    volume = 0.8

    [profiles.kokoro]
    base_url = "http://localhost:8880/v1"
    model = "kokoro"
    voice = "af_bella"
    extra = { stream = true }

`voicecli.config.endpoint` decides which endpoint, key, model and voice follow from
it. tomllib and platformdirs are imported on use, so importing this module is cheap.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from voicecli.config import values
from voicecli.config.headers import header_table
from voicecli.config.presetfile import preset_rows
from voicecli.config.protocols import PROTOCOLS
from voicecli.config.regularfile import open_regular
from voicecli.errors import ConfigError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG_VARIABLE = "VOICECLI_CONFIG"

MAX_BYTES = 256 * 1024

_MAX_DOTS = 2000
"""Most dots in the file: tomllib takes the square of a dotted key's length in memory."""

AUTO: Literal["auto"] = "auto"
"""The value of ``buffer_ms`` that adapts the buffer to how the audio arrives."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One ``[profiles.<name>]`` table.

    ``base_url`` is as written, ``"builtin"`` for the built-in voice. A profile
    without it applies its other settings to whichever endpoint is selected.
    ``extra_body`` (key ``extra``) holds extra fields for the request body.
    ``api_key_env`` names the environment variable with the key; ``headers`` are sent as
    well, with ``$VARIABLE`` in their values replaced. ``allow_redirects_to`` are further
    origins that may get the text. ``max_input_chars`` is how many characters one request
    may speak. ``protocol`` is one of `voicecli.config.protocols`. ``cache`` keeps answers.
    ``fallback`` names the profiles to speak with if this one fails; ``"builtin"`` is the
    built-in voice.
    """

    name: str
    base_url: str | None = None
    api_key_env: str | None = None
    model: str | None = None
    voice: str | None = None
    response_format: str | None = None
    speed: float | None = None
    instructions: str | None = None
    extra_body: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    allow_redirects_to: tuple[str, ...] = ()
    max_input_chars: int | None = None
    fallback: tuple[str, ...] = ()
    protocol: str | None = None
    cache: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """The file's settings, with defaults filled in.

    Attributes:
        path: the file that was looked for, None for plain defaults.
        in_file: keys set in the file, spelt as there (``volume``, ``profiles.kokoro``).
        voice: the voice if neither a profile nor the command line names one.
        device: index or part of a name; None is the system's default.
        volume: linear factor.
        buffer_ms: `AUTO` adapts to how the audio arrives, in earlier runs too.
        latency_ms: audio that the sound device buffers; `AUTO` is as little as it needs.
        sample_rate_hz: rate of headerless PCM if the server does not report it.
        resident: "auto" uses a resident that runs, "on" starts it too, "off" does not use it.
        timeout_s: longest wait for the first byte, and longest stall after it.
        recordings: folder of ``--debug-audio``; None is the platform's data folder.
        lexicon: replacements for words, as `voicecli.text.lexicon.Lexicon` takes them.
    """

    path: Path | None = None
    in_file: frozenset[str] = frozenset()
    default_profile: str | None = None
    voice: str | None = None
    device: str | None = None
    volume: float = 1.0
    buffer_ms: float | Literal["auto"] = AUTO
    latency_ms: float | Literal["auto"] = AUTO
    preroll_ms: float = 0.0
    sample_rate_hz: int | None = None
    resident: str = "auto"
    timeout_s: float = 60.0
    connect_timeout_s: float = 5.0
    retries: int = 2
    recordings: Path | None = None
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    lexicon: Mapping[str, object] = field(default_factory=dict)


def config_path(env: Mapping[str, str]) -> Path:
    """Locate the file, whether it exists or not."""
    if named := env.get(CONFIG_VARIABLE):
        return Path(named).expanduser()
    import platformdirs  # noqa: PLC0415  not needed if the variable is set

    return platformdirs.user_config_path("voicecli", appauthor=False) / "config.toml"


def find_config(env: Mapping[str, str]) -> Config:
    """Load the configuration file, or return the defaults if there is none.

    Raises:
        ConfigError: as `load_config`, or ``$VOICECLI_CONFIG`` names a missing file.
    """
    path = config_path(env)
    if env.get(CONFIG_VARIABLE) and not exists(path):
        raise ConfigError(
            f"{CONFIG_VARIABLE} names {path}, which does not exist",
            remedy=f"create the file, or unset {CONFIG_VARIABLE}",
        )
    return load_config(path)


def exists(path: Path) -> bool:
    """Whether there is a file; a path that the system cannot have counts as missing."""
    return os.path.exists(path)  # noqa: PTH110  Path.exists raises for names too long


def load_config(path: Path) -> Config:
    """Read one configuration file, or return the defaults if it does not exist.

    Raises:
        ConfigError: the file cannot be read, is not a regular file of a sane size, is
            not TOML, or contains an unknown key or a value of the wrong type or range.
    """
    try:
        with open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Config(path=path)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > MAX_BYTES or content.count(b".") > _MAX_DOTS:
        raise ConfigError(
            f"{path} is too large for a configuration", remedy=f"{CONFIG_VARIABLE} names another"
        )
    import tomllib  # noqa: PLC0415  most machines have no file to parse

    try:
        return _parse(tomllib.loads(content.decode("utf-8-sig")), path)
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are both ValueErrors
        raise ConfigError(f"{path} is not valid TOML: {clean(str(error))}") from error


def suggest(word: str, known: list[str]) -> str:
    """Suggest the most similar of ``known`` for an error message, or list them all."""
    import difflib  # noqa: PLC0415  only for a message

    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known: {', '.join(known)}" if known else "none is defined"


_TOP_LEVEL: Mapping[str, tuple[str, values.Check[Any]]] = {
    "default_profile": ("default_profile", values.text),
    "voice": ("voice", values.text),
    "device": ("device", values.device),
    "volume": ("volume", values.number(0, 4)),
    "buffer_ms": ("buffer_ms", values.keyword_or(AUTO, values.number(0, 60_000))),
    "latency_ms": ("latency_ms", values.keyword_or(AUTO, values.number(5, 2_000))),
    "preroll_ms": ("preroll_ms", values.number(0, 10_000)),
    "sample_rate": ("sample_rate_hz", values.integer(4_000, 384_000)),
    "resident": ("resident", values.choice("auto", "on", "off")),
    "timeout_s": ("timeout_s", values.number(0.001, 86_400)),
    "connect_timeout_s": ("connect_timeout_s", values.number(0.001, 3_600)),
    "retries": ("retries", values.integer(0, 100)),
    "recordings": ("recordings", values.folder),
}
"""Key in the file → field of `Config` and its check."""

FILE_KEYS: Mapping[str, str] = {key: name for key, (name, _) in _TOP_LEVEL.items()}
"""Key at the top level of the file → field of `Config`; there are also tables."""

_PROFILE: Mapping[str, tuple[str, values.Check[Any]]] = {
    "base_url": ("base_url", values.text),
    "api_key_env": ("api_key_env", values.text),
    "model": ("model", values.text),
    "voice": ("voice", values.text),
    "format": ("response_format", values.text),
    "speed": ("speed", values.number(0.25, 4)),
    "instructions": ("instructions", values.text),
    "extra": ("extra_body", values.json_table),
    "headers": ("headers", header_table),
    "allow_redirects_to": ("allow_redirects_to", values.origins),
    "max_input_chars": ("max_input_chars", values.integer(20, 10_000_000)),
    "protocol": ("protocol", values.choice(*PROTOCOLS)),
    "cache": ("cache", values.boolean),
    "fallback": ("fallback", values.names),
}
"""Key in a profile's table → field of `Profile` and its check."""

PROFILE_KEYS = tuple(_PROFILE)
"""Keys of a profile's table."""

_MAY_HOLD_SECRETS = {"base_url", "extra", "headers", "allow_redirects_to"}
"""Keys whose values are not repeated in messages."""

_SERVER_KEYS = {"api_key_env", "headers", "allow_redirects_to"}
"""Keys that belong to the server of the profile's own ``base_url``."""


def _parse(table: dict[str, Any], path: Path) -> Config:
    tables = table.pop("profiles", {})
    if not isinstance(tables, dict):
        raise ConfigError(f'"profiles" in {path} must be tables: [profiles.<name>]')
    lexicon = table.pop("lexicon", {})
    if not isinstance(lexicon, dict):
        raise ConfigError(f'"lexicon" in {path} must be a table: [lexicon]')
    fields = _fields(table, _TOP_LEVEL, "", path)
    profiles = {name: parse_profile(name, settings, path) for name, settings in tables.items()}
    default = fields.get("default_profile")
    if default is not None and default not in profiles:
        known = preset_rows()
        if default not in known:
            raise ConfigError(
                f'"default_profile" in {path} names "{clean(default)}", which is neither one of '
                "its profiles nor a known server",
                remedy=suggest(default, sorted({*profiles, *known})),
            )
    in_file = frozenset(table) | {f"profiles.{name}" for name in profiles}
    return Config(path=path, in_file=in_file, profiles=profiles, lexicon=lexicon, **fields)


def parse_profile(name: str, settings: object, path: Path) -> Profile:
    """Check one table of a file, and return it as a profile; raises as `load_config`."""
    if not isinstance(settings, dict):
        raise ConfigError(f'"profiles.{clean(name)}" in {path} must be a table')
    profile = Profile(name, **_fields(settings, _PROFILE, f"profiles.{name}.", path))
    if not profile.base_url:
        for key in _SERVER_KEYS & set(settings):
            raise ConfigError(
                f'profile "{clean(name)}" in {path} has "{key}" but no "base_url"',
                remedy=f"{key} belongs to one server: set base_url as well",
            )
    return profile


def _fields(
    table: dict[str, Any],
    known: Mapping[str, tuple[str, values.Check[Any]]],
    prefix: str,
    path: Path,
) -> dict[str, Any]:
    """Convert one table to keyword arguments of its dataclass."""
    fields = {}
    for key, value in table.items():
        shown = clean(prefix + key)
        if key not in known:
            keys = [*known] if prefix else [*known, "profiles", "lexicon"]
            raise ConfigError(f'unknown key "{shown}" in {path}', remedy=suggest(key, keys))
        name, check = known[key]
        try:
            fields[name] = check(value)
        except TypeError as error:
            given = "" if key in _MAY_HOLD_SECRETS else f", not {clean(repr(value), 60)}"
            raise ConfigError(f'"{shown}" in {path} must be {error}{given}') from None
    return fields
