"""Runs a stage's backend as a process: serves its reports, or tells how its database looks for the answers."""

import argparse
import logging
import socket
import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from study.kit import manifest
from study.kit.manifest import Case
from study.kit.programs import EXIT_START, say
from study.kit.settings import Settings, StartError, from_environment

REPORTS = ("days", "hours", "states", "items", "sizes", "league", "floor")

CreateApp = Callable[[Settings], FastAPI]
# The plan of the queries that answer a case, as text.
Explain = Callable[[Settings, Case], str]


def main(stage: str, create_app: CreateApp, explain: Explain) -> int:
    """What `python -m study serve` and `explain` run."""
    parser = argparse.ArgumentParser(prog=f"{stage}/backend.py")
    parser.add_argument("do", nargs="?", choices=("serve", "explain"), default="serve")
    parser.add_argument("--who", default="largest", choices=("smallest", "median", "largest", "client"))
    parser.add_argument("--range", default="all", choices=("1d", "7d", "all"))
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        settings = from_environment()
        if chosen.do == "serve":
            return _serve(stage, create_app(settings), settings)
        known = manifest.read(settings.data)
        cases = [known.case(report, chosen.who, chosen.range) for report in REPORTS]
        say({"stage": stage, "plans": {case.report: explain(settings, case) for case in cases}})
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_START
    return 0


class _Server(uvicorn.Server):
    """Says where it listens as soon as it does."""

    def __init__(self, config: uvicorn.Config, stage: str, url: str) -> None:
        super().__init__(config)
        self._said = {"stage": stage, "url": url}

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            say(self._said)


def _serve(stage: str, app: FastAPI, settings: Settings) -> int:
    try:
        listener = socket.create_server((settings.host, settings.port), backlog=512)
    except OSError as error:
        raise StartError(f"{settings.host}:{settings.port} is not free: {error.strerror}") from error
    with listener:
        host, port = listener.getsockname()[:2]
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=5)
        server = _Server(config, stage, f"http://{host}:{port}")
        server.run(sockets=[listener])
    return 0 if server.started else EXIT_START
