from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from voicecli.audio.pcm import Pcm
from voicecli.errors import SaveError
from voicecli.recording.saver import Saver, SaveReport, recordings_dir

RUN_ID = "5f0c2a"
STARTED = time.mktime((2026, 11, 20, 14, 3, 9, 0, 0, -1))
STEM = "2026/11/2026-11-20T14-03-09_5f0c2a"


def pcm(frames, rate_hz=24_000, channels=1, value=1000):
    return Pcm(np.full((frames, channels), value, np.int16), rate_hz)


def make_saver(save=None, debug_dir=None):
    return Saver(save, debug_dir, run_id=RUN_ID, started_wall_s=STARTED)


def read(path):
    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return file.getframerate(), data.reshape(-1, file.getnchannels())


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_saves_decoded_blocks(tmp_path):
    path = tmp_path / "a.wav"
    saver = make_saver(path)
    saver.pcm(pcm(100))
    saver.raw(b"ignored without a debug folder")
    saver.pcm(pcm(50, value=7))
    assert saver.finish() == SaveReport([str(path)], None)
    assert saver.write_metrics({}) is None
    rate_hz, samples = read(path)
    assert rate_hz == 24_000
    assert samples.ravel().tolist() == [1000] * 100 + [7] * 50
    assert files(tmp_path) == ["a.wav"]


def test_debug_folder_gets_audio_bytes_metrics_and_a_link(tmp_path):
    saver = make_saver(None, tmp_path / "new" / "folder")
    saver.raw(b"Ogg")
    saver.pcm(pcm(100))
    saver.raw(b"S...")
    report = saver.finish(raw_format="opus")
    assert saver.write_metrics({"schema": "voicecli.metrics/1", "name": "é\ud800"}) is None
    folder = tmp_path / "new" / "folder"
    assert report == SaveReport([str(folder / f"{STEM}.wav"), str(folder / f"{STEM}.opus")], None)
    assert files(folder) == [f"{STEM}.json", f"{STEM}.opus", f"{STEM}.wav", "latest.wav"]
    assert (folder / f"{STEM}.opus").read_bytes() == b"OggS..."
    assert json.loads((folder / f"{STEM}.json").read_text())["name"] == "é\ud800"
    assert str((folder / "latest.wav").readlink()) == f"{STEM}.wav"
    assert len(read(folder / "latest.wav")[1]) == 100


def test_the_answer_to_each_request_has_a_file_of_its_own(tmp_path):
    saver = make_saver(None, tmp_path)
    saver.pcm(pcm(10))
    for number, data in ((0, b"a"), (1, b"c"), (0, b"b"), (2, b"e"), (1, b"d")):
        saver.raw(data, number)
    report = saver.finish(raw_format="wav")
    stems = [f"{STEM}.received.wav", f"{STEM}.1.received.wav", f"{STEM}.2.received.wav"]
    assert report.saved == [str(tmp_path / name) for name in (f"{STEM}.wav", *stems)]
    assert [(tmp_path / name).read_bytes() for name in stems] == [b"ab", b"cd", b"e"]


def test_many_answers_do_not_keep_many_files_open(tmp_path):
    saver = make_saver(None, tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(200):
        saver.raw(b"bytes", number)
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 40
    assert len(saver.finish(raw_format="mp3").saved) == 200


def test_a_received_wav_does_not_replace_the_decoded_one(tmp_path):
    saver = make_saver(None, tmp_path)
    saver.raw(b"RIFF as received")
    saver.pcm(pcm(10))
    saver.finish(raw_format="wav")
    assert len(read(tmp_path / f"{STEM}.wav")[1]) == 10
    assert (tmp_path / f"{STEM}.received.wav").read_bytes() == b"RIFF as received"


def test_latest_points_at_the_latest_run(tmp_path):
    for run_id in ("one", "two"):
        saver = Saver(None, tmp_path, run_id=run_id, started_wall_s=STARTED)
        saver.pcm(pcm(10))
        saver.finish()
    assert str((tmp_path / "latest.wav").readlink()).endswith("_two.wav")


def test_a_folder_named_latest_is_left_alone(tmp_path):
    (tmp_path / "latest.wav").mkdir()
    saver = make_saver(None, tmp_path)
    saver.pcm(pcm(10))
    assert saver.finish().error is None
    assert files(tmp_path) == [f"{STEM}.wav"]


def test_a_file_system_without_links_is_not_an_error(tmp_path, monkeypatch):
    def refuse(*args):
        raise NotImplementedError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    saver = make_saver(None, tmp_path)
    saver.pcm(pcm(10))
    assert saver.finish().error is None
    assert files(tmp_path) == [f"{STEM}.wav"]


def test_without_audio_no_file_is_created(tmp_path):
    saver = make_saver(tmp_path / "a.wav", tmp_path / "debug")
    assert saver.finish() == SaveReport([], None)
    assert files(tmp_path) == []


def test_undecodable_bytes_are_saved_for_debugging(tmp_path):
    saver = make_saver(None, tmp_path)
    saver.raw(b"<html>")
    assert saver.finish() == SaveReport([str(tmp_path / f"{STEM}.bin")], None)
    saver.write_metrics({"ok": False})
    assert files(tmp_path) == [f"{STEM}.bin", f"{STEM}.json"]


def test_audio_is_cut_to_what_was_heard(tmp_path):
    saver = make_saver(tmp_path / "a.wav", tmp_path / "debug")
    saver.pcm(pcm(1000))
    saver.finish(heard_frames=300)
    assert len(read(tmp_path / "a.wav")[1]) == 300
    assert len(read(tmp_path / "debug" / "latest.wav")[1]) == 300


def test_blocks_are_converted_to_the_format_of_the_first(tmp_path):
    saver = make_saver(tmp_path / "a.wav")
    saver.pcm(pcm(2400))
    saver.pcm(pcm(4800, rate_hz=48_000, channels=2))
    saver.pcm(Pcm(np.full((2400, 1), 0.5, np.float32), 24_000))
    saver.pcm(pcm(1200, rate_hz=12_000))  # the resampler holds its end until `finish`
    saver.finish()
    rate_hz, samples = read(tmp_path / "a.wav")
    assert rate_hz == 24_000
    assert samples.shape == (pytest.approx(9600, abs=2), 1)
    assert abs(samples[3500, 0] - 1000) <= 2
    assert samples[6000, 0] == 16384


def test_a_block_of_many_seconds_is_saved_completely(tmp_path):
    saver = make_saver(tmp_path / "a.wav")
    saver.pcm(pcm(24_000 * 3 + 5))
    saver.finish()
    assert len(read(tmp_path / "a.wav")[1]) == 24_000 * 3 + 5


def test_a_failing_file_is_reported_once_and_others_continue(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    saver = make_saver(tmp_path / "file" / "a.wav", tmp_path / "debug")
    saver.pcm(pcm(10))
    first = saver.error
    saver.pcm(pcm(10))
    report = saver.finish()
    assert isinstance(first, SaveError)
    assert "a.wav" in first.message
    assert report == SaveReport([str(tmp_path / "debug" / f"{STEM}.wav")], first)
    assert len(read(tmp_path / "debug" / "latest.wav")[1]) == 20


def test_an_unwritable_debug_folder_does_not_affect_the_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    saver = make_saver(tmp_path / "a.wav", tmp_path / "file" / "debug")
    saver.raw(b"bytes")
    saver.pcm(pcm(10))
    report = saver.finish()
    assert report.saved == [str(tmp_path / "a.wav")]
    assert report.error is saver.error is saver.write_metrics({})
    assert "Not a directory" in report.error.message


def test_an_existing_file_of_received_bytes_is_not_overwritten(tmp_path):
    (tmp_path / f"{STEM}.received.part").parent.mkdir(parents=True)
    (tmp_path / f"{STEM}.received.part").write_bytes(b"another run's")
    with (tmp_path / f"{STEM}.received.part").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        saver = make_saver(None, tmp_path)
        saver.raw(b"bytes")
    assert "File exists" in saver.finish().error.message
    assert (tmp_path / f"{STEM}.received.part").read_bytes() == b"another run's"


FULL = """
import json, pathlib, resource, sys
import numpy
from voicecli.audio.pcm import Pcm
from voicecli.recording.saver import Saver
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, most))
folder = pathlib.Path(sys.argv[1])
saver = Saver(folder / "a.wav", folder / "debug", run_id="x", started_wall_s=0)
for _ in range(10):
    saver.raw(bytes(100))
    saver.pcm(Pcm(numpy.ones((500, 1), numpy.int16), 24000))
report = saver.finish()
saver.write_metrics({})
print(json.dumps([len(report.saved), report.error.message]))
"""


def run_script(script, *arguments):
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_full_disk_is_reported_and_what_fits_is_saved(tmp_path):
    output = run_script(FULL, tmp_path)
    assert json.loads(output) == [3, f"cannot save {tmp_path / 'a.wav'}: File too large"]
    assert len(read(tmp_path / "a.wav")[1]) == 2000
    (received,) = tmp_path.glob("debug/*/*/*.bin")
    assert received.stat().st_size == 1000


def test_a_disk_that_fills_with_the_last_frames_still_gets_the_file(tmp_path):
    script = FULL.replace("range(10)", "[]").replace(
        "report = saver",
        "saver.pcm(Pcm(numpy.ones((2460, 1), numpy.int16), 24000))\n"
        "saver.pcm(Pcm(numpy.ones((60, 1), numpy.int16), 48000))\n"
        "assert saver.error is None\n"
        "report = saver",
    )
    assert "File too large" in run_script(script, tmp_path)
    assert len(read(tmp_path / "a.wav")[1]) >= 2460


def test_recordings_are_in_the_platforms_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = recordings_dir()
    assert folder.parts[-2:] == ("voicecli", "recordings")
    assert folder.is_relative_to(tmp_path)


def test_importing_does_not_import_numpy():
    script = (
        "import sys, voicecli.recording.saver\nprint({'numpy', 'av', 'pydub'} & set(sys.modules))"
    )
    assert run_script(script).strip() == "set()"


def decoded(path):
    from voicecli.codecs.decoding.auto import AutoDecoder
    from voicecli.codecs.formats import codec_for_suffix

    decoder = AutoDecoder(codec_for_suffix(str(path)), rate_hz=24_000, channels=1)
    blocks = [*decoder.feed(path.read_bytes()), *decoder.flush()]
    return decoder.name, sum(block.frames for block in blocks), blocks[0].rate_hz


@pytest.mark.parametrize(
    ("name", "kind", "slack"),
    [
        ("a.opus", "opus", 0),
        ("a.ogg", "opus", 0),
        ("a.MP3", "mp3", 0),
        ("a.flac", "flac", 0),
        ("a.aac", "aac", 1024),
        ("a.pcm", "pcm", 0),
        ("a.wav", "wav", 0),
        ("a", "wav", 0),
    ],
)
@pytest.mark.parametrize("heard", [None, 30_001])
def test_the_suffix_selects_the_format(tmp_path, name, kind, slack, heard):
    path = tmp_path / name
    saver = make_saver(path)
    for _ in range(5):
        saver.pcm(pcm(10_000))
    assert saver.finish(heard_frames=heard) == SaveReport([str(path)], None)
    found, frames, rate_hz = decoded(path)
    assert found == kind
    expected = (heard or 50_000) * rate_hz // 24_000
    assert expected <= frames <= expected + slack


def test_more_channels_than_an_encoder_supports_become_two(tmp_path):
    saver = make_saver(tmp_path / "a.flac")
    saver.pcm(pcm(1000, channels=6))
    assert saver.finish().error is None
    assert decoded(tmp_path / "a.flac")[:2] == ("flac", 1000)


def test_audio_that_cannot_be_encoded_is_a_save_error(tmp_path):
    saver = make_saver(tmp_path / "a.mp3")
    saver.pcm(pcm(10, rate_hz=500))
    report = saver.finish()
    assert report.saved == []
    assert "a.mp3: " in report.error.message
    assert "500 Hz" in report.error.message
    assert report.error.remedy
    assert files(tmp_path) == []


def test_a_full_disk_at_the_end_of_an_encoded_file_still_gets_the_file(tmp_path):
    script = FULL.replace('"a.wav"', '"a.pcm"')
    saved, message = json.loads(run_script(script, tmp_path))
    assert saved == 3
    assert "File too large" in message
    assert 0 < (tmp_path / "a.pcm").stat().st_size <= 5000


def test_the_first_wav_is_measured(tmp_path):
    saver = Saver(tmp_path / "a.wav", tmp_path, run_id="5f0c2a", started_wall_s=0.0)
    saver.pcm(Pcm(np.full((2400, 1), 16384, np.int16), 24_000))
    clip = saver.finish().clip
    assert clip["path"] == str(tmp_path / "a.wav")
    assert (clip["duration_s"], clip["peak_dbfs"]) == (pytest.approx(0.1), -6.02)


def test_other_formats_are_not_measured(tmp_path):
    saver = Saver(tmp_path / "a.pcm", None, run_id="5f0c2a", started_wall_s=0.0)
    saver.pcm(Pcm(np.full((2400, 1), 16384, np.int16), 24_000))
    assert saver.finish().clip is None


def modes(folder):
    paths = [folder, *(path for path in folder.rglob("*") if not path.is_symlink())]
    return {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in paths}


@pytest.mark.parametrize(
    ("is_private", "expected"), [(True, (0o700, 0o600)), (False, (0o755, 0o644))]
)
def test_who_may_read_a_recording(tmp_path, is_private, expected):
    """Our own folder is the owner's; one that the user named follows the umask."""
    folder = tmp_path / "voicecli" / "recordings"
    saver = Saver(None, folder, run_id="x", started_wall_s=STARTED, is_private=is_private)
    previous = os.umask(0o022)
    try:
        saver.open()
        saver.pcm(pcm(10))
        saver.raw(b"bytes")
        saver.finish()
        saver.write_metrics({})
    finally:
        os.umask(previous)
    assert modes(tmp_path / "voicecli") == {True: expected[0], False: expected[1]}
    assert {path.suffix for path in folder.rglob("*.*")} == {".wav", ".bin", ".json"}


def test_a_private_folder_that_was_open_is_closed(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir(0o755)
    Saver(None, folder, run_id="x", started_wall_s=STARTED, is_private=True).open()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_files_are_opened_early_and_discarded_if_nothing_comes(tmp_path):
    saver = make_saver(tmp_path / "a.wav")
    assert saver.open() == []
    assert files(tmp_path) == ["a.wav.part"]
    saver.finish()
    assert files(tmp_path) == []


def test_one_file_that_cannot_be_opened_leaves_no_other(tmp_path):
    saver = make_saver(tmp_path / "none" / "a.wav", tmp_path / "debug")
    with pytest.raises(SaveError, match="there is no folder"):
        saver.open()
    assert files(tmp_path) == []


def test_what_killed_runs_left_is_reported_and_does_not_pile_up(tmp_path):
    (tmp_path / "a.wav.part").write_bytes(b"left")
    left = tmp_path / "debug" / f"{STEM}.wav.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"left too")
    saver = Saver(tmp_path / "a.wav", tmp_path / "debug", run_id="x", started_wall_s=STARTED)
    kept, replaced = saver.open()
    assert kept == f"{left.with_suffix('')} was left by a run that was killed"
    assert replaced == f"{tmp_path / 'a.wav.part'}, left by a run that was killed, is replaced"
    saver.finish()
    assert (tmp_path / "debug" / f"{STEM}.wav").read_bytes() == b"left too"


def test_the_format_can_be_named(tmp_path):
    path = tmp_path / "a.audio"
    saver = Saver(path, None, run_id="x", started_wall_s=STARTED, codec="flac")
    saver.pcm(pcm(1000))
    saver.finish()
    assert path.read_bytes().startswith(b"fLaC")
