"""The tools of ``voicecli mcp``.

Each text is spoken by a ``voicecli say`` of its own, so that cancelling one call ends one
voice and nothing else, whatever state it is in. With a resident it begins at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any, Literal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from voicecli import __version__
from voicecli.control import commands
from voicecli.control.runtime import RuntimeFolderError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

MAX_CHARACTERS = 200_000
"""Longest text of one call: some hours of speech."""

_LEAVE_S = 3.0

INSTRUCTIONS = """Speaks text aloud to the person at this computer, one voice at a time. \
Keep it short, in plain sentences without code or tables. The person may stop or pause it \
at any time; the result says how much was heard."""


class SpeechTools:
    """What the tools do; ``say_options`` and ``voice_options`` go to the commands.

    Everything runs on one event loop.
    """

    def __init__(self, say_options: Sequence[str] = (), voice_options: Sequence[str] = ()) -> None:
        self._say_options = [*say_options]
        self._voice_options = [*voice_options]
        self._background: set[asyncio.Task[str]] = set()

    async def speak(
        self,
        text: str,
        voice: str | None = None,
        when_busy: Literal["queue", "interrupt", "mix", "fail"] = "queue",
        wait: bool = True,  # noqa: FBT001  a tool's argument
    ) -> str:
        """Speak text aloud, and say how much of it was heard.

        Args:
            text: what to speak, in plain sentences.
            voice: one of list_voices; the configured one if not given.
            when_busy: what to do while another voice speaks: queue waits for it,
                interrupt ends it, mix speaks at the same time, fail gives up.
            wait: return only once it was heard; otherwise return at once and keep speaking.
        """
        if len(text) > MAX_CHARACTERS:
            raise ToolError(f"the text is longer than {MAX_CHARACTERS} characters")
        if not text.strip():
            raise ToolError("nothing to say: the text is empty")
        options = [*self._say_options, "--when-busy", when_busy]
        if voice is not None:
            options += ["--voice", voice]
        speech = asyncio.create_task(_say(text, options))
        if wait:
            return await speech
        self._background.add(speech)
        speech.add_done_callback(self._background.discard)
        return "being spoken; status says how far it is"

    async def stop(self, everything: bool = False) -> str:  # noqa: FBT001  as above
        """Stop the current voice; with everything, also those that wait."""
        stopped = await self._control("stop", everyone=everything)
        return f"stopped {len(stopped)}" if stopped else "nothing was being spoken"

    async def pause(self) -> str:
        """Pause the current voice."""
        return _described(await self._control("pause"))

    async def resume(self) -> str:
        """Resume the voice that was paused."""
        return _described(await self._control("resume"))

    async def status(self) -> str:
        """Say who speaks, how far it is, and who waits."""
        return _described(await self._control("status"))

    async def list_voices(self) -> str:
        """List the voices that speak takes, one a line."""
        status, out, err = await _run(["voices", "--json", *self._voice_options])
        if status:
            raise ToolError(_last_error(err))
        voices = json.loads(out)
        return "\n".join(
            " ".join(filter(None, [each["id"], "(default)" if each.get("default") else ""]))
            for each in voices
        )

    async def close(self) -> None:
        """Stop what is still being spoken in the background."""
        for speech in self._background:
            speech.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    @staticmethod
    async def _control(command: str, *, everyone: bool = False) -> list[dict[str, Any]]:
        try:
            return await asyncio.to_thread(commands.send, command, everyone=everyone)
        except RuntimeFolderError as error:
            raise ToolError(f"voices cannot be controlled here: {error}") from error


def _described(speakers: list[dict[str, Any]]) -> str:
    return "\n".join(map(commands.describe, speakers)) or "nothing is being spoken"


async def _say(text: str, options: Sequence[str]) -> str:
    """Speak a text in a process of its own; cancelling stops the process."""
    _, out, err = await _run(["say", "--json", "-q", "--no-keys", *options, "-"], text)
    try:
        metrics = json.loads(out)
    except ValueError:
        raise ToolError(_last_error(err)) from None
    return outcome(metrics)


async def _run(arguments: Sequence[str], text: str = "") -> tuple[int, str, str]:
    """Run a command of ours, and return its status and output; cancelling interrupts it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "voicecli", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        out, err = await process.communicate(text.encode(errors="replace"))
    finally:
        if process.returncode is None:  # cancelled
            with contextlib.suppress(ProcessLookupError):
                process.terminate()  # SIGINT may be ignored, if a shell's job started us
            await asyncio.shield(_end(process))
    return process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), _LEAVE_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def outcome(metrics: dict[str, Any]) -> str:
    """Describe how a text was spoken, from its metrics.

    Raises:
        ToolError: it failed; with what was heard, and what to do.
    """
    spoken_s, sentences = metrics["spoken_s"], metrics["sentences"]
    heard = f"after sentence {sentences['spoken']} of {sentences['known']} ({spoken_s:.1f} s)"
    if metrics["interrupted"]:
        by = metrics.get("stopped_by") or ""
        who = by if "interrupt" in by else f"the listener ({by})" if by else "a signal"
        return f"stopped by {who} {heard}"
    error = metrics["error"]
    if error is None:
        return f"spoken {spoken_s:.1f} s"
    message = error["message"] + (f"; {error['remedy']}" if error.get("remedy") else "")
    raise ToolError(f"{message} ({'nothing was spoken' if not spoken_s else f'ended {heard}'})")


def _last_error(err: str) -> str:
    """Return the last error that a command printed."""
    lines = [line.removeprefix("voicecli: ").strip() for line in err.strip().splitlines()]
    return " ".join(lines[-2:]) or "voicecli failed without a message"


def make_server(tools: SpeechTools) -> MCPServer[None]:
    """Return the server of these tools."""

    @contextlib.asynccontextmanager
    async def lifespan(_: MCPServer[None]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await tools.close()

    server: MCPServer[None] = MCPServer(
        "voicecli", instructions=INSTRUCTIONS, version=__version__, lifespan=lifespan,
        log_level="ERROR",
    )  # fmt: skip
    for tool in (
        tools.speak, tools.stop, tools.pause, tools.resume, tools.status, tools.list_voices,
    ):  # fmt: skip
        server.tool(structured_output=False)(tool)
    return server
