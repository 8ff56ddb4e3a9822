"""Give the run of a command its turn to speak, its keys, and its control socket."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from voicecli.cli.keys import SpeechKeys, wants_keys
from voicecli.cli.launch import this_launch
from voicecli.cli.output import print_message
from voicecli.control.runtime import RuntimeFolderError, runtime_folder
from voicecli.telemetry.events import Progressed, Waited

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from voicecli.cli.speech import Speech
    from voicecli.control.recent import RecentSpeech
    from voicecli.control.server import ControlServer
    from voicecli.control.speaker import Speaker
    from voicecli.control.voice_turn import VoiceTurn, WhenBusy
    from voicecli.session.session import Session
    from voicecli.telemetry.events import Event
    from voicecli.telemetry.metrics import Recorder


REST_AFTER_S = 1.0
"""A writer that pauses for longer than this lets others speak."""


class VoiceControl:
    """The turn, the control socket and the terminal's keys of one run; a context manager.

    Without a runtime folder there are no turn and no socket, and the sound is mixed with
    others'; ``notify`` gets the reason. An observer: the socket is made once the request has left,
    because that must not wait for it. The sound is kept for ``voicecli replay``.

    Raises:
        DeviceBusy: another voice is heard, and ``when_busy`` is to fail then.
    """

    def __init__(
        self,
        command: str,
        run_id: str,
        when_busy: WhenBusy | None,
        *,
        keys: bool = False,
        notify: Callable[[str], None] = print_message,
    ) -> None:
        self._command = command
        self._run_id = run_id
        self._notify = notify
        self._keys = SpeechKeys(has_terminal=keys and wants_keys())
        self._speaker: Speaker | None = None
        self._server: ControlServer | None = None
        self._socket_name = f"{this_launch.pid}-{run_id}"
        self._folder: str | None = None
        self._recent: RecentSpeech | None = None
        self._silent_since: float | None = None
        if this_launch.note is not None:
            notify(f"the resident was not used: {this_launch.note}")
        self.turn: VoiceTurn | None = None
        """The turn, None if the sound is mixed with others'."""
        if when_busy is None:
            return
        try:
            self._folder = runtime_folder()
            self.turn = self._take_turn(when_busy)
            if command != "replay":
                self._recent = self._keep_sound(self._folder)
        except RuntimeFolderError as error:
            notify(f"other processes cannot control this run: {error}")

    def _take_turn(self, when_busy: WhenBusy) -> VoiceTurn | None:
        from voicecli.control.voice_turn import VoiceTurn, WhenBusy  # noqa: PLC0415  needs a folder

        if when_busy is WhenBusy.MIX or self._folder is None:
            return None
        by = f"voicecli {self._command} --when-busy interrupt (process {this_launch.pid})"
        return VoiceTurn(
            self._folder, self._socket_name, when_busy,
            by=by, on_wait=self._report_wait, pid=this_launch.pid,
        )  # fmt: skip

    def _keep_sound(self, folder: str) -> RecentSpeech:
        from voicecli.control.recent import RecentSpeech  # noqa: PLC0415  needs a folder

        return RecentSpeech(folder, f"{time.time_ns():020}-{self._run_id}")

    def _report_wait(self, pid: int | None) -> None:
        self._notify(f"waiting until process {pid} has spoken" if pid else "waiting for its turn")

    def attach(
        self,
        session: Session,
        recorder: Recorder,
        began_at: float,
        speech: Speech | None = None,
    ) -> None:
        """Let commands reach ``session``, which speaks ``speech``."""
        from voicecli.control.speaker import Speaker  # noqa: PLC0415  see the class

        self._speaker = Speaker(
            self._command, self._run_id, began_at, session, recorder,
            turn=self.turn, sentences=lambda: speech.sentences if speech is not None else None,
            process=(this_launch.pid, this_launch.parent),
        )  # fmt: skip
        self._keys.attach(session, speech)

    def __call__(self, event: Event, /) -> None:
        """Begin to take commands and keys once the request has left, or sound is there."""
        self._keys(event)
        self._rest_if_silent(event)
        if self._recent is not None:
            self._recent(event)
        if self._server is None and isinstance(event, Waited | Progressed):
            self._listen()

    def _rest_if_silent(self, event: Event) -> None:
        """Let others speak while this run waits for its text."""
        if self.turn is None or not isinstance(event, Waited | Progressed):
            return
        is_silent = isinstance(event, Waited) or not event.snapshot.buffered_s
        if not (is_silent and self.turn.awaits_text):
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = event.at
        elif event.at - self._silent_since >= REST_AFTER_S:
            self.turn.rest()

    def _listen(self) -> None:
        if self._folder is None or self._speaker is None:
            return
        from voicecli.control.client import speakers_folder  # noqa: PLC0415  see the class
        from voicecli.control.server import ControlServer  # noqa: PLC0415  see the class

        folder, self._folder = self._folder, None  # one attempt
        try:
            path = os.path.join(speakers_folder(folder), self._socket_name)  # noqa: PTH118
            self._server = ControlServer(path, self._speaker.answer)
        except OSError as error:  # even from an import, if no more files can be opened
            self._notify(f"other processes cannot control this run: {error.strerror or error}")

    def voice_ahead(self) -> str | None:
        """Return the name of the voice that this run waits for; None if it does not wait."""
        if self.turn is None or not self.turn.is_waiting:
            return None
        pid = self.turn.waits_for
        return f"another voice, of process {pid}," if pid is not None else "another voice"

    @property
    def stopped_by(self) -> str | None:
        """The process that stopped the run; None if none did."""
        return self._speaker.stopped_by if self._speaker is not None else None

    @property
    def turn_wait_ms(self) -> float:
        """How long sound that was ready had to wait for its turn."""
        return round(self.turn.waited_s * 1e3, 1) if self.turn is not None else 0.0

    def restore_terminal(self) -> None:
        """Leave the terminal as it was found; any thread, idempotent."""
        self._keys.restore()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._keys.close)
            if self._recent is not None:
                stack.callback(self._recent.close)
            if self.turn is not None:
                stack.callback(self.turn.release)
            if self._server is not None:
                stack.callback(self._server.close)
