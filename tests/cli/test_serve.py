"""The command; the server itself is tested in tests/server and tests/e2e."""

from __future__ import annotations

import gc
import json
import os

import pytest

from tests.server.asgi_client import get, post, run
from voicecli.server import app, listen, parent_watch, speech
from voicecli.server.fault_injection import FaultPlan
from voicecli.sources import voicememory

SERVE = ("serve", "--port", "0")


@pytest.fixture
def serve(cli, monkeypatch):
    """Run the command with a fake event loop; returns the result and the loop's arguments."""
    given = {}

    def fake_serve(application, listening, *, grace_s, on_ready, on_stop, log):
        given.update(app=application, grace_s=grace_s, port=listening.getsockname()[1])
        on_ready()
        on_stop()
        return given.get("finished", True)

    def run_command(*arguments, **more):
        given.update(more)
        return cli.run(*SERVE, *arguments), given

    monkeypatch.setattr(listen, "serve", fake_serve)
    monkeypatch.setattr(voicememory, "limit_heaps", lambda: None)  # of this process
    yield run_command
    gc.unfreeze()


@pytest.fixture
def app_settings(monkeypatch):
    """The settings of the application."""
    settings = {}
    real = app.make_app

    def make_app(catalogue, voices, options, **keywords):
        settings.update(options=options, **keywords)
        return real(catalogue, voices, options, **keywords)

    monkeypatch.setattr(app, "make_app", make_app)
    return settings


def test_the_address_is_printed_for_people(serve):
    done, given = serve("--no-warm")
    assert done.exit_code == 0
    assert done.stdout == ""
    assert f"serving http://127.0.0.1:{given['port']}/v1" in done.stderr
    assert "finishing" in done.stderr


def test_the_address_is_printed_as_json(serve):
    done, given = serve("--no-warm", "--json", "-q")
    assert done.stderr == ""
    start = done.json
    assert start["event"] == "serving"
    assert start["url"] == f"http://127.0.0.1:{given['port']}/v1"
    assert (start["port"], type(start["pid"])) == (given["port"], int)


def test_garbage_is_collected_while_serving(serve):
    gc.disable()  # as the command line does at start-up
    serve("--no-warm")
    assert gc.isenabled()


def test_an_unfinished_response_shows_in_the_exit_status(serve):
    done, _ = serve("--no-warm", finished=False)
    assert done.exit_code == 130


@pytest.mark.parametrize(("flags", "expected"), [((), ["heart"]), (("--no-warm",), [])])
def test_the_voice_is_loaded_at_start_by_default(serve, monkeypatch, flags, expected):
    loaded = []
    monkeypatch.setattr(speech, "warm_up", lambda voices, voice: loaded.append(voice))
    serve(*flags)
    assert loaded == expected


def test_options_select_the_faults(serve, app_settings):
    serve(
        "--no-warm", "--ttfb-ms", "200", "--pace", "1.5", "--jitter-ms", "50", "--stall-at", "2",
        "--stall-ms", "1000", "--cut-at", "3", "--chunk", "512",
    )  # fmt: skip
    assert app_settings["options"].faults == FaultPlan(
        ttfb_s=0.2, pace=1.5, jitter_s=0.05, stall_at_s=2.0, stall_s=1.0, cut_at_s=3.0,
        chunk_bytes=512,
    )  # fmt: skip


def test_options_set_the_limits(serve, app_settings):
    serve("--no-warm", "--max-concurrency", "9", "--queue", "7", "--queue-s", "1.5")
    options = app_settings["options"]
    assert (options.max_concurrency, options.queue, options.queue_s) == (9, 7, 1.5)


def test_origins_are_allowed_by_option(serve, app_settings):
    serve("--no-warm", "--cors", "https://a.example", "--cors", "http://localhost:3000")
    assert app_settings["options"].cors_origins == ("https://a.example", "http://localhost:3000")


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("http://localhost:3000/", "http://localhost:3000"),
        ("HTTPS://App.Example", "https://app.example"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ],
)
def test_an_origin_is_spelled_as_browsers_spell_it(serve, app_settings, given, origin):
    serve("--no-warm", "--cors", given)
    assert app_settings["options"].cors_origins == (origin,)


def test_a_sentence_per_processor_is_synthesized_at_once_by_default(
    serve, app_settings, monkeypatch
):
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    serve("--no-warm")
    assert app_settings["options"].max_concurrency == 3


@pytest.mark.parametrize(
    "origin",
    ["a.example", "https://a.example/app", "", "https://u@a", "**", "http://a:99999", "http://a:x"],
)
def test_a_wrong_origin_is_a_usage_error(serve, origin):
    done, _ = serve("--no-warm", "--cors", origin)
    assert done.exit_code == 2
    assert "is not an origin" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("flags", "status"), [((), 200), (("--strict",), 400)])
def test_strict_accepts_exact_names_only(serve, flags, status):
    _, given = serve("--no-warm", *flags)
    body = {"input": "Hi.", "voice": "af_sky"}
    assert run(post, given["app"], body).status == status


def test_a_stall_lasts_forever_by_default(serve, app_settings):
    serve("--no-warm", "--stall-at", "1")
    assert app_settings["options"].faults.stall_s == float("inf")


@pytest.mark.parametrize(("flags", "expected"), [((), 0), (("--until-eof",), 1)])
def test_standard_input_is_watched_on_request(serve, monkeypatch, flags, expected):
    calls = []
    monkeypatch.setattr(parent_watch, "terminate_on_eof", lambda: calls.append(1))
    serve("--no-warm", *flags)
    assert len(calls) == expected


def test_requests_are_logged_unless_quiet(serve):
    done, given = serve("--no-warm")
    run(get, given["app"], "/health")
    done, given = serve("--no-warm", "-q")
    assert run(get, given["app"], "/health").status == 200
    assert done.stderr == ""


def test_the_key_comes_from_the_variable(serve, app_settings, monkeypatch):
    monkeypatch.setenv("SERVER_KEY", " sesame ")
    done, _ = serve("--no-warm", "--host", "0.0.0.0", "--api-key-env", "SERVER_KEY")
    assert done.exit_code == 0
    assert app_settings["options"].api_key == "sesame"


@pytest.mark.parametrize("key", [None, "", "  ", "sésame", "a\tb"])
def test_an_unusable_key_is_a_configuration_error(serve, monkeypatch, key):
    if key is not None:
        monkeypatch.setenv("SERVER_KEY", key)
    done, _ = serve("--no-warm", "--api-key-env", "SERVER_KEY")
    assert done.exit_code == 3
    assert "the variable SERVER_KEY has no usable key" in done.stderr


@pytest.mark.parametrize("traceback", ["", "1"])
def test_a_bug_is_reported_with_a_traceback_on_request(
    serve, app_settings, monkeypatch, capsys, traceback
):
    monkeypatch.setenv("VOICECLI_TRACEBACK", traceback)
    serve("--no-warm")
    app_settings["on_error"](ZeroDivisionError("oops"))
    err = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: oops" in err
    assert err.count("Traceback") == 0  # it was never raised
    assert (err.count("ZeroDivisionError") > 1) == bool(traceback)


def test_openapi_is_served(serve):
    _, given = serve("--no-warm")
    assert json.loads(run(get, given["app"], "/openapi.json").body)["openapi"] == "3.1.0"
