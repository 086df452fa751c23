"""Looks at everything from outside while it is broken: readiness, lag, positions, memory; and tells when all is well again.

A thread of its own, because whoever is asked may be frozen. What does not answer is noted as unknown, never waited for.
"""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import psutil
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec  # `admin` does not export it to type checkers
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from common import progress
from tests.prove.cast import Cast
from tests.prove.tail import Tail
from tests.support import web

Client = MongoClient[dict[str, Any]]

EVERY_S = 0.4
_MEMORY_EVERY_S = 5.0
_ANSWER_S = 2.0
_FOLDER = re.compile(r"/((?:kafka|mongo)-\d+)/")


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen in one look that began at `at`."""

    at: float
    ready: bool  # every process says so
    ends: Mapping[int, int] | None
    positions: Mapping[int, int] | None

    @property
    def lag(self) -> int | None:
        """Records that are in the log and not in the documents."""
        if self.ends is None or self.positions is None:
            return None
        # Positions are read after the ends, so they may be beyond them.
        return sum(max(0, end - self.positions.get(number, 0)) for number, end in self.ends.items())


class Recovery:
    """Whether everything that was promised until a moment is counted, and every process ready again."""

    def __init__(self, promised: list[str], since: float) -> None:
        self._missing = set(promised)
        self._since = since
        self._target: Mapping[int, int] | None = None

    def is_over(self, sample: Sample, seen: set[str]) -> bool:
        if sample.at < self._since:
            return False
        if self._target is None:
            self._missing -= seen
            if not self._missing:
                self._target = sample.ends
        if self._target is None or sample.positions is None or not sample.ready:
            return False
        return all(sample.positions.get(number, 0) >= end for number, end in self._target.items())

    def __str__(self) -> str:
        state = f"{len(self._missing)} promised events are not in the log"
        return state if self._missing else f"the log is complete; to be folded up to {self._target}"


@dataclass(slots=True)
class Memory:
    """Resident bytes of one process, over all its lives."""

    first: int
    last: int = 0
    highest: int = 0

    def note(self, size: int) -> None:
        self.last, self.highest = size, max(self.highest, size)


@dataclass(slots=True)
class Watch:
    """`latest` is the newest look; all of it may be read from any thread."""

    cast: Cast
    tail: Tail
    bootstrap_servers: str
    latest: Sample | None = None
    highest_lag: int = 0
    looks: int = 0
    backward: list[str] = field(default_factory=list)  # positions that became smaller
    memory: dict[str, Memory] = field(default_factory=dict)
    failure: BaseException | None = None
    _positions: dict[int, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._look_on()
        except BaseException as failure:  # noqa: BLE001  # the campaign looks at it, and ends
            self.failure = failure

    def _look_on(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        remember_at = 0.0
        uri = self.cast.workspace.mongo_uri
        # One session for all reads: so each sees at least what the one before it saw, whichever member answers.
        with (
            Client(uri, serverSelectionTimeoutMS=1000, connectTimeoutMS=1000, socketTimeoutMS=2000) as client,
            client.start_session(causal_consistency=True) as session,
        ):
            while not self._stop.wait(EVERY_S):
                at = time.monotonic()
                ready = all(self._is_ready(url) for url in self._urls())
                ends = self._ends(admin)
                sample = Sample(at, ready, ends, self._read_positions(client, session))
                self.latest = sample
                self.looks += 1
                self.highest_lag = max(self.highest_lag, sample.lag or 0)
                if at > remember_at:
                    remember_at = at + _MEMORY_EVERY_S
                    self._remember()

    def _urls(self) -> Iterator[str]:
        cast = self.cast
        yield f"{cast.sandbox.service.url}/livez"
        for actor in (*cast.proxies, *cast.aggregators):
            yield f"{actor.service.url}/readyz"

    @staticmethod
    def _is_ready(url: str) -> bool:
        try:
            return web.request("GET", url, timeout_s=_ANSWER_S).status == 200
        except (OSError, HTTPException):
            return False

    def _ends(self, admin: AdminClient) -> Mapping[int, int] | None:
        workspace = self.cast.workspace
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the binding leaves it without annotation
        wanted = {TopicPartition(workspace.name, number): latest for number in range(workspace.partitions)}
        try:
            found = admin.list_offsets(wanted, request_timeout=_ANSWER_S)
            return {place.partition: future.result(_ANSWER_S).offset for place, future in found.items()}
        except (KafkaException, TimeoutError):
            # This client keeps to the leaders it knows, also when a broker says that it leads no more.
            with suppress(KafkaException):
                admin.list_topics(workspace.name, timeout=1)
            return None

    def _read_positions(self, client: Client, session: ClientSession) -> Mapping[int, int] | None:
        database = client[self.cast.workspace.name]
        positions = database.get_collection(progress.POSITIONS, read_concern=ReadConcern("majority"))
        try:
            found = {
                int(document["partition"]): int(document["next_offset"])
                for document in positions.find({}, {"partition": 1, "next_offset": 1}, session=session)
            }
        except PyMongoError:
            return None
        for number, offset in found.items():
            if offset < (before := self._positions.get(number, 0)):
                self.backward.append(f"partition {number}: the position went from {before} to {offset}")
        self._positions.update(found)
        return found

    def _remember(self) -> None:
        names = {actor.pid: actor.name for actor in self.cast.actors}
        for process in psutil.Process().children():
            try:
                size, name = process.memory_info().rss, names.get(process.pid) or _server(process.cmdline())
            except psutil.Error:
                continue  # it has just ended
            if name is not None:
                self.memory.setdefault(name, Memory(size)).note(size)


def _server(command: list[str]) -> str | None:
    """A broker or mongod by the folder that it is told to use."""
    found = _FOLDER.search(" ".join(command))
    return found[1] if found else None
