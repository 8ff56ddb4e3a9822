import pytest

from voicecli.sources.base import AnswerReport, Usage
from voicecli.telemetry.events import AnswerReported, Requested, SegmentEnded, SegmentPlaced
from voicecli.telemetry.metrics import Recorder
from voicecli.telemetry.usage import added
from voicecli.text.segment import Segment, Sentence, Span

ONE, OTHER = Usage(10, 20, 15, 0.5), Usage(1, 2, 1, 0.25)


def segment(number):
    return Segment(number, (Sentence(0, "Hello there.", Span(0, 12)),))


def recorded(*reports):
    recorder = Recorder("run1")
    for number, report in reports:
        recorder(Requested(0.0, "here", number))
        recorder(AnswerReported(1.0, report, number))
        recorder(SegmentPlaced(1.0, segment(number), 0.0))
        recorder(SegmentEnded(1.0, segment(number), 0.0, 1.0))
    return recorder.result()


def test_what_is_known_of_each_answer_and_of_all():
    metrics = recorded(
        (0, AnswerReport("Hello where?", is_reworded=True, usage=ONE)),
        (1, AnswerReport(usage=OTHER)),
        (2, AnswerReport(is_cached=True)),
    )
    first, second, third = metrics["segments"]
    assert (first["said"], first["reworded"], first["cached"]) == ("Hello where?", True, False)
    assert first["usage"]["output_tokens"] == 20
    assert (second["said"], second["reworded"]) == (None, False)
    assert (third["cached"], third["usage"]) == (True, None)
    assert metrics["usage"] == {
        "input_tokens": 11,
        "output_tokens": 22,
        "audio_tokens": 16,
        "cost_usd": pytest.approx(0.75),
    }


def test_every_answer_for_a_segment_costs_and_counts():
    metrics = recorded(
        (0, AnswerReport("Hm.", is_reworded=True, usage=ONE)), (0, AnswerReport(usage=OTHER))
    )
    (segment,) = metrics["segments"]
    assert segment["usage"]["input_tokens"] == 11
    assert (segment["said"], segment["reworded"]) == ("Hm.", True)


def test_without_usage_there_is_none():
    assert Recorder("run1").result()["usage"] is None


def test_an_unknown_price_makes_the_sum_unknown():
    assert added(ONE, OTHER._replace(cost_usd=None)) == Usage(11, 22, 16, None)
    assert added(None, ONE) == added(ONE, None) == ONE
