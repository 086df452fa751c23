"""Who may pack: keys as the API takes them, and the few requests a day that need none."""

import re
from typing import Final

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,512}")
_SCHEME: Final = "apikey"
_STEM_LENGTH: Final = 10
_DAY_NS: Final = 86_400 * 1_000_000_000


def header_key(authorization: str | None) -> str | None:
    """The key in an `Authorization: apikey KEY` header; None without the header, empty if it holds no key."""
    if authorization is None:
        return None
    scheme, _, key = authorization.strip().partition(" ")
    return key.strip() if scheme.lower() == _SCHEME else ""


def stem(key: str) -> str:
    """The public part of a key."""
    return key[:_STEM_LENGTH]


class Keys:
    """The keys that are accepted: the given ones, or, if there are none, all that look like one."""

    def __init__(self, accepted: frozenset[str]) -> None:
        self._accepted = accepted

    def admit(self, key: str) -> bool:
        return key in self._accepted if self._accepted else _KEY.fullmatch(key) is not None


class DemoQuota:
    """So many different requests a UTC day without a key; a repeated one counts once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._day = -1
        self._seen: set[str] = set()

    def admit(self, fingerprint: str, now_ns: int) -> bool:
        day = now_ns // _DAY_NS
        if day != self._day:
            self._day, self._seen = day, set()
        if fingerprint not in self._seen and len(self._seen) >= self._most:
            return False
        self._seen.add(fingerprint)
        return True
