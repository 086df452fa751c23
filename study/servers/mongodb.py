"""MongoDB of the project's local stack with the memory every server of the study gets: mongod by itself takes half the machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

import local.mongod
from local.mongod import Mongod
from local.ports import PortBook
from local.settings import LocalSettings
from local.stack import mongod_part
from study.servers.parts import started
from study.servers.running import Running

# Of 2 GiB in all. The rest is for what mongod needs besides its cache (connections, sorting, the bulk of a batch).
CACHE_GB = 1.0


@contextmanager
def running(folder: Path, cache_gb: float = CACHE_GB) -> Iterator[Running]:
    """Start mongod on data in `folder`, which stay there: with the same folder it is the same database again."""
    section = LocalSettings().local
    program = local.mongod.prepare(section.mongod, section.cache_dir, Console(stderr=True))
    folder.mkdir(parents=True, exist_ok=True)
    mongod = Mongod(folder, program, PortBook(folder / "ports.json").choose("mongodb"), cache_gb)
    mongod.prepare_folder()
    with started(mongod_part(mongod), folder / "mongod.log") as process:
        yield Running(mongod.uri, (process.pid,))
