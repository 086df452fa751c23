"""Where a stage's orders lie, and the server that has them: started for that stage alone, stopped before the next."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from study.bench import page_cache
from study.kit.settings import StartError
from study.kit.stages import Stage
from study.servers.running import Running

_SERVER = {"postgresql": "postgresql", "mongodb": "mongodb", "kafka+mongodb": "kafka_mongodb"}


class Database:
    """Of one stage, in a folder of its own; what is in it stays while the server is stopped."""

    def __init__(self, stage: Stage, parent: Path) -> None:
        self._stage, self._folder = stage, parent / stage.name
        self._folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def running(self) -> Iterator[Running]:
        """A file has no server, and no processes."""
        if self._stage.about.database == "sqlite":
            yield Running(str(self._folder / "orders.sqlite3"), ())
            return
        name = f"study.servers.{_SERVER[self._stage.about.database]}"
        try:
            server = importlib.import_module(name)
        except ImportError as error:
            raise StartError(f"there is no server to run it with: {error}") from error
        with server.running(self._folder) as running:
            yield running

    def forget(self) -> None:
        """While the server is stopped: the next question will be answered from the disk."""
        page_cache.drop(self._folder)
