"""The tables of the kinds of fault, one for each topology, and how long each of them lasts."""

from tests.prove.schedule import Kind

BROKER, MONGOD, KAFKA_LINK, MONGO_LINK = "broker", "mongod", "kafka link", "mongo link"
PROXY, AGGREGATOR, SANDBOX = "proxy", "aggregator", "sandbox"


def _kind(name: str, shortest_s: float, longest_s: float, *breaks: str) -> Kind:
    return Kind(name, frozenset(breaks), shortest_s, longest_s)


_PROCESSES = (
    _kind("proxy killed", 0.5, 4, PROXY),
    _kind("proxy stopped", 0.5, 4, PROXY),
    _kind("proxy frozen", 1, 7, PROXY),
    _kind("all proxies killed", 0.5, 3, PROXY),
    _kind("proxy's disk full", 4, 8, PROXY),
    _kind("proxy killed while Kafka is away, its slot adopted", 3, 6, PROXY, KAFKA_LINK, BROKER),
    _kind("aggregator killed", 0.5, 4, AGGREGATOR),
    _kind("aggregator stopped", 0.5, 4, AGGREGATOR),
    _kind("aggregator frozen", 7.5, 12, AGGREGATOR),  # longer than its session, so that it is replaced
    _kind("all aggregators killed", 0.5, 3, AGGREGATOR),
    _kind("upstream killed", 0.5, 4, SANDBOX),
    _kind("upstream frozen", 1, 8, SANDBOX),
)
_LINKS = (
    _kind("Kafka connections cut", 0, 0, KAFKA_LINK),
    _kind("Kafka connections reset", 0, 0, KAFKA_LINK),
    _kind("Kafka unreachable", 3, 10, KAFKA_LINK),
    _kind("Kafka slow", 3, 8, KAFKA_LINK),
    _kind("Kafka deaf in one direction", 3, 10, KAFKA_LINK),
    _kind("answer to a produce request lost", 2, 6, KAFKA_LINK),
    _kind("MongoDB connections cut", 0, 0, MONGO_LINK),
    _kind("MongoDB connections reset", 0, 0, MONGO_LINK),
    _kind("MongoDB unreachable", 3, 10, MONGO_LINK),
    _kind("MongoDB slow", 3, 8, MONGO_LINK),
    _kind("MongoDB deaf in one direction", 3, 10, MONGO_LINK),
    _kind("answer to a commit lost", 2, 6, MONGO_LINK),
)
_SERVERS = (
    _kind("broker killed", 0.5, 4, BROKER),
    _kind("broker stopped", 0.5, 4, BROKER),
    _kind("broker frozen", 1, 10, BROKER),
    _kind("mongod killed", 0.5, 4, MONGOD),
    _kind("mongod stopped", 0.5, 4, MONGOD),
    _kind("mongod frozen", 1, 10, MONGOD),
    _kind("primary stepped down", 0, 0, MONGOD),
)
# A broken link to one member of a cluster is what a broken member is, so they do not overlap: two of three
# would be gone. That is a kind of its own for a broker and a member at once.
_CLUSTER = (
    _kind("leader of a partition killed", 1, 8, BROKER, KAFKA_LINK),
    _kind("leader of a partition frozen", 2, 10, BROKER, KAFKA_LINK),
    _kind("controller killed", 1, 8, BROKER, KAFKA_LINK),
    _kind("group coordinator killed", 1, 8, BROKER, KAFKA_LINK),
    _kind("broker stopped", 1, 6, BROKER, KAFKA_LINK),
    _kind("leaders moved", 0, 0, BROKER, KAFKA_LINK),
    _kind("primary killed", 1, 8, MONGOD, MONGO_LINK),
    _kind("primary frozen", 2, 10, MONGOD, MONGO_LINK),
    _kind("primary stepped down", 0, 0, MONGOD, MONGO_LINK),
    _kind("mongod stopped", 1, 6, MONGOD, MONGO_LINK),
    _kind("a broker and the primary killed at once", 1, 6, BROKER, KAFKA_LINK, MONGOD, MONGO_LINK),
)

KINDS = {"single": _PROCESSES + _LINKS + _SERVERS, "cluster": _PROCESSES + _LINKS + _CLUSTER}


def chosen(topology: str, names: list[str]) -> tuple[Kind, ...]:
    """The table of a topology, or those kinds of it that are named. Raises KeyError for a name that is not in it."""
    table = {kind.name: kind for kind in KINDS[topology]}
    return tuple(table[name] for name in names) if names else KINDS[topology]
