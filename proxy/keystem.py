"""Pure: which keystem a pack belongs to, without ever keeping a key.

In this order: what the answer says; what the last answer to the same credential said; the beginning of the key, if it
looks like one and upstream did not refuse it; else `unknown`.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

UNKNOWN: Final = "unknown"
RESERVED: Final = "all"  # names the totals of everything

_KEYSTEM = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY = re.compile(r"[A-Za-z0-9_-]{32,}")
_STEM_LENGTH = 10
_UNAUTHORIZED = 401
# An answer that gives back the whole of such a key gives away a secret, not a stem.
_SECRET_LENGTH = 16

Source = Literal["answer", "remembered", "key", "none"]


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller identified itself with. `key` is None where it is no Paccurate key but something else."""

    secret: str
    key: str | None

    def __repr__(self) -> str:
        return "Credential(…)"  # it could end in a log


class Resolved(NamedTuple):
    keystem: str
    source: Source


def credential(authorization: str | None, body_key: object) -> Credential | None:
    """The credential of a request: `Authorization: apikey KEY`, or the legacy field `key` of the body."""
    if authorization:
        scheme, _, rest = authorization.partition(" ")
        if not rest:
            return Credential(scheme, scheme)
        return Credential(authorization, rest.strip() if scheme.lower() == "apikey" else None)
    if isinstance(body_key, str) and body_key:
        return Credential(body_key, body_key)
    return None


def is_keystem(value: object) -> bool:
    return isinstance(value, str) and value != RESERVED and _KEYSTEM.fullmatch(value) is not None


class Keystems:
    """Remembers, for the credentials seen last, which keystem upstream gave them: by keyed hash, in bounded memory."""

    def __init__(self, secret: bytes, capacity: int = 20_000) -> None:
        self._secret = secret
        self._capacity = capacity
        self._remembered: OrderedDict[bytes, str] = OrderedDict()

    def resolve(self, of: Credential | None, said: object, status: int | None) -> Resolved:
        """The keystem of an exchange; `said` is the answer's usedKeyStem, `status` its status, None without answer."""
        digest = self._digest(of)
        if isinstance(said, str) and is_keystem(said) and not _gives_away(of, said):
            self._remember(digest, said)
            return Resolved(said, "answer")
        if digest is not None and (known := self._remembered.get(digest)) is not None:
            self._remembered.move_to_end(digest)
            return Resolved(known, "remembered")
        if of is not None and of.key is not None and status != _UNAUTHORIZED and _KEY.fullmatch(of.key):
            return Resolved(of.key[:_STEM_LENGTH], "key")
        return Resolved(UNKNOWN, "none")

    def __len__(self) -> int:
        return len(self._remembered)

    def _remember(self, digest: bytes | None, keystem: str) -> None:
        if digest is None:
            return
        self._remembered[digest] = keystem
        self._remembered.move_to_end(digest)
        if len(self._remembered) > self._capacity:
            self._remembered.popitem(last=False)

    def _digest(self, of: Credential | None) -> bytes | None:
        if of is None:
            return None
        return blake2b(of.secret.encode(errors="replace"), key=self._secret, digest_size=16).digest()


def _gives_away(of: Credential | None, said: str) -> bool:
    return of is not None and of.key == said and len(said) >= _SECRET_LENGTH
