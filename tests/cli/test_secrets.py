"""Keys, passwords and the headers of profiles appear nowhere, though servers repeat them."""

from __future__ import annotations

import base64
import json

import pytest

from tests.support.speech_server import Reply, SpeechServer, clips_of, error
from tests.support.tones import tone

KEY, HEADER, SPARE = "sk-main-Qz8vK2pXw7LmR4tY", "hdr-Jd93kLx0PqWe72bN", "sk-spare-Ty6uI9oP2aSx4cV"
SOUND = {"type": "speech.audio.delta", "audio": base64.b64encode(b"012345678901").decode()}


def event(message):
    """Return an event stream that breaks after 12 bytes of sound."""
    events = SOUND, {"type": "error", "error": {"message": message}}
    body = "".join(f"data: {json.dumps(each)}\n\n" for each in events)
    return Reply(body=body.encode(), content_type="text/event-stream")


def behind_samples(message):
    body = bytes(4800) + json.dumps({"error": {"message": message}}).encode()
    return Reply(body=body, content_type="audio/pcm")


ANSWERS = {
    "status": lambda message: error(400, {"error": {"message": message}}),
    "event": event,
    "behind samples": behind_samples,
    "HTML": lambda m: Reply(body=f"<title>{m}</title>".encode(), content_type="text/html"),
    "redirect": lambda message: Reply(
        status=307, headers={"Location": f"http:///{message[250:]}"}, body=b""
    ),
    "sound": lambda message: Reply(body=bytes(range(250)) * 20 + message.encode()),
    "type": lambda message: Reply(content_type=f"audio/{message[-50:].strip()}"),
}


@pytest.fixture
def spare():
    with SpeechServer(clips_of(tone(0.2), formats=["pcm"])) as running:
        yield running


@pytest.fixture
def speak(cli, server, spare, tmp_path):
    """Speak with everything that records a run; return what all of it contains."""
    cli.env |= {"MAIN_KEY": KEY, "SPARE_KEY": SPARE, "HEADER": HEADER}
    cli.env["XDG_STATE_HOME"] = str(tmp_path / "state")
    cli.configure(
        f'[profiles.main]\nbase_url = "{server.url}"\napi_key_env = "MAIN_KEY"\ncache = true\n'
        f'headers = {{X-Tenant = "$HEADER"}}\nfallback = ["spare"]\n'
        f'[profiles.spare]\nbase_url = "{spare.url}"\napi_key_env = "SPARE_KEY"\n'
    )
    files = {"--event-log": "events", "--trace": "trace", "--save": "a.wav", "--debug-audio": "d"}
    argv = [f"{option}={tmp_path / name}" for option, name in files.items()]

    def run():
        common = ("--device", "null", "-v", "--json")
        say = ("say", *common, "--profile", "main", "--retries", "0", "--trace-audio", *argv)
        done = [cli.run(*say, "Hello there."), cli.run("say", *common, "--resume")]
        done.append(cli.run("replay", "--device", "null", "-v"))
        assert not any(result.exit_code == 1 for result in done), done
        written = [path for path in tmp_path.rglob("*") if path.is_file() and path != cli.config]
        shown = "".join("".join((result.stdout + result.stderr).split()) for result in done)
        return b"\n".join([shown.encode(), *(path.read_bytes() for path in written)])

    return run


def assert_hidden(secret, content):
    inner = secret[3:-4].encode()
    assert secret[:11].encode() not in content
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + inner)[4:-4]
        assert encoded not in content


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("secret", [KEY, HEADER])
def test_a_server_that_repeats_what_it_got(server, spare, speak, answer, secret):
    server.reply = ANSWERS[answer]("x" * 285 + f" {secret} ")
    spare.reply = error(503, {})
    content = speak()
    assert server.speech_requests[0].headers["x-tenant"] == HEADER
    assert_hidden(secret, content)


def test_each_server_gets_its_own_key_only_and_the_fallback_s_is_hidden_too(server, spare, speak):
    server.reply = error(503, {})
    spare.reply = error(400, {"error": {"message": "x" * 285 + f" {SPARE} "}})
    content = speak()
    assert_hidden(SPARE, content)
    assert all(SPARE not in str(request.headers) for request in server.requests)
    for request in spare.speech_requests:
        assert request.headers["authorization"] == f"Bearer {SPARE}"
        assert not any(secret in str(request.headers) for secret in (KEY, HEADER))
