"""Running the server: its sockets, its signals, its end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvicorn

from ledger.diagnostics import logger
from ledger.errors import ConfigurationError, StoreError, UsageError
from ledger.log import ArchiveAddress, Log, LogAddress, SqliteAddress, TopicAddress, open_log
from outcomes.serve.access import Doors
from outcomes.serve.app import Parts, make_app
from outcomes.serve.appender import Appender, LogHolder
from outcomes.serve.comparing import Comparing
from outcomes.serve.explaining import Explainer
from outcomes.serve.figures import LiveHub
from outcomes.serve.following import Following
from outcomes.serve.guard import Guard, Names
from outcomes.serve.letters import LetterDesk
from outcomes.serve.limits import HEADER_BYTES_MAX, BoundedProtocol
from outcomes.serve.made_up import MadeUpSchool, seed_of
from outcomes.serve.metrics import Metrics
from outcomes.serve.pages import Pages
from outcomes.serve.tokens import TokenFile
from processors.live_figures import open_live_figures
from processors.metrics.figures import StatusReader, register_collectors
from processors.metrics.folder import metrics_folder
from processors.worker import WorkerOptions
from projections.policy import Policy

__all__ = ["ServeOptions", "listen", "run_server"]

_GRACE_SECONDS = 4
_BACKLOG = 2_048
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve a log.

    Attributes:
        address: Of the log.
        policies: To keep live; the first is the default of the API.
        host: To listen on.
        port: 0 for any that is free.
        state: The read model of a log in a file; beside the log where None.
        tokens: The file of tokens; None for a server without, on loopback alone.
        names: More names under which clients ask.
        certificate: PEM, with `key` for TLS.
        key: PEM; None if the certificate's file holds both.
        is_made_up: Whether the log is that of a synthetic school.
        proxy: The address whose forwarded headers count; None where clients come themselves.
    """

    address: LogAddress
    policies: Sequence[Policy]
    host: str = "127.0.0.1"
    port: int = 8080
    state: Path | None = None
    tokens: Path | None = None
    names: Sequence[str] = ()
    certificate: Path | None = None
    key: Path | None = None
    proxy: str | None = None
    is_made_up: bool = False


def run_server(options: ServeOptions, started: Callable[[str], None] = lambda _: None) -> int:
    """Serve until SIGTERM or Ctrl-C; what was accepted is finished.

    Args:
        options: How.
        started: Gets the URL once the server answers.

    Returns:
        The exit code.

    Raises:
        ConfigurationError: If a setting is wrong, the tokens for example.
        StoreError: If the log cannot be opened, or the address is taken.
        UsageError: If the server would be open to others without protection, or the proxy has no
            address.
    """
    _refuse_exposure(options)
    _check_proxy(options)
    _check_certificate(options)
    if options.tokens is not None:
        TokenFile(options.tokens).tokens()
    with contextlib.closing(open_log(options.address, create=_takes_events(options.address))):
        pass
    listener = listen(options.host, options.port)
    try:
        with metrics_folder() as folder:
            return _serve(options, folder, listener, started)
    finally:
        listener.close()


def _serve(
    options: ServeOptions, folder: Path, listener: socket.socket, started: Callable[[str], None]
) -> int:
    following = None
    if not isinstance(options.address, TopicAddress):
        worker = WorkerOptions(state=options.state, metrics_folder=folder, owner=os.getpid())
        following = Following(options.address, options.policies, worker)
    port = listener.getsockname()[1]
    scheme = "https" if options.certificate is not None else "http"
    names = Names(_hosts(options), None if options.proxy is not None else port)
    parts = _parts(options, folder, following)
    server = _Server(_config(options, Guard(make_app(parts), names, parts.metrics)))
    server.stop_streams = parts.hub.stop
    comparing = Comparing(
        options.address, parts.hub, partial(open_live_figures, options.address, options.state)
    )
    parts.metrics.registry.register(comparing)
    school = None
    if options.is_made_up and isinstance(options.address, SqliteAddress):
        assert parts.appender is not None
        school = MadeUpSchool(parts.appender, seed_of(options.address))
    helpers = (following, school, comparing)
    host = f"[{options.host}]" if ":" in options.host else options.host
    server.on_started = lambda: started(f"{scheme}://{host}:{port}/")
    with contextlib.ExitStack() as running:
        for helper in helpers:
            if helper is not None:
                helper.start()
                running.callback(helper.stop)
        asyncio.run(server.serve(sockets=[listener]))
    logger().info("server.stopped")
    return 0


def _parts(options: ServeOptions, folder: Path, following: Following | None) -> Parts:
    holder = _LogFile(options.address)
    is_archive = isinstance(options.address, ArchiveAddress)
    opening = partial(open_live_figures, options.address, options.state)
    metrics = Metrics()
    register_collectors(metrics.registry, folder, StatusReader(opening))
    appender = None
    if not is_archive:
        appender = Appender(LogHolder(holder.open, holder.is_replaced), metrics)
    hub = LiveHub(partial(opening, patient=True), options.policies)

    def ready() -> list[str]:
        if following is not None and not following.is_followed():
            return ["no worker keeps the figures yet"]
        return [] if hub.trouble is None else ["the figures cannot be read"]

    tokens = None if options.tokens is None else TokenFile(options.tokens)
    doors = Doors(tokens)
    is_secure = options.certificate is not None or options.proxy is not None
    pages = Pages(doors, hub, is_made_up=options.is_made_up, is_secure=is_secure)
    desk = LetterDesk(options.address, options.state)
    return Parts(
        doors,
        appender,
        hub,
        ready,
        pages,
        metrics,
        desk,
        Explainer(options.address),
        options.address,
    )


def _config(options: ServeOptions, app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=BoundedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        h11_max_incomplete_event_size=HEADER_BYTES_MAX,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
        proxy_headers=options.proxy is not None,
        forwarded_allow_ips=options.proxy or "",
    )


class _Server(uvicorn.Server):
    """Uvicorn, which ends all streams as soon as it is asked to stop, and exits with 0."""

    on_started: Callable[[], None]
    stop_streams: Callable[[], None]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals in the loop; uvicorn would raise them again at the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self.on_started()

    def _stop(self) -> None:
        self.should_exit = True
        self.stop_streams()


class _LogFile:
    """A log to append to, in a file that may be replaced by another."""

    def __init__(self, address: LogAddress) -> None:
        self._address = address
        self._identity: tuple[int, int] | None = None

    def open(self) -> Log:
        """The log that is there now."""
        log = open_log(self._address, create=True)
        self._identity = self._current()
        return log

    def is_replaced(self) -> bool:
        """Whether the file is no longer the one that was opened."""
        return self._current() != self._identity

    def _current(self) -> tuple[int, int] | None:
        if not isinstance(self._address, SqliteAddress):
            return None
        try:
            status = self._address.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def _refuse_exposure(options: ServeOptions) -> None:
    if _is_loopback(options.host):
        return
    if options.tokens is None:
        raise UsageError(
            f"--insecure-dev serves this machine alone, not {options.host}; name the tokens with"
            " OUTCOMES_TOKENS"
        )
    if options.certificate is None and options.proxy is None:
        raise UsageError(
            f"{options.host} is open to others; add --tls-cert and --tls-key, or --behind-proxy"
            " ADDRESS if a proxy does TLS"
        )


def _check_proxy(options: ServeOptions) -> None:
    """Refuse what no client can come from: its headers would never count, and nobody would know."""
    for address in [] if options.proxy is None else options.proxy.split(","):
        try:
            ipaddress.ip_network(address.strip())
        except ValueError as error:
            raise UsageError(
                f"--behind-proxy {options.proxy}: write the IP address that the proxy comes from"
            ) from error


def _check_certificate(options: ServeOptions) -> None:
    """Read the certificate once before anything is opened, so that its trouble has its name."""
    if options.certificate is None:
        if options.key is not None:
            raise UsageError("--tls-key is the key of a certificate; add --tls-cert")
        return
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(options.certificate, options.key)
    except OSError as error:
        reason = "not PEM" if isinstance(error, ssl.SSLError) else error.strerror
        key = "" if options.key is None else f" and {options.key}"
        raise ConfigurationError(
            f"{options.certificate}{key}: {reason}; name a certificate and its key, both in PEM"
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _hosts(options: ServeOptions) -> list[str]:
    local = _LOOPBACK_NAMES if _is_loopback(options.host) else ()
    return [name.lower() for name in (options.host, *local, *options.names)]


def _takes_events(address: LogAddress) -> bool:
    return not isinstance(address, ArchiveAddress)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        StoreError: If it cannot.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except UnicodeError as error:
        raise StoreError(
            f"cannot listen on {host}: no name of a machine; choose another"
        ) from error
    except OSError as error:
        why = str(error.strerror).partition(" (while ")[0]
        raise StoreError(
            f"cannot listen on {host} port {port} ({why}); choose another with --port"
        ) from error
    # Each connection inherits it; without it an answer waits 40 ms for the client's delayed
    # acknowledgement between its headers and its body. asyncio sees no TCP in this socket.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
