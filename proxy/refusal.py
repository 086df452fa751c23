"""Answers that are written to a connection before there is a request that could be answered."""

from dataclasses import dataclass
from http import HTTPStatus

from proxy import http_date


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection ends. Without a status its caller is not told: it has its answer, or asked for nothing."""

    status: int | None
    message: str


class RefusedError(Exception):
    """Stops the parser where it is."""


def problem(status: int, message: str) -> bytes:
    body = b'{"Message":"%b"}' % message.encode()
    lines = [
        b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode()),
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"date: " + http_date.now(),
        b"connection: close",
        b"",
        body,
    ]
    return b"\r\n".join(lines)
