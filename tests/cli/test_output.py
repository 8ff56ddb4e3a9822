from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

import pytest

from voicecli.cli import output
from voicecli.errors import ExitStatus, SaveError, VoiceError


@contextlib.contextmanager
def broken_pipe(monkeypatch):
    """Make standard output a pipe whose reader has exited."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        yield stream


@contextlib.contextmanager
def full_disk(monkeypatch):
    with Path("/dev/full").open("w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        yield stream


class TestStandardError:
    def test_an_error_is_printed_with_its_remedy(self, capsys):
        output.print_error(VoiceError("it broke", remedy="mend it"))
        output.print_error(VoiceError("it broke again"))
        assert capsys.readouterr().err == (
            "voicecli: error: it broke\n  mend it\nvoicecli: error: it broke again\n"
        )

    def test_control_characters_in_a_file_name_are_masked(self, capsys):
        output.print_message("cannot read a\x1b[31mb\u202e\x9b.mp3, é")
        assert capsys.readouterr().err == "voicecli: cannot read a?[31mb??.mp3, é\n"

    def test_if_it_is_closed_nothing_goes_to_standard_output(self, capsys, monkeypatch):
        monkeypatch.setattr(sys, "stderr", None)
        output.print_message("anything")
        assert capsys.readouterr().out == ""

    def test_a_reader_that_exited_is_not_an_error(self, monkeypatch):
        read_end, write_end = os.pipe()
        os.close(read_end)
        unbuffered = io.TextIOWrapper(io.FileIO(write_end, "w"), write_through=True)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", unbuffered)
            output.print_message("anything")
        with Path(os.devnull).open("wb") as null:
            os.dup2(null.fileno(), write_end)  # for what is still buffered
        unbuffered.close()

    @pytest.mark.parametrize(
        "fault",
        [MemoryError(), ImportError("numpy: x.so: failed to map segment from shared object")],
    )
    def test_too_little_memory_is_no_internal_error(self, fault):
        found = output.internal_error(fault)
        assert found.exit_status is ExitStatus.CONFIG
        assert found.message == "there is too little memory"
        assert "ulimit -v" in found.remedy

    def test_a_thread_that_a_library_cannot_start_is_no_internal_error(self):
        found = output.internal_error(RuntimeError("can't start new thread"))
        assert found.exit_status is ExitStatus.CONFIG
        assert "no more threads can be started" in found.message

    def test_an_internal_error_has_the_message_of_the_exception(self):
        fault = output.internal_error(ZeroDivisionError("by \x1b[1mzero"))
        assert fault.message == "internal error: ZeroDivisionError: by zero"
        assert fault.exit_status == ExitStatus.INTERNAL

    def test_an_error_of_ours_is_not_internal(self):
        fault = SaveError("full")
        assert output.internal_error(fault) is fault


class TestStandardOutput:
    def test_json_is_one_line_of_ascii(self, capsys):
        output.print_json({"text": "é\udc80", "n": 1.5})
        assert capsys.readouterr().out == '{"text": "\\u00e9\\udc80", "n": 1.5}\n'

    def test_a_value_that_json_cannot_represent_prints_nothing(self, capsys):
        with pytest.raises(ValueError, match="JSON"):
            output.print_json([1, float("nan")])
        assert capsys.readouterr().out == ""

    def test_json_is_not_lost_silently_if_it_is_closed(self, monkeypatch):
        monkeypatch.setattr(sys, "stdout", None)
        output.flush()
        with pytest.raises(SaveError, match="standard output: it is closed"):
            output.print_json([])

    def test_a_reader_that_exited_is_not_an_error(self, monkeypatch):
        with broken_pipe(monkeypatch) as stream:
            output.print_json({"a": 1})
            output.flush()
            stream.write("more")
            stream.flush()

    def test_a_reader_that_exited_before_the_flush_is_not_an_error(self, monkeypatch):
        with broken_pipe(monkeypatch) as stream:
            stream.write("something")
            output.flush()

    def test_a_terminal_that_was_closed_is_not_written_without_need(self, monkeypatch):
        master, terminal = os.openpty()
        unbuffered = io.TextIOWrapper(io.FileIO(terminal, "w"), write_through=True)
        with unbuffered as stream, monkeypatch.context() as patch:
            os.close(master)
            patch.setattr(sys, "stdout", stream)
            output.flush()
            with pytest.raises(SaveError, match="standard output"):
                output.print_text("something")

    def test_a_full_disk_is_an_error(self, monkeypatch):
        with full_disk(monkeypatch):
            with pytest.raises(SaveError, match="standard output: No space left"):
                output.print_json({"a": 1})
            output.flush()  # the rest was discarded

    def test_a_full_disk_during_the_flush_is_an_error(self, monkeypatch):
        with full_disk(monkeypatch) as stream:
            stream.write("something")
            with pytest.raises(SaveError, match="standard output"):
                output.flush()


def test_a_table_is_aligned(capsys):
    output.print_table([("a", "long cell", "x"), ("bb", "c", "")])
    assert capsys.readouterr().out == "a   long cell  x\nbb  c\n"
