"""Puts orders and their lines into the partition of their day, and makes the indexes once all are in."""

import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import psycopg
from database import SCHEMA, connect

from study.kit import importing, manifest, orders
from study.kit.orders import Order
from study.kit.settings import Settings

HERE = Path(__file__).parent
STAGE = HERE.name
# Partitions are made before their day comes, as a job would do each night: reports never wait for one to be made.
DAYS_AHEAD = 7

_SIZE = """SELECT COALESCE(SUM(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
    WHERE relnamespace = %s::regnamespace AND relkind = 'r'"""


class PostgresqlImporter:
    def __init__(self, connection: psycopg.Connection, data: Path) -> None:
        self._connection, self._data = connection, data

    def prepare(self) -> None:
        self._connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        self._connection.execute(f"CREATE SCHEMA {SCHEMA}")
        self._connection.execute((HERE / "schema.sql").read_bytes())
        self._make_partitions()
        self._copy("postal", list(orders.states().items()))

    def add(self, orders: Sequence[Order]) -> None:
        # The first ten characters of a moment are its day.
        with self._connection.transaction():
            self._copy(
                "orders",
                [(o.placed_at[:10], o.id, o.tenant, o.facility, o.placed_at, o.postal_code) for o in orders],
            )
            self._copy(
                "lines",
                [(o.placed_at[:10], o.id, line.item_id, line.quantity) for o in orders for line in o.lines],
            )

    def finish(self) -> None:
        self._connection.execute((HERE / "indexes.sql").read_bytes())
        # What autovacuum would do at some time in the next minutes, so that no measurement depends on whether it has.
        self._connection.execute("VACUUM (ANALYZE) orders, lines, postal")

    def size(self) -> int:
        row = self._connection.execute(_SIZE, [SCHEMA]).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        self._connection.close()

    def _make_partitions(self) -> None:
        known = manifest.read(self._data)
        day, last = date.fromisoformat(known.first_day), date.fromisoformat(known.end) + timedelta(days=DAYS_AHEAD)
        while day < last:
            for table in ("orders", "lines"):
                partition = f"CREATE TABLE {table}_{day:%Y%m%d} PARTITION OF {table} FOR VALUES IN ('{day}')"
                self._connection.execute(partition.encode())
            day += timedelta(days=1)

    def _copy(self, table: str, rows: Sequence[tuple[str | int, ...]]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)


def open_importer(settings: Settings) -> PostgresqlImporter:
    return PostgresqlImporter(connect(settings), settings.data)


if __name__ == "__main__":
    sys.exit(importing.main(STAGE, open_importer))
