"""The example package: installed as a user would, and used by the command line."""

import importlib
import json
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from websockets.sync.server import serve

from tests.examples.running import EXAMPLES
from tests.support.in_process import InProcessCli
from tests.support.tones import tone

SOUND = tone(0.5, rate_hz=16_000).astype("<i2").tobytes()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the package installed in it; no other package is fetched or built."""
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
         "--no-build-isolation", "--target", str(target), str(EXAMPLES / "voicecli-websocket")],
        check=True, timeout=60,
    )  # fmt: skip
    return target


@pytest.fixture
def cli(site, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    yield InProcessCli(tmp_path)
    sys.modules.pop("voicecli_websocket", None)


@contextmanager
def server(answer):
    """A server that calls ``answer(connection, request)``; its address, and the requests."""
    requests = []

    def talk(connection):
        request = json.loads(connection.recv())
        requests.append(request | {"key": connection.request.headers.get("Authorization")})
        answer(connection, request)

    with serve(talk, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{running.socket.getsockname()[1]}/speak", requests
        finally:
            running.shutdown()
            thread.join(5)


def speak(connection, request):
    connection.send(json.dumps({"rate": 16_000, "channels": 1}))
    for at in range(0, len(SOUND), 3200):
        connection.send(SOUND[at : at + 3200])
    connection.send(json.dumps({"done": True}))


def say(cli, url, *flags):
    return cli.run(
        "say",
        "--no-play",
        "--json",
        "--retries",
        "0",
        "--no-recover",
        "--base-url",
        url,
        *flags,
        "Hi.",
    )


def test_a_text_is_spoken(cli):
    with server(speak) as (url, requests):
        result = say(cli, url, "--voice", "alice", "--speed", "1.5")
    assert result.exit_code == 0, result
    assert requests == [{"text": "Hi.", "voice": "alice", "speed": 1.5, "key": None}]
    assert result.json["audio_s"] == pytest.approx(0.5)
    assert result.json["rate_hz"] == 16_000
    assert result.json["endpoint"] == url


def test_a_key_goes_to_its_own_server(cli):
    with server(speak) as (url, requests):
        cli.configure(f'[profiles.x]\nbase_url = "{url}"\napi_key_env = "MY_KEY"\n')
        env = {"MY_KEY": "key-0123456789", "OPENAI_API_KEY": "sk-0123456789abcdef"}
        result = cli.run("say", "--no-play", "--profile", "x", "Hi.", env=env)
    assert result.exit_code == 0, result
    assert requests[0]["key"] == "Bearer key-0123456789"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda c, _: c.send('{"error": "no such voice"}'), "no such voice"),
        (lambda c, _: c.send("hello"), "not a JSON object"),
        (lambda c, _: c.send('{"rate": "fast"}'), "the format of its sound"),
        (lambda c, _: c.close(), "1000"),
    ],
)
def test_what_goes_wrong_is_reported(cli, answer, words):
    with server(answer) as (url, _):
        result = say(cli, url)
    assert result.exit_code == 4, result
    assert words in result.json["error"]["message"]


def test_a_connection_that_ends_early_is_an_error_after_what_came(cli):
    def cut(connection, _):
        connection.send(json.dumps({"rate": 16_000}))
        connection.send(SOUND[:8000])
        connection.close(1011)

    with server(cut) as (url, _):
        result = say(cli, url)
    assert result.exit_code == 4, result
    assert result.json["audio_s"] == pytest.approx(0.25)
