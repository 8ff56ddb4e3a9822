from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.audio.alignment import (
    MAX_ALIGNED,
    SpokenSegment,
    Stretch,
    align,
    align_so_far,
    count_spoken,
)
from voicecli.audio.pauses import Pause


def aligned(lengths, starts_s, ends_s, *pauses):
    found = align(lengths, Stretch(starts_s, ends_s), [Pause(*pause) for pause in pauses])
    return [(round(stretch.starts_s, 3), round(stretch.ends_s, 3)) for stretch in found]


class TestAlign:
    def test_without_pauses_the_time_is_divided_by_characters(self):
        assert aligned([9, 29], 1.0, 5.0) == [(1.0, 2.0), (2.0, 5.0)]
        assert aligned([4], 0.1, 1.0) == [(0.1, 1.0)]

    def test_an_end_before_the_beginning_is_no_time(self):
        assert aligned([1], 1.0, 0.5) == [(1.0, 1.0)]

    def test_an_edge_is_moved_to_a_pause(self):
        assert aligned([19, 19], 0.0, 4.0, (2.3, 2.7)) == [(0.0, 2.3), (2.7, 4.0)]

    def test_a_pause_that_is_too_far_away_is_none(self):
        assert aligned([19, 19], 0.0, 8.0, (6.0, 6.2))[1][0] == pytest.approx(3.9)

    def test_a_long_pause_is_preferred_to_that_of_a_clause(self):
        found = aligned([19, 19], 0.0, 4.4, (1.9, 2.05), (2.4, 3.0))
        assert found == [(0.0, 2.4), (3.0, 4.4)]

    def test_the_lengths_of_all_sentences_decide_which_pauses_are_taken(self):
        """The second pause alone would fit the first sentence better."""
        found = aligned([48, 12, 76], 0.0, 9.05, (2.06, 2.84), (3.54, 4.29), (5.37, 5.84))
        assert found == [(0.0, 2.06), (2.84, 3.54), (4.29, 9.05)]

    def test_the_length_of_the_last_sentence_decides_too(self):
        """At the long pause, the last sentence would have 3.4 s of sound instead of 2.6."""
        found = aligned([19, 39], 0.0, 6.0, (0.5, 2.4), (2.9, 3.1))
        assert found == [(0.0, 2.9), (3.1, 6.0)]

    def test_pauses_outside_of_the_segment_do_not_count(self):
        inside = aligned([19, 19], 1.0, 5.0, (3.3, 3.7))
        assert inside == [(1.0, 3.3), (3.7, 5.0)]
        around = [(0.2, 0.9), (3.3, 3.7), (5.1, 6.0)]
        assert aligned([19, 19], 1.0, 5.0, *around) == inside
        assert aligned([19, 19], 1.0, 5.0, around[0], around[2]) == [(1.0, 3.0), (3.0, 5.0)]

    @settings(max_examples=50)
    @given(
        lengths=st.lists(st.integers(1, 200), min_size=1, max_size=12),
        edges=st.lists(st.integers(0, 2000), max_size=20, unique=True),
        ends_s=st.floats(0.5, 25.0),
    )
    def test_sentences_follow_one_another_whatever_the_sound_is(self, lengths, edges, ends_s):
        ordered = sorted(edges)
        pauses = [
            Pause(begin / 100, end / 100)
            for begin, end in zip(ordered[::2], ordered[1::2], strict=False)
        ]
        found = align(lengths, Stretch(0.5, ends_s), pauses)
        assert len(found) == len(lengths)
        for stretch in found:
            assert 0.5 - 1e-6 <= stretch.starts_s <= stretch.ends_s + 1e-6 <= ends_s + 2e-6
        for stretch, following in pairwise(found):
            assert following.starts_s >= stretch.ends_s - 1e-6

    def test_a_whole_book_in_one_request_is_divided_without_looking_at_pauses(self):
        lengths = [50] * (MAX_ALIGNED + 1)
        pauses = [Pause(n / 10, n / 10 + 0.05) for n in range(10_000)]
        found = align(lengths, Stretch(0.0, 1005.0), pauses)
        assert [stretch.ends_s for stretch in found[:3]] == pytest.approx([5, 10, 15])


def so_far(lengths, decoded_s, *pauses, per_character_s=0.06):
    decoded = Stretch(2.0, decoded_s)
    found = align_so_far(lengths, decoded, per_character_s, [Pause(*each) for each in pauses])
    return [(round(stretch.starts_s, 2), round(stretch.ends_s, 2)) for stretch in found]


class TestSoFar:
    def test_characters_not_decoded_yet_last_as_long_as_those_before(self):
        assert so_far([49, 49], 4.0) == [(2.0, 5.0), (5.0, 8.0)]

    def test_the_end_is_never_before_what_was_decoded(self):
        assert so_far([4, 4], 4.0) == [(2.0, 3.0), (3.0, 4.0)]

    def test_an_edge_is_moved_to_a_pause(self):
        assert so_far([49, 49], 6.0, (4.8, 5.3))[0] == (2.0, 4.8)

    def test_a_whole_book_is_divided_without_looking_at_pauses(self):
        pauses = [(n / 10, n / 10 + 0.05) for n in range(30, 10_000)]
        found = so_far([49] * (MAX_ALIGNED + 1), 1000.0, *pauses)
        assert [ends_s for _, ends_s in found[:3]] == pytest.approx([6.97, 11.93, 16.9], abs=0.1)

    def test_pauses_tell_that_the_voice_is_slower_than_expected(self):
        """Sentences of 40 characters take 3.2 s each instead of 2.4."""
        found = so_far([39, 39, 39], 11.2, (5.2, 5.6), (8.8, 9.2))
        assert found[:2] == [(2.0, 5.2), (5.6, 8.8)]


class TestCount:
    @pytest.mark.parametrize(
        ("heard_s", "spoken"), [(0.0, 0), (0.9, 0), (0.96, 1), (1.9, 1), (2.0, 2), (5.0, 3)]
    )
    def test_a_sentence_counts_once_it_has_ended(self, heard_s, spoken):
        segments = [SpokenSegment([1.0, 2.0]), SpokenSegment([5.0])]
        assert count_spoken(segments, heard_s) == (spoken, 3)

    def test_a_sentence_in_parts_counts_once_with_its_last_part(self):
        segments = [
            SpokenSegment([1.0]),
            SpokenSegment([2.0], continues=True),
            SpokenSegment([3.0, 4.0], continues=True),
        ]
        heard = [count_spoken(segments, heard_s)[0] for heard_s in (0.5, 1.5, 2.5, 3.5, 4.5)]
        assert heard == [0, 0, 0, 1, 2]
        assert count_spoken(segments, 9.0) == (2, 2)

    def test_the_rest_of_a_sentence_that_is_not_known_is_a_sentence(self):
        assert count_spoken([SpokenSegment([1.0], continues=True)], 2.0) == (1, 1)
