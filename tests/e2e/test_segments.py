"""A text of several requests at the real recorder: seams, order, and waits for the writer.

Each sentence is a tone of its own pitch (`tests.support.spoken_tones`).
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.recorder import Recorder
from tests.support.speech_server import Reply
from tests.support.spoken_tones import SpokenTones, pitch_hz, pitches
from tests.support.timing import best_of
from tests.support.tones import read_wav

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.support.cli import Cli
    from tests.support.recorder import Sound
    from tests.support.sound_server import SoundServer
    from tests.support.speech_server import SpeechServer

pytestmark = pytest.mark.sound

KINDS = ("pcm", "opus", "mp3")
PARAGRAPHS = (("Line 1 is short.", "Line 12 is short too."), ("Line 23 follows.", "Line 34 ends."))
TEXT = "\n\n".join(" ".join(sentences) for sentences in PARAGRAPHS)
SENTENCES = [sentence for sentences in PARAGRAPHS for sentence in sentences]
MIN_GAP_S = 0.005
EDGE_S = {"pcm": 0.012, "mp3": 0.012, "opus": 0.032}
"""By how much a format, a fade and the sound server's resampler blur the ends of a silence.

The seam takes all above −50 dBFS for speech, the recorder all above −34 dBFS.
"""


def say(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str, *options: str
) -> tuple[dict[str, Any], Sound]:
    """Speak the text; return the metrics and what was heard."""
    with Recorder(sound_server) as recorder:
        done = cli.run("say", "--json", "--base-url", speech.url, "--format", kind, *options, TEXT)
        assert done.exit_code == 0, done
        return done.json, recorder.finish().sound(min_gap_s=MIN_GAP_S)


def check_order(sound: Sound) -> None:
    """Assert that each sentence was heard once, in its place."""
    expected = [pytest.approx(pitch_hz(sentence), abs=20) for sentence in SENTENCES]
    assert [pitch.hz for pitch in pitches(sound.samples)] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_segments_follow_each_other_without_a_gap_and_in_order(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    speech.speak = SpokenTones(rate_hz=48_000 if kind == "pcm" else 24_000)
    rate = {"X-Sample-Rate": "48000"} if kind == "pcm" else {}
    speech.reply = Reply(ttfb_s=0.1, pace=4, headers=rate)

    def worst_gap_s() -> float:
        metrics, sound = say(cli, sound_server, speech, kind, "--segment", "sentence")
        check_order(sound)
        assert len(metrics["segments"]) == len(SENTENCES)
        return max((gap.length_s for gap in sound.gaps), default=0.0)

    assert best_of(3, worst_gap_s, good_enough=0) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_silence_at_seams_is_kept_up_to_what_is_natural(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    speech.speak = SpokenTones(lead_s=0.5, tail_s=0.5, seconds_per_character=0.03)
    speech.reply = Reply(ttfb_s=0.05)

    def error_s() -> float:
        metrics, sound = say(cli, sound_server, speech, kind, "--segment", "sentence")
        check_order(sound)
        assert [row["number"] for row in metrics["segments"]] == [0, 1, 2, 3]
        assert len(sound.gaps) == 3, sound.gaps
        intended_s = [0.35, 0.7, 0.35]
        return max(
            abs(gap.length_s - wanted) for gap, wanted in zip(sound.gaps, intended_s, strict=True)
        )

    assert best_of(3, error_s, good_enough=EDGE_S[kind]) <= EDGE_S[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_wait_for_the_writer_is_no_underrun(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, kind: str
) -> None:
    speech.speak = SpokenTones(seconds_per_character=0.03)
    speech.reply = Reply(ttfb_s=0.1)
    reader, descriptor = os.pipe()

    def write() -> None:
        """Write the first sentence, and the others well after it was heard."""
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write((SENTENCES[0] + " ").encode())
            recorder.wait_for_sound()
            recorder.wait_for_silence(0.5)
            file.write(" ".join(SENTENCES[1:]).encode())

    with (
        Recorder(sound_server) as recorder,
        cli.start(
            "say", "--json", "--base-url", speech.url, "--format", kind, stdin=reader
        ) as running,
    ):
        writer = threading.Thread(target=write, name="writer")
        writer.start()
        done = running.finish()
        writer.join()
        assert done.exit_code == 0, done
        sound = recorder.finish().sound(min_gap_s=MIN_GAP_S)
    check_order(sound)
    waits = done.json["waits"]["text"]
    assert done.json["underruns"]["sink"]["count"] == 0
    assert waits["count"] == len(sound.gaps) == 1
    assert waits["total_ms"] / 1e3 == pytest.approx(sound.gaps[0].length_s, abs=0.030)
    assert "text" in done.stderr


@pytest.mark.parametrize(
    ("kind", "after_s"),
    [("pcm", 0.4), ("opus", 0.4), ("pcm", 1.25), ("mp3", 1.25), ("opus", 2.7)],
    ids=["first-pcm", "first-opus", "behind a seam-pcm", "behind a seam-mp3", "later-opus"],
)
def test_ctrl_c_silences_ends_every_request_and_tells_how_much_was_spoken(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, home: Path,
    kind: str, after_s: float,
) -> None:  # fmt: skip
    speech.speak = SpokenTones()
    speech.reply = Reply(ttfb_s=0.1, pace=2, chunk_bytes=2048)
    lengths_s = [0.065 * len(sentence) for sentence in SENTENCES]

    def silent_after_s() -> float:
        speech.requests.clear()
        with (
            Recorder(sound_server) as recorder,
            cli.start(
                "say", "--save", "out.wav", "--segment", "sentence",
                "--base-url", speech.url, "--format", kind, TEXT,
            ) as running,
        ):  # fmt: skip
            recorder.wait_for_sound(unless=running.exited)
            time.sleep(after_s)  # until a moment in the sound
            sent = running.signal(signal.SIGINT)
            done = running.finish(10.0)
            sound = recorder.finish(tail_s=0.2).sound(min_gap_s=MIN_GAP_S)
        assert done.exit_code == 130, done
        assert all(request.finished.wait(1.0) for request in speech.requests)
        samples, rate_hz = read_wav((home / "out.wav").read_bytes())
        assert len(samples) / rate_hz == pytest.approx(sound.audible_s, abs=0.06)
        heard = sum(sound.audible_s > sum(lengths_s[: n + 1]) for n in range(len(SENTENCES)))
        told = re.search(r"spoken (\d+) of (\d+) sentences", done.stderr)
        assert told is not None, done.stderr
        assert (int(told[1]), int(told[2])) == (heard, len(SENTENCES))
        return sound.end - sent

    assert best_of(3, silent_after_s, good_enough=0.05) <= 0.05
