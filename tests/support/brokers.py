"""One Kafka broker or three of them as processes, each behind a fault link, and who of them is what at the moment."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from confluent_kafka import ElectionType, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata, PartitionMetadata
from rich.console import Console

import local.kafka
from local.kafka import Kafka
from local.ports import LOOPBACK
from local.process import Part
from tests.support.eventually import eventually
from tests.support.fault_link import KAFKA, FaultLink
from tests.support.reassign import reassign
from tests.support.servers import CACHE, ProcessPower, Server, free_ports

_HEAP_MB = 256
_OFFSETS = "__consumer_offsets"  # of one partition, whose leader coordinates every group
_ANSWER_WITHIN_S = 3
_LEADER_WITHIN_S = 30
_WHOLE_WITHIN_S = 180
# What one broker is told to have one of, and a cluster has on every broker.
_COPIED = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
}
T = TypeVar("T")


class Brokers:
    """Clients come through the links; brokers talk to each other, and to whoever only looks on, past them."""

    def __init__(self, folder: Path, count: int) -> None:
        assert count in {1, 3}, count
        jars = local.kafka.prepare(CACHE, Console(stderr=True))
        ports = free_ports(3 * count)
        controllers, directs, fronts = ports[:count], ports[count : 2 * count], ports[2 * count :]
        voters = tuple(f"{node}@{LOOPBACK}:{port}" for node, port in enumerate(controllers, 1)) if count > 1 else ()
        self.links = {_name(node): FaultLink((LOOPBACK, port), KAFKA) for node, port in enumerate(fronts, 1)}
        self.servers: dict[str, Server] = {}
        self._nodes: dict[int, Kafka] = {}
        self._powers: list[ProcessPower] = []
        for node, controller, direct, front in zip(range(1, count + 1), controllers, directs, fronts, strict=True):
            advertised = self.links[_name(node)].__enter__().port
            settings = _front_door(controller, direct, front, advertised) | (_COPIED if voters else {})
            kafka = Kafka(folder / _name(node), jars, direct, controller, _HEAP_MB, node, voters, settings)
            part = Part(_name(node), tuple(kafka.command()), kafka.bootstrap_servers, kafka.is_ready)
            power = ProcessPower(part, folder / f"{_name(node)}.log")
            self._nodes[node] = kafka
            self._powers.append(power)
            self.servers[_name(node)] = Server(kafka.bootstrap_servers, power, kafka.is_ready)

    def begin_start(self) -> None:
        cluster = local.kafka.new_cluster()
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda kafka: kafka.format(cluster), self._nodes.values()))
        for server in self.servers.values():  # in the caller's thread, because a process ends with its thread
            server.begin_start()

    def close(self) -> None:
        for power in self._powers:
            power.kill()
        for link in self.links.values():
            link.__exit__()

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(f"{LOOPBACK}:{link.port}" for link in self.links.values())

    @property
    def direct_bootstrap_servers(self) -> str:
        return ",".join(server.address for server in self.servers.values())

    # --- who is what ---------------------------------------------------------------------------------------------

    def leader_of(self, topic: str, partition: int) -> str:
        def leader() -> str:
            node = self._partitions(topic)[partition].leader
            assert node in self._nodes, f"partition {partition} of {topic} has no leader"
            return _name(node)

        return eventually(leader, _LEADER_WITHIN_S)

    def controller(self) -> str:
        """As the brokers wrote it down at the last election; what they tell clients is any broker."""
        states = [
            json.loads(path.read_text())
            for kafka in self._nodes.values()
            if (path := kafka.state / "data" / "__cluster_metadata-0" / "quorum-state").exists()
        ]
        elected = [(state["leaderEpoch"], state["leaderId"]) for state in states if state["leaderId"] in self._nodes]
        assert elected, states
        return _name(max(elected)[1])

    def coordinator(self) -> str:
        return self.leader_of(_OFFSETS, 0)

    def wait_whole(self) -> None:
        """Until every broker serves, every partition has a leader, and every replica is in sync."""
        for server in self.servers.values():
            server.wait_ready()
        eventually(self._is_whole, _WHOLE_WITHIN_S, every_s=0.2)

    def _is_whole(self) -> bool:
        metadata = self._metadata()
        assert sorted(metadata.brokers) == sorted(self._nodes), metadata.brokers
        for name, topic in metadata.topics.items():
            for number, partition in topic.partitions.items():
                state = f"{name}-{number}: leader {partition.leader}, in sync {partition.isrs}"
                assert partition.leader in self._nodes, state
                assert sorted(partition.isrs) == sorted(partition.replicas), state
        return True

    # --- moving leaders ------------------------------------------------------------------------------------------

    def move_leaders(self, topic: str) -> None:
        """Put another replica in front where one is in sync, and have those in front elected."""
        orders = {
            number: [others[0], *(node for node in partition.replicas if node != others[0])]
            for number, partition in self._partitions(topic).items()
            if (others := [node for node in partition.isrs if node != partition.leader])
        }
        if not orders:
            return
        self._first_to_answer(lambda server: reassign(_host_and_port(server), topic, orders))
        eventually(lambda: self._are_ordered(topic, orders), _LEADER_WITHIN_S)
        partitions = [TopicPartition(topic, number) for number in orders]

        def elect(server: Server) -> None:
            admin = _admin(server)
            admin.elect_leaders(ElectionType.PREFERRED, partitions).result(_ANSWER_WITHIN_S)

        self._first_to_answer(elect)

    def _are_ordered(self, topic: str, orders: dict[int, list[int]]) -> bool:
        partitions = self._partitions(topic)
        return all(partitions[number].replicas == order for number, order in orders.items())

    # --- asking --------------------------------------------------------------------------------------------------

    def _partitions(self, topic: str) -> dict[int, PartitionMetadata]:
        partitions: dict[int, PartitionMetadata] = self._metadata(topic).topics[topic].partitions
        return partitions

    def _metadata(self, *topic: str) -> ClusterMetadata:
        return self._first_to_answer(lambda server: _admin(server).list_topics(*topic, timeout=_ANSWER_WITHIN_S))

    def _first_to_answer(self, ask: Callable[[Server], T]) -> T:
        """Ask one broker after the other: a client that knows them all may wait long for a frozen one."""
        failures: list[Exception] = []
        for server in self.servers.values():
            try:
                return ask(server)
            except (KafkaException, OSError) as failure:
                failures.append(failure)
        raise AssertionError(f"no broker answers: {failures}")


def _name(node: int) -> str:
    return f"kafka-{node}"


def _front_door(controller: int, direct: int, front: int, advertised: int) -> dict[str, str]:
    """A further listener, which clients are told to find at the link before it."""
    ports: Sequence[tuple[str, int]] = (("BROKER", direct), ("CONTROLLER", controller), ("CLIENT", front))
    return {
        "listeners": ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in ports),
        "advertised.listeners": f"BROKER://{LOOPBACK}:{direct},CLIENT://{LOOPBACK}:{advertised}",
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name, _ in ports),
    }


def _host_and_port(server: Server) -> tuple[str, int]:
    host, _, port = server.address.partition(":")
    return host, int(port)


def _admin(server: Server) -> AdminClient:
    return AdminClient({"bootstrap.servers": server.address, "log_level": 0})
