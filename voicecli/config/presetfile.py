"""Read ``presets.toml``, the table of known servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PRESET_FILE = Path(__file__).with_name("presets.toml")


def preset_rows() -> dict[str, dict[str, Any]]:
    """Return the rows by name, as they are in the file and in its order."""
    import tomllib  # noqa: PLC0415  most runs need no preset

    return tomllib.loads(PRESET_FILE.read_text("utf-8"))
