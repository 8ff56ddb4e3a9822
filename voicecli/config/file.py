"""What the configuration file may say, and where it is.

One TOML file, looked for in ``$VOICECLI_CONFIG`` or else in the platform's place
for configuration. It is never required. A key that is misspelt, or has the wrong
type, is an error that names the key, the file and what was probably meant: a
setting that is silently ignored costs more than one that is refused.

::

    default_profile = "kokoro"
    volume = 0.8

    [profiles.kokoro]
    base_url = "http://localhost:8880/v1"
    model = "kokoro"
    voice = "af_bella"
    extra = { stream = true }

Which endpoint, key, model and voice follow from it is decided in `voicecli.config.endpoint`.
tomllib and platformdirs are imported when a file is looked for, so that
importing this module costs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from voicecli.config import values
from voicecli.errors import ConfigError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG_VARIABLE = "VOICECLI_CONFIG"
"""Environment variable that names the configuration file; empty counts as unset."""


AUTO: Literal["auto"] = "auto"
"""What stands for a buffer that suits the arrivals, where a number of ms may stand."""


def nothing() -> Mapping[str, Any]:
    """An empty mapping that cannot be written to; dataclasses take no mapping as a default."""
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Profile:
    """One ``[profiles.<name>]`` table: an endpoint, or settings for whichever is used.

    ``base_url`` is as written, ``"builtin"`` for the built-in voice; without it
    the profile lends its other settings to the endpoint found elsewhere.
    ``extra_body`` (key ``extra``) holds fields for the request's body, as they
    are. ``api_key_env`` names the environment variable that holds the key.
    """

    name: str
    base_url: str | None = None
    api_key_env: str | None = None
    model: str | None = None
    voice: str | None = None
    response_format: str | None = None
    speed: float | None = None
    instructions: str | None = None
    extra_body: Mapping[str, object] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class Config:
    """The file's settings, defaults filled in.

    ``path`` is the file that was looked for, None where none was; ``in_file``
    holds the keys that it set, as they are spelt there (``volume``,
    ``profiles.kokoro``). ``volume`` is a linear factor, 1.0 leaves the samples
    as they are. ``timeout_s`` bounds the wait for the first byte and each stall
    after it, ``connect_timeout_s`` the connection. ``device`` is an index, part
    of a name, or None for the system's default. ``sample_rate_hz`` is the rate
    of headerless PCM whose server does not say it. ``recordings`` is the folder
    of ``--debug-audio``, None for the platform's. ``buffer_ms`` is `AUTO` where the
    arrivals decide, those of past runs included.
    """

    path: Path | None = None
    in_file: frozenset[str] = frozenset()
    default_profile: str | None = None
    device: str | None = None
    volume: float = 1.0
    buffer_ms: float | Literal["auto"] = AUTO
    preroll_ms: float = 0.0
    sample_rate_hz: int | None = None
    timeout_s: float = 60.0
    connect_timeout_s: float = 5.0
    retries: int = 2
    recordings: Path | None = None
    profiles: Mapping[str, Profile] = field(default_factory=nothing)


def config_path(env: Mapping[str, str]) -> Path:
    """Where the file is or would be: ``$VOICECLI_CONFIG``, else the platform's place."""
    if named := env.get(CONFIG_VARIABLE):
        return Path(named).expanduser()
    import platformdirs  # noqa: PLC0415  not needed where the variable is set

    return platformdirs.user_config_path("voicecli", appauthor=False) / "config.toml"


def find_config(env: Mapping[str, str]) -> Config:
    """The configuration that ``env`` leads to; plain defaults where there is no file.

    Raises:
        ConfigError: as `load_config`, or ``$VOICECLI_CONFIG`` names a file that is not there.
    """
    path = config_path(env)
    if env.get(CONFIG_VARIABLE) and not path.exists():
        raise ConfigError(
            f"{CONFIG_VARIABLE} names {path}, which does not exist",
            remedy=f"create the file, or unset {CONFIG_VARIABLE}",
        )
    return load_config(path)


def load_config(path: Path) -> Config:
    """Read one configuration file; plain defaults where it does not exist.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or holds an unknown
            key or a value of the wrong type or range.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Config(path=path)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    import tomllib  # noqa: PLC0415  most machines have no file to parse

    try:
        table = tomllib.loads(content.decode("utf-8-sig"))
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are both ValueErrors
        raise ConfigError(f"{path} is not valid TOML: {clean(str(error))}") from error
    return _config(table, path)


def nearest(word: str, known: list[str]) -> str:
    """A clause for error messages: the likeliest of ``known``, or all of them."""
    import difflib  # noqa: PLC0415  only for a message

    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known: {', '.join(known)}" if known else "none is defined"


# -- the keys ------------------------------------------------------------------


_TOP_LEVEL: Mapping[str, tuple[str, values.Check[Any]]] = {
    "default_profile": ("default_profile", values.text),
    "device": ("device", values.device),
    "volume": ("volume", values.number(0, 4)),
    "buffer_ms": ("buffer_ms", values.word_or(AUTO, values.number(0, 60_000))),
    "preroll_ms": ("preroll_ms", values.number(0, 10_000)),
    "sample_rate": ("sample_rate_hz", values.whole(4_000, 384_000)),
    "timeout_s": ("timeout_s", values.number(0.001, 86_400)),
    "connect_timeout_s": ("connect_timeout_s", values.number(0.001, 3_600)),
    "retries": ("retries", values.whole(0, 100)),
    "recordings": ("recordings", values.folder),
}
"""Key in the file → field of `Config`, and the check that turns the one into the other."""

FILE_KEYS: Mapping[str, str] = {key: name for key, (name, _) in _TOP_LEVEL.items()}
"""Key at the file's top level → field of `Config`."""

_PROFILE: Mapping[str, tuple[str, values.Check[Any]]] = {
    "base_url": ("base_url", values.text),
    "api_key_env": ("api_key_env", values.text),
    "model": ("model", values.text),
    "voice": ("voice", values.text),
    "format": ("response_format", values.text),
    "speed": ("speed", values.number(0.25, 4)),
    "instructions": ("instructions", values.text),
    "extra": ("extra_body", values.body),
}
"""Key in a profile's table → field of `Profile`, and its check."""


def _config(table: dict[str, Any], path: Path) -> Config:
    """The whole file, checked."""
    tables = table.pop("profiles", {})
    if not isinstance(tables, dict):
        raise ConfigError(f'"profiles" in {path} must be tables: [profiles.<name>]')
    fields = _fields(table, _TOP_LEVEL, "", path, also=["profiles"])
    profiles = {}
    for name, settings in tables.items():
        if not isinstance(settings, dict):
            raise ConfigError(f'"profiles.{clean(name)}" in {path} must be a table')
        profile = Profile(name, **_fields(settings, _PROFILE, f"profiles.{name}.", path))
        if profile.api_key_env and not profile.base_url:
            raise ConfigError(
                f'profile "{clean(name)}" in {path} has "api_key_env" and no "base_url"',
                remedy="a key belongs to one server: name it with base_url",
            )
        profiles[name] = profile
    chosen = fields.get("default_profile")
    if chosen is not None and chosen not in profiles:
        raise ConfigError(
            f'"default_profile" in {path} names "{clean(chosen)}", which it does not define',
            remedy=nearest(chosen, sorted(profiles)),
        )
    return Config(
        path=path,
        in_file=frozenset(table) | {f"profiles.{name}" for name in profiles},
        profiles=MappingProxyType(profiles),
        **fields,
    )


def _fields(
    table: dict[str, Any],
    known: Mapping[str, tuple[str, values.Check[Any]]],
    prefix: str,
    path: Path,
    also: list[str] | None = None,
) -> dict[str, Any]:
    """The keys of one table as keyword arguments of its dataclass."""
    fields = {}
    for key, value in table.items():
        shown = clean(prefix + key)
        if key not in known:
            raise ConfigError(
                f'unknown key "{shown}" in {path}', remedy=nearest(key, [*known, *(also or [])])
            )
        name, check = known[key]
        try:
            fields[name] = check(value)
        except TypeError as error:
            raise ConfigError(
                f'"{shown}" in {path} must be {error}, not {clean(repr(value), 60)}'
            ) from error
    return fields
