from voicecli.config.retired import RetiredModels
from voicecli.config.urls import OPENAI_URL

KEY = {"OPENAI_API_KEY": "sk-0123456789abcdef"}


def test_what_is_spoken_through_the_realtime_api_and_why(cli):
    cli.configure(
        '[profiles.x]\nbase_url = "http://localhost:1/v1"\nprotocol = "realtime"\ncache = true\n'
    )
    shown = cli.run("config", "show", "--profile", "x").stdout
    assert "profile x" in next(line for line in shown.splitlines() if "realtime" in line)
    assert "the protocol" in next(line for line in shown.splitlines() if "1500" in line)
    endpoint = cli.run("config", "show", "--profile", "x", "--json").json["endpoint"]
    assert (endpoint["protocol"], endpoint["cache"]) == ("realtime", True)
    assert endpoint["max_input_chars"] == 1500


def test_a_retired_default_is_replaced_until_it_is_forgotten(cli):
    def model():
        return cli.run("config", "show", "--json", env=KEY).json["endpoint"]["model"]

    assert model() == "gpt-4o-mini-tts"
    known = RetiredModels(cli.home / "cache" / "voicecli" / "retired_models.json")
    known.add(OPENAI_URL, "gpt-4o-mini-tts")
    assert model() == "gpt-realtime-2.1-mini"
    assert "deleted" in cli.run("config", "forget").stderr
    assert model() == "gpt-4o-mini-tts"
