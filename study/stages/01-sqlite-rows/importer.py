"""Puts orders and their lines into two tables of a SQLite file."""

import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from study.kit import importing, orders
from study.kit.orders import Order
from study.kit.settings import Settings

HERE = Path(__file__).parent
STAGE = HERE.name


class SqliteImporter:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(path, timeout=60)

    def prepare(self) -> None:
        self._connection.close()
        for path in self._files():
            path.unlink(missing_ok=True)
        self._connection = sqlite3.connect(self._path, timeout=60)
        # Readers are not kept waiting while orders come in.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.executescript((HERE / "schema.sql").read_text(encoding="utf-8"))
        with self._connection:
            self._connection.executemany("INSERT INTO postal VALUES (?, ?)", orders.states().items())

    def add(self, orders: Sequence[Order]) -> None:
        with self._connection:
            self._connection.executemany(
                "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
                [(order.id, order.tenant, order.facility, order.placed_at, order.postal_code) for order in orders],
            )
            self._connection.executemany(
                "INSERT INTO lines VALUES (?, ?, ?)",
                [(order.id, line.item_id, line.quantity) for order in orders for line in order.lines],
            )

    def finish(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size(self) -> int:
        return sum(path.stat().st_size for path in self._files() if path.exists())

    def close(self) -> None:
        self._connection.close()

    def _files(self) -> list[Path]:
        return [self._path.with_name(self._path.name + end) for end in ("", "-wal", "-shm")]


def open_importer(settings: Settings) -> SqliteImporter:
    return SqliteImporter(settings.database_path(STAGE))


if __name__ == "__main__":
    sys.exit(importing.main(STAGE, open_importer))
