"""``python -m voicecli`` and the ``voicecli`` command."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line and exit with its status."""
    # Importing makes hundreds of thousands of objects and no garbage. Looking for
    # some among them costs 30 ms; it is allowed again once something sounds.
    gc.disable()
    # pydantic, which typer and openai bring, would look through every package installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from voicecli.cli.app import run  # noqa: PLC0415  after the collector is off

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
