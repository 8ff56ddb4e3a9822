"""Find the endpoints of a run: of the voices in a script, and those to fall back on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from voicecli.config.endpoint import BUILTIN, Endpoint, EndpointChoice, resolve_endpoint
from voicecli.config.selection import named_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from voicecli.config.file import Config


class VoiceEndpoints:
    """Finds the endpoint of each voice that a script names.

    A voice ``PROFILE/NAME`` is a voice of that profile, or known server: of its server, with
    its model, format and key. ``PROFILE/`` is the profile's own voice. Any other name is a voice of
    the ``default`` endpoint. ``notify`` gets each further endpoint once. ``fallback`` names
    the profiles to speak with after a failure; None is each endpoint's own list, else the
    default one's.

    Raises:
        ConfigError: ``fallback`` names no profile, or one that lacks something.
    """

    def __init__(
        self,
        default: Endpoint,
        choice: EndpointChoice,
        env: Mapping[str, str],
        config: Config,
        *,
        notify: Callable[[Endpoint], None],
        fallback: Sequence[str] | None = None,
    ) -> None:
        self.default = default
        self._choice = choice
        self._env = dict(env)
        self._config = config
        self._notify = notify
        self._known: dict[str, Endpoint] = {}
        self._notified = {default.label}
        self._is_fallback_given = fallback is not None
        self._spares: dict[tuple[str, ...], tuple[Endpoint, ...]] = {}
        names = default.fallback if fallback is None else fallback
        self.spare = tuple(self._named(name) for name in names)
        """Endpoints to speak with if the first fails, in this order."""

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

    def fallbacks_of(self, voice: str | None) -> tuple[Endpoint, ...]:
        """Return the endpoints to speak with if that of a voice fails, in this order.

        Raises:
            ConfigError: as for ``fallback``.
        """
        names = self.of(voice).fallback
        if self._is_fallback_given or not names or names == self.default.fallback:
            return self.spare
        if names not in self._spares:
            self._spares[names] = tuple(self._named(name) for name in names)
        return self._spares[names]

    def _named(self, name: str) -> Endpoint:
        is_builtin = name == BUILTIN and name not in self._config.profiles
        choice = EndpointChoice(
            base_url=BUILTIN if is_builtin else None,
            profile=None if is_builtin else name,
            speed=self._choice.speed,
            instructions=self._choice.instructions,
        )
        return resolve_endpoint(choice, self._env, self._config)

    def _find(self, voice: str) -> Endpoint:
        profile, slash, name = voice.partition("/")
        known = named_profile(profile, self._config) if slash else None
        if known is None:
            return replace(self.default, voice=voice)
        has_url = known.base_url is not None
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
