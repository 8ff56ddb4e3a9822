"""The command around the server; what the server does is in tests/server and tests/e2e."""

from __future__ import annotations

import gc
import json

import pytest

from tests.server.asgi_client import get, run
from voicecli.server import app, listen, parent_watch, speech

SERVE = ("serve", "--port", "0")


@pytest.fixture
def serve(house, monkeypatch):
    """Run the command with a stand-in for the loop that answers; what that was given."""
    given = {}

    def stand_in(application, listening, *, grace_s, on_ready, on_stop):
        given.update(app=application, grace_s=grace_s, port=listening.getsockname()[1])
        on_ready()
        on_stop()
        return given.get("finished", True)

    def run_it(*arguments, **more):
        given.update(more)
        told = house.run(*SERVE, *arguments)
        return told, given

    monkeypatch.setattr(listen, "serve", stand_in)
    yield run_it
    gc.unfreeze()


@pytest.fixture
def made(monkeypatch):
    """What the application is made with."""
    settings = {}
    real = app.make_app

    def make_app(catalogue, voices, **how):
        settings.update(how)
        return real(catalogue, voices, **how)

    monkeypatch.setattr(app, "make_app", make_app)
    return settings


def test_it_tells_where_it_listens_to_people(serve):
    told, given = serve("--no-warm")
    assert told.status == 0
    assert told.out == ""
    assert f"serving http://127.0.0.1:{given['port']}/v1" in told.err
    assert "finishing" in told.err


def test_it_tells_where_it_listens_to_machines(serve):
    told, given = serve("--no-warm", "--json", "-q")
    assert told.err == ""
    start = told.json
    assert start["event"] == "serving"
    assert start["url"] == f"http://127.0.0.1:{given['port']}/v1"
    assert (start["port"], type(start["pid"])) == (given["port"], int)


def test_garbage_is_collected_while_it_serves(serve):
    gc.disable()  # as the command line does while it starts
    serve("--no-warm")
    assert gc.isenabled()


def test_what_had_to_be_cut_short_shows_in_the_exit_status(serve):
    told, _ = serve("--no-warm", finished=False)
    assert told.status == 130


@pytest.mark.parametrize(("flags", "warmed"), [((), ["heart"]), (("--no-warm",), [])])
def test_the_voice_is_loaded_before_unless_told_otherwise(serve, monkeypatch, flags, warmed):
    asked = []
    monkeypatch.setattr(speech, "warm", lambda voices, voice: asked.append(voice))
    serve(*flags)
    assert asked == warmed


def test_misbehaviour_is_as_told(serve, made):
    serve(
        "--no-warm", "--ttfb-ms", "200", "--pace", "1.5", "--jitter-ms", "50", "--stall-at", "2",
        "--stall-ms", "1000", "--cut-at", "3", "--chunk", "512", "--max-concurrency", "9",
    )  # fmt: skip
    how = made["misbehaviour"]
    assert (how.ttfb_s, how.pace, how.jitter_s, how.chunk_bytes) == (0.2, 1.5, 0.05, 512)
    assert (how.stall_at_s, how.stall_s, how.cut_at_s) == (2.0, 1.0, 3.0)
    assert made["max_concurrency"] == 9


def test_a_stall_is_for_ever_unless_told_otherwise(serve, made):
    serve("--no-warm", "--stall-at", "1")
    assert made["misbehaviour"].stall_s == float("inf")


@pytest.mark.parametrize(("flags", "watched"), [((), 0), (("--until-eof",), 1)])
def test_its_input_matters_where_that_was_asked_for(serve, monkeypatch, flags, watched):
    begun = []
    monkeypatch.setattr(parent_watch, "end_with_input", lambda: begun.append(1))
    serve("--no-warm", *flags)
    assert len(begun) == watched


def test_requests_are_told_unless_quiet(serve):
    told, given = serve("--no-warm")
    run(get, given["app"], "/health")
    told, given = serve("--no-warm", "-q")
    assert run(get, given["app"], "/health").status == 200
    assert told.err == ""


def test_the_key_comes_from_the_variable(serve, made, monkeypatch):
    monkeypatch.setenv("SERVER_KEY", " sesame ")
    told, _ = serve("--no-warm", "--host", "0.0.0.0", "--api-key-env", "SERVER_KEY")
    assert told.status == 0
    assert made["api_key"] == "sesame"


@pytest.mark.parametrize("key", [None, "", "  ", "sésame", "a\tb"])
def test_a_key_that_is_none_is_refused(serve, monkeypatch, key):
    if key is not None:
        monkeypatch.setenv("SERVER_KEY", key)
    told, _ = serve("--no-warm", "--api-key-env", "SERVER_KEY")
    assert told.status == 3
    assert "no usable key in the variable SERVER_KEY" in told.err


@pytest.mark.parametrize("traceback", ["", "1"])
def test_a_defect_is_told_and_its_traceback_where_it_is_wanted(
    serve, made, monkeypatch, capsys, traceback
):
    monkeypatch.setenv("VOICECLI_TRACEBACK", traceback)
    serve("--no-warm")
    made["on_defect"](ZeroDivisionError("oops"))
    said = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: oops" in said
    assert said.count("Traceback") == 0  # it was never raised
    assert (said.count("ZeroDivisionError") > 1) == bool(traceback)


def test_the_description_is_json(serve):
    _, given = serve("--no-warm")
    assert json.loads(run(get, given["app"], "/openapi.json").body)["openapi"] == "3.1.0"
