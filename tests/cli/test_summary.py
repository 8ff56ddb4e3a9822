from __future__ import annotations

import pytest

from voicecli.cli.summary import AboutText, summarise

METRICS = {
    "spoken_s": 2.0,
    "audio_s": 2.0,
    "ttfa_ms": 200.0,
    "launch_to_request_ms": 300.0,
    "rtf": 0.25,
    "format": "opus",
    "interrupted": False,
    "underruns": {"sink": {"count": 0, "total_ms": 0}},
    "waits": {"text": {"count": 0, "total_ms": 0.0}},
    "segments": [{"number": 0}],
    "recovered": 0,
    "saved": [],
}


class TestSummary:
    def test_a_run_without_problems(self):
        assert summarise(METRICS) == ("spoke 2.0 s · first sound after 0.50 s · no gaps")

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (AboutText(3, 8), "spoken 3 of 8 sentences"),
            (AboutText(0, 1), "spoken 0 of 1 sentence"),
            (AboutText(1, None), "· spoken 1 sentence ·"),
            (AboutText(2, None), "spoken 2 sentences ·"),
        ],
    )
    def test_an_interrupted_text_says_how_far_it_got(self, text, says):
        assert says in summarise(METRICS | {"interrupted": True}, text)
        assert "sentence" not in summarise(METRICS, text)

    @pytest.mark.parametrize(("times", "says"), [(1, "once"), (2, "twice"), (3, "3 times")])
    def test_a_recovered_text_says_so(self, times, says):
        line = summarise(METRICS | {"recovered": times}, AboutText(8, 8))
        assert f"spoken 8 of 8 sentences · recovered {says} ·" in line

    def test_an_interrupted_file_has_no_sentences(self):
        changed = {"interrupted": True, "segments": []}
        assert "sentence" not in summarise(METRICS | changed)

    def test_waits_for_the_text_are_not_gaps(self):
        waits = {"text": {"count": 2, "total_ms": 2140.0}}
        assert summarise(METRICS | {"waits": waits}) == (
            "spoke 2.0 s · first sound after 0.50 s · no gaps · waited 2.1 s for the text"
        )

    def test_the_first_sound_of_a_text_that_began_later_counts_from_there(self):
        text = AboutText(1, 1, 310.4)
        assert "· first sound 0.31 s after the text began ·" in summarise(METRICS, text)

    @pytest.mark.parametrize(
        ("changed", "text"),
        [
            ({"spoken_s": 1.0}, "spoke 1.0 of 2.0 s"),
            ({"interrupted": True, "spoken_s": 1.0}, "interrupted after 1.0 s"),
            ({"interrupted": True, "stopped_by": "stop"}, "interrupted by stop after"),
            ({"launch_to_request_ms": None}, "first sound after 0.20 s"),
            ({"saved": ["a.wav", "b.opus"]}, "saved a.wav, b.opus"),
            ({"saved": ["-"]}, "saved to standard output"),
            ({"saved": ["a"] * 4}, "saved a, a, a, a"),
            ({"saved": ["a"] * 9}, "saved a, a, a, a, 5 more"),
            ({"underruns": {"sink": {"count": 1, "total_ms": 85.4}}}, "1 gap, 0.09 s in all"),
            ({"underruns": {"sink": {"count": 2, "total_ms": 85.4}}}, "2 gaps, 0.09 s in all"),
        ],
    )
    def test_parts_of_the_line(self, changed, text):
        assert text in summarise(METRICS | changed)

    def test_a_run_that_only_received(self):
        silent = METRICS | {"ttfa_ms": None, "rtf": None}
        assert summarise(silent) == "received 2.0 s"

    def test_it_fits_80_columns_with_a_file(self):
        line = summarise(METRICS | {"audio_s": 128.4, "spoken_s": 128.4, "saved": ["hello.wav"]})
        assert len(f"voicecli: {line}") <= 80
