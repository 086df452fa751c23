"""A plain HTTP client for tests: one request, one connection, bytes in and out, nothing interpreted."""

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, timeout_s: float = 60
) -> Reply:
    """Send exactly these bytes and headers (besides Host, Content-Length and `Accept-Encoding: identity`)."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout_s)
    try:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, dict(headers or {}))
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def raw(url: str, sent: bytes, timeout_s: float = 60) -> bytes:
    """Send these bytes and nothing else; what comes back until the peer closes, or is quiet for half a second."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    with socket.create_connection((parts.hostname, parts.port or 80), timeout_s) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := _more(connection):
            received += chunk
            connection.settimeout(0.5)
        return received


def _more(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except (TimeoutError, ConnectionResetError):
        return b""


def get(url: str, headers: Mapping[str, str] | None = None) -> Reply:
    return request("GET", url, headers=headers)


def post_json(url: str, content: object, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps(content).encode()
    return request("POST", url, body, {"Content-Type": "application/json", **(headers or {})})
