"""What a listener reports of each answer."""

from __future__ import annotations

import pytest

from tests.session.fakes import ScriptedSource, cut_off, sound
from voicecli.bench.load import Failure
from voicecli.errors import NetworkError, RateLimited

OPENED = ScriptedSource.OPENED


# Events


def test_a_whole_answer(play):
    reports = play(0.2, OPENED, 0.05, sound(0.5), 0.15, sound(0.5), 0.1)
    assert {kind: event["response_time"] for kind, event in reports.events.items()} == {
        "TTFB": 250.0,
        "TTFA": pytest.approx(250.0, abs=20),
        "continuity": 0.0,
        "RTF": pytest.approx(500.0),
        "speech": 500.0,
    }
    assert reports["TTFA"]["response_time"] >= 250.0
    assert reports["speech"]["response_length"] == len(sound(1.0))
    assert sum(event["response_length"] for event in reports.events.values()) == len(sound(1.0))
    assert reports.failures() == {}


def test_events_are_named_after_the_format_or_the_given_name(play):
    assert {event["name"] for event in play(sound(0.1)).events.values()} == {
        "pcm",
        "pcm (ms per s of audio)",
    }
    assert {event["name"] for event in play(sound(0.1), name="short").events.values()} == {
        "short",
        "short (ms per s of audio)",
    }


def test_a_gap_is_a_failure_of_continuity_alone(play):
    reports = play(sound(0.5), 1.5, sound(0.5))
    assert reports.failures() == {"continuity": "underrun: the sound had gaps"}
    assert reports["continuity"]["response_time"] == pytest.approx(1000.0, abs=150)


def test_a_cut_answer_still_has_its_beginning(play):
    reports = play(0.1, OPENED, sound(0.5), 0.3, cut_off())
    failed = reports.failures()
    assert list(failed) == ["continuity", "speech"]
    assert set(reports.events) == {"TTFB", "TTFA", *failed}
    assert failed["speech"].startswith("network: ")
    assert reports["TTFB"]["response_time"] == 100.0
    assert reports["continuity"]["response_time"] == 0.0
    assert reports["speech"]["response_time"] == pytest.approx(400.0)
    assert reports["speech"]["response_length"] == len(sound(0.5))


def test_a_truncated_answer_still_has_its_end(play):
    reports = play(sound(0.5), 0.2, sound(0.1)[:-1], 0.1)
    assert list(reports.failures()) == ["continuity", "speech"]
    assert reports.failures()["speech"].startswith("truncated_stream: ")
    assert set(reports.events) == {"TTFB", "TTFA", "continuity", "speech"}
    assert reports["speech"]["response_time"] == pytest.approx(300.0)


def test_preparing_does_not_count_against_the_server(play):
    reports = play(0.2, OPENED, sound(0.5), preparing_s=5.0)
    assert reports["TTFB"]["response_time"] == reports["speech"]["response_time"] == 200.0


def test_a_refused_answer_has_no_beginning(play):
    reports = play(0.1, RateLimited("the server asks to wait (429)"), OPENED)
    assert reports.failures() == {"speech": "rate_limited: the server asks to wait (429)"}
    assert set(reports.events) == {"speech"}
    assert reports["speech"]["response_time"] == pytest.approx(100.0)


def test_bytes_that_are_not_audio_arrive_without_being_heard(play):
    reports = play(b"\0\0\0\x20ftypM4A " + bytes(5000))
    assert set(reports.events) == {"TTFB", "speech"}
    assert reports.failures()["speech"].startswith("unsupported_format: ")


def test_an_answer_without_bytes(play):
    reports = play()
    assert set(reports.events) == {"speech"}
    assert reports.failures()["speech"].startswith("bad_response: ")


def test_a_bug_passes_through(play):
    with pytest.raises(ZeroDivisionError):
        play(sound(0.1), ZeroDivisionError())


# Failures


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("cut after 13204 bytes", "cut after ... bytes"),
        ("announced 12,480 frames and held 9.5", "announced ... frames and held ..."),
        ("refuses (429): request req_8f3a77 of 3", "refuses (429): request ... of ..."),
        ("nothing at http://127.0.0.1:8880/v1 (refused)",) * 2,
        ("the mp3 that came holds no audio",) * 2,
        ("vm-12345.example.com was not found",) * 2,
    ],
)
def test_varying_parts_of_a_message_are_replaced(message, shown):
    assert str(Failure("network", message)) == f"network: {shown}"


def test_a_failure_is_shown_as_its_text_and_keeps_its_cause():
    fault = NetworkError("gone")
    failure = Failure(fault.code, fault.message, fault)
    assert repr(failure) == str(failure) == "network: gone"
    assert failure.__cause__ is fault
