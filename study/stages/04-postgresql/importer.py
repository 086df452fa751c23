"""Puts orders and their lines into two tables of PostgreSQL, by COPY."""

import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg
from database import SCHEMA, connect

from study.kit import importing, orders
from study.kit.orders import Order
from study.kit.settings import Settings

HERE = Path(__file__).parent
STAGE = HERE.name

_SIZE = """SELECT COALESCE(SUM(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
    WHERE relnamespace = %s::regnamespace AND relkind = 'r'"""


class PostgresqlImporter:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def prepare(self) -> None:
        self._connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        self._connection.execute(f"CREATE SCHEMA {SCHEMA}")
        self._connection.execute((HERE / "schema.sql").read_bytes())
        self._copy("postal", list(orders.states().items()))

    def add(self, orders: Sequence[Order]) -> None:
        with self._connection.transaction():
            self._copy(
                "orders",
                [(order.id, order.tenant, order.facility, order.placed_at, order.postal_code) for order in orders],
            )
            self._copy("lines", [(order.id, line.item_id, line.quantity) for order in orders for line in order.lines])

    def finish(self) -> None:
        # What autovacuum would do at some time in the next minutes, so that no measurement depends on whether it has.
        self._connection.execute("VACUUM (ANALYZE) orders, lines, postal")

    def size(self) -> int:
        row = self._connection.execute(_SIZE, [SCHEMA]).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        self._connection.close()

    def _copy(self, table: str, rows: Sequence[tuple[str | int, ...]]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)


def open_importer(settings: Settings) -> PostgresqlImporter:
    return PostgresqlImporter(connect(settings))


if __name__ == "__main__":
    sys.exit(importing.main(STAGE, open_importer))
