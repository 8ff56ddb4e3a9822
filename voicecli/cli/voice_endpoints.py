"""The endpoints of the voices that a script names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from voicecli.config.endpoint import Endpoint, EndpointChoice, resolve_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voicecli.config.file import Config


class VoiceEndpoints:
    """Finds the endpoint of each voice that a script names.

    A voice ``PROFILE/NAME`` is a voice of that profile: of its server, with its model,
    format and key. ``PROFILE/`` is the profile's own voice. Any other name is a voice of
    the ``default`` endpoint. ``notify`` gets each further endpoint once.
    """

    def __init__(
        self,
        default: Endpoint,
        choice: EndpointChoice,
        env: Mapping[str, str],
        config: Config,
        *,
        notify: Callable[[Endpoint], None],
    ) -> None:
        self.default = default
        self._choice = choice
        self._env = dict(env)
        self._config = config
        self._notify = notify
        self._known: dict[str, Endpoint] = {}
        self._notified = {default.label}

    def of(self, voice: str | None) -> Endpoint:
        """Return the endpoint of a voice, None for the default one.

        Raises:
            ConfigError: the profile lacks something, such as its key.
        """
        if voice is None:
            return self.default
        if voice not in self._known:
            self._known[voice] = self._find(voice)
        return self._known[voice]

    def _find(self, voice: str) -> Endpoint:
        profile, slash, name = voice.partition("/")
        if not slash or profile not in self._config.profiles:
            return replace(self.default, voice=voice)
        has_url = self._config.profiles[profile].base_url is not None
        choice = EndpointChoice(
            base_url=None if has_url else self._choice.base_url,
            profile=profile,
            voice=name or None,
            speed=self._choice.speed,
            instructions=self._choice.instructions,
        )
        endpoint = resolve_endpoint(choice, self._env, self._config)
        if endpoint.label not in self._notified:
            self._notified.add(endpoint.label)
            self._notify(endpoint)
        return endpoint
