"""Options of ``say``, ``play`` and ``replay`` for control: when to speak, keys, the resident."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from voicecli.cli import completion, options

WhenBusyChoice: TypeAlias = Annotated[
    str,
    options.control_option(
        "--when-busy",
        metavar="CHOICE",
        callback=options.one_of("queue", "interrupt", "mix", "fail"),
        autocompletion=completion.when_busy,
        help="While another voice speaks: queue (wait for it), interrupt (end it), mix or fail.",
    ),
]
NoKeys: TypeAlias = Annotated[
    bool,
    options.control_option(
        "--no-keys",
        help="Do not read keys. On a terminal, space pauses, the arrows skip and go back, "
        "? lists the others.",
    ),
]
NoResident: TypeAlias = Annotated[
    bool,
    options.control_option(
        "--no-resident", help="Do the work in this process, even if `voicecli resident` runs."
    ),
]
