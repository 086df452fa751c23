"""A facility as the API sees it: a key that nobody else uses, and what was counted of its keystem.

Counting is later than a reply. So that a test can say "exactly once" and "not at all" without waiting for nothing to
happen, `settled` sends a marker behind everything: events of one keystem are counted in the order in which they were
made, so when the marker is counted all before it is.
"""

import json
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.support import web
from tests.support.eventually import eventually
from tests.support.web import Reply

BODY: dict[str, Any] = {
    "requestId": "request-1",
    "orderId": "order-1",
    "itemSets": [{"refId": 1, "quantity": 3, "weight": 0.5, "dimensions": {"x": 4, "y": 3, "z": 2}}],
    "boxTypes": [{"refId": 7, "name": "small", "weightMax": 20, "dimensions": {"x": 12, "y": 10, "z": 6}}],
    "includeImages": False,
}
ITEMS, VOLUME = 3, 720
BYTES = json.dumps(BODY).encode()
_MARKER_STATUS = 418  # nothing else answers so
_STEM_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted of a keystem, the markers taken out."""

    requests: int = 0
    packs: int = 0
    items: int = 0
    errors: int = 0
    request_errors: int = 0
    statuses: Mapping[str, int] = field(default_factory=dict)

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(
            self.requests - other.requests,
            self.packs - other.packs,
            self.items - other.items,
            self.errors - other.errors,
            self.request_errors - other.request_errors,
            dict(Counter(self.statuses) - Counter(other.statuses)),
        )


NOTHING = Counts()
ONE_PACK = Counts(requests=1, packs=1, items=ITEMS, statuses={"200": 1})


def refused(status: int) -> Counts:
    """One request that upstream refused or failed with this status."""
    return Counts(requests=1, errors=1, statuses={str(status): 1})


ONE_UNUSABLE = Counts(requests=1, request_errors=1)


def new_key() -> str:
    """As Paccurate's keys look: 64 characters, of which the first ten are the public stem."""
    return secrets.token_urlsafe(48)


class Facility:
    """Sends through one proxy and reads what was counted through the same."""

    def __init__(self, proxy: str, key: str | None = None, keystem: str | None = None) -> None:
        self.proxy = proxy
        self.key = key or new_key()
        self.keystem = keystem or self.key[:_STEM_LENGTH]
        self._marked = 0  # markers of this keystem, counted or on their way

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"apikey {self.key}"}

    def pack(
        self,
        target: str = "/",
        body: bytes = BYTES,
        headers: Mapping[str, str] | None = None,
        *,
        sandbox: str | None = None,
    ) -> Reply:
        """POST a pack; `sandbox` says how the sandbox is to answer it."""
        steer = {} if sandbox is None else {"X-Sandbox": sandbox}
        return web.request("POST", self.proxy + target, body, {**self.headers, **steer, **(headers or {})})

    def keydata(self) -> dict[str, Any] | None:
        """GET /api/keydata/{keystem}; None where it is a 404."""
        reply = web.get(f"{self.proxy}/api/keydata/{quote(self.keystem)}")
        if reply.status == 404:
            return None
        assert reply.status == 200, reply
        found: dict[str, Any] = reply.json
        return found

    def shown(self, requests: int) -> dict[str, Any]:
        """GET /api/keydata/{keystem} once so many requests are counted."""

        def seen() -> dict[str, Any]:
            found = self.keydata()
            assert found is not None
            assert found["totalRequests"] >= requests, found
            return found

        return eventually(seen)

    def mark(self) -> None:
        """Send a marker behind everything that this facility was sent until now; `counted` waits for it."""
        if not self._marked:
            self._marked = self._markers(self.keydata())
        reply = self.pack("/?view=pack", sandbox=f"status={_MARKER_STATUS}")
        assert reply.status == _MARKER_STATUS, reply
        self._marked += 1

    def counted(self) -> Counts:
        """What is counted of everything that was sent before the last marker."""

        def seen() -> dict[str, Any]:
            found = self.keydata()
            assert self._markers(found) >= self._marked, found
            assert found is not None
            return found

        return _without_markers(eventually(seen))

    def settled(self) -> Counts:
        """What is counted of everything that this keystem was sent for until now."""
        self.mark()
        return self.counted()

    @staticmethod
    def _markers(found: Mapping[str, Any] | None) -> int:
        return int(found["statusCodes"].get(str(_MARKER_STATUS), 0)) if found else 0


def _without_markers(found: Mapping[str, Any]) -> Counts:
    statuses = dict(found["statusCodes"])
    markers = statuses.pop(str(_MARKER_STATUS), 0)
    return Counts(
        requests=found["totalRequests"] - markers,
        packs=found["totalPacks"],
        items=found["totalItems"],
        errors=found["errorCount"] - markers,
        request_errors=found["requestErrorCount"],
        statuses=statuses,
    )
