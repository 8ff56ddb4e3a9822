"""Select the server, its key, model and voice, and record why.

The first of these that is set decides:

=====================  ================================================
``--base-url``         ``builtin`` selects the built-in voice
``--profile``          a profile of the configuration file
``VOICECLI_BASE_URL``  ours, so that it can differ from other programs'
``default_profile``    of the configuration file
``OPENAI_BASE_URL``    the SDK's own variable
``OPENAI_API_KEY``     selects api.openai.com
(none)                 the built-in voice
=====================  ================================================

``VOICECLI_PROFILE`` takes the place of ``default_profile``. ``VOICECLI_MODEL`` and
``VOICECLI_VOICE`` override a profile, unless ``--profile`` selected it.

A key is sent only to the server it belongs to. ``OPENAI_API_KEY`` goes to
api.openai.com, over https and to exactly that host, or to the ``OPENAI_BASE_URL``
set with it. Every other endpoint gets the variable that its profile names, else
``VOICECLI_API_KEY``, else a placeholder: the SDK requires a key, and servers that
need none ignore it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from voicecli.config.headers import expanded
from voicecli.config.protocols import REALTIME, REALTIME_CHARS, SPEECH, defaults_of, protocol_of
from voicecli.config.selection import BUILTIN, EndpointChoice, select
from voicecli.config.server import KEYLESS, Server
from voicecli.config.urls import OPENAI_HOST, is_loopback, is_openai, parse_base_url
from voicecli.errors import ConfigError
from voicecli.request import SpeechRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from voicecli.config.file import Config, Profile
    from voicecli.config.selection import Candidate

__all__ = ["BUILTIN", "KEYLESS", "Endpoint", "EndpointChoice", "resolve_endpoint"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes, and its parameters.

    Attributes:
        base_url: without credentials and a trailing slash; None is the built-in voice.
        api_key: None for the built-in voice, `KEYLESS` if there is no key.
        key_variable: the variable that holds the key, None for `KEYLESS`.
        reason: why this endpoint was selected, one clause for ``-v``.
        headers, allow_redirects_to, secrets: as for `Server`.
        protocol: ``"speech"`` or ``"realtime"``, as `voicecli.config.protocols` has them.
        max_input_chars: how much text one request may have; None if nothing says so.
        cache: whether answers are kept, by the profile.
        fallback: names of the profiles to speak with if this one fails, in this order.
        origins: where ``model``, ``voice`` and so on came from.
    """

    base_url: str | None
    api_key: str | None = field(repr=False)
    key_variable: str | None
    reason: str
    profile: str | None
    model: str
    voice: str
    response_format: str | None = None
    speed: float | None = None
    instructions: str | None = None
    extra_body: Mapping[str, object] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    allow_redirects_to: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    protocol: str = SPEECH
    max_input_chars: int | None = None
    fallback: tuple[str, ...] = ()
    cache: bool = False
    warnings: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_builtin(self) -> bool:
        """Whether this is the built-in voice."""
        return self.base_url is None

    @property
    def is_openai(self) -> bool:
        """Whether the server is api.openai.com itself."""
        return self.base_url is not None and is_openai(self.base_url)

    @property
    def server(self) -> Server:
        """The server, for an endpoint that is not the built-in voice."""
        assert self.base_url is not None
        key = self.api_key or KEYLESS
        return Server(self.base_url, key, self.headers, self.allow_redirects_to, self.secrets)

    @property
    def label(self) -> str:
        """The URL to show and record, without credentials and query, or ``"builtin"``."""
        if self.base_url is None:
            return BUILTIN
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def format_or(self, default: str) -> str:
        """Return the format to ask for: the endpoint's own, else ``default``."""
        return "pcm" if self.is_builtin else self.response_format or default

    def request(self, text: str, response_format: str) -> SpeechRequest:
        """Make a request with the parameters of this endpoint."""
        return SpeechRequest(
            text=text,
            voice=self.voice,
            model=self.model,
            response_format=response_format,
            speed=self.speed,
            instructions=self.instructions,
            extra_body=self.extra_body,
        )


def resolve_endpoint(choice: EndpointChoice, env: Mapping[str, str], config: Config) -> Endpoint:
    """Select the endpoint; the module docstring has the order and the rules for keys.

    Raises:
        ConfigError: a URL is malformed, a profile is unknown, or a key is missing or
            would go to a server that it does not belong to.
    """
    chosen = select(choice, env, config)
    profile = chosen.profile
    access = _Access(None, None, None)
    if chosen.url is not None and chosen.url != BUILTIN:
        access = _access(chosen, env)
    values: dict[str, object] = dict(defaults_of(access.base_url))
    origins = dict.fromkeys(values, "default")
    for layer, origin in _layers(choice, env, config, profile):
        for name in ("model", "voice", "response_format", "speed", "instructions"):
            if (value := getattr(layer, name, None)) is not None:
                values[name], origins[name] = value, origin.replace("{}", name.upper())
    protocol = protocol_of(str(values["model"]), profile.protocol if profile else None)
    most = profile.max_input_chars if profile else None
    if protocol == REALTIME:
        named = profile.name if profile and profile.protocol else None
        origins["protocol"] = f"profile {named}" if named else "the model's name"
        if most is None:
            most, origins["max_input_chars"] = REALTIME_CHARS, "the protocol"
    return Endpoint(
        reason=chosen.reason,
        profile=profile.name if profile else None,
        extra_body={**(profile.extra_body if profile else {}), **choice.extra_body},
        protocol=protocol,
        max_input_chars=most,
        cache=profile.cache if profile else False,
        fallback=profile.fallback if profile else (),
        origins=origins,
        **access._asdict(),
        **values,  # type: ignore[arg-type]  # each was checked when it was read
    )


def distinct(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Return the endpoints without those that would get the same requests as an earlier one."""
    kept: list[Endpoint] = []
    asked: list[object] = []
    for each in endpoints:
        said = each.base_url, each.api_key, each.headers, each.protocol, each.request("", "pcm")
        if said not in asked:
            asked.append(said)
            kept.append(each)
    return kept


class _Access(NamedTuple):
    """The fields of an `Endpoint` that say where requests go, and what goes with them."""

    base_url: str | None
    api_key: str | None
    key_variable: str | None
    headers: tuple[tuple[str, str], ...] = ()
    allow_redirects_to: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def _layers(
    choice: EndpointChoice, env: Mapping[str, str], config: Config, profile: Profile | None
) -> Iterator[tuple[object, str]]:
    """Yield the layers of settings (voice and so on) and their names, the strongest last.

    A profile that ``--profile`` selected is stronger than variables.
    """
    yield EndpointChoice(voice=config.voice), "file"
    variables = EndpointChoice(
        model=env.get("VOICECLI_MODEL") or None, voice=env.get("VOICECLI_VOICE") or None
    )
    of_profile = (profile, f"profile {profile.name}" if profile else "")
    of_variables = (variables, "VOICECLI_{}")
    yield from (of_variables, of_profile) if choice.profile else (of_profile, of_variables)
    yield choice, "flag"


def _access(chosen: Candidate, env: Mapping[str, str]) -> _Access:
    """Return what a server gets: its key, or a user and password, and its profile's headers."""
    base_url, login = parse_base_url(chosen.url or "", chosen.setting)
    profile = chosen.profile if chosen.is_of_profile else None
    headers, secrets = expanded(profile.headers, env, profile.name) if profile else ((), ())
    if env.get("OPENAI_API_KEY", "").strip() in secrets and not is_openai(base_url):
        raise _not_for_openai(chosen)
    redirects = profile.allow_redirects_to if profile else ()
    if login is None:
        key, variable, warnings = _key(base_url, chosen, env)
        return _Access(base_url, key, variable, headers, redirects, secrets, tuple(warnings))
    encoded = base64.b64encode(":".join(login).encode()).decode("ascii")
    headers = (*headers, ("Authorization", f"Basic {encoded}"))
    warnings = _warn_if_unencrypted(f"the password of {chosen.setting}", base_url)
    if profile and profile.api_key_env:
        warnings.append(f"{profile.api_key_env} is not sent: base_url has a user and a password")
    secrets = (*secrets, *login, encoded)
    return _Access(base_url, KEYLESS, None, headers, redirects, secrets, tuple(warnings))


def _not_for_openai(chosen: Candidate) -> ConfigError:
    name = chosen.profile.name if chosen.profile else ""
    return ConfigError(
        f"profile {name} names OPENAI_API_KEY for a server that is not OpenAI's",
        remedy="put the server's key in a variable of its own, and name that",
    )


def _warn_if_unencrypted(what: str, base_url: str) -> list[str]:
    parts = urlsplit(base_url)
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return []
    return [f"{what} is sent to {parts.hostname} unencrypted, over plain http"]


def _key(
    base_url: str, chosen: Candidate, env: Mapping[str, str]
) -> tuple[str, str | None, list[str]]:
    """Return the key to send, the variable it came from, and any warnings."""
    variables = _key_variables(base_url, chosen, env)
    for variable in variables:
        if key := _read_key(variable, env):
            return key, variable, _warn_if_unencrypted(variable, base_url)
    if is_openai(base_url):
        raise ConfigError(
            f"{OPENAI_HOST} requires a key, and {variables[0]} is not set",
            remedy=f"export {variables[0]}=..., or use --base-url {BUILTIN}",
        )
    profile = chosen.profile
    if profile and chosen.is_of_profile and profile.api_key_env:
        warning = f"profile {profile.name} names {profile.api_key_env}, which is not set"
        return KEYLESS, None, [warning]
    return KEYLESS, None, []


def _key_variables(base_url: str, chosen: Candidate, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables that may hold the key for this URL, in order of preference."""
    profile = chosen.profile
    trusted = is_openai(base_url) or base_url == env.get("OPENAI_BASE_URL", "").rstrip("/")
    if profile and profile.api_key_env and chosen.is_of_profile:
        if profile.api_key_env == "OPENAI_API_KEY" and not trusted:
            raise _not_for_openai(chosen)
        return (profile.api_key_env,)
    if chosen.setting in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        return ("OPENAI_API_KEY",)
    return ("OPENAI_API_KEY", "VOICECLI_API_KEY") if trusted else ("VOICECLI_API_KEY",)


def _read_key(variable: str, env: Mapping[str, str]) -> str | None:
    """Read a key, without the white space that pasting adds; None if it is empty."""
    key = env.get(variable, "").strip()
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"{variable} contains characters that cannot be part of a key",
            remedy="copy the key again",
        )
    return key or None
