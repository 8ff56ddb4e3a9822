"""Several clients at once, and clients that leave or do not read."""

from __future__ import annotations

import asyncio

import anyio

from tests.server.asgi_client import Client, post, run
from tests.server.fakes import FakeVoice, Gate, app_of
from voicecli.server import answer as answering

PCM = {"input": "a|b|c", "response_format": "pcm"}


def test_a_request_beyond_the_queue_gets_429_and_a_time_to_retry():
    gate = Gate(1)
    app, _ = app_of(FakeVoice(gate), max_concurrency=1, queue=0)

    async def ask():
        first = Client([b'{"input": "a|b", "response_format": "pcm"}'])
        async with anyio.create_task_group() as group:
            group.start_soon(post, app, b"", first)
            await anyio.to_thread.run_sync(gate.is_waiting.wait)
            second = await post(app, PCM)
            gate.open()
        return first.answer, second, await post(app, PCM)

    first, second, third = run(ask)
    assert (first.status, first.complete) == (200, True)
    assert (second.status, second.error["code"]) == (429, "rate_limit_exceeded")
    assert second.headers["retry-after"] == "1"
    assert third.status == 200


def test_a_request_that_waits_too_long_gets_429():
    gate = Gate(0)
    app, _ = app_of(FakeVoice(gate), max_concurrency=1, queue_s=0.0)

    async def ask():
        async with anyio.create_task_group() as group:
            group.start_soon(post, app, PCM)
            await anyio.to_thread.run_sync(gate.is_waiting.wait)
            answer = await post(app, PCM)
            gate.open()
        return answer

    answer = run(ask)
    assert (answer.status, answer.error["code"]) == (429, "rate_limit_exceeded")
    assert answer.headers["retry-after"] == "1"


def test_all_queued_requests_are_answered():
    app, _ = app_of(max_concurrency=2, queue=62)
    answers = []

    async def ask():
        async def one():
            answers.append(await post(app, PCM))

        async with anyio.create_task_group() as group:
            for _ in range(64):
                group.start_soon(one)

    run(ask)
    assert {(answer.status, answer.complete) for answer in answers} == {(200, True)}


def test_a_new_request_does_not_wait_for_the_whole_of_another():
    voice = FakeVoice(gate := Gate(1))
    app, _ = app_of(voice, max_concurrency=1)
    first, second = (
        Client([b'{"input": "%s", "response_format": "pcm"}' % text]) for text in (b"a|b|c|d", b"x")
    )

    async def ask():
        async with anyio.create_task_group() as group:
            group.start_soon(post, app, b"", first)
            await anyio.to_thread.run_sync(gate.is_waiting.wait)
            group.start_soon(post, app, b"", second)
            await anyio.wait_all_tasks_blocked()
            gate.open()

    run(ask)
    assert voice.spoken == ["a", "b", "x", "c", "d"]


def test_a_client_that_leaves_while_queued_is_not_answered():
    voice = FakeVoice(gate := Gate(0))
    app, log = app_of(voice, max_concurrency=1)

    async def ask():
        async with anyio.create_task_group() as group:
            group.start_soon(post, app, {"input": "a"})
            await anyio.to_thread.run_sync(gate.is_waiting.wait)
            client = Client([b'{"input": "b"}'])
            client.leave()
            answer = await post(app, b"", client)
            gate.open()
        return answer

    assert run(ask).status is None
    assert voice.sentences == 1
    assert log.access[0].endswith("client left")


def test_the_event_loop_is_free_during_synthesis():
    gate = Gate(0)
    app, _ = app_of(FakeVoice(gate))

    async def ask():
        async with anyio.create_task_group() as group:
            group.start_soon(post, app, PCM)
            await anyio.to_thread.run_sync(gate.is_waiting.wait)
            gate.open()

    run(ask)


def test_synthesis_stops_when_the_client_leaves():
    voice = FakeVoice()
    app, log = app_of(voice)

    async def ask():
        async def leave(_):
            client.leave()
            await anyio.sleep_forever()  # like a full socket

        client = Client([b'{"input": "a|b|c|d", "response_format": "pcm"}'], on_body=leave)
        return await post(app, b"", client)

    answer = run(ask)
    assert not answer.complete
    assert voice.sentences == 1
    assert log.access[0].endswith("client left")
    assert log.errors == []


def test_a_slot_is_free_again_when_the_client_leaves():
    app, _ = app_of(max_concurrency=1, queue=0)

    async def ask():
        async def leave(_):
            client.leave()
            await anyio.sleep_forever()

        client = Client([b'{"input": "a|b", "response_format": "pcm"}'], on_body=leave)
        await post(app, b"", client)
        return await post(app, PCM)

    assert run(ask).status == 200


def test_a_client_that_reads_nothing_loses_its_slot(monkeypatch):
    monkeypatch.setattr(answering, "STALL_TIMEOUT_S", 0.0)
    app, log = app_of()

    async def ask():
        async def never(_):
            await anyio.sleep_forever()

        return await post(app, b"", Client([b'{"input": "a|b"}'], on_body=never))

    assert not run(ask).complete
    assert "client read nothing" in log.access[0]


def test_a_response_cut_at_shutdown_during_synthesis_is_not_a_bug():
    gate = Gate(0)
    app, log = app_of(FakeVoice(gate))

    async def ask():
        task = asyncio.create_task(post(app, PCM))
        await anyio.to_thread.run_sync(gate.is_waiting.wait)
        task.cancel()  # as uvicorn does after the grace period
        await asyncio.wait([task])
        gate.open()

    run(ask)
    assert log.errors == []
    assert log.access[0].endswith("stopped")
