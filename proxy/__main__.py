"""`python -m proxy`: takes packs until it is told to stop.

The first signal drains: no new connections, the requests that are here are answered, the spool sends for a moment. The
second ends the process at once; what it acknowledged is in the spool.
"""

import asyncio
import errno
import logging
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NoReturn, cast

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from common import crash_points
from common.errors import EXIT_CRASH, EXIT_DRAINED, PackstatsError, StartupError
from common.log import configure
from common.settings import load
from common.version import VERSION
from proxy.app import CANCELLED_WITHIN_S, SEND_FOR_S, create_app
from proxy.protocol import ProxyProtocol
from proxy.server import LINGER_S, Server
from proxy.settings import ProxySettings, Settings
from proxy.state import LifespanState

_LOOPBACK = ("127.", "::1", "localhost")
_REST_S = 1.0  # of the grace period, for everything that has no deadline of its own
_BESIDES_PACKS_S = LINGER_S + CANCELLED_WITHIN_S + SEND_FOR_S + _REST_S

log = structlog.get_logger()


class LibraryLog(logging.Handler):
    """What libraries log, as lines like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, "library", logger=record.name, message=record.getMessage(), exc_info=record.exc_info)


async def serve(settings: Settings) -> None:
    """Run the proxy until a signal. Raises what it cannot start or go on without."""
    app = create_app(settings)
    config = server_config(app, settings.proxy)
    with listening(settings.proxy) as listener:
        async with app.router.lifespan_context(app) as mapping, asyncio.TaskGroup() as side_tasks:
            state = cast("LifespanState", mapping)
            server = Server(config, state)
            _drain_on_signal(server)
            watch = side_tasks.create_task(state["proxy"].outbox.watch())
            _log_start(settings, listener)
            await server.serve([listener])
            watch.cancel()


def server_config(app: FastAPI, proxy: ProxySettings) -> uvicorn.Config:
    """How requests are served. Raises StartupError where the certificate cannot be used."""
    config = uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", partial(ProxyProtocol, proxy)),  # all it does with it is to call it
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=proxy.keep_alive_s,
        timeout_graceful_shutdown=math.floor(proxy.grace_s - _BESIDES_PACKS_S),
        ssl_certfile=proxy.tls_certificate,
        ssl_keyfile=proxy.tls_key,
    )
    try:
        config.load()
    except OSError as error:  # a file, or what is in it
        raise StartupError(
            f"PROXY__TLS_CERTIFICATE={proxy.tls_certificate}, PROXY__TLS_KEY={proxy.tls_key}: "
            f"cannot be used ({error.strerror})"
        ) from error
    return config


@contextmanager
def listening(proxy: ProxySettings) -> Iterator[socket.socket]:
    """A socket on the address of the settings. Raises StartupError where it cannot be had."""
    try:
        found = socket.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        listener = socket.create_server((str(address[0]), int(address[1])), family=family)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "another program has that port" if taken else error.strerror
        raise StartupError(
            f"PROXY__HOST={proxy.host}, PROXY__PORT={proxy.port}: cannot listen there ({reason}); "
            f"stop what is there, or set another address"
        ) from error
    with listener:
        yield listener


def _drain_on_signal(server: uvicorn.Server) -> None:
    loop = asyncio.get_running_loop()

    def drain(number: signal.Signals) -> None:
        log.info("stopping", signal=number.name)
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        server.should_exit = True

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, drain, each)


def _log_start(settings: Settings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    proxy = settings.proxy
    log.info("started", version=VERSION, host=host, port=port, upstream=proxy.upstream_url, topic=settings.kafka.topic)
    if proxy.admin_token is None and not host.startswith(_LOOPBACK):
        log.warning("anybody_may_delete", host=host, remedy="set PROXY__ADMIN_TOKEN")


def _run(settings: Settings) -> None:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except* PackstatsError as group:
        raise group.exceptions[0] from None  # the first tells most; the others follow from it


def main() -> int:
    try:
        settings = load(Settings)
        configure(settings.proxy.log_level)
        crash_points.arm(os.environ)
        logging.basicConfig(handlers=[LibraryLog()], level=logging.WARNING)
        _run(settings)
    except PackstatsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_CRASH
    except Exception:
        log.critical("crashed", exc_info=True)
        return EXIT_CRASH
    log.info("drained")
    return EXIT_DRAINED


def leave(code: int) -> NoReturn:
    """End the process; at once if a thread is still inside librdkafka, which the interpreter's own end would crash."""
    if any(thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())
