"""The sockets on which callers are awaited, bound before anything else begins: of one process, or of several workers."""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from common.errors import StartupError
from proxy.settings import ProxySettings


@contextmanager
def listening(proxy: ProxySettings) -> Iterator[socket.socket]:
    """A socket on the address of the settings. Raises StartupError where it cannot be had."""
    with _bound(proxy.host, proxy.port, "PROXY__PORT") as listener:
        yield listener


@contextmanager
def of_workers(proxy: ProxySettings) -> Iterator[list[list[socket.socket]]]:
    """For each worker its share of the common port, and a port of its own behind PROXY__WORKER_PORT.

    Linux deals out connections between sockets that share a port; elsewhere all workers wait at one. Raises StartupError.
    """
    with ExitStack() as stack:
        with _bound(proxy.host, proxy.port, "PROXY__PORT") as probe:  # one that shares would not notice a stranger
            port = int(probe.getsockname()[1])
        deals = sys.platform == "linux"
        shares = [
            stack.enter_context(_bound(proxy.host, port, "PROXY__PORT", shared=deals))
            for _ in range(proxy.workers if deals else 1)
        ]
        yield [
            [
                shares[number % len(shares)],
                stack.enter_context(
                    _bound(proxy.host, proxy.worker_port and proxy.worker_port + number, "PROXY__WORKER_PORT")
                ),
            ]
            for number in range(proxy.workers)
        ]


@contextmanager
def _bound(host: str, port: int, name: str, *, shared: bool = False) -> Iterator[socket.socket]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        listener = socket.create_server((str(address[0]), int(address[1])), family=family, reuse_port=shared)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "another program has that port" if taken else error.strerror
        raise StartupError(
            f"PROXY__HOST={host}, {name}={port}: cannot listen there ({reason}); "
            f"stop what is there, or set another address"
        ) from error
    with listener:
        yield listener
