"""Subtitles beside the recorder: their times are those at which sentences were heard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.recorder import Recorder
from tests.support.speech_server import Reply
from tests.support.spoken_tones import SpokenTones
from tests.support.timing import best_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Cli
    from tests.support.sound_server import SoundServer
    from tests.support.speech_server import SpeechServer

pytestmark = pytest.mark.sound

SENTENCES = ["Line 1 is short.", "Line 12 is short too.", "Line 23 follows.", "Line 34 ends."]
ALLOWED_S = 0.05


def times(text: str) -> list[tuple[float, float]]:
    """Return when each cue of an SRT file begins and ends, since the first one."""
    found = [
        60 * int(minutes) + int(seconds) + int(milliseconds) / 1e3
        for minutes, seconds, milliseconds in re.findall(r"\d\d:(\d\d):(\d\d),(\d{3})", text)
    ]
    return [(a - found[0], b - found[0]) for a, b in zip(found[::2], found[1::2], strict=True)]


@pytest.mark.parametrize("ttfb_s", [0.05, 1.5])
def test_cues_are_where_the_recorder_hears_sentences(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, tmp_path: Path, ttfb_s: float
) -> None:
    """Also if an answer comes late, so that there are gaps."""
    speech.speak = SpokenTones(lead_s=0.3, tail_s=0.3, seconds_per_character=0.03)
    speech.reply = Reply(ttfb_s=ttfb_s)
    path = tmp_path / "out.srt"
    argv = ("say", "--base-url", speech.url, "--segment", "sentence", "--subtitles", str(path))

    def worst_s() -> float:
        with Recorder(sound_server) as recorder:
            done = cli.run(*argv, "--prefetch", "0", " ".join(SENTENCES))
            assert done.exit_code == 0, done
            sound = recorder.finish().sound(min_gap_s=0.1)
        edges = [0.0, sound.length_s]
        for gap in sound.gaps:
            edges += [gap.at_s, gap.at_s + gap.length_s]
        heard = sorted(edges)
        cues = [edge for cue in times(path.read_text()) for edge in cue]
        assert len(heard) == len(cues) == 2 * len(SENTENCES)
        return max(abs(cue - edge) for cue, edge in zip(cues, heard, strict=True))

    assert best_of(3, worst_s, good_enough=ALLOWED_S) <= ALLOWED_S
