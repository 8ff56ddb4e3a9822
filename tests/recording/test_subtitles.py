from __future__ import annotations

import re
import stat

import pytest

from voicecli.errors import SaveError
from voicecli.playback.base import SinkReport, Underrun
from voicecli.playback.silences import Silences
from voicecli.recording.subtitles import Cue, as_heard, as_srt, as_vtt, write


def heard(*cues, gaps=(), waits=(), spoken_s=9.0):
    report = SinkReport(
        underruns=tuple(Underrun(*gap) for gap in gaps),
        text_waits=tuple(Underrun(*wait) for wait in waits),
    )
    found = as_heard([Cue(*times, "x") for times in cues], Silences(report), spoken_s)
    return [(round(cue.starts_s, 3), round(cue.ends_s, 3)) for cue in found]


class TestTimes:
    def test_without_gaps_they_are_those_of_the_sound(self):
        assert heard((0.1, 1.0), (1.35, 2.0)) == [(0.1, 1.0), (1.35, 2.0)]

    def test_gaps_and_waits_before_a_sentence_count(self):
        found = heard((0.0, 1.0), (1.0, 2.0), gaps=[(0.5, 0.2)], waits=[(1.0, 3.0)])
        assert found == [(0.0, 1.2), (4.2, 5.2)]

    def test_what_was_not_heard_has_no_cue(self):
        cues = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
        assert heard(*cues, spoken_s=1.5) == [(0.0, 1.0), (1.0, 1.5)]
        assert heard(*cues, spoken_s=0.0) == []

    def test_a_sentence_without_time_has_no_cue(self):
        assert heard((0.0, 1.0), (1.0, 1.0)) == [(0.0, 1.0)]


CUES = [Cue(0.0, 1.2344, "Tom & Jerry <i>"), Cue(3661.9996, 3662.5, "b --> c")]


class TestFiles:
    def test_srt(self):
        assert "".join(as_srt(CUES)) == (
            "1\n00:00:00,000 --> 00:00:01,234\nTom & Jerry <i>\n\n"
            "2\n01:01:02,000 --> 01:01:02,500\nb --> c\n"
        )

    def test_vtt(self):
        text = "".join(as_vtt(CUES))
        assert text == (
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.234\nTom &amp; Jerry &lt;i&gt;\n\n"
            "01:01:02.000 --> 01:01:02.500\nb --&gt; c\n"
        )
        assert len(re.findall("-->", text)) == 2

    def test_the_suffix_decides_and_the_file_is_an_ordinary_one(self, tmp_path):
        for name, begin in (("a.vtt", "WEBVTT"), ("a.VTT", "WEBVTT"), ("a.srt", "1\n")):
            assert write(tmp_path / name, CUES)
            assert (tmp_path / name).read_text().startswith(begin)
        ordinary = tmp_path / "ordinary"
        ordinary.touch()
        mode = stat.S_IMODE((tmp_path / "a.srt").stat().st_mode)
        assert mode == stat.S_IMODE(ordinary.stat().st_mode)

    def test_a_file_that_cannot_be_written_is_a_save_error(self, tmp_path):
        with pytest.raises(SaveError, match="no such"):
            write(tmp_path / "no such" / "a.srt", CUES)

    def test_no_file_is_written_without_cues(self, tmp_path):
        assert not write(tmp_path / "a.srt", [])
        assert list(tmp_path.iterdir()) == []
