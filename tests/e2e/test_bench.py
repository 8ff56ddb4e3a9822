"""``voicecli bench`` on a real device, compared with the recorder."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest

from tests.support.recorded_ttfa import recorded_ttfa_ms
from tests.support.recorder import Recorder
from tests.support.speech_server import Reply, SpeechServer, clips_of
from tests.support.timing import best_of
from tests.support.tones import tone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Cli
    from tests.support.sound_server import SoundServer

pytestmark = pytest.mark.sound

KINDS = ["pcm", "wav", "opus"]
"""One for each way to the device: written directly, copied to the ring, decoded."""


def test_the_median_ttfa_of_each_format_agrees_with_the_recorder(
    cli: Cli, sound_server: SoundServer, speech: SpeechServer, tmp_path: Path
) -> None:
    speech.clips = clips_of(tone(0.3))
    speech.reply = Reply(ttfb_s=0.1, pace=4, chunk_bytes=960, headers={"X-Sample-Rate": "48000"})
    formats = [flag for kind in KINDS for flag in ("--format", kind)]

    def largest_error() -> float:
        with Recorder(sound_server) as recorder:
            done = cli.run(
                "bench", "--base-url", speech.url, *formats, "--runs", "3", "--json",
                "--record", str(tmp_path / "traces"), timeout_s=90,
            )  # fmt: skip
            recorded = recorded_ttfa_ms(recorder.finish(), tmp_path / "traces")
        assert done.exit_code == 0, done
        assert done.json["settings"]["device"] == "default"
        assert sorted(recorded) == sorted(KINDS)
        return max(
            abs(median(recorded[case["format"]]) / case["metrics"]["ttfa_ms"]["p50"] - 1)
            for case in done.json["cases"]
        )

    assert best_of(3, largest_error, good_enough=0.1) <= 0.1
