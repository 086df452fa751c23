"""The servers of a campaign, one of each or a cluster, with a fault link before every one of them.

Services get the addresses of the links; what only looks on gets the servers' own. Start a site in the main thread: its
processes end with the thread that started them.
"""

from collections.abc import Mapping
from pathlib import Path

from tests.support.brokers import Brokers
from tests.support.fault_link import FaultLink
from tests.support.replica_set import ReplicaSet
from tests.support.servers import Server


class Site:
    """Brokers "kafka-1"…, members "mongo-1"…, and a link of the same name before each. All methods block.

    In a cluster use `begin_start` and `begin_heal` of a server: alone it may not become ready before others run. What
    cannot be found out or done, because too much is broken at the moment, is an AssertionError.
    """

    def __init__(self, folder: Path, count: int) -> None:
        """The processes' folders and logs are in `folder`; use `single` and `cluster`."""
        self._kafka = Brokers(folder, count)
        self._mongo = ReplicaSet(folder, count)
        self.brokers: Mapping[str, Server] = self._kafka.servers
        self.members: Mapping[str, Server] = self._mongo.servers
        self.links: Mapping[str, FaultLink] = self._kafka.links | self._mongo.links
        self.partitions_replication = count  # for KAFKA__REPLICATION

    def start(self) -> None:
        self._mongo.begin_start()
        self._kafka.begin_start()
        self._mongo.found()
        self._wait_whole()

    @property
    def bootstrap_servers(self) -> str:
        """Through the links, for proxies and aggregators."""
        return self._kafka.bootstrap_servers

    @property
    def mongo_uri(self) -> str:
        """Through the links, for proxies and aggregators."""
        return self._mongo.uri

    @property
    def direct_bootstrap_servers(self) -> str:
        """Past the links; brokers reach each other there too, so that no link comes between them."""
        return self._kafka.direct_bootstrap_servers

    @property
    def direct_mongo_uri(self) -> str:
        """Past the links, to the primary of this moment alone: for a client of a few reads, not to be kept."""
        return self._mongo.direct_uri

    def leader_of(self, topic: str, partition: int) -> str:
        """The broker that leads a partition, as the others know it: for some seconds after its death, still that one.

        AssertionError after 30 s without one.
        """
        return self._kafka.leader_of(topic, partition)

    def controller(self) -> str:
        """The broker that is the active controller, or was until it died."""
        return self._kafka.controller()

    def coordinator(self, group: str) -> str:
        """The broker that coordinates a consumer group. There must have been a group already; all have the same one."""
        del group
        return self._kafka.coordinator()

    def primary(self) -> str:
        """The member that is primary; AssertionError after 30 s without one."""
        return self._mongo.primary()

    def step_down(self) -> None:
        """Make the primary step down. There is a primary again, another one in a cluster, some seconds later."""
        self._mongo.step_down()

    def move_leaders(self, topic: str) -> None:
        """Give every partition of a topic another leader that is in sync; with one broker there is none to give.

        AssertionError after 15 s in which no broker could have it done, as when the active controller is frozen.
        """
        self._kafka.move_leaders(topic)

    def heal(self) -> None:
        """Everything runs, links pass, every partition has a leader and all replicas in sync, all members are well."""
        for link in self.links.values():
            link.heal()
        for server in (*self.brokers.values(), *self.members.values()):
            server.begin_heal()
        self._wait_whole()

    def close(self) -> None:
        """End the processes and the links."""
        self._kafka.close()
        self._mongo.close()

    def _wait_whole(self) -> None:
        self._mongo.wait_whole()
        self._kafka.wait_whole()


def single(folder: Path) -> Site:
    """One broker and one member, when they serve."""
    return _started(folder, 1)


def cluster(folder: Path) -> Site:
    """Three brokers and three members, when they serve and are in sync.

    Members reach each other through their links: a broken link cuts its member off, for the other members too.
    """
    return _started(folder, 3)


def _started(folder: Path, count: int) -> Site:
    site = Site(folder, count)
    try:
        site.start()
    except BaseException:
        site.close()
        raise
    return site
