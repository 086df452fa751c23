"""A GET of what our own processes say about themselves."""

import http.client
from contextlib import closing
from urllib.parse import urlsplit

_PATIENCE_S = 60.0  # right after a heavy load much is still queued


def get(url: str) -> bytes:
    """The body, whatever the status: a process that is not ready says why."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE_S)) as connection:
        connection.request("GET", parts.path)
        return connection.getresponse().read()
