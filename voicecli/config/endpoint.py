"""Which server is spoken to, with which key, model and voice, and why.

The first of these that says something decides:

=====================  ==================================================
``--base-url``         ``builtin`` forces the built-in voice
``--profile``          a profile of the configuration file
``VOICECLI_BASE_URL``  ours, so that it can differ from other programs'
``default_profile``    of the configuration file
``OPENAI_BASE_URL``    the SDK's own variable
``OPENAI_API_KEY``     means api.openai.com
nothing                the built-in voice
=====================  ==================================================

A key is sent only where it belongs. ``OPENAI_API_KEY`` goes to api.openai.com,
over https and to that exact host, or to the ``OPENAI_BASE_URL`` set with it.
Every other endpoint gets the variable that its profile names, or else
``VOICECLI_API_KEY``, or else a word that is no key: the SDK refuses to start
without one, and servers that want none ignore it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from voicecli.config.file import Config, Profile, nearest, nothing
from voicecli.config.urls import OPENAI_HOST, OPENAI_URL, check_url, is_loopback, is_openai
from voicecli.errors import ConfigError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILTIN = "builtin"
"""What stands for the built-in voice where a base URL is wanted."""

KEYLESS = "voicecli"
"""Sent as the key where there is none."""

_BUILTIN_MODEL, _BUILTIN_VOICE = "hibari", "heart"
_OPENAI_MODEL, _OPENAI_VOICE = "gpt-4o-mini-tts", "alloy"
_OTHER_MODEL, _OTHER_VOICE = "tts-1", "alloy"  # the pair that compatible servers alias most


@dataclass(frozen=True, slots=True)
class EndpointChoice:
    """What the command line said; None (or an empty mapping) where it said nothing."""

    base_url: str | None = None
    profile: str | None = None
    model: str | None = None
    voice: str | None = None
    response_format: str | None = None
    speed: float | None = None
    instructions: str | None = None
    extra_body: Mapping[str, object] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes and what it says by default.

    ``base_url`` has no trailing slash; None means the built-in voice, whose
    ``api_key`` is None too. ``key_variable`` names the variable that the key
    came from, None for `KEYLESS`. ``reason`` is one clause for ``-v``.
    ``origins`` says for ``model``, ``voice`` and the like where each came from.
    """

    base_url: str | None
    api_key: str | None = field(repr=False)
    key_variable: str | None
    reason: str
    profile: str | None
    model: str
    voice: str
    response_format: str | None = None
    speed: float | None = None
    instructions: str | None = None
    extra_body: Mapping[str, object] = field(default_factory=nothing)
    warnings: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=nothing, repr=False)

    @property
    def is_builtin(self) -> bool:
        """Whether the voice is the one in the package."""
        return self.base_url is None

    @property
    def is_openai(self) -> bool:
        """Whether the server is api.openai.com itself."""
        return self.base_url is not None and is_openai(self.base_url)

    @property
    def label(self) -> str:
        """The URL for people and records, without credentials and query, or ``"builtin"``."""
        if self.base_url is None:
            return BUILTIN
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class _Place(NamedTuple):
    """A base URL as written, why it is the one, and the profile that goes with it."""

    url: str
    reason: str
    said_by: str
    profile: Profile | None


def resolve_endpoint(choice: EndpointChoice, env: Mapping[str, str], config: Config) -> Endpoint:
    """Decide the endpoint; see the module for the order and the rules for keys.

    Raises:
        ConfigError: a URL is malformed, a profile unknown, or a key is missing
            where there must be one, or is asked to go where it must not.
    """
    place = _place(choice, env, config)
    profile = place.profile
    base_url = None
    key: str | None = None
    key_variable: str | None = None
    warnings: tuple[str, ...] = ()
    if place.url != BUILTIN:
        base_url = check_url(place.url, place.said_by)
        key, key_variable, warnings = _key(base_url, place, env)
    openai = base_url is not None and is_openai(base_url)
    if base_url is None:
        model, voice = _BUILTIN_MODEL, _BUILTIN_VOICE
    else:
        model, voice = (_OPENAI_MODEL, _OPENAI_VOICE) if openai else (_OTHER_MODEL, _OTHER_VOICE)
    values: dict[str, object] = {"model": model, "voice": voice}
    origins = dict.fromkeys(values, "default")
    for source, said_by in (
        (profile, f"profile {profile.name}" if profile else ""),
        (choice, "flag"),
    ):
        for name in ("model", "voice", "response_format", "speed", "instructions"):
            if (value := getattr(source, name, None)) is not None:
                values[name], origins[name] = value, said_by
    extra = {**(profile.extra_body if profile else {}), **choice.extra_body}
    return Endpoint(
        base_url=base_url,
        api_key=key,
        key_variable=key_variable,
        reason=place.reason,
        profile=profile.name if profile else None,
        extra_body=extra,
        warnings=warnings,
        origins=origins,
        **values,  # type: ignore[arg-type]  # checked where each was read
    )


def _place(choice: EndpointChoice, env: Mapping[str, str], config: Config) -> _Place:
    """The first in the order that names a base URL."""
    named = _profile(choice.profile, config)
    default = _profile(config.default_profile, config)
    # A profile without a URL lends its settings to any endpoint; one with a URL only to its own,
    # unless it was asked for by name.
    lent = named or (default if default and default.base_url is None else None)
    order = (
        (choice.base_url, "--base-url was given", "--base-url", lent),
        _of_profile(named, "--profile {} was given"),
        (
            env.get("VOICECLI_BASE_URL") or None,
            "VOICECLI_BASE_URL is set",
            "VOICECLI_BASE_URL",
            lent,
        ),
        _of_profile(None if named else default, "default_profile is {}"),
        (env.get("OPENAI_BASE_URL") or None, "OPENAI_BASE_URL is set", "OPENAI_BASE_URL", lent),
        (
            OPENAI_URL if env.get("OPENAI_API_KEY", "").strip() else None,
            "OPENAI_API_KEY is set",
            "OPENAI_API_KEY",
            lent,
        ),
    )
    for url, reason, said_by, profile in order:
        if url is not None:
            return _Place(url, reason, said_by, profile)
    return _Place(BUILTIN, "no endpoint is set", "", lent)


def _of_profile(
    profile: Profile | None, reason: str
) -> tuple[str | None, str, str, Profile | None]:
    """A profile's place in the order, empty where it has no URL."""
    if profile is None:
        return None, "", "", None
    said_by = f"base_url of profile {profile.name}"
    return profile.base_url, reason.format(profile.name), said_by, profile


def _profile(name: str | None, config: Config) -> Profile | None:
    if name is None:
        return None
    if name not in config.profiles:
        raise ConfigError(
            f'no profile "{clean(name, 60)}" in {config.path}',
            remedy=nearest(name, sorted(config.profiles)),
        )
    return config.profiles[name]


def _key(
    base_url: str, place: _Place, env: Mapping[str, str]
) -> tuple[str, str | None, tuple[str, ...]]:
    """What to send as the key, the variable it came from, and what to warn about."""
    parts = urlsplit(base_url)
    openai = is_openai(base_url)
    warnings: list[str] = []
    variables = _key_variables(base_url, place, env)
    key = None
    for variable in variables:
        if key := _read_key(variable, env):
            break
    profile = place.profile
    if key is None:
        if openai:
            raise ConfigError(
                f"{OPENAI_HOST} wants a key, and {variables[0]} is not set",
                remedy=f"export {variables[0]}=..., or --base-url {BUILTIN} for the built-in voice",
            )
        if profile and profile.base_url == place.url and profile.api_key_env:
            warnings.append(f"profile {profile.name} names {profile.api_key_env}, which is not set")
        return KEYLESS, None, tuple(warnings)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        warnings.append(f"{variable} goes to {parts.hostname} over plain http, readable on the way")
    return key, variable, tuple(warnings)


def _key_variables(base_url: str, place: _Place, env: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that may hold the key for this URL, the first that is set counts."""
    profile = place.profile
    trusted = is_openai(base_url) or base_url == env.get("OPENAI_BASE_URL", "").rstrip("/")
    if profile and profile.api_key_env and profile.base_url == place.url:
        if profile.api_key_env == "OPENAI_API_KEY" and not trusted:
            raise ConfigError(
                f"profile {profile.name} names OPENAI_API_KEY for a server that is not OpenAI's",
                remedy="put that server's key in a variable of its own and name it in api_key_env",
            )
        return (profile.api_key_env,)
    if place.said_by in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        return ("OPENAI_API_KEY",)
    return ("OPENAI_API_KEY", "VOICECLI_API_KEY") if trusted else ("VOICECLI_API_KEY",)


def _read_key(variable: str, env: Mapping[str, str]) -> str | None:
    """A key without the white space that pasting leaves around it; None for an empty one."""
    key = env.get(variable, "").strip()
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"{variable} holds characters that no key has", remedy="copy the key into it again"
        )
    return key or None
