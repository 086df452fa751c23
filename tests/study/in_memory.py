"""A stage without a database: counts from the orders themselves, and can be told to go wrong."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from study.kit import orders, reports, routes
from study.kit.manifest import Case, Row
from study.kit.settings import Settings
from study.kit.timing import Clock
from tests.study import brute_force

_ROWS: dict[str, type[msgspec.Struct]] = {
    "days": reports.DayRow,
    "hours": reports.HourRow,
    "states": reports.StateRow,
    "items": reports.ItemRow,
    "sizes": reports.SizeRow,
    "league": reports.TenantRow,
    "floor": reports.MinuteRow,
}
Spoil = Callable[[str, list[Row]], list[Row]]


class InMemoryReports:
    """`spoil` gets the right rows of a report and returns what is answered; `asks` says whether calls are counted."""

    def __init__(self, known: Sequence[orders.Order], spoil: Spoil, *, asks: bool = True) -> None:
        self._orders, self._spoil, self._asks = known, spoil, asks

    def __getattr__(self, report: str) -> Any:
        async def answer(asked: Any, *rest: Any) -> list[msgspec.Struct]:
            clock: Clock = rest[-1]
            case = Case(report, None, "", _query(asked), 0, [])
            if self._asks:
                with clock.call() as call:
                    call.rows = 1
            rows = self._spoil(report, brute_force.answer(self._orders, case)[1])
            return [msgspec.convert(row, _ROWS[report]) for row in rows]

        return answer


def _query(asked: Any) -> dict[str, str]:
    names = {"tenant": "tenant", "facility": "facility", "start": "from", "end": "to", "day": "day"}
    return {name: str(getattr(asked, field)) for field, name in names.items() if hasattr(asked, field)}


@contextmanager
def serving(data: Path, spoil: Spoil, *, asks: bool = True) -> Iterator[str]:
    """The URL of a backend in a thread of its own."""
    known = list(orders.of_folder(data))

    @asynccontextmanager
    async def reports_of(_: Settings) -> AsyncIterator[Any]:
        yield InMemoryReports(known, spoil, asks=asks)

    app = routes.create_app("in-memory", Settings(data, None, "127.0.0.1", 0, 1), reports_of)
    started = threading.Event()
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on", http="h11", loop="asyncio"))
    startup = server.startup

    async def told(*args: Any, **named: Any) -> None:
        await startup(*args, **named)
        started.set()

    server.startup = told  # type: ignore[method-assign]  # to be told when the port is known
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(60)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)
