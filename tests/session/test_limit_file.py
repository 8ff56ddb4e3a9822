from __future__ import annotations

import json
import stat

import pytest

from voicecli.config.learnedfile import MAX_ENDPOINTS
from voicecli.session.limit_file import LimitFile
from voicecli.text.limits import InputLimit, LimitOrigin

URL = "http://localhost:8880/v1"


@pytest.fixture
def file(tmp_path):
    return LimitFile(tmp_path / "cache" / "limits.json")


def test_what_was_put_is_found_by_endpoint_and_model(file):
    assert file.get(URL, "kokoro") is None
    file.put(URL, "kokoro", InputLimit(4000))
    file.put(URL, "tts-1", InputLimit(900))
    file.put(URL, "kokoro", InputLimit(3000))
    again = LimitFile(file.path)
    assert again.get(URL, "kokoro") == InputLimit(3000, LimitOrigin.LEARNED)
    assert again.get(URL, "tts-1") == InputLimit(900, LimitOrigin.LEARNED)
    assert again.get("http://other/v1", "kokoro") is None


def test_it_is_for_its_owner_only_and_leaves_nothing_beside_it(file):
    file.put(URL, "kokoro", InputLimit(4000))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [path.name for path in file.path.parent.iterdir()] == ["limits.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"[1]", b"{", b"\xff", b'{"http://localhost:8880/v1": {"kokoro": "much"}}',
     b'{"http://localhost:8880/v1": {"kokoro": -4}}', b'{"http://localhost:8880/v1": 3}'],
)  # fmt: skip
def test_nonsense_is_ignored_and_replaced(file, content):
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    assert file.get(URL, "kokoro") is None
    file.put(URL, "kokoro", InputLimit(4000))
    assert file.get(URL, "kokoro").characters == 4000


def test_the_endpoints_learned_last_are_kept(file):
    for number in range(MAX_ENDPOINTS + 5):
        file.put(f"http://{number}/v1", "m", InputLimit(100 + number))
    known = json.loads(file.path.read_text())
    assert len(known) == MAX_ENDPOINTS
    assert list(known)[-1] == f"http://{MAX_ENDPOINTS + 4}/v1"


def test_a_folder_that_cannot_be_written_is_ignored(tmp_path):
    (tmp_path / "cache").write_text("in the way")
    file = LimitFile(tmp_path / "cache" / "limits.json")
    file.put(URL, "kokoro", InputLimit(4000))
    assert file.get(URL, "kokoro") is None


def test_it_can_be_deleted_once(file):
    file.put(URL, "kokoro", InputLimit(4000))
    assert file.delete()
    assert not file.delete()
