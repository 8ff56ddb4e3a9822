"""The times that voicecli reports agree with the recorder's.

Only times are retried (see ``tests.support.timing``); counts, contents and exit codes must
be right in every run.
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

KINDS = ["pcm", "wav", "opus"]
"""One for each way to the device: written directly, copied to the ring, decoded."""


def rate(kind: str, rate_hz: int) -> dict[str, str]:
    return {"X-Sample-Rate": str(rate_hz)} if kind == "pcm" else {}


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_and_last_sound_are_heard_when_reported(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    """Times count from the start of the process, as for a person at a prompt.

    The start is right within 15 ms, the end within 30 ms.
    """
    speech.clips = clips_of(tone(0.5), formats=[kind])
    speech.reply = Reply(ttfb_s=0.1, pace=4, chunk_bytes=960, headers=rate(kind, 48_000))

    def error_s() -> float:
        """Return the error of the end, or twice that of the start if that is more."""
        with Recorder(sound_server) as recorder:
            done = cli.run("say", "--json", "--base-url", speech.url, "--format", kind, "hello")
            assert done.exit_code == 0, done
            heard = recorder.finish().sound()
        t0 = done.started + done.json["launch_to_request_ms"] / 1e3
        start_error_s = abs(t0 + done.json["ttfa_ms"] / 1e3 - heard.onset)
        end_error_s = abs(t0 + done.json["playback_ms"] / 1e3 - heard.end)
        return max(2 * start_error_s, end_error_s)

    assert best_of(4, error_s, good_enough=0.030) <= 0.030


@pytest.mark.parametrize("kind", KINDS)
def test_a_stall_is_one_underrun_as_long_as_the_gap(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    """And sound begins long before the server has sent everything."""
    speech.clips = clips_of(tone(1.6), formats=[kind])
    speech.reply = Reply(
        pace=1.25, chunk_bytes=480, stall_at_s=0.8, stall_for_s=0.8, headers=rate(kind, 48_000)
    )

    def error_s() -> float:
        with Recorder(sound_server) as recorder:
            done = cli.run(
                "say", "--json", "--buffer-ms", "200", "--base-url", speech.url,
                "--format", kind, "hello",
            )  # fmt: skip
            assert done.exit_code == 0, done
            heard = recorder.finish().sound(min_gap_s=0.01)
        last_byte_at = speech.speech_requests[-1].last_byte_at
        assert last_byte_at is not None
        assert heard.onset < last_byte_at - 1.0
        underruns = done.json["underruns"]["sink"]
        if len(heard.gaps) != 1:  # a busy machine starved the device as well
            return math.inf
        assert underruns["count"] == 1, underruns
        assert heard.audible_s == pytest.approx(1.6, abs=0.025)
        (event,) = underruns["events"]
        assert underruns["total_ms"] == pytest.approx(event["ms"])
        (gap,) = heard.gaps
        assert event["at_s"] == pytest.approx(gap.at_s, abs=0.030)
        assert 0.2 < gap.length_s < 1.0
        return abs(event["ms"] / 1000 - gap.length_s)

    assert best_of(4, error_s, good_enough=0.030) <= 0.030
