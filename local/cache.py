"""Folders filled once and kept: programs that are fetched the first time and found the second."""

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def filled(cache: Path, name: str, recipe: Path, fill: Callable[[Path], None]) -> Path:
    """The folder that `fill` makes from `recipe`, made only if this recipe never succeeded before.

    The folder's name holds the recipe's hash and appears by one rename: there is no half-filled one to be found.
    """
    folder = place(cache, name, recipe)
    if folder.exists():
        return folder
    cache = folder.parent
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / f"{name}.lock"):
        if folder.exists():  # another process was faster
            return folder
        work = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=cache))
        try:
            fill(work)
            work.rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return folder


def place(cache: Path, name: str, recipe: Path) -> Path:
    """Where the folder made from this recipe is, or will be."""
    return cache.absolute() / f"{name}-{hashlib.sha256(recipe.read_bytes()).hexdigest()[:12]}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
