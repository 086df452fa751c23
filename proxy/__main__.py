"""`python -m proxy`: takes packs until it is told to stop.

The first signal drains: no new connections, the requests that are here are answered, the spool sends for a moment. The
second ends the process at once; what it acknowledged is in the spool.
"""

import asyncio
import logging
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import NoReturn, cast

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from common import collector, crash_points
from common.errors import EXIT_CRASH, EXIT_DRAINED, PackstatsError, StartupError
from common.log import configure
from common.settings import load
from common.version import VERSION
from proxy import workers
from proxy.app import CANCELLED_WITHIN_S, SEND_FOR_S, create_app
from proxy.gathering import Turn
from proxy.listeners import listening, of_workers
from proxy.protocol import ProxyProtocol
from proxy.server import LINGER_S, Server
from proxy.settings import ProxySettings, Settings
from proxy.state import LifespanState

_COLLECTED_AFTER = (20_000, 50, 100)  # what packs leave is no cycle
_LOOPBACK = ("127.", "::1", "localhost")
_REST_S = 1.0  # of the grace period, for everything that has no deadline of its own
_BESIDES_PACKS_S = LINGER_S + CANCELLED_WITHIN_S + SEND_FOR_S + _REST_S

log = structlog.get_logger()


class LibraryLog(logging.Handler):
    """What libraries log, as lines like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, "library", logger=record.name, message=record.getMessage(), exc_info=record.exc_info)


async def serve(settings: Settings, listeners: list[socket.socket], told: int | None = None) -> None:
    """Run the proxy until a signal, or the end of the pipe `told`. Raises what it cannot start or go on without."""
    app = create_app(settings)
    config = server_config(app, settings.proxy)
    async with app.router.lifespan_context(app) as mapping, asyncio.TaskGroup() as side_tasks:
        state = cast("LifespanState", mapping)
        server = Server(config, state)
        _drain_on_signal(server) if told is None else _drain_when_told(server, told)
        watch = side_tasks.create_task(state["proxy"].outbox.watch())
        _log_start(settings, listeners)
        collector.tame(_COLLECTED_AFTER)
        await server.serve(listeners)
        watch.cancel()


def server_config(app: FastAPI, proxy: ProxySettings) -> uvicorn.Config:
    """How requests are served. Raises StartupError where the certificate cannot be used."""
    config = uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", partial(ProxyProtocol, proxy, Turn())),  # all it does with it is to call it
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


def _drain_when_told(server: uvicorn.Server, told: int) -> None:
    """As a worker: by the process that watches over it, which is the one that ends it if need be."""
    loop = asyncio.get_running_loop()

    def drain() -> None:
        loop.remove_reader(told)
        server.should_exit = True

    loop.add_reader(told, drain)
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, drain)


def _log_start(settings: Settings, listeners: list[socket.socket]) -> None:
    host, port = listeners[0].getsockname()[:2]
    own = {"own_port": listeners[1].getsockname()[1]} if len(listeners) > 1 else {}
    proxy = settings.proxy
    log.info(
        "started", version=VERSION, host=host, port=port, upstream=proxy.upstream_url, topic=settings.kafka.topic, **own
    )
    if proxy.admin_token is None and not host.startswith(_LOOPBACK):
        log.warning("anybody_may_delete", host=host, remedy="set PROXY__ADMIN_TOKEN")


def _run(settings: Settings) -> int:
    if settings.proxy.workers == 1:
        with listening(settings.proxy) as listener:
            return _run_one(settings, [listener])
    with of_workers(settings.proxy) as listeners:
        port = listeners[0][0].getsockname()[1]
        bound = settings.model_copy(update={"proxy": settings.proxy.model_copy(update={"port": port})})
        work, started = partial(_run_worker, bound, listeners), partial(_close_all_but, None, listeners)
        return workers.run(settings.proxy.workers, work, started)


def _close_all_but(number: int | None, listeners: list[list[socket.socket]]) -> None:
    """A port that is open in a process that does not serve it keeps callers waiting for nothing."""
    for each, sockets in enumerate(listeners):
        for listener in sockets if each != number else ():
            listener.close()


def _run_worker(settings: Settings, listeners: list[list[socket.socket]], number: int, told: int) -> int:
    _close_all_but(number, listeners)
    structlog.contextvars.bind_contextvars(worker=number)
    return _reported(lambda: _run_one(settings, listeners[number], told))


def _run_one(settings: Settings, listeners: list[socket.socket], told: int | None = None) -> int:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, listeners, told))
    except* PackstatsError as group:
        raise group.exceptions[0] from None  # the first tells most; the others follow from it
    log.info("drained")
    return EXIT_DRAINED


def _reported(run: Callable[[], int]) -> int:
    """The exit code, whatever comes of it."""
    try:
        return run()
    except PackstatsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_CRASH
    except Exception:
        log.critical("crashed", exc_info=True)
        return EXIT_CRASH


def main() -> int:
    return _reported(_main)


def _main() -> int:
    settings = load(Settings)
    configure(settings.proxy.log_level)
    crash_points.arm(os.environ)
    logging.basicConfig(handlers=[LibraryLog()], level=logging.WARNING)
    return _run(settings)


def leave(code: int) -> NoReturn:
    """End the process; at once if a thread is still inside librdkafka, which the interpreter's own end would crash."""
    if any(thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())
