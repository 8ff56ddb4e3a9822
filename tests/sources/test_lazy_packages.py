from __future__ import annotations

import importlib
import subprocess
import sys
import threading

import pytest

from voicecli.sources.lazy_packages import deferred


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose ``__init__`` counts how often it runs, with a submodule."""
    folder = tmp_path / "heavy"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import builtins\n"
        "builtins.heavy_runs = getattr(builtins, 'heavy_runs', 0) + 1\n"
        "from heavy.part import light\n"
        "WEIGHT = 9\n"
        "__all__ = ['WEIGHT', 'light']\n"
    )
    (folder / "part.py").write_text("light = 1\n")
    (folder / "loop.py").write_text(
        "import heavy\ntry:\n    heavy.nothing\nexcept AttributeError:\n    seen = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import builtins

    monkeypatch.setattr(builtins, "heavy_runs", 0, raising=False)
    yield "heavy"
    for name in [name for name in sys.modules if name.split(".")[0] == "heavy"]:
        del sys.modules[name]


def runs() -> int:
    import builtins

    return builtins.heavy_runs


def test_nothing_runs_until_a_name_is_asked_for(package):
    with deferred([package]):
        module = importlib.import_module(package)
    assert runs() == 0
    assert module.WEIGHT == 9
    assert module.light == 1
    assert runs() == 1


def test_submodules_import_without_their_package_s_code(package):
    with deferred([package]):
        from heavy import part
        from heavy.part import light
    assert (light, part.light, runs()) == (1, 1, 0)


def test_a_submodule_is_found_as_an_attribute(package):
    with deferred([package]):
        module = importlib.import_module(package)
    assert module.part.light == 1
    assert runs() == 0


def test_a_name_that_is_not_there_is_not_there(package):
    with deferred([package]):
        module = importlib.import_module(package)
    assert not hasattr(module, "nothing")
    assert runs() == 1


def test_importing_a_function_runs_nothing_until_it_is_called(package, tmp_path):
    init = tmp_path / "heavy" / "__init__.py"
    init.write_text(init.read_text() + "def lift(by, *, times=1): return 9 + by * times\n")
    with deferred([package], ["lift"]):
        from heavy import lift
    assert runs() == 0
    assert lift(1, times=2) == 11
    assert runs() == 1
    assert importlib.import_module(package).lift(1) == 10


def test_a_name_asked_for_while_the_code_runs_does_not_run_it_again(package, tmp_path):
    init = tmp_path / "heavy" / "__init__.py"
    init.write_text(init.read_text() + "import heavy.loop\n")
    with deferred([package]):
        module = importlib.import_module(package)
    assert module.WEIGHT == 9
    assert sys.modules["heavy.loop"].seen
    assert runs() == 1


def test_star_imports_what_the_package_says(package):
    with deferred([package]):
        importlib.import_module(package)
    names: dict[str, object] = {}
    exec("from heavy import *", names)
    assert names["WEIGHT"] == 9


def test_every_thread_sees_the_whole_package(package):
    with deferred([package]):
        module = importlib.import_module(package)
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(module.WEIGHT)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [9] * 8


def test_other_packages_and_later_imports_are_left_alone(package):
    with deferred(["something.else"]):
        importlib.import_module(package)
    assert runs() == 1
    assert not [f for f in sys.meta_path if type(f).__name__ == "_DeferringFinder"]


def test_a_package_that_does_not_exist_is_an_import_error():
    with deferred(["no_such_package"]), pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_package")


@pytest.mark.slow
def test_the_sdk_is_whole_for_other_users():
    """In a process of its own: what is imported first stays as it was imported."""
    code = (
        "import sys\n"
        "from voicecli.sources.client import SpeechClient\n"
        "client = SpeechClient('http://127.0.0.1:1/v1', 'key')\n"
        "client.prepare()\n"
        "for name in ('responses.response', 'audio.transcription'):\n"
        "    assert f'openai.types.{name}' not in sys.modules, name\n"
        "for name in ('openai.lib._tools', 'openai.providers.vertex', 'asyncio.base_events'):\n"
        "    assert name not in sys.modules, name\n"
        "assert 'socksio.socks5' not in sys.modules\n"
        "import openai\n"
        "from openai.types import Completion\n"
        "from openai.types.chat import ChatCompletion, ChatCompletionMessageParam\n"
        "from openai.types.responses import Response\n"
        "assert openai.types.audio.Transcription.model_fields\n"
        "assert Response.model_json_schema()['title'] == 'Response'\n"
        "assert openai.OpenAI(api_key='k').chat.completions\n"
        "class Weather(openai.BaseModel):\n"
        "    city: str\n"
        "assert openai.pydantic_function_tool(Weather)['function']['name'] == 'Weather'\n"
        "import asyncio\n"
        "async def wait():\n"
        "    async with asyncio.timeout(5), openai.AsyncOpenAI(api_key='k') as client:\n"
        "        return await asyncio.to_thread(lambda: client.api_key)\n"
        "assert asyncio.run(wait()) == 'k'\n"
        "from socksio import SOCKS5Command\n"
        "assert SOCKS5Command.CONNECT and openai.providers.vertex\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
