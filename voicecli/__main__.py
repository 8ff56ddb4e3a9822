"""``python -m voicecli`` and the ``voicecli`` command."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # see `voicecli`
if TYPE_CHECKING:
    from typing import NoReturn

_CONTROL = ("stop", "pause", "resume", "skip", "back", "status")

_INTERRUPTED = 130
"""`voicecli.errors.ExitStatus.INTERRUPTED`, which is not imported yet."""


def main() -> None:
    """Run the command line and exit with its status."""
    _hold_standard_streams()
    if sys.argv[1:2] and _controls(sys.argv[1:]):
        return
    note = _call_resident(sys.argv[1:])
    try:
        from voicecli.cli.interpreter import speed_up_start  # noqa: PLC0415  no resident was there

        speed_up_start()
        if note is not None:
            from voicecli.cli.launch import this_launch  # noqa: PLC0415  the rest is loaded later

            this_launch.note = note
        from voicecli.cli.app import run  # noqa: PLC0415  after that
    except KeyboardInterrupt:  # importing is half of the start-up time
        sys.exit(_INTERRUPTED)
    _leave(run(sys.argv[1:]))


def _controls(argv: list[str]) -> bool:
    """Run a simple command such as ``voicecli stop`` without loading what the others need."""
    if argv[0] not in _CONTROL:
        return False
    from voicecli.control import commands  # noqa: PLC0415  see above
    from voicecli.control.runtime import RuntimeFolderError  # noqa: PLC0415  see above

    arguments = commands.parse(argv)
    if arguments is None:
        return False
    try:
        commands.run(**arguments)
    except RuntimeFolderError:
        return False  # the full command line reports it
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    return True


def _hold_standard_streams() -> None:
    """Open those of descriptors 0, 1 and 2 that are closed, so that no socket gets their numbers.

    A write to a standard output that was closed then fails, as it should. Standard input
    stays None.
    """
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDWR)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _call_resident(argv: list[str]) -> str | None:
    """Let the resident run the command, and exit; return why it refuses; None without one."""
    import time  # noqa: PLC0415  built in

    started_at = time.monotonic()
    is_wanted = os.environ.get("VOICECLI_RESIDENT") != "off" and "--no-resident" not in argv
    if argv[:1] not in (["say"], ["play"]) or not is_wanted:
        return None
    from voicecli.control.resident.client import Refused, call  # noqa: PLC0415  see above

    try:
        status = call(argv, started_at)
    except Refused as error:
        return str(error)
    if status is None:
        return None
    os._exit(status)  # there is no output to flush


def _leave(status: int) -> NoReturn:
    """Exit, immediately if one of our threads is still stuck in a library.

    PortAudio's exit handler would wait for a hung sound server and ignore Ctrl-C.
    """
    import threading  # noqa: PLC0415  loaded by now

    daemons = (t for t in threading.enumerate() if t.daemon)  # pool threads are joined, and end
    if any(thread.name.startswith("voicecli-") for thread in daemons):
        os._exit(status)  # the output has been flushed
    sys.exit(status)


if __name__ == "__main__":
    main()
