"""``voicecli mcp``: speech for coding agents, over the Model Context Protocol."""

from __future__ import annotations

from voicecli.cli import options
from voicecli.errors import ConfigError

EXAMPLES = """Examples:
  claude mcp add speech -- voicecli mcp
  codex mcp add speech -- voicecli mcp --profile kokoro
"""


def mcp(
    base_url: options.BaseUrl = None,
    profile: options.ProfileName = None,
    voice: options.VoiceName = None,
    device: options.Device = None,
) -> None:
    """Let an agent speak, over the Model Context Protocol on standard input and output.

    Its tools are speak, stop, pause, resume, status and list_voices. Each text is spoken
    as `voicecli say` speaks it, one at a time with all other voices of this user.
    """
    try:
        from voicecli.cli.mcp_tools import SpeechTools, make_server  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ConfigError(
            "the MCP server is not installed", remedy="pip install -e '.[mcp]' in the clone"
        ) from error
    endpoint = {"--base-url": base_url, "--profile": profile}
    speaking = {**endpoint, "--voice": voice, "--device": device}
    make_server(SpeechTools(_given(speaking), _given(endpoint))).run("stdio")


def _given(settings: dict[str, str | None]) -> list[str]:
    """Return the options that were given, as arguments."""
    return [word for name, value in settings.items() if value is not None for word in (name, value)]
