"""The recorder with known sounds, known times and known faults."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.support import players
from tests.support.recorder import Recorder, RecorderError, Recording
from tests.support.sound_server import RATE_HZ, SoundServer
from tests.support.timing import best_of
from tests.support.tones import noise, tone, with_gaps

pytestmark = pytest.mark.sound


def ms(milliseconds: float) -> int:
    return round(milliseconds * RATE_HZ / 1000)


def record(server: SoundServer, samples: np.ndarray) -> Recording:
    with Recorder(server) as recorder:
        players.pacat(server, samples)
        return recorder.finish()


def silence(frames: int) -> Recording:
    stamps = np.arange(0, frames + 1, 240.0)
    return Recording(np.zeros(frames, np.int16), np.column_stack([stamps, stamps / RATE_HZ]))


class TestContent:
    def test_mono_at_48_khz_is_exact(self, sound_server: SoundServer) -> None:
        sent = noise(0.5)
        heard = record(sound_server, sent).sound()
        assert np.array_equal(heard.samples, sent)
        assert heard.gaps == ()

    def test_stereo_at_48_khz_is_exact_on_a_stereo_sink(self) -> None:
        sent = np.column_stack([noise(0.5, seed=1), noise(0.5, seed=2)])
        with SoundServer(channels=2) as server, Recorder(server) as recorder:
            players.pacat(server, sent)
            heard = recorder.finish().sound()
        assert np.array_equal(heard.samples, sent)

    def test_portaudio_is_exact(self, sound_server: SoundServer) -> None:
        sent = noise(0.4)
        for play in (players.blocking_writer, players.callback_player):
            for _ in range(4):  # with 50 ms of buffer, a busy machine may cause a gap
                with Recorder(sound_server) as recorder:
                    play(sound_server, sent)
                    heard = recorder.finish().sound()
                if heard.gaps == ():
                    break
            assert np.array_equal(heard.samples, sent), play.__name__

    def test_another_rate_keeps_its_length_within_two_milliseconds(
        self, sound_server: SoundServer
    ) -> None:
        with Recorder(sound_server) as recorder:
            players.pacat(sound_server, tone(0.5, rate_hz=24_000), rate_hz=24_000)
            heard = recorder.finish().sound()
        assert heard.length_s == pytest.approx(0.5, abs=0.002)
        assert heard.gaps == ()

    def test_known_gaps_are_measured(self, sound_server: SoundServer) -> None:
        lengths = (3, 20, 85)
        starts = (100, 200, 300)
        sent = with_gaps(
            tone(0.6), *((ms(at), ms(length)) for at, length in zip(starts, lengths, strict=True))
        )
        heard = record(sound_server, sent).sound()
        assert [1000 * gap.at_s for gap in heard.gaps] == pytest.approx(starts, abs=0.2)
        assert [1000 * gap.length_s for gap in heard.gaps] == pytest.approx(lengths, abs=0.2)
        assert heard.audible_s == pytest.approx(0.6 - sum(lengths) / 1000, abs=0.001)

    def test_what_a_late_recorder_still_has_to_deliver_is_waited_for(
        self, sound_server: SoundServer
    ) -> None:
        sent = noise(0.8)
        with Recorder(sound_server) as recorder:
            playing = threading.Thread(target=players.pacat, args=(sound_server, sent))
            playing.start()
            recorder.wait_for_sound()
            recorder.hold()
            playing.join()
            threading.Timer(0.2, recorder.release).start()
            heard = recorder.finish().sound()
        assert np.array_equal(heard.samples, sent)

    def test_silence_is_an_error(self) -> None:
        with pytest.raises(RecorderError, match=r"nothing heard in 1\.0 s"):
            silence(RATE_HZ).sound()


class TestFaults:
    """Every fault of a player must show."""

    def test_a_cut_head_shows(self, sound_server: SoundServer) -> None:
        sent = noise(0.5)
        heard = record(sound_server, sent[ms(5) :]).sound()
        assert heard.frames == len(sent) - ms(5)
        assert not np.array_equal(heard.samples, sent[: heard.frames])

    def test_a_cut_tail_shows(self, sound_server: SoundServer) -> None:
        sent = noise(0.5)
        heard = record(sound_server, sent[: -ms(62)]).sound()
        assert len(sent) - heard.frames == pytest.approx(ms(62), abs=2)

    def test_a_gap_of_20_ms_shows(self, sound_server: SoundServer) -> None:
        heard = record(sound_server, with_gaps(tone(0.5), (ms(200), ms(20)))).sound()
        (gap,) = heard.gaps
        assert gap.length_s == pytest.approx(0.020, abs=0.0002)

    def test_a_skip_without_silence_shows(self, sound_server: SoundServer) -> None:
        sent = noise(0.5)
        heard = record(sound_server, np.concatenate([sent[: ms(100)], sent[ms(120) :]])).sound()
        assert heard.frames == len(sent) - ms(20)
        assert heard.gaps == ()

    def test_one_wrong_sample_shows(self, sound_server: SoundServer) -> None:
        sent = noise(0.5)
        spoiled = sent.copy()
        spoiled[ms(250)] ^= 1
        heard = record(sound_server, spoiled).sound()
        assert np.flatnonzero(heard.samples != sent).tolist() == [ms(250)]


class TestTime:
    """The recorder's clock against two others.

    Scheduling can only increase the distance between a player's time stamp and its sound,
    so the best of a few runs counts.
    """

    TOLERANCE_S = 0.003

    @pytest.mark.parametrize(
        ("play", "stamp"),
        [(players.blocking_writer, "written"), (players.callback_player, "dac")],
        ids=["moment of the first blocking write", "PortAudio's DAC time"],
    )
    def test_onset_agrees(self, sound_server: SoundServer, play, stamp: str) -> None:
        def error_s() -> float:
            with Recorder(sound_server) as recorder:
                times = play(sound_server, tone(0.2))
                return abs(recorder.finish().sound().onset - times[stamp])

        assert best_of(3, error_s, good_enough=self.TOLERANCE_S) <= self.TOLERANCE_S

    def test_a_second_of_sound_takes_a_second(self, sound_server: SoundServer) -> None:
        def error_s() -> float:
            heard = record(sound_server, tone(1.0)).sound()
            return abs(heard.end - heard.onset - 1.0)

        assert best_of(3, error_s, good_enough=0.001) <= 0.001

    def test_delayed_blocks_do_not_move_the_clock(self) -> None:
        frames = np.arange(240.0, 96_001, 240)
        stamps = 100.0 + frames / RATE_HZ
        late = stamps + np.where(np.arange(len(frames)) % 3, 0.05, 0.0)
        recording = Recording(np.zeros(96_000, np.int16), np.column_stack([frames, late]))
        assert recording.time_of(48_000) == pytest.approx(101.0, abs=1e-9)

    def test_a_frame_far_from_any_block_has_a_time(self) -> None:
        recording = Recording(np.zeros(10, np.int16), np.array([[10.0, 5.0]]))
        assert recording.time_of(10 * RATE_HZ) == pytest.approx(15.0, abs=0.001)


class TestWaiting:
    def test_waiting_for_sound_and_silence(self, sound_server: SoundServer) -> None:
        with Recorder(sound_server) as recorder:
            player = threading.Thread(target=players.pacat, args=(sound_server, tone(0.5)))
            player.start()
            recorder.wait_for_sound()
            recorder.wait_for_silence(0.2)
            heard = recorder.finish().sound()
            player.join()
        assert heard.frames == ms(500)

    def test_waiting_for_sound_times_out(self, sound_server: SoundServer) -> None:
        with (
            Recorder(sound_server) as recorder,
            pytest.raises(RecorderError, match=r"nothing heard in 0\.2 s"),
        ):
            recorder.wait_for_sound(0.2)

    def test_waiting_ends_if_nothing_can_be_heard_any_more(self, sound_server: SoundServer) -> None:
        with Recorder(sound_server) as recorder, pytest.raises(RecorderError, match="nothing left"):
            recorder.wait_for_sound(unless=lambda: True)
