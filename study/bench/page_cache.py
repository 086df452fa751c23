"""Makes the operating system forget what it has read of a database, so that the next question comes from the disk."""

import os
from pathlib import Path

HOW = "every file of the database is synced and given up with posix_fadvise(DONTNEED), which needs no permission"
NOT_HERE = "not dropped: this system has no posix_fadvise; cold is only a restarted server"


def drop(folder: Path) -> None:
    """Of all files below; nobody may have them open for mapping, or those pages stay."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)


def how() -> str:
    return HOW if hasattr(os, "posix_fadvise") else NOT_HERE
