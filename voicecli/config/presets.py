"""Known servers: the rows of ``presets.toml``, as profiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicecli.config.file import parse_profile
from voicecli.config.presetfile import PRESET_FILE, preset_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicecli.config.file import Profile


@dataclass(frozen=True, slots=True)
class Preset:
    """One row.

    ``formats`` and ``streams`` are from its documentation, empty and None if that does not
    say. ``sources`` are the pages that were read, ``checked`` is the day, as YYYY-MM-DD.
    ``note`` says what to know before use, and what the server's own pages do not confirm.
    """

    profile: Profile
    formats: tuple[str, ...]
    streams: bool | None
    sources: tuple[str, ...]
    checked: str
    note: str

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
    return {name: _preset(name, row) for name, row in preset_rows().items()}


def settings_of(name: str) -> dict[str, Any]:
    """Return a row's keys of a profile, as a configuration file has them."""
    return _settings(preset_rows()[name])


_ABOUT = ("formats", "streams", "sources", "checked", "note")


def _settings(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in _ABOUT}


def _preset(name: str, row: dict[str, Any]) -> Preset:
    return Preset(
        parse_profile(name, _settings(row), Path(PRESET_FILE.name)),
        tuple(row.get("formats", ())),
        row.get("streams"),
        tuple(row["sources"]),
        row["checked"].isoformat(),
        row.get("note", ""),
    )
