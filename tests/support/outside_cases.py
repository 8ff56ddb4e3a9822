"""Odd input of all kinds, drawn at random: the cases of `tests.support.outside`."""

from __future__ import annotations

import base64
import json
import os
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-proj-Kf93hvQ8xPz0TnWm"
PASSWORD = "correct-h0rse@battery"
OTHER_KEY = "hdr-7Yq2LkdV9wXc"
SECRETS = (KEY, PASSWORD, OTHER_KEY)

_LONG = "a" * 300

_HOSTS = [
    "localhost", "127.0.0.1", "a.example", "a..b", "..", ".", "", _LONG, "-", "[::1", "[::1]",
    "[x]",
    "[v1.x]", "h_st", "%41", "xn--a", "1.2.3", "256.1.1.1", "a.example.", "*", "a:b", "0",
    "ä.example",
    "[fe80::1%25eth0]", "[::ffff:127.0.0.1]",
    f"{_LONG[:60]}.{_LONG[:60]}.{_LONG[:60]}.{_LONG[:62]}",
]  # fmt: skip
_PORTS = ["", "", "", ":PORT", ":PORT", ":PORT", ":0", ":99999", ":-1", ":x", ":", ":1", ":٣"]
_SCHEMES = ["http://", "http://", "http://", "https://", "", "//", "ftp://", "HTTP://", "http:",
":",
            "file://", "socks://", "socks5://", "socks4://", "javascript:", "piper://"]  # fmt: skip
_QUOTED = PASSWORD.replace("@", "%40")
_LOGINS = ["", "", "", f"me:{_QUOTED}@", f"{_QUOTED}@", f"me:{PASSWORD}@", "@", ":@", "a@b@"]
_PATHS = ["", "/v1", "/v1/", "/", "/v1/audio/speech", "/%zz", "/../..", "/v1?key=1", "/#x", "/ä",
          "/" + _LONG, "/a b", "/\x1b[31m", "/\\", "/v1;x"]  # fmt: skip
_ODD_TEXTS = ["", " ", "\x00", "ä€\U0001f600", "\x1b]0;x\x07", "-", "--", "~", "$HOME", _LONG, "\n",
              "\udcff", "a=b", "[", '{"a": 1}', "1e999", "nan", "-1", "0", "99999999999999999999",
              "null", "../../etc/passwd", "/dev/null", "%s%n", "\u202ex"]  # fmt: skip
_FORMATS = ["pcm", "wav", "mp3", "opus", "aac", "flac"]


def spellings(secret: str) -> list[str]:
    """Return ways in which a server may repeat a secret."""
    return [
        secret,
        "".join(f"\\u{ord(c):04x}" for c in secret),
        "".join(f"%{ord(c):02X}" for c in secret),
        base64.b64encode(secret.encode()).decode(),
        base64.b64encode(f"Bearer {secret}".encode()).decode(),
        "\x1b[0m".join(secret),
        secret[:-2],
    ]


@dataclass(slots=True)
class Case:
    """One command line and everything around it."""

    argv: list[str]
    environ: dict[str, str] = field(default_factory=dict)
    config: bytes | None = None
    answer: list[bytes] = field(default_factory=list)
    echoed: str = ""
    stdin: bytes | None = b""
    streams: str = "usual"


class Generator:
    """Draws cases; the same seed draws the same ones. ``folder`` holds odd paths."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = random.Random(seed)
        self._folder = folder
        self._paths = _odd_paths(folder)

    def case(self) -> Case:
        """Draw one."""
        kinds = [self._say, self._say, self._say, self._ask, self._help, self._bench, self._keep]
        argv = self.random.choice(kinds)()
        environ = self._environ()
        config = self._config() if self.random.random() < 0.4 else None
        stdin = self.random.choice([b"", b"Hello.", b"\xff\xfe", b"a\0b", None, b"# x\n\n> y" * 20])
        streams = self.random.choice(["usual"] * 6 + ["full stdout", "closed stdout", "no stderr"])
        echoed = self.random.choice(SECRETS)
        return Case(argv, environ, config, self._answer(echoed), echoed, stdin, streams)

    def _url(self) -> str:
        pick = self.random.choice
        if self.random.random() < 0.4:
            return f"http://{pick(_LOGINS)}localhost:PORT/v1"
        url = f"{pick(_SCHEMES)}{pick(_LOGINS)}{pick(_HOSTS)}{pick(_PORTS)}{pick(_PATHS)}"
        return self._mutated(url) if self.random.random() < 0.2 else url

    def _mutated(self, text: str) -> str:
        at = self.random.randrange(len(text) + 1)
        odd = self.random.choice(
            ["@", ":", "/", "\\", "%", "[", "]", " ", "?", "#", "\t", "ß", "\x7f"]
        )
        return text[:at] + odd + text[at + self.random.randrange(2) :]

    def _path(self) -> str:
        return self.random.choice(self._paths)

    def _odd(self) -> str:
        return self.random.choice(_ODD_TEXTS).replace("\x00", "")  # which execve cannot pass

    def _say(self) -> list[str]:
        pick = self.random.choice
        argv = ["say", "--no-play", "--retries", "0", "--timeout", "2"]
        if self.random.random() < 0.8:
            argv += ["--base-url", self._url()]
        options = {
            "--voice": self._odd, "--model": self._odd, "--format": lambda: pick([*_FORMATS, "x"]),
            "--speed": self._odd, "--instructions": self._odd, "--extra": self._odd,
            "--sample-rate": lambda: pick(["8000", "0", "1e9", "x"]), "--save": self._path,
            "--event-log": self._path, "--trace": self._path, "--subtitles": self._path,
            "--lexicon": self._path, "--file": self._path, "--profile": self._odd,
            "--proxy": self._url, "--lang": self._odd, "--buffer-ms": self._odd,
            "--fallback": lambda: pick(["builtin", "p", self._odd()]), "--say": self._odd,
            "--script": self._path, "--prefetch": self._odd, "--pause-ms": self._odd,
            "--segment": lambda: pick(["auto", "sentence", "paragraph", "whole", self._odd()]),
            "--encoding": self._odd, "--latency-ms": self._odd, "--save-as": self._odd,
            "--markdown": lambda: pick(["on", "off", self._odd()]), "--code": self._odd,
        }  # fmt: skip
        for name in self.random.sample(sorted(options), self.random.randrange(4)):
            argv += [name, options[name]()]
        argv += self.random.sample(
            [
                "--json",
                "-v",
                "-q",
                "--trace-audio",
                "--cache",
                "--no-recover",
                "--resume",
                "--no-state",
                "--strict-words",
            ],
            self.random.randrange(3),
        )
        if self.random.random() < 0.2:
            argv.append(f"--debug-audio={self._path()}")
        return [*argv, "--", pick(["Hello.", "Hello. " * 30, self._odd()])]

    def _ask(self) -> list[str]:
        command = self.random.choice(
            [["voices"], ["config", "show"], ["doctor", "--device", "null"]]
        )
        argv = [*command, "--base-url", self._url()]
        argv += ["--timeout", "2"] if command[0] != "config" else []
        return [*argv, *self.random.sample(["--json"], self.random.randrange(2))]

    def _bench(self) -> list[str]:
        pick = self.random.choice
        argv = ["bench", "--device", "null", "--simulate", "--runs", "1", "--warmup", "0"]
        argv += ["--base-url", self._url(), "--format", pick(_FORMATS)]
        options = {
            "--voice": self._odd, "--text": self._odd, "--texts": self._path,
            "--network": self._odd, "--fail-if": lambda: pick(["ttfa_ms>1", self._odd()]),
            "--compare": self._path, "--report": self._path, "--replay": self._path,
            "--record": self._path, "--buffer-ms": self._odd, "--concurrency": lambda: "2",
        }  # fmt: skip
        for name in self.random.sample(sorted(options), self.random.randrange(3)):
            argv += [name, options[name]()]
        return argv + self.random.sample(
            ["--json", "--csv", "-v", "-q", "--baseline"], self.random.randrange(3)
        )

    def _keep(self) -> list[str]:
        """Draw a command about what is configured, kept or spoken elsewhere."""
        return self.random.choice([
            ["endpoints"], ["endpoints", "--json"], ["endpoints", "add", self._odd()],
            ["endpoints", "add", "groq"], ["endpoints", "test", "p", "--timeout", "2"],
            ["endpoints", "test", self._odd(), "--timeout", "2"], ["cache", "info"],
            ["cache", "clear"], ["config", "init"], ["config", "forget"], ["config", "show"],
            ["replay", "--device", "null"], ["status", "--json"], ["stop", "--all"],
            ["pause"], ["skip"], ["resident", "status"], ["say", "--resume", "--no-play"],
        ])  # fmt: skip

    def _help(self) -> list[str]:
        pick = self.random.choice
        commands = ["say", "play", "voices", "doctor", "devices", "config", "serve", "bench"]
        return pick([
            [pick(commands), "--help"], ["--help"], ["--version"], [], [self._odd()],
            ["play", "--no-play", self._path()], [pick(commands[:6]), f"--{self._odd()}"],
            ["config", "path"], ["config", self._odd()],
        ])  # fmt: skip

    def _environ(self) -> dict[str, str]:
        pick, environ = self.random.choice, {}
        odd: dict[str, list[str]] = {
            "OPENAI_API_KEY": [KEY, "", " ", "k\u00e4y"], "VOICECLI_API_KEY": [KEY, KEY, "",
            "a\nb"],
            "OPENAI_BASE_URL": [self._url()], "VOICECLI_BASE_URL": [self._url()],
            "HEADER_KEY": [OTHER_KEY], "VOICECLI_CONFIG": [self._path(), ""],
            "HTTP_PROXY": [self._url()], "ALL_PROXY": [self._url(), "socks://localhost:PORT/"],
            "https_proxy": [self._url()], "NO_PROXY": ["*", "", self._odd()],
            "PATH": [""], "HOME": ["", "/nonexistent", self._path()], "TERM": ["dumb", "", "x"],
            "XDG_CONFIG_HOME": [self._path(), ""], "XDG_DATA_HOME": [self._path()],
            "XDG_STATE_HOME": [self._path()], "XDG_CACHE_HOME": [self._path()],
            "XDG_RUNTIME_DIR": [self._path(), ""], "COLUMNS": ["0", "-1", "x", "1", "99999"],
            "LANG": ["C", "x"], "LC_ALL": ["C"], "SSL_CERT_FILE": [self._path()],
            "PYTHONUTF8": ["0"],
            "VOICECLI_VOICE": [self._odd()], "VOICECLI_MODEL": [self._odd()],
            "VOICECLI_PROFILE": [self._odd()], "OPENAI_ORG_ID": [self._odd()], "NO_COLOR": ["1"],
            "VOICECLI_TRACEBACK": [""], "TZ": ["x"], "TMPDIR": [self._path()],
        }  # fmt: skip
        for name in self.random.sample(sorted(odd), self.random.randrange(7)):
            environ[name] = pick(odd[name]).replace("\x00", "")
        environ["VOICECLI_API_KEY"] = environ.get("VOICECLI_API_KEY", KEY)
        return environ

    def _config(self) -> bytes:
        pick, depth = self.random.choice, self.random.choice([3, 90, 400, 100_000])
        nested = "[" * depth + "]" * depth
        lines = [
            'default_profile = "p"', f"volume = {pick(['1', '-1', 'nan', 'inf', '9' * 400, '[]'])}",
            f"extra = {nested}", "a" + ".a" * pick([3, 900, 1900, 100_000]) + " = 1",
            f"recordings = {json.dumps(self._path())}", f"x = {json.dumps(self._odd())}",
            f"device = {json.dumps(self._odd())}", "timeout_s = 1", "retries = 0",
            "lexicon = 3", f"buffer_ms = {pick(['1', 'true', nested])}", "\x00", "=",
        ]  # fmt: skip
        profile = [
            f"base_url = {json.dumps(self._url())}", 'headers = { X-Key = "$HEADER_KEY" }',
            f"headers = {{ X = {json.dumps(self._odd())} }}", 'api_key_env = "VOICECLI_API_KEY"',
            f"allow_redirects_to = [{json.dumps(self._url())}]", f"extra = {{ a = {nested} }}",
            f"voice = {json.dumps(self._odd())}", "speed = 1", 'format = "wav"',
            "max_input_chars = 20",
        ]  # fmt: skip
        chosen = self.random.sample(lines, self.random.randrange(3))
        chosen += ["[profiles.p]", *self.random.sample(profile, self.random.randrange(5))]
        text = "\n".join(chosen).encode("utf-8", "surrogatepass")
        return text if self.random.random() < 0.9 else text[: self.random.randrange(len(text))]

    def _answer(self, secret: str) -> list[bytes]:
        """Draw the raw bytes of the server's answer, in the pieces in which they are sent."""
        pick = self.random.choice
        echo = pick(spellings(secret))
        location = pick([self._url(), "/v2", echo, "?", "//", "http://a..b/", "http://[::1", ""])
        status = pick([200, 200, 200, 200, 301, 307, 307, 308, 400, 401, 403, 404, 407, 418, 422,
        429,
                       500, 503, 999, 100, 204, 0])  # fmt: skip
        kind = pick(["audio/pcm", "audio/wav", "audio/mpeg", "audio/ogg", "application/json",
                     "text/html", "text/event-stream", f"audio/{echo}", "x", "",
                     f"text/plain; a={echo}",
                     "audio/pcm;rate=99999999999999999999"])  # fmt: skip
        odd = pick(["", "", f"X-Echo: {echo}\r\n", "X-Sample-Rate: ٣\r\n", "X-Channels: 99\r\n",
                    "Content-Encoding: gzip\r\n", "Content-Encoding: br\r\n", "Retry-After: -1\r\n",
                    "Retry-After: Thu, 99 Foo 99999\r\n", "Transfer-Encoding: chunked\r\n",
                    "Content-Length: 10\r\n", "Content-Length: x\r\n", "Content-Length: 5, 6\r\n",
                    f"Set-Cookie: a={echo}\r\n", "Bad Header\r\n",
                    f"X: {'y' * 100_000}\r\n"])  # fmt: skip
        body = pick([
            b"", b"\0" * 4800, b"RIFF" + bytes(40), b"OggS" + bytes(60), b"\xff\xfb\x90\0" * 50,
            json.dumps({"error": {"message": f"key {echo}"}}).encode(), b"{" * 5000, b"[" * 100_000,
            f"data: {json.dumps({'type': 'speech.audio.delta', 'audio': echo})}\n\n".encode(),
            b'data: {"type": "speech.audio.done"}\n\n', f"<title>{echo}</title>".encode(),
            bytes(4800) + json.dumps({"error": f"bad {echo}"}).encode(), echo.encode() * 20,
            json.dumps({"voices": [{"id": echo}, {"name": None}, 3, "\x1b[31m"]}).encode(),
            self.random.randbytes(300), b'{"detail": [{"loc": ["body", "x"], "msg": "m"}]}',
            b"null",
        ])  # fmt: skip
        head = f"HTTP/1.{pick('11110x')} {status} No\r\nContent-Type: {kind}\r\n"
        head += f"Location: {location}\r\n"
        whole = (head + odd + "\r\n").encode("utf-8", "surrogatepass") + body
        whole = pick([whole] * 9 + [whole[: self.random.randrange(len(whole))]])
        whole = pick([whole] * 15 + [self.random.randbytes(100)])
        edges = sorted(
            self.random.randrange(len(whole) + 1) for _ in range(self.random.randrange(4))
        )
        return [whole[a:b] for a, b in zip([0, *edges], [*edges, len(whole)], strict=True)]


def _odd_paths(folder: Path) -> list[str]:
    """Make odd things to name where a path is expected."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "dangling").symlink_to(folder / "nowhere" / "x")
    (folder / "folder").mkdir()
    (folder / "folder.wav").mkdir()
    (folder / "file").write_bytes(b"\xff\0\xfe")
    (folder / "empty.wav").touch()
    (folder / "nested.json").write_text("[" * 100_000)
    (folder / "text.txt").write_text("Hello. This is a text.")
    os.mkfifo(folder / "pipe-without-reader.wav")
    names = ["loop", "loop/x.wav", "dangling", "dangling.wav", "folder", "folder.wav", "file",
             "file/x.wav", "empty.wav", "nested.json", "text.txt", "new.wav", "new.opus", "new",
             "missing/x.wav", _LONG + ".wav", _LONG, "ä\udcff.wav", "new.srt", "new.xyz",
             "\x1b[31m.wav",
             "/".join(["d" * 200] * 30), " ", "new.wav/"]  # fmt: skip
    fixed = ["", "-", "/dev/null", "/dev/full", "/proc/self/mem", "/", ".", "~", "~nobody/x.wav",
             "/proc/x.wav", "/dev/fd/99", "file:///x.wav", "http://localhost/x.wav"]  # fmt: skip
    return [*(str(folder / name) for name in names), *fixed]
