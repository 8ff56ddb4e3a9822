from __future__ import annotations

import pytest

from voicecli.cli.options import with_optional_value


@pytest.mark.parametrize(
    ("argv", "rewritten"),
    [
        ([], []),
        (["say", "hello"], ["say", "hello"]),
        (["--debug-audio"], ["--debug-audio="]),
        (["--debug-audio", "hello"], ["--debug-audio=", "hello"]),
        (["--debug-audio", "and / or"], ["--debug-audio=", "and / or"]),
        (["--debug-audio", "x" * 5000], ["--debug-audio=", "x" * 5000]),
        (["--debug-audio", "", "hello"], ["--debug-audio=", "", "hello"]),
        (["--debug-audio", "-v", "hello"], ["--debug-audio=", "-v", "hello"]),
        (["--debug-audio", "-", "hello"], ["--debug-audio=", "-", "hello"]),
        (["--debug-audio", "new/here", "hello"], ["--debug-audio=new/here", "hello"]),
        (["--debug-audio", "/tmp/My Folder", "hi"], ["--debug-audio=/tmp/My Folder", "hi"]),
        (["--debug-audio", "./My Folder"], ["--debug-audio=./My Folder"]),
        (["--debug-audio", "~", "hello"], ["--debug-audio=~", "hello"]),
        (["--debug-audio", ".", "hello"], ["--debug-audio=.", "hello"]),
        (["--debug-audio", "..", "hello"], ["--debug-audio=..", "hello"]),
        (["--debug-audio=new", "hello"], ["--debug-audio=new", "hello"]),
        (["--debug-audio", "--", "a/b"], ["--debug-audio=", "--", "a/b"]),
        (["--", "--debug-audio", "a/b"], ["--", "--debug-audio", "a/b"]),
        (
            ["--debug-audio", "a", "--debug-audio", "b/c"],
            ["--debug-audio=", "a", "--debug-audio=b/c"],
        ),
    ],
)
def test_the_next_argument_counts_only_if_it_looks_like_a_folder(argv, rewritten):
    assert with_optional_value(argv) == rewritten


def test_the_name_of_an_existing_folder_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").mkdir()
    assert with_optional_value(["--debug-audio", "kept"]) == ["--debug-audio=kept"]
    assert with_optional_value(["--debug-audio", "lost"]) == ["--debug-audio=", "lost"]


def test_the_formats_are_the_codecs():
    from voicecli.cli.completion import FORMATS
    from voicecli.codecs.formats import CODECS

    assert tuple(CODECS) == FORMATS
