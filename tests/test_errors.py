from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from voicecli import errors
from voicecli.errors import ExitStatus, NetworkError, RateLimited, SourceError, VoiceError

TREE = re.findall(r"^[│├└─ ]+(\w+) +(\d) ", errors.__doc__ or "", re.MULTILINE)


def every(kind):
    children = [sub for sub in kind.__subclasses__() if sub.__module__ == errors.__name__]
    return [kind, *(sub for child in children for sub in every(child))]


KINDS = every(VoiceError)


def test_the_documented_tree_matches_the_classes():
    documented = {name: int(status) for name, status in TREE}
    actual = {kind.__name__: int(kind.exit_status) for kind in KINDS if kind is not VoiceError}
    assert documented == actual
    assert len(actual) > 15


def test_codes_are_unique_snake_case_names():
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_statuses_are_what_scripts_rely_on():
    assert {status.name: int(status) for status in ExitStatus} == {
        "OK": 0, "INTERNAL": 1, "USAGE": 2, "CONFIG": 3, "SOURCE": 4,
        "DECODE": 5, "DEVICE": 6, "SAVE": 7, "LIMIT": 8, "INTERRUPTED": 130,
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_message_and_an_optional_remedy(kind):
    error = kind("it broke", remedy="mend it")
    assert (str(error), error.message, error.remedy) == ("it broke", "it broke", "mend it")
    assert kind("it broke").remedy is None


@pytest.mark.parametrize("kind", every(SourceError))
def test_only_rate_limiting_is_retryable_by_default(kind):
    assert kind("x").retryable is (kind is RateLimited)


def test_an_error_may_be_marked_as_retryable():
    assert NetworkError("reset", retryable=True).retryable
    assert RateLimited("429").retry_after_s is None
    assert RateLimited("429", retry_after_s=7.0).retry_after_s == 7.0


def messages():
    """Yield the message argument of every error raised in the package, from its source."""
    names = {kind.__name__ for kind in KINDS}
    for path in Path(errors.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) in names and node.args:
                yield re.sub(r"^f?['\"]|['\"]$", "", ast.unparse(node.args[0]))


def test_messages_read_well_after_a_colon():
    """As in "voicecli: error: the connection was cut"; only names begin with a capital."""
    found = list(messages())
    assert len(found) > 50
    begins = re.compile(r"[^A-Z]|[A-Z]{2}|Ogg|Opus|PortAudio")
    assert [one for one in found if not begins.match(one) or one.endswith(".")] == []
