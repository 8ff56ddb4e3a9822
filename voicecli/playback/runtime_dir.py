"""Find the sound server of a user who is not logged in here: under cron, systemd or sudo.

Sound servers listen in ``$XDG_RUNTIME_DIR`` (XDG base directory specification), which only
a login sets.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

VARIABLE = "XDG_RUNTIME_DIR"
_OTHERS = ("PULSE_SERVER", "PULSE_RUNTIME_PATH", "PIPEWIRE_RUNTIME_DIR")
"""Variables that name a sound server as well."""

_ROOT = Path("/run/user")


def complete_environment(
    environ: MutableMapping[str, str] | None = None, root: Path = _ROOT
) -> None:
    """Set ``XDG_RUNTIME_DIR`` if it is missing and systemd's folder for us exists and is ours."""
    environ = os.environ if environ is None else environ
    folder = root / str(os.getuid())
    try:
        is_ours = folder.stat().st_uid == os.getuid()
    except OSError:
        return
    if is_ours and VARIABLE not in environ:
        environ[VARIABLE] = str(folder)


def remedy() -> str | None:
    """Return what to do if no sound device was found because the variable is missing."""
    if sys.platform != "linux" or any(name in os.environ for name in (VARIABLE, *_OTHERS)):
        return None
    folder = _ROOT / str(os.getuid())
    return (
        f"{VARIABLE} is not set, as under cron and systemd: run as the user who is logged in, "
        f"with {VARIABLE}={folder}"
    )
