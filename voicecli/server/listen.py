"""The listening socket, uvicorn on it, and shutdown.

The first SIGINT or SIGTERM stops accepting and lets responses in progress finish,
within a limit; the second exits at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from voicecli.errors import ConfigError, ExitStatus
from voicecli.sanitize import clean
from voicecli.server.protocol import Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

BACKLOG = 128
"""Connections that may wait to be accepted."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def bind(host: str, port: int, *, has_key: bool) -> socket.socket:
    """Return a listening socket on the first address of ``host``; port 0 picks a free one.

    Raises:
        ConfigError: the address is unavailable, or other machines could reach
            the server and there is no key.
    """
    name = clean(host, 100)
    shown = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{clean(host, 100)!r} has no address to listen on") from error
    # IPv4 first: a client of "localhost" tries both, a client of 127.0.0.1 does not.
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    if not (has_key or _is_loopback(str(address[0]))):
        raise ConfigError(
            f"other machines could use the server at {shown} without a key",
            remedy="name a variable that holds a key, as in --api-key-env VOICECLI_SERVER_KEY",
        )
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {shown}: {error.strerror or error}",
            remedy="choose another port with --port; 0 picks a free one",
        ) from error
    return listening


def url_of(listening: socket.socket) -> str:
    """Return the base URL for clients of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


def serve(
    app: ASGIApp,
    listening: socket.socket,
    *,
    grace_s: int,
    on_ready: Callable[[], None],
    on_stop: Callable[[], None],
    log: Callable[[str], None],
) -> bool:
    """Serve until a signal; return whether every response in progress could finish.

    Main thread only: it handles the signals. ``on_ready`` is called once connections
    are accepted, ``on_stop`` when they no longer are, ``log`` with a line for each
    error outside of requests, such as too many open files. Closes the socket.
    """
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # the middleware reports what matters
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=grace_s,
    )
    server = _Server(config, on_ready, on_stop, log)
    asyncio.run(server.serve(sockets=[listening]))
    return not server.was_cut_short


class _Server(uvicorn.Server):
    """uvicorn's server with our signal handling."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
        log: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop
        self._log = log
        self.was_cut_short = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(self._log_error)
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)
        self.was_cut_short = bool(self.server_state.tasks)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle both signals while serving, and restore their handlers afterwards.

        uvicorn's own version raises the signals again after shutdown, which would
        make an obeyed SIGTERM look like a crash.
        """
        previous = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _log_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._log(f"error: {clean(str(context.get('exception') or context['message']))}")

    def _stop(self, _number: int, _frame: Any) -> None:
        if self.should_exit:
            os._exit(ExitStatus.INTERRUPTED)
        self.should_exit = True


def _is_loopback(address: str) -> bool:
    # A zone (fe80::1%eth0) is not part of the address, and older Pythons reject it.
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
