"""Servers that are known by name: the rows of ``presets.toml``, as profiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicecli.config.file import parse_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicecli.config.file import Profile


@dataclass(frozen=True, slots=True)
class Preset:
    """One row.

    ``formats`` and ``streams`` are what its documentation says, empty and None if it does
    not. ``source`` is the page that was read, ``checked`` the day, as YYYY-MM-DD.
    """

    profile: Profile
    formats: tuple[str, ...]
    streams: bool | None
    source: str
    checked: str

    @property
    def needs_key(self) -> bool:
        """Whether the server requires a key."""
        return self.profile.api_key_env is not None

    def is_usable(self, env: Mapping[str, str]) -> bool:
        """Whether its key, if it needs one, is in the environment."""
        return not self.needs_key or bool(env.get(self.profile.api_key_env or "", "").strip())


@cache
def presets() -> Mapping[str, Preset]:
    """Return all rows by name, in the order of the file."""
    return {name: _preset(name, row) for name, row in _rows().items()}


def settings_of(name: str) -> dict[str, Any]:
    """Return a row's keys of a profile, as a configuration file has them."""
    return {key: value for key, value in _rows()[name].items() if key not in _ABOUT}


_FILE = "presets.toml"

_ABOUT = ("formats", "streams", "source", "checked")


def _rows() -> dict[str, dict[str, Any]]:
    import tomllib  # noqa: PLC0415  most runs need no preset

    return tomllib.loads(files("voicecli.config").joinpath(_FILE).read_text("utf-8"))


def _preset(name: str, row: dict[str, Any]) -> Preset:
    settings = {key: value for key, value in row.items() if key not in _ABOUT}
    return Preset(
        parse_profile(name, settings, Path(_FILE)),
        tuple(row.get("formats", ())),
        row.get("streams"),
        row["source"],
        row["checked"].isoformat(),
    )
