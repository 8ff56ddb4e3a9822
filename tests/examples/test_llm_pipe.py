from __future__ import annotations

import re

from tests.examples.running import run_example


def test_an_answer_is_spoken_while_it_is_written(tmp_path):
    done = run_example(tmp_path, "llm_pipe.py", "--device", "null")
    assert (done.stderr, done.returncode) == (b"", 0)
    answer, summary = done.stdout.decode().splitlines()
    assert answer.startswith("The Moon pulls the sea")
    match = re.fullmatch(r"spoke 3 of 3 sentences in (\d+\.\d) s", summary)
    assert 5 < float(match[1]) < 20
