"""The tools of ``voicecli mcp``, driven by the official client."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time

import pytest

from tests.support.cli import Cli
from tests.support.resident import running_resident
from tests.support.speech_server import FOREVER, Reply, SpeechServer, clips_of, error
from tests.support.tones import tone

TOOLS = {"speak", "stop", "pause", "resume", "status", "list_voices"}

METRICS = {
    "spoken_s": 12.31,
    "sentences": {"spoken": 3, "known": 8},
    "interrupted": False,
    "stopped_by": None,
    "error": None,
}


@pytest.fixture
def server():
    with SpeechServer(clips_of(tone(0.3), formats=["pcm"])) as speech:
        speech.reply = Reply(headers={"X-Sample-Rate": "48000"})
        yield speech


@pytest.fixture
def parameters(tmp_path, server):
    from mcp import StdioServerParameters  # takes a second, which only these tests need

    cli = Cli(tmp_path)
    arguments = ["--base-url", server.url, "--device", "null"]
    return StdioServerParameters(
        command=sys.executable, args=["-m", "voicecli", "mcp", *arguments], env=cli.environment()
    )


@pytest.fixture
def here(tmp_path, server, monkeypatch):
    """A server in this process, which saves starting one; its voices are processes all the same."""
    from voicecli.cli.mcp_tools import SpeechTools, make_server

    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in Cli(tmp_path).environment().items():
        monkeypatch.setenv(name, value)
    endpoint = ("--base-url", server.url)
    return make_server(SpeechTools([*endpoint, "--device", "null"], endpoint))


def use(parameters, script):
    """Run ``script`` with a client of a server."""

    from mcp import Client

    async def run():
        async with Client(parameters) as client:
            return await script(client)

    return asyncio.run(run())


async def call(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    return result.content[0].text, result.is_error


async def until(condition, timeout_s=20.0):
    ends_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends_at
        await asyncio.sleep(0.02)


async def speakers(client, count):
    """Wait until so many voices are there."""
    ends_at = time.monotonic() + 20
    while len((await call(client, "status"))[0].split("process")) != count + 1:
        assert time.monotonic() < ends_at
        await asyncio.sleep(0.05)


def test_every_tool_through_the_official_client(parameters, server):
    async def script(client):
        tools = await client.list_tools()
        assert {tool.name for tool in tools.tools} == TOOLS
        assert all(tool.description for tool in tools.tools)
        assert await call(client, "speak", text="Hello.") == ("spoken 0.3 s", False)
        voices, failed = await call(client, "list_voices")
        assert voices
        assert not failed
        assert await call(client, "status") == ("nothing is being spoken", False)
        assert await call(client, "stop") == ("nothing was being spoken", False)
        server.reply = Reply(pace=1.0, ttfb_s=FOREVER)
        said, _ = await call(client, "speak", text="For long.", wait=False)
        assert said.startswith("being spoken")
        await until(lambda: len(server.speech_requests) == 2)
        await asyncio.sleep(0.5)
        assert "connecting: say" in (await call(client, "status"))[0]
        assert (await call(client, "pause"))[0].startswith("paused: say")
        assert (await call(client, "resume"))[0].startswith("connecting: say")
        assert await call(client, "stop") == ("stopped 1", False)

    use(parameters, script)


def test_a_cancelled_call_ends_its_own_voice_only(here, server):
    async def script(client):
        server.reply = Reply(ttfb_s=FOREVER)
        kept = asyncio.create_task(call(client, "speak", text="Kept."))
        await until(lambda: len(server.speech_requests) == 1)
        cancelled = asyncio.create_task(call(client, "speak", text="Cancelled."))
        await speakers(client, 2)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        await speakers(client, 1)
        assert not kept.done()
        server.reply = Reply(headers={"X-Sample-Rate": "48000"})
        assert await call(client, "speak", text="Another.") == ("spoken 0.3 s", False)
        await call(client, "stop", everything=True)
        text, _ = await kept
        assert text.startswith("stopped by the listener (voicecli stop")

    use(here, script)


async def playing(client):
    """Wait until a voice is heard, and return its status."""
    ends_at = time.monotonic() + 20
    while "playing: say" not in (status := (await call(client, "status"))[0]):
        assert time.monotonic() < ends_at, status
        await asyncio.sleep(0.05)
    return status


@pytest.mark.parametrize("resident", [False, True])
def test_a_call_that_is_cancelled_in_mid_speech_lets_the_next_one_speak(
    parameters, server, resident
):
    long = clips_of(tone(30.0), formats=["pcm"])

    async def script(client):
        short, server.clips = server.clips, long
        cancelled = asyncio.create_task(call(client, "speak", text="For long."))
        first = await playing(client)
        server.clips = short
        queued = asyncio.create_task(call(client, "speak", text="Queued."))
        await speakers(client, 2)
        assert (await call(client, "pause"))[0].startswith("paused: say")
        assert (await call(client, "resume"))[0].startswith("playing: say")
        cancelled_at = time.monotonic()
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        assert await queued == ("spoken 0.3 s", False)
        assert time.monotonic() - cancelled_at < 15  # of 30
        assert first not in (await call(client, "status"))[0]
        assert await call(client, "status") == ("nothing is being spoken", False)
        assert await call(client, "speak", text="Another.") == ("spoken 0.3 s", False)
        assert (await call(client, "list_voices"))[0]
        assert await call(client, "stop") == ("nothing was being spoken", False)

    with running_resident(parameters.env) if resident else contextlib.nullcontext():
        use(parameters, script)


def test_an_error_comes_with_its_remedy(here, server):
    server.reply = error(401, {"error": {"message": "wrong key"}})

    async def script(client):
        text, failed = await call(client, "speak", text="Hello.")
        assert failed
        assert "wrong key" in text
        assert "nothing was spoken" in text
        text, failed = await call(client, "speak", text="")
        assert failed
        assert "nothing to say" in text

    use(here, script)


class TestOutcome:
    @pytest.fixture
    def outcome(self):
        from voicecli.cli.mcp_tools import outcome  # imports mcp

        return outcome

    def test_all_of_it(self, outcome):
        assert outcome(METRICS) == "spoken 12.3 s"

    def test_a_part_of_it(self, outcome):
        stopped = METRICS | {"interrupted": True, "stopped_by": "voicecli stop (process 7)"}
        assert outcome(stopped) == (
            "stopped by the listener (voicecli stop (process 7)) after sentence 3 of 8 (12.3 s)"
        )

    def test_another_voice(self, outcome):
        by = "voicecli say --when-busy interrupt (process 7)"
        stopped = METRICS | {"interrupted": True, "stopped_by": by}
        assert outcome(stopped) == f"stopped by {by} after sentence 3 of 8 (12.3 s)"

    def test_a_failure(self, outcome):
        from mcp.server.mcpserver.exceptions import ToolError

        fault = {"message": "no sound", "remedy": "plug it in"}
        with pytest.raises(ToolError, match=r"no sound; plug it in \(ended after sentence 3"):
            outcome(METRICS | {"error": fault})
