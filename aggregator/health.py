"""Answers health and metrics on a port of its own, from a thread, so that it answers also while the loop is busy."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from aggregator.consumer import Consumer
from common import metrics
from common.errors import StartupError

STUCK_S = 60.0  # a turn of the loop takes seconds at most, also when the database does not answer

Answer = tuple[int, str, bytes]


def serve(consumer: Consumer, host: str, port: int) -> ThreadingHTTPServer:
    """Begin to answer; the caller shuts the server down. Raises StartupError where the port is taken."""
    _measure(consumer)
    routes: dict[str, Callable[[], Answer]] = {
        "/livez": lambda: _json(200, {"status": "alive"}),
        "/readyz": lambda: readiness(consumer),
        "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest()),
    }

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:  # the name that http.server calls
            found = routes.get(self.path.partition("?")[0])
            status, kind, body = found() if found else _json(404, {"Message": "not found"})
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the signature of http.server
            """Probes are not worth a line."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise StartupError(f"AGGREGATOR__HOST={host} AGGREGATOR__PORT={port}: {error}; choose another port") from error
    Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


def _measure(consumer: Consumer) -> None:
    """Reckon when somebody asks what the loop cannot tell while it stands still."""
    holdings = consumer.holdings
    metrics.LOOP_SECONDS.set_function(lambda: monotonic() - consumer.turned_at)
    metrics.DATABASE_AWAY_SECONDS.set_function(lambda: holdings.outage.seconds(monotonic()) or 0.0)
    metrics.UNCLAIMED.set_function(lambda: len(holdings.unclaimed))


def readiness(consumer: Consumer) -> Answer:
    """Whether this member does its work, and what stands in its way."""
    holdings, now = consumer.holdings, monotonic()
    stopped = {
        number: held.partition.stop.reason for number, held in list(holdings.held.items()) if held.partition.stop
    }
    stopped |= {number: stop.reason for number, stop in list(holdings.refused.items())}
    stuck_s = now - consumer.turned_at
    ready = not holdings.outage.ongoing and not stopped and stuck_s < STUCK_S
    return _json(
        200 if ready else 503,
        {
            "ready": ready,
            "mongodb": {"away_s": holdings.outage.seconds(now)},
            "loop": {"last_turn_s": round(stuck_s, 1)},
            "partitions": {
                "held": sorted(holdings.held),
                "unclaimed": sorted(holdings.unclaimed),
                "stopped": {str(number): reason for number, reason in sorted(stopped.items())},
                "lag": {str(number): lag for number, lag in sorted(consumer.oversight.lag.copy().items())},
                "complete": {
                    str(number): moment.astimezone(UTC).isoformat()
                    for number, moment in sorted(consumer.oversight.complete.copy().items())
                },
            },
            # Since the process began; the metrics of the same names say more.
            "fenced": metrics.total(metrics.FENCED),
            "quarantined": metrics.total(metrics.QUARANTINED),
            "reassigned": metrics.total(metrics.REASSIGNED),
            "now": datetime.now(UTC).isoformat(),
        },
    )


def _json(status: int, body: dict[str, Any]) -> Answer:
    return status, "application/json", json.dumps(body).encode()
