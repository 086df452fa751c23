"""One mongod or three of them as processes, each behind a fault link, and which of them is primary at the moment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pymongo
from pymongo.errors import OperationFailure, PyMongoError
from rich.console import Console

import local.mongod
from local.mongod import REPLICA_SET, Mongod
from local.ports import LOOPBACK
from local.process import Part
from tests.support.eventually import eventually
from tests.support.fault_link import MONGO, FaultLink
from tests.support.servers import CACHE, ProcessPower, Server, free_ports

_CACHE_GB = 0.25
_PRIMARY_WITHIN_S = 30
_WHOLE_WITHIN_S = 180
_ALREADY_INITIALIZED = 23
_NOT_IN_CONFIG = 93
_STEP_DOWN_S = 5  # for which the old primary stands for no election
# Elections in seconds; short enough for a test, long enough for a machine that is busy with everything else.
_SETTINGS = {"electionTimeoutMillis": 3000, "heartbeatIntervalMillis": 500, "heartbeatTimeoutSecs": 3}
Client = pymongo.MongoClient[dict[str, Any]]
T = TypeVar("T")


class ReplicaSet:
    """A driver goes where the members say they are, so three of them are known by their links, to each other too.

    One alone is known by its own address, and reached through its link by a client that asks for no other: its start
    looks for itself at the address it is known by, which a broken link must not prevent.
    """

    def __init__(self, folder: Path, count: int) -> None:
        program = local.mongod.prepare(None, CACHE, Console(stderr=True))
        self.links: dict[str, FaultLink] = {}
        self.servers: dict[str, Server] = {}
        self._ports: dict[str, int] = {}
        self._powers: list[ProcessPower] = []
        for number, port in enumerate(free_ports(count), 1):
            name = f"mongo-{number}"
            mongod = Mongod(folder / name, program, port, _CACHE_GB)
            mongod.prepare_folder()
            part = Part(name, tuple(mongod.command()), mongod.uri, self._serves(name))
            power = ProcessPower(part, folder / f"{name}.log")
            self.links[name] = FaultLink((LOOPBACK, port), MONGO).__enter__()
            self.servers[name] = Server(mongod.uri, power, part.is_ready)
            self._ports[name] = port
            self._powers.append(power)

    def begin_start(self) -> None:
        for server in self.servers.values():
            server.begin_start()

    def found(self) -> None:
        """Make the members a replica set, once."""
        alone = len(self._ports) == 1
        ports = list(self._ports.values()) if alone else [link.port for link in self.links.values()]
        members = [{"_id": number, "host": f"{LOOPBACK}:{port}"} for number, port in enumerate(ports)]
        config = {"_id": REPLICA_SET, "members": members, "settings": _SETTINGS}

        def initiated() -> bool:
            try:
                with self._at("mongo-1") as client:
                    client.admin.command("replSetInitiate", config)
            except OperationFailure as error:
                return error.code == _ALREADY_INITIALIZED
            except PyMongoError:
                return False
            return True

        eventually(initiated, _WHOLE_WITHIN_S, every_s=0.2)

    def close(self) -> None:
        for power in self._powers:
            power.kill()
        for link in self.links.values():
            link.__exit__()

    @property
    def uri(self) -> str:
        if len(self.links) == 1:
            return f"mongodb://{LOOPBACK}:{self.links['mongo-1'].port}/?directConnection=true"
        hosts = ",".join(f"{LOOPBACK}:{link.port}" for link in self.links.values())
        return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"

    @property
    def direct_uri(self) -> str:
        return f"mongodb://{LOOPBACK}:{self._ports[self.primary()]}/?directConnection=true"

    # --- who is what ---------------------------------------------------------------------------------------------

    def primary(self) -> str:
        def newest() -> str:
            greetings = {name: self._hello(name) for name, server in self.servers.items() if server.runs()}
            elected = [(hello["electionId"], name) for name, hello in greetings.items() if hello["isWritablePrimary"]]
            assert elected, f"no primary: {greetings}"
            return max(elected)[1]  # one that was frozen believes it still is, of an older election

        return eventually(newest, _PRIMARY_WITHIN_S)

    def step_down(self) -> None:
        catch_up_s = 2 if len(self.servers) > 1 else 0
        order = {"replSetStepDown": _STEP_DOWN_S, "secondaryCatchUpPeriodSecs": catch_up_s, "force": True}
        with self._at(self.primary()) as client:
            try:
                client.admin.command(order)
            except PyMongoError as failure:  # frozen, or deposed this very moment
                raise AssertionError("the primary did not step down") from failure

    def wait_whole(self) -> None:
        """Until every member is primary or secondary, as the primary sees them.

        A member that could not reach itself when it started is none until it hears from another one. Where all did so,
        one of them is started again.
        """
        eventually(self._is_whole, _WHOLE_WITHIN_S, every_s=0.2)

    def _is_whole(self) -> bool:
        if all(self._is_lost(name) for name in self.servers):
            first = self.servers["mongo-1"]
            first.kill()
            first.begin_start()
        with self._at(self.primary()) as client:
            try:
                status = client.admin.command("replSetGetStatus")
            except PyMongoError as failure:
                raise AssertionError("the primary does not answer") from failure
        states = {member["name"]: member["stateStr"] for member in status["members"]}
        assert sorted(states.values()) == ["PRIMARY", *["SECONDARY"] * (len(self._ports) - 1)], states
        return True

    def _is_lost(self, name: str) -> bool:
        try:
            with self._at(name) as client:
                client.admin.command("replSetGetStatus")
        except OperationFailure as failure:
            return failure.code == _NOT_IN_CONFIG
        except PyMongoError:
            return False
        return False

    # --- asking --------------------------------------------------------------------------------------------------

    def _serves(self, name: str) -> Callable[[], bool]:
        def serves() -> bool:
            hello = self._hello(name)
            return bool(hello["isWritablePrimary"] or (hello.get("secondary") and len(self._ports) > 1))

        return serves

    def _hello(self, name: str) -> dict[str, Any]:
        try:
            with self._at(name) as client:
                return client.admin.command("hello")
        except PyMongoError as failure:
            return {"isWritablePrimary": False, "failure": str(failure)[:80]}

    @contextmanager
    def _at(self, name: str) -> Iterator[Client]:
        """A client of one member, past its link."""
        with pymongo.MongoClient[dict[str, Any]](
            LOOPBACK, self._ports[name], directConnection=True, serverSelectionTimeoutMS=1000, socketTimeoutMS=5000
        ) as client:
            yield client
