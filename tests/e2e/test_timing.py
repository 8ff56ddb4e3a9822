"""The numbers that voicecli tells agree with the recorder's.

Retries apply to times alone (see ``tests.support.timing``); counts, contents and
exit codes must hold in every run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.support.recorder import Recorder
from tests.support.speech_server import Reply, SpeechServer, clips_of
from tests.support.timing import best_of
from tests.support.tones import tone

if TYPE_CHECKING:
    from tests.support.cli import Cli
    from tests.support.sound_server import SoundServer

pytestmark = pytest.mark.sound

# One format for each way to the speaker, and one that has to be decoded.
SINKS = {"pcm": "direct", "wav": "ring", "opus": "ring"}


def rate(kind: str, rate_hz: int) -> dict[str, str]:
    return {"X-Sample-Rate": str(rate_hz)} if kind == "pcm" else {}


@pytest.mark.parametrize("kind", SINKS)
@pytest.mark.parametrize(
    ("told_ms", "heard_at", "limit_s"), [("ttfa_ms", "onset", 0.015), ("playback_ms", "end", 0.030)]
)
def test_sound_begins_and_ends_when_it_says(
    timed_cli: Cli, sound_server: SoundServer, speech: SpeechServer,
    kind: str, told_ms: str, heard_at: str, limit_s: float,
) -> None:  # fmt: skip
    """Counted from the start of the process, as a person at a prompt waits."""
    speech.clips = clips_of(tone(1.0), formats=[kind])
    speech.reply = Reply(ttfb_s=0.2, pace=4, chunk_bytes=960, headers=rate(kind, 48_000))

    def error_s() -> float:
        with Recorder(sound_server) as recorder:
            done = timed_cli.run(
                "say", "--json", "--base-url", speech.url, "--format", kind, "hello"
            )
            assert done.exit_code == 0, done
            heard = recorder.finish().sound()
        told = done.json
        claimed = done.started + (told["launch_to_request_ms"] + told[told_ms]) / 1000
        return float(abs(claimed - getattr(heard, heard_at)))

    assert best_of(4, error_s, good_enough=limit_s) <= limit_s


@pytest.mark.parametrize("kind", SINKS)
def test_a_stall_of_one_second_is_one_underrun_as_long_as_the_gap_heard(
    timed_cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    speech.clips = clips_of(tone(3.0), formats=[kind])
    speech.reply = Reply(
        pace=1.25, chunk_bytes=480, stall_at_s=1.0, stall_for_s=1.0, headers=rate(kind, 48_000)
    )

    def error_s() -> float:
        with Recorder(sound_server) as recorder:
            done = timed_cli.run(
                "say", "--json", "--buffer-ms", "200", "--base-url", speech.url,
                "--format", kind, "hello",
            )  # fmt: skip
            assert done.exit_code == 0, done
            heard = recorder.finish().sound(min_gap_s=0.01)
        underruns = done.json["underruns"]["sink"]
        if len(heard.gaps) != 1:  # a busy machine starved the device besides: no such run
            return math.inf
        assert underruns["count"] == 1, underruns
        assert heard.audible_s == pytest.approx(3.0, abs=0.025)
        (event,) = underruns["events"]
        assert underruns["total_ms"] == pytest.approx(event["ms"])
        (gap,) = heard.gaps
        assert event["at_s"] == pytest.approx(gap.at_s, abs=0.030)
        assert 0.3 < gap.length_s < 1.2
        return abs(event["ms"] / 1000 - gap.length_s)

    assert best_of(4, error_s, good_enough=0.030) <= 0.030


@pytest.mark.parametrize("kind", SINKS)
def test_sound_begins_while_the_server_still_speaks(
    timed_cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    speech.clips = clips_of(tone(3.0), formats=[kind])
    speech.reply = Reply(pace=1.25, chunk_bytes=480, headers=rate(kind, 48_000))
    with Recorder(sound_server) as recorder:
        done = timed_cli.run("say", "--base-url", speech.url, "--format", kind, "hello")
        assert done.exit_code == 0, done
        heard = recorder.finish().sound()
    (request,) = speech.speech_requests
    assert request.last_byte_at is not None
    assert heard.onset < request.last_byte_at - 1.0
