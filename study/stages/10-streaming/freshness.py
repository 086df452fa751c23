"""Measures how long an order takes from where it is produced to where it is seen: sends at a rate, and asks the backend.

    PYTHONPATH=. python study/stages/10-streaming/freshness.py http://127.0.0.1:8000 --rate 10 --seconds 30

It takes the orders that arrive, and asks for the league table of their day: orders of a tenant are counted in the order
they were sent, so a table that has one more of it has the next one. What was sent before is waited for; nobody else may
send meanwhile.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import islice

import msgspec
import place
from order_log import OrderLog

from common.mongo import sync_client
from study.kit import manifest, orders
from study.kit.contract import Answer, Caller
from study.kit.importing import percentiles
from study.kit.orders import Order
from study.kit.programs import EXIT_START, say
from study.kit.settings import Settings, StartError, from_environment

# As often the backend is asked: an answer is that much too old at the most, and the asking is a load too.
ASK_EVERY_S = 0.02
# Without a change of the table, until nothing that was sent before is taken to be on its way.
SETTLED_S = 1.0
# Behind the last order.
PATIENCE_S = 60.0


class Watch:
    """Which orders have been sent and not been seen yet."""

    def __init__(self, caller: Caller, end: date) -> None:
        self._caller = caller
        self._query = {"from": end.isoformat(), "to": (end + timedelta(1)).isoformat(), "limit": "1000"}
        self._sent = defaultdict[str, deque[float]](deque)
        self.fresh_ms: list[float] = []
        self._seen = self._orders()

    @property
    def unseen(self) -> int:
        return sum(map(len, self._sent.values()))

    def settle(self) -> None:
        """Wait for what was sent before."""
        since = time.monotonic()
        while time.monotonic() - since < SETTLED_S:
            time.sleep(ASK_EVERY_S)
            if (found := self._orders()) != self._seen:
                self._seen, since = found, time.monotonic()

    def sent(self, tenant: str) -> None:
        self._sent[tenant].append(time.monotonic())

    def look(self) -> None:
        found = self._orders()
        now = time.monotonic()
        for tenant, number in found.items():
            new, sent = number - self._seen[tenant], self._sent[tenant]
            if new > len(sent):
                raise StartError(
                    f"tenant {tenant} has {new} orders more, {len(sent)} were sent: somebody else sends too"
                )
            for _ in range(new):
                self.fresh_ms.append((now - sent.popleft()) * 1000)
        self._seen = found

    def _orders(self) -> Counter[str]:
        status, _, body = self._caller.get("/reports/league", self._query)
        if status != 200:
            raise StartError(f"the backend answers {status}: {body[:200]!r}")
        rows = msgspec.json.decode(body, type=Answer).rows
        return Counter({str(row["tenant"]): int(row["orders"]) for row in rows})


def measure(watch: Watch, log: OrderLog, coming: Iterator[Order], rate: float) -> dict[str, object]:
    """Sends what is due, looks, and so on, until all was seen or nothing more is."""
    watch.settle()
    began, number = time.monotonic(), 0
    ended = began
    order = next(coming, None)
    while order is not None or (watch.unseen and time.monotonic() - ended < PATIENCE_S):
        turned = time.monotonic()
        while order is not None and began + number / rate <= turned:
            watch.sent(order.tenant)
            log.send(order)
            number, ended, order = number + 1, turned, next(coming, None)
        log.poll()
        watch.look()
        time.sleep(max(0.0, turned + ASK_EVERY_S - time.monotonic()))
    return {
        "orders": number,
        "wanted_per_s": rate,
        "orders_per_s": round(number / max(ended - began, 1e-9), 1),
        "asked_every_ms": ASK_EVERY_S * 1000,
        "fresh_ms": percentiles(watch.fresh_ms),
        "unseen": watch.unseen,
    }


def run(settings: Settings, chosen: argparse.Namespace) -> dict[str, object]:
    where = place.of(settings)
    with sync_client(where.mongo, "study-freshness") as client:
        log = OrderLog(where.log(place.topic_of(client[where.mongo.database])))
    end = date.fromisoformat(manifest.read(settings.data).end)
    count = round(chosen.rate * chosen.seconds)
    coming = islice(orders.arrivals(settings.data), chosen.first, chosen.first + count)
    with closing(Caller(chosen.url)) as caller:
        said = measure(Watch(caller, end), log, coming, chosen.rate)
    log.flush()
    return said


def main() -> int:
    parser = argparse.ArgumentParser(prog=f"{place.STAGE}/freshness.py")
    parser.add_argument("url", help="of the backend")
    parser.add_argument("--rate", type=float, default=10, help="orders a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--first", type=int, default=0, help="how many arrivals are in already")
    try:
        say({"stage": place.STAGE} | run(from_environment(), parser.parse_args()))
    except (StartError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_START
    return 0


if __name__ == "__main__":
    sys.exit(main())
