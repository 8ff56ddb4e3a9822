from __future__ import annotations

import re
import stat
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.pauses import Pause
from voicecli.errors import SaveError
from voicecli.recording.subtitles import Cue, Gap, PlacedSegment, as_srt, as_vtt, cues, write
from voicecli.text.segment import Segment, Sentence, Span


def segment(number, *texts):
    return Segment(number, tuple(Sentence(n, text, Span(0, 1)) for n, text in enumerate(texts)))


def placed(starts_s, ends_s, *texts, number=0):
    return PlacedSegment(segment(number, *texts), starts_s, ends_s)


def times(found):
    return [(round(cue.starts_s, 3), round(cue.ends_s, 3)) for cue in found]


class TestTimes:
    def test_a_sentence_of_its_own_is_where_its_segment_is(self):
        found = cues([placed(0.1, 1.0, "One."), placed(1.35, 2.0, "Two.")], [], [], 9.0)
        assert found == [
            Cue(0.1, pytest.approx(1.0), "One."),
            Cue(1.35, pytest.approx(2.0), "Two."),
        ]

    def test_sentences_share_the_time_by_their_characters(self):
        found = cues([placed(1.0, 5.0, "x" * 9, "y" * 29)], [], [], 9.0)
        assert times(found) == [(1.0, 2.0), (2.0, 5.0)]

    def test_gaps_and_waits_before_a_sentence_count(self):
        gaps = [Gap(0.5, 0.2), Gap(1.0, 3.0)]
        found = cues([placed(0.0, 1.0, "One."), placed(1.0, 2.0, "Two.")], [], gaps, 9.0)
        assert times(found) == [(0.0, 1.2), (4.2, 5.2)]

    def test_what_was_not_heard_has_no_cue(self):
        segments = [placed(0.0, 1.0, "One."), placed(1.0, 2.0, "Two."), placed(2.0, 3.0, "Three.")]
        assert times(cues(segments, [], [], 1.5)) == [(0.0, 1.0), (1.0, 1.5)]
        assert cues(segments, [], [], 0.0) == []


class TestPauses:
    def test_an_edge_is_moved_to_a_pause(self):
        found = cues([placed(0.0, 4.0, "x" * 19, "y" * 19)], [Pause(2.3, 2.7)], [], 9.0)
        assert times(found) == [(0.0, 2.3), (2.7, 4.0)]

    def test_a_pause_that_is_too_far_away_is_none(self):
        found = cues([placed(0.0, 8.0, "x" * 19, "y" * 19)], [Pause(6.0, 6.2)], [], 9.0)
        assert times(found)[1][0] == pytest.approx(3.9)

    def test_a_long_pause_is_preferred_to_that_of_a_clause(self):
        pauses = [Pause(1.9, 2.05), Pause(2.4, 3.0)]
        found = cues([placed(0.0, 4.4, "x" * 19, "y" * 19)], pauses, [], 9.0)
        assert times(found) == [(0.0, 2.4), (3.0, 4.4)]

    def test_the_lengths_of_all_sentences_decide_which_pauses_are_taken(self):
        """The second pause alone would fit the first sentence better."""
        texts = ("x" * 48, "It does not.", "y" * 76)
        pauses = [Pause(2.06, 2.84), Pause(3.54, 4.29), Pause(5.37, 5.84)]
        found = cues([placed(0.0, 9.05, *texts)], pauses, [], 20.0)
        assert times(found) == [(0.0, 2.06), (2.84, 3.54), (4.29, 9.05)]

    @given(
        lengths=st.lists(st.integers(1, 200), min_size=1, max_size=12),
        edges=st.lists(st.integers(0, 2000), max_size=20, unique=True),
        ends_s=st.floats(0.0, 25.0),
    )
    def test_cues_follow_one_another_whatever_the_sound_is(self, lengths, edges, ends_s):
        ordered = sorted(edges)
        pauses = [
            Pause(begin / 100, end / 100)
            for begin, end in zip(ordered[::2], ordered[1::2], strict=False)
        ]
        found = cues([placed(0.5, ends_s, *("x" * n for n in lengths))], pauses, [], 99.0)
        for cue in found:
            assert 0.5 - 1e-6 <= cue.starts_s < cue.ends_s <= ends_s + 1e-6
        for cue, following in pairwise(found):
            assert following.starts_s >= cue.ends_s - 0.005


CUES = [Cue(0.0, 1.2344, "Tom & Jerry <i>"), Cue(3661.9996, 3662.5, "b --> c")]


class TestFiles:
    def test_srt(self):
        assert as_srt(CUES) == (
            "1\n00:00:00,000 --> 00:00:01,234\nTom & Jerry <i>\n\n"
            "2\n01:01:02,000 --> 01:01:02,500\nb --> c\n"
        )

    def test_vtt(self):
        text = as_vtt(CUES)
        assert text == (
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.234\nTom &amp; Jerry &lt;i&gt;\n\n"
            "01:01:02.000 --> 01:01:02.500\nb --&gt; c\n"
        )
        assert len(re.findall("-->", text)) == 2

    def test_the_suffix_decides_and_the_file_is_an_ordinary_one(self, tmp_path):
        for name, begin in (("a.vtt", "WEBVTT"), ("a.VTT", "WEBVTT"), ("a.srt", "1\n")):
            write(tmp_path / name, CUES)
            assert (tmp_path / name).read_text().startswith(begin)
        ordinary = tmp_path / "ordinary"
        ordinary.touch()
        mode = stat.S_IMODE((tmp_path / "a.srt").stat().st_mode)
        assert mode == stat.S_IMODE(ordinary.stat().st_mode)

    def test_a_file_that_cannot_be_written_is_a_save_error(self, tmp_path):
        with pytest.raises(SaveError, match="no such"):
            write(tmp_path / "no such" / "a.srt", CUES)
