"""The reserve: space that is taken while there is plenty, so that a full disk can still be worked with.

A spool on a full disk cannot even remove what was sent, because a removal is written first. The start that finds the
disk full gives the reserve up, drains, and takes no packs until the reserve is back.
"""

import errno
import os
import sys
from pathlib import Path

from common.errors import StorageError

RESERVE_BYTES = 64 * 1024 * 1024
_NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


class Reserve:
    """A file of nothing, whose blocks are really taken."""

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self.held = False
        self._path = path
        self._size = size

    def take(self) -> bool:
        """Take the space, or see that it is taken; False where there is not enough. Raises StorageError."""
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _allocate(handle, self._size)
            finally:
                os.close(handle)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise StorageError(f"{self._path}: {error.strerror or error}") from error
            self.release()
        else:
            self.held = True
        return self.held

    def release(self) -> None:
        self._path.unlink(missing_ok=True)
        self.held = False


def _allocate(handle: int, size: int) -> None:
    if sys.platform == "linux":
        os.posix_fallocate(handle, 0, size)
    else:
        for offset in range(0, size, 1 << 20):
            os.pwrite(handle, bytes(min(1 << 20, size - offset)), offset)
