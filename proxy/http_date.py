"""The Date header, made once a second."""

import time
from email.utils import formatdate
from functools import lru_cache


def now() -> bytes:
    return _at(int(time.time()))


@lru_cache(maxsize=1)
def _at(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
