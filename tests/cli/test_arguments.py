from __future__ import annotations

import pytest

from voicecli.cli.arguments import with_optional_values


@pytest.mark.parametrize(
    ("argv", "settled"),
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
def test_a_value_is_taken_only_where_it_looks_like_a_folder(argv, settled):
    assert with_optional_values(argv) == settled


def test_a_word_that_names_a_folder_here_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").mkdir()
    assert with_optional_values(["--debug-audio", "kept"]) == ["--debug-audio=kept"]
    assert with_optional_values(["--debug-audio", "lost"]) == ["--debug-audio=", "lost"]
