"""The whole pipeline for the measurement: real servers, one proxy, two aggregators, and how far the totals are behind."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import KafkaException
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.support import web
from tests.support.evidence import ends_of, positions_of
from tests.support.rig import Rig
from tests.support.servers import Server, local_kafka, local_mongo
from tests.support.services import Service, Services
from tests.support.workspace import Workspace, unique_name

PARTITIONS = 24
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Stage:
    rig: Rig
    kafka: Server
    mongo: Server

    @property
    def proxy(self) -> Service:
        return self.rig.proxies[0]

    def rss_mib(self) -> dict[str, float]:
        """Of each of our processes."""
        services = {"proxy": self.proxy, **{f"aggregator-{n}": each for n, each in enumerate(self.rig.aggregators, 1)}}
        return {name: psutil.Process(each.pid).memory_info().rss / _MIB for name, each in services.items()}

    def behind(self) -> int | None:
        """Packs that were acknowledged and are not in the totals; None while somebody who knows is away."""
        try:
            ends, positions = ends_of(self.rig.workspace), positions_of(self.rig.workspace)
            waiting = int(web.get(f"{self.proxy.url}/readyz").json["spool"]["waiting"])
        except (KafkaException, PyMongoError, OSError, AssertionError):
            return None
        return waiting + sum(max(0, ends[number] - positions.get(number, 0)) for number in ends)

    def wait_behind(self, at_most: int, deadline_s: float) -> float | None:
        """How long it takes until no more than so many are behind; None where it takes too long."""
        began = time.monotonic()
        while time.monotonic() - began < deadline_s:
            behind = self.behind()
            if behind is not None and behind <= at_most:
                return time.monotonic() - began
            time.sleep(0.2)
        return None


@contextlib.contextmanager
def stage(folder: Path, upstream_ms: float) -> Iterator[Stage]:
    with contextlib.ExitStack() as stack:
        kafka, end_kafka = local_kafka(folder)
        stack.callback(end_kafka)
        kafka.start()
        mongo, end_mongo = local_mongo(folder)
        stack.callback(end_mongo)
        mongo.start()
        client = stack.enter_context(
            MongoClient[dict[str, Any]](mongo.address, serverSelectionTimeoutMS=2000, tz_aware=True)
        )
        services = Services(folder)
        stack.callback(services.end)
        workspace = Workspace(kafka.address, mongo.address, unique_name(), PARTITIONS, folder, client)
        services.init(workspace)
        sandbox = services.sandbox(SANDBOX__LATENCY_MS=str(upstream_ms))
        proxy = services.proxy(workspace, sandbox.url)
        aggregators = [services.aggregator(workspace, wait=False) for _ in range(2)]
        rig = Rig(workspace, services, sandbox, [proxy], aggregators)
        for each in aggregators:
            each.wait_ready()
        rig.wait_shared(aggregators)
        yield Stage(rig, kafka, mongo)
