"""`say` and its text: while it is written, as a script, with a lexicon."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import threading
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from tests.support.speech_server import FOREVER, Clip, Reply, SpeechServer, error
from tests.support.tones import tone
from voicecli.session.limit_file import LimitFile
from voicecli.text.limits import InputLimit

CLIP_S = 0.1
RATE = {"X-Sample-Rate": "48000"}
LONG = [f"This is sentence number {word}, and it is long enough." for word in
        ("one", "two", "three", "four", "five", "six", "seven", "eight")]  # fmt: skip


@pytest.fixture
def clip_s():
    return CLIP_S


@pytest.fixture(autouse=True)
def handlers():
    """The handlers of an interrupted run stay until the process ends."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    kept = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, kept, strict=True):
        signal.signal(number, handler)


def inputs(server):
    return [request.json["input"] for request in server.speech_requests]


def until(condition):
    """Wait for another thread or the server."""
    while not condition():
        threading.Event().wait(0.005)


@contextlib.contextmanager
def writer(work):
    """A pipe as standard input, and a thread that writes to it as ``work`` says."""
    read_end, write_end = os.pipe()

    def run():
        with contextlib.suppress(BrokenPipeError), os.fdopen(write_end, "wb", 0) as file:
            work(file.write)

    thread = threading.Thread(target=run)
    with os.fdopen(read_end) as stdin:
        thread.start()
        yield stdin
    thread.join()


class TestWhileItIsWritten:
    def test_a_sentence_is_spoken_before_the_next_is_written(self, say, server):
        def work(write):
            write(b"The tide is coming in. Boats r")
            until(lambda: server.speech_requests)
            write(b"ise slowly.")

        with writer(work) as stdin:
            result = say("--json", stdin=stdin)
        assert result.exit_code == 0, result.stderr
        assert inputs(server) == ["The tide is coming in.", "Boats rise slowly."]
        assert result.json["audio_s"] == pytest.approx(2 * CLIP_S)
        assert [segment["chars"] for segment in result.json["segments"]] == [22, 18]

    def test_a_wait_for_the_writer_is_no_underrun(self, say, server, cli):
        def work(write):
            until(lambda: "voicecli-text" in {thread.name for thread in threading.enumerate()})
            write(b"The tide is coming in. Boats r")
            until(lambda: server.speech_requests and server.speech_requests[0].finished.is_set())
            threading.Event().wait(3 * CLIP_S)  # all of it was heard
            write(b"ise slowly.")

        with writer(work) as stdin:
            result = say("--json", "--fail-on-underrun", stdin=stdin)
        assert result.exit_code == 0, result.stderr
        assert result.json["waits"]["text"]["count"] == 1
        assert "for the text" in result.stderr
        assert "no gaps" in result.stderr
        assert "after the text began" in result.stderr

    @pytest.mark.parametrize("how", ["argument", "file", "pipe"])
    def test_a_short_text_that_is_there_at_once_is_one_request(self, say, server, tmp_path, how):
        text = "Hello there. How are you?\n\nFine."
        path = tmp_path / "text"
        path.write_text(text)
        argv = {"argument": [text], "file": ["--file", str(path)], "pipe": []}[how]
        assert say(*argv, stdin=text.encode()).exit_code == 0
        assert inputs(server) == ["Hello there. How are you?\n\nFine."]

    @pytest.mark.slow
    @pytest.mark.usefixtures("_voices_loaded")
    def test_the_builtin_voice_takes_the_same_way(self, cli):
        text = "The tide is coming in. Boats rise slowly.\n\nThen they float."
        argv = ("say", "--no-play", "--base-url", "builtin", "--segment", "sentence", "--json")
        result = cli.run(*argv, stdin=text.encode())
        assert result.exit_code == 0, result.stderr
        assert [segment["chars"] for segment in result.json["segments"]] == [22, 18, 16]
        assert result.json["endpoint"] == "builtin"

    @pytest.mark.in_process
    def test_ctrl_c_while_the_writer_is_silent(self, say, server):
        ended = threading.Event()

        def work(write):
            write(" ".join(LONG[:2]).encode() + b" And th")
            until(lambda: len(server.speech_requests) > 1)
            threading.Event().wait(5 * CLIP_S)
            os.kill(os.getpid(), signal.SIGINT)
            ended.wait()

        with writer(work) as stdin:
            result = say("--json", stdin=stdin)
            ended.set()
        assert result.exit_code == 130
        assert result.json["interrupted"] is True
        # What follows may be known as a sentence by then: its writer has paused.
        assert re.search("spoken 2 (of 3 )?sentences", result.stderr)
        assert [t.name for t in threading.enumerate() if t.name == "voicecli-text"] == []

    @pytest.mark.in_process
    def test_an_interruption_says_how_far_it_got(self, say, server):
        server.reply = Reply(ttfb_s=FOREVER)
        server.queued.extend([Reply(headers=RATE)] * 3)

        def interrupt():
            until(lambda: len(server.speech_requests) > 3)
            threading.Event().wait(5 * CLIP_S)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        result = say("--prefetch", "0", "--segment", "sentence", " ".join(LONG))
        thread.join()
        assert result.exit_code == 130
        assert "spoken 3 of 8 sentences" in result.stderr

    @pytest.mark.in_process
    def test_an_interruption_within_a_request_says_how_far_it_got(self, say, server):
        """Of three sentences in one request, two have arrived and were heard."""
        one, pause = tone(0.45), np.zeros(round(0.2 * 48_000), np.int16)
        body = np.concatenate([one, pause, one, pause, one]).tobytes()
        server.speak = lambda _: Clip(body, 1.75, "audio/pcm")
        server.reply = Reply(headers=RATE, stall_at_s=1.29, stall_for_s=FOREVER)

        def interrupt():
            until(lambda: server.speech_requests)
            threading.Event().wait(1.8)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        result = say("--json", "One is. Two is. Three is.")
        thread.join()
        assert result.exit_code == 130
        assert "spoken 2 of 3 sentences" in result.stderr
        assert result.json["sentences"] == {"spoken": 2, "known": 3}

    @pytest.mark.in_process
    def test_a_pipe_of_ten_megabytes_is_left_to_fill(self, say, server):
        written = []

        def work(write):
            written.extend(write(f"Sentence {number} of many. ".encode()) for number in range(10))
            line = b"A sentence that is one of very many, and not the last. " * 100
            while sum(written) < 10_000_000:
                written.append(write(line))

        def interrupt():
            until(lambda: len(server.speech_requests) > 4)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with writer(work) as stdin:
            result = say("--json", stdin=stdin)
        assert result.exit_code == 130
        thread.join()
        assert sum(written) < 500_000
        assert "voicecli-text" not in {thread.name for thread in threading.enumerate()}

    def test_binary_data_later_is_reported_after_what_was_spoken(self, say, server):
        def work(write):
            write(b"The tide is coming in. Boats r")
            until(lambda: server.speech_requests)
            write(b"ise\0.")

        with writer(work) as stdin:
            result = say("--json", stdin=stdin)
        assert result.exit_code == 2
        assert result.json["error"]["code"] == "text"
        assert result.json["spoken_s"] == pytest.approx(2 * CLIP_S)  # what had come of the second
        assert "standard input is not text" in result.stderr

    @pytest.mark.parametrize("text", ["...", "***", "🎉"])
    def test_a_text_without_words_says_nothing(self, say, server, text):
        result = say("--json", text)
        assert result.exit_code == 0
        assert result.json["audio_s"] == 0.0
        assert server.speech_requests == []


class TestHowItIsRead:
    @pytest.mark.parametrize(
        ("how", "requests"), [("sentence", 8), ("whole", 1), ("paragraph", 2), ("auto", None)]
    )
    def test_segments(self, say, server, how, requests):
        text = " ".join(LONG[:5]) + "\n\n" + " ".join(LONG[5:])
        assert say("--segment", how, text).exit_code == 0
        assert requests in (None, len(server.speech_requests))
        spoken = sorted(" ".join(inputs(server)).split())
        assert spoken == sorted(" ".join(LONG).split())

    @pytest.mark.parametrize(
        ("argv", "spoken"),
        [
            ((), "This is bold."),
            (("--markdown", "on"), "This is bold."),
            (("--markdown", "off"), "This is **bold**."),
        ],
    )
    def test_markdown(self, say, server, argv, spoken):
        assert say(*argv, "This is **bold**.").exit_code == 0
        assert inputs(server) == [spoken]

    def test_code_blocks(self, say, server):
        text = "Run this:\n\n```python\nprint(1)\n```\n\nDone."
        for how, found in (("name", "Python"), ("read", "print"), ("skip", None)):
            server.requests.clear()
            assert say("--code", how, text).exit_code == 0
            said = " ".join(inputs(server))
            assert [word for word in ("Python", "print") if word in said] == [found] * bool(found)

    def test_thinking(self, say, server):
        text = "<think>Hm, let me see.</think>\nThe answer is four."
        assert say(text).exit_code == 0
        assert inputs(server) == ["The answer is four."]
        server.requests.clear()
        assert say("--think", text).exit_code == 0
        assert "let me see" in " ".join(inputs(server))

    def test_the_lexicon_of_the_configuration_and_of_a_file(self, cli, say, server, tmp_path):
        cli.configure('[lexicon]\nkubectl = "cube control"\nNGINX = "engine X"\n'
                      '[lexicon.de]\nkubectl = "Kubernetes"\n')  # fmt: skip
        path = tmp_path / "words.toml"
        path.write_text('[lexicon]\nNGINX = "an engine"\n[lexicon.de]\nApp = "Anwendung"\n')
        for argv, spoken in (
            ((), "cube control and engine X, App"),
            (("--lexicon", str(path)), "cube control and an engine, App"),
            (("--lexicon", str(path), "--lang", "de"), "Kubernetes and an engine, Anwendung"),
        ):
            server.requests.clear()
            assert say(*argv, "kubectl and NGINX, App").exit_code == 0
            assert inputs(server) == [spoken]

    @pytest.mark.parametrize(
        ("content", "message"),
        [(None, "cannot read"), ("x", "is not valid TOML"), ("a = 1", "must be a string")],
    )
    def test_a_lexicon_that_cannot_be_used(self, say, server, tmp_path, content, message):
        path = tmp_path / "words.toml"
        if content is not None:
            path.write_text(content)
        result = say("--json", "--lexicon", str(path), "Hello.")
        assert (result.exit_code, result.json["error"]["code"]) == (3, "config")
        assert message in result.stderr
        assert server.requests == []

    @pytest.mark.parametrize(
        ("argv", "message"),
        [
            (["--lang", "german!", "x"], "not a language code"),
            (["--segment", "word", "x"], "is not one of auto, sentence"),
            (["--subtitles", "a.txt", "x"], "does not end in .srt or .vtt"),
            (["--say", "nobody"], "does not have the form VOICE:TEXT"),
            (["--say", "a b: c"], "does not have the form VOICE:TEXT"),
            (["--say", "a:b", "text"], "only one of"),
            (["--script", "x", "--say", "a:b"], "only one of"),
            (["--script", "/no/such"], "cannot read /no/such"),
        ],
    )
    def test_wrong_usage(self, say, server, argv, message):
        result = say(*argv)
        assert result.exit_code == 2
        assert message in " ".join(result.stderr.split())
        assert server.requests == []


class TestScripts:
    @pytest.fixture
    def kitchen(self, cli, server):
        """A second server, of the profile ``kitchen``."""
        with SpeechServer(server.clips, reply=server.reply) as second:
            cli.configure(
                f'[profiles.kitchen]\nbase_url = "{second.url}"\nmodel = "kokoro"\n'
                'voice = "bella"\nformat = "wav"\napi_key_env = "KITCHEN_KEY"\n'
            )
            cli.env["KITCHEN_KEY"] = "sk-kitchen"
            yield second

    def check(self, server, kitchen):
        assert sorted((r.json["voice"], r.json["input"]) for r in server.speech_requests) == [
            ("anna", "Good night."),
            ("anna", "It was late."),
        ]
        assert sorted((r.json["voice"], r.json["input"]) for r in kitchen.speech_requests) == [
            ("bella", "Hello: you!"),
            ("sky", "Is anybody there?"),
        ]
        for request in kitchen.speech_requests:
            assert (request.json["model"], request.json["response_format"]) == ("kokoro", "wav")
            assert request.headers["authorization"] == "Bearer sk-kitchen"

    def test_a_file(self, say, server, kitchen, tmp_path):
        kitchen.clips["wav"] = kitchen.clips["pcm"]
        path = tmp_path / "script"
        path.write_text(
            "anna: It was late. [200ms]\nkitchen/sky: Is anybody there?\nkitchen/: Hello: you!\n"
            "anna: Good night.\n"
        )
        result = say("--json", "-v", "--speed", "1.5", "--script", str(path))
        assert result.exit_code == 0, result.stderr
        self.check(server, kitchen)
        assert {r.json["speed"] for r in (server.speech_requests + kitchen.speech_requests)} == {
            1.5
        }
        assert result.json["audio_s"] == pytest.approx(4 * CLIP_S + 0.2, abs=0.02)
        assert f"using {kitchen.url} (--profile kitchen was given)" in result.stderr

    def test_lines(self, say, server, kitchen):
        kitchen.clips["wav"] = kitchen.clips["pcm"]
        result = say(
            "--say", "anna:It was late.", "--say", "kitchen/sky: Is anybody\nthere?",
            "--say", "kitchen/:Hello: you!", "--say", "anna:Good night.",
        )  # fmt: skip
        assert result.exit_code == 0, result.stderr
        self.check(server, kitchen)

    def test_a_pipe(self, say, server):
        assert say("--script", "-", stdin=b"Nobody.\nanna: Me.\n").exit_code == 0
        assert sorted(r.json["voice"] for r in server.speech_requests) == ["alloy", "anna"]

    def test_a_voice_that_cannot_be_used_is_reported_before_anything_is_spoken(
        self, cli, say, server
    ):
        cli.configure('[profiles.p]\nbase_url = "https://api.openai.com/v1"')
        result = say("--say", "anna:It was late.", "--say", "p/nova:Is it?")
        assert result.exit_code == 3
        assert "requires a key" in result.stderr
        assert server.requests == []

    def test_a_slash_without_a_profile_is_part_of_the_voice(self, say, server):
        assert say("--say", "org/voice:Hello.").exit_code == 0
        assert server.speech_requests[0].json["voice"] == "org/voice"


REFUSAL = {"detail": [{"type": "string_too_long", "ctx": {"max_length": 60}, "msg": "too long"}]}


class TestLimits:
    def test_one_that_a_refusal_teaches_is_kept(self, cli, say, server, tmp_path):
        server.queued.append(error(422, REFUSAL))
        result = say("--segment", "whole", " ".join(LONG[:3]))
        assert result.exit_code == 0, result.stderr
        assert sorted(inputs(server)[1:]) == sorted(LONG[:3])
        file = LimitFile(tmp_path / "cache" / "voicecli" / "limits.json")
        assert file.get(server.url, "tts-1").characters == 60
        server.requests.clear()
        assert say("--segment", "whole", " ".join(LONG[:3])).exit_code == 0
        assert sorted(inputs(server)) == sorted(LONG[:3])
        assert "takes 60 characters a request" in cli.run("config", "show").stdout
        assert json.loads(cli.run("config", "show", "--json").stdout)["limits"] == [
            {"endpoint": server.url, "model": "tts-1", "max_input_chars": 60}
        ]
        assert "deleted" in cli.run("config", "forget").stderr
        assert file.all() == {}

    def test_that_of_the_profile_comes_first(self, cli, say, server, tmp_path):
        file = LimitFile(tmp_path / "cache" / "voicecli" / "limits.json")
        file.put(server.url, "tts-1", InputLimit(5000))
        cli.configure(f'[profiles.p]\nbase_url = "{server.url}"\nmax_input_chars = 60\n')
        assert say("--profile", "p", "--segment", "whole", " ".join(LONG[:3])).exit_code == 0
        assert sorted(inputs(server)) == sorted(LONG[:3])


class TestRequests:
    def test_the_next_one_is_made_while_one_is_heard(self, say, server):
        server.reply = Reply(headers=RATE, ttfb_s=0.2)
        assert say("--segment", "sentence", " ".join(LONG[:3])).exit_code == 0
        first, second, third = server.speech_requests
        assert second.at < first.first_byte_at
        assert third.at < first.first_byte_at

    def test_fewer_are_made_after_a_429(self, say, server):
        server.reply = Reply(headers=RATE, ttfb_s=0.1)
        server.queued.extend([server.reply, error(429, {"detail": "busy"}, Retry_After="0")])
        result = say("-v", "--segment", "sentence", " ".join(LONG[:4]))
        assert result.exit_code == 0, result.stderr
        assert "the server allows fewer: " in result.stderr

    @pytest.mark.parametrize("argv", [("--trace",), ("--prefetch", "0")])
    def test_one_after_another(self, say, server, tmp_path, argv):
        if argv == ("--trace",):
            argv = ("--trace", str(tmp_path / "trace"))
        server.reply = Reply(headers=RATE, ttfb_s=0.05)
        assert say(*argv, "--segment", "sentence", " ".join(LONG[:3])).exit_code == 0
        requests = server.speech_requests
        for one, following in pairwise(requests):
            assert following.at > one.first_byte_at

    def test_segments_are_listed_with_v(self, say, server):
        result = say("-v", "--segment", "sentence", " ".join(LONG[:2]))
        assert f"segment 1: {len(LONG[0])} characters, first byte" in result.stderr
        assert f"segment 2: {len(LONG[1])} characters, first byte" in result.stderr
        assert "seam 0 ms" in result.stderr
        assert "segment" not in say("-v", "Hello.").stderr


class TestRecords:
    def test_everything_is_saved_in_one_file_and_each_answer_in_its_own(
        self, say, server, tmp_path
    ):
        folder = tmp_path / "debug"
        argv = ("--json", f"--debug-audio={folder}", "--segment", "sentence")
        result = say(*argv, " ".join(LONG[:3]))
        assert result.exit_code == 0, result.stderr
        run = result.json["run_id"]
        names = sorted(path.name.partition(f"_{run}.")[2] for path in folder.rglob("*.pcm"))
        assert names == ["1.pcm", "2.pcm", "pcm"]
        for path in folder.rglob("*.pcm"):
            assert path.read_bytes() == server.clips["pcm"].body
        assert result.json["clip"]["duration_s"] == pytest.approx(3 * CLIP_S, abs=0.001)

    def test_subtitles(self, say, server, tmp_path):
        path = tmp_path / "out.srt"
        result = say(
            "--json", "--subtitles", str(path), "--segment", "sentence", " ".join(LONG[:3])
        )
        assert result.exit_code == 0, result.stderr
        assert result.json["saved"] == [str(path)]
        assert f"saved {path}" in result.stderr
        assert path.read_text() == (
            f"1\n00:00:00,000 --> 00:00:00,100\n{LONG[0]}\n\n"
            f"2\n00:00:00,100 --> 00:00:00,200\n{LONG[1]}\n\n"
            f"3\n00:00:00,200 --> 00:00:00,300\n{LONG[2]}\n"
        )

    def test_subtitles_count_waits_for_the_writer(self, say, server, tmp_path):
        path = tmp_path / "out.srt"

        def work(write):
            write(b"The tide is coming in. Boats r")
            until(lambda: server.speech_requests and server.speech_requests[0].finished.is_set())
            threading.Event().wait(3 * CLIP_S)
            write(b"ise slowly.")

        with writer(work) as stdin:
            result = say("--json", "--subtitles", str(path), stdin=stdin)
        assert result.exit_code == 0, result.stderr
        wait_ms = result.json["waits"]["text"]["total_ms"]
        second = re.findall(r"00:00:0(\d),(\d+) -->", path.read_text())[1]
        begins_ms = int("".join(second))
        assert wait_ms > 0
        assert begins_ms == pytest.approx(CLIP_S * 1e3 + wait_ms, abs=2)

    @pytest.mark.in_process
    def test_subtitles_of_an_interrupted_text_end_with_it(self, say, server, tmp_path):
        path = tmp_path / "out.vtt"
        server.reply = Reply(ttfb_s=FOREVER)
        server.queued.extend([Reply(headers=RATE)] * 2)

        def interrupt():
            until(lambda: len(server.speech_requests) > 2)
            threading.Event().wait(4 * CLIP_S)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        argv = ("--subtitles", str(path), "--prefetch", "0", "--segment", "sentence")
        result = say(*argv, " ".join(LONG))
        thread.join()
        assert result.exit_code == 130
        assert path.read_text().startswith("WEBVTT\n\n00:00:00.000 --> 00:00:00.100\n")
        assert path.read_text().count("-->") == 2

    @pytest.mark.parametrize("options", [(), ("--no-play",)])
    def test_subtitles_that_cannot_be_written_are_7_before_the_request(self, say, server, options):
        result = say(*options, "--subtitles", "/no/such/folder/a.srt", "Hello.")
        assert result.exit_code == 7
        assert "/no/such/folder/a.srt" in result.stderr
        assert server.requests == []


class TestEncoding:
    def test_a_text_that_is_not_utf_8_is_spoken_as_it_was_meant_and_that_is_told(self, say, server):
        result = say(stdin="Un café, s'il vous plaît.".encode("cp1252"))
        assert result.exit_code == 0
        assert inputs(server) == ["Un café, s'il vous plaît."]
        assert result.stderr.count("standard input is not UTF-8 and is read as WINDOWS-1252") == 1
        assert "UTF-8" not in say("-q", stdin=b"A caf\xe9.").stderr

    def test_encoding_overrides(self, say, server):
        result = say("--encoding", "windows-1251", stdin="Да.".encode("cp1251"))
        assert inputs(server) == ["Да."]
        assert "UTF-8" not in result.stderr

    def test_an_encoding_that_does_not_exist_is_a_usage_error(self, say):
        result = say("--encoding", "klingon", "Hello.")
        assert result.exit_code == 2
        assert "'klingon' is not an encoding" in result.stderr


@pytest.mark.usefixtures("_voices_loaded")
class TestBuiltinVoice:
    """It speaks English, and says what it leaves out."""

    @pytest.fixture
    def speak(self, say):
        return partial(say, "--base-url", "builtin", "--no-play")

    @pytest.mark.slow
    @pytest.mark.parametrize("text", ["Привет мир.", "Καλημέρα κόσμε", "你好，世界。"])
    def test_nothing_english_is_a_usage_error(self, speak, text):
        result = speak("--json", text)
        assert result.exit_code == 2
        assert result.json["error"]["code"] == "nothing_to_say"
        assert "the built-in voice speaks English, and nothing in the text is" in result.stderr
        assert "word" not in result.stderr

    @pytest.mark.slow
    @pytest.mark.parametrize("text", ["...", "🎉 🎉", "—"])
    def test_punctuation_alone_says_nothing(self, speak, text):
        result = speak(text)
        assert result.exit_code == 0
        assert "English" not in result.stderr

    @pytest.mark.slow
    def test_what_is_left_out_is_counted_once(self, speak):
        text = "Hello 你好 world. Привет мир. " + "This is long enough to be of its own. " * 8
        result = speak("--json", text)
        assert result.exit_code == 0, result.stderr
        assert result.stderr.count("3 words left out: the built-in voice speaks English") == 1
        assert result.json["audio_s"] > 1


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/full"])
def test_a_lexicon_without_an_end_is_not_read(cli, path):
    result = cli.run("say", "--no-play", "--lexicon", path, "Hello.")
    assert result.exit_code == 3
    assert "not a regular file" in result.stderr
