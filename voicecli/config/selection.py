"""Select the server of a command line, by flags, variables and configuration.

`voicecli.config.endpoint` has the order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from voicecli.config.file import Config, Profile, suggest
from voicecli.config.urls import OPENAI_URL
from voicecli.errors import ConfigError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILTIN = "builtin"
"""Stands for the built-in voice in place of a base URL."""


@dataclass(frozen=True, slots=True)
class EndpointChoice:
    """The command line's choice; None (or an empty mapping) for what it does not set."""

    base_url: str | None = None
    profile: str | None = None
    model: str | None = None
    voice: str | None = None
    response_format: str | None = None
    speed: float | None = None
    instructions: str | None = None
    extra_body: Mapping[str, object] = field(default_factory=dict)


class Candidate(NamedTuple):
    """A base URL as written, why it would be used, and the profile that applies to it."""

    url: str | None
    reason: str
    setting: str
    profile: Profile | None

    @property
    def is_of_profile(self) -> bool:
        """Whether the URL is the profile's own, so that its key and headers go there."""
        return self.profile is not None and self.profile.base_url == self.url


def select(choice: EndpointChoice, env: Mapping[str, str], config: Config) -> Candidate:
    """Return the first candidate that has a base URL.

    Raises:
        ConfigError: a profile is unknown, or the selected one is a preset without its key.
    """
    named = _profile(choice.profile, config)
    variable_profile = env.get("VOICECLI_PROFILE") or None
    default = _profile(variable_profile or config.default_profile, config)
    why_default = "VOICECLI_PROFILE is {}" if variable_profile else "default_profile is {}"
    # A profile with a URL applies to its own URL only, unless it was requested by name.
    applied = named or (default if default and default.base_url is None else None)

    def variable(name: str) -> Candidate:
        return Candidate(env.get(name) or None, f"{name} is set", name, applied)

    def of_profile(profile: Profile | None, reason: str) -> Candidate:
        if profile is None:
            return Candidate(None, "", "", None)
        reason = reason.format(profile.name)
        return Candidate(profile.base_url, reason, f"base_url of profile {profile.name}", profile)

    openai_url = OPENAI_URL if env.get("OPENAI_API_KEY", "").strip() else None
    candidates = (
        Candidate(choice.base_url, "--base-url was given", "--base-url", applied),
        of_profile(named, "--profile {} was given"),
        variable("VOICECLI_BASE_URL"),
        of_profile(None if named else default, why_default),
        variable("OPENAI_BASE_URL"),
        variable("OPENAI_API_KEY")._replace(url=openai_url),
    )
    builtin = Candidate(BUILTIN, "no endpoint is set", "", applied)
    chosen = next((one for one in candidates if one.url is not None), builtin)
    if chosen.profile is not None and chosen.is_of_profile:
        _check_key(chosen.profile, env, config)
    return chosen


def named_profile(name: str, config: Config) -> Profile | None:
    """Return the profile of a name: the file's, else that of a known server, else None."""
    if name in config.profiles:
        return config.profiles[name]
    from voicecli.config.presets import presets  # noqa: PLC0415  another file to parse

    return presets()[name].profile if name in presets() else None


def _profile(name: str | None, config: Config) -> Profile | None:
    """Return the profile of a name; raises if there is none."""
    if name is None:
        return None
    profile = named_profile(name, config)
    if profile is None:
        from voicecli.config.presets import presets  # noqa: PLC0415  another file to parse

        raise ConfigError(
            f'no profile "{clean(name, 60)}" in {config.path}',
            remedy=suggest(name, sorted({*config.profiles, *presets()})),
        )
    return profile


def _check_key(profile: Profile, env: Mapping[str, str], config: Config) -> None:
    """Raise if a profile is a preset whose key is not set; a profile of the file needs none."""
    variable = profile.api_key_env
    if profile.name in config.profiles or not variable or env.get(variable, "").strip():
        return
    raise ConfigError(
        f"{profile.name} needs {variable}, which is not set", remedy=f"export {variable}=..."
    )
