"""`python -m sandbox`: a Paccurate on this machine, for development, tests and demonstrations."""

import signal
import socket
import sys

import structlog
import uvicorn

from common import log
from common.errors import EXIT_DRAINED, PackstatsError, StartupError
from common.settings import load
from sandbox.app import Sandbox
from sandbox.settings import SandboxSettings, Settings
from sandbox.wire import SteeredProtocol

_GRACE_S = 5
_KEEP_ALIVE_S = 75


class _Server(uvicorn.Server):
    """uvicorn's server, which lets go of the requests that hang on purpose before it waits for the others."""

    def __init__(self, config: uvicorn.Config, app: Sandbox) -> None:
        super().__init__(config)
        self._sandbox = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._sandbox.stop()
        await super().shutdown(sockets)


def main() -> int:
    try:
        settings = load(Settings).sandbox
        log.configure(settings.log_level)
        listener = _listen(settings)
    except PackstatsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    serve(settings, listener)
    return EXIT_DRAINED


def serve(settings: SandboxSettings, listener: socket.socket) -> None:
    """Answer until a signal comes; a second one does not wait for open requests."""
    app = Sandbox(settings)
    config = uvicorn.Config(
        app,
        http=SteeredProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(
            number, signal.SIG_IGN
        )  # the server raises a signal again when it is done; by then it has been obeyed
    host, port = listener.getsockname()[:2]
    structlog.get_logger().info("sandbox listening", host=host, port=port, version=settings.version)
    _Server(config, app).run(sockets=[listener])


def _listen(settings: SandboxSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise StartupError(
            f"SANDBOX__HOST, SANDBOX__PORT: cannot listen on {settings.host}:{settings.port} ({error})"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
