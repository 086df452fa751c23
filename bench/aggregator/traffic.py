"""Pure: any number of events from a few real ones: many keystems, interleaved, from several proxies, numbered as these do."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from common.events import PackEvent, encode
from common.identity import new_session
from common.topic import partition_of

_REFUSED = 0.01  # share
_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """What traffic is like."""

    keystems: int
    partitions: int = 24
    rate_per_s: float = 200.0  # how far events are apart in their own time
    proxies: int = 4


@dataclass(frozen=True, slots=True)
class Record:
    partition: int
    key: str
    value: bytes
    session: str
    seq: int


class Traffic:
    """A stream of records that does not repeat: every keystem equally often, in an order of chance."""

    def __init__(self, shape: Shape, templates: Sequence[Sequence[PackEvent]], start: datetime, seed: int) -> None:
        self._shape = shape
        self._templates = templates
        self._start = start
        self._chance = random.Random(seed)  # noqa: S311  # load, no secret
        self._sessions = [new_session(int(start.timestamp() * 1000 - 1000 - n) * _MS) for n in range(shape.proxies)]
        self._seqs: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._listed: set[tuple[str, str, str | None]] = set()
        self._stems = [keystem(number) for number in range(shape.keystems)]
        self.made = 0

    def records(self, count: int) -> Iterator[Record]:
        for _ in range(count):
            yield self._next()

    def _next(self) -> Record:
        chance = self._chance
        number = chance.randrange(self._shape.keystems)
        stem = self._stems[number]
        of_list = self._templates[number % len(self._templates)]
        packed = len(of_list) - 1
        template = of_list[packed if chance.random() < _REFUSED else chance.randrange(packed)]
        session = self._sessions[chance.randrange(len(self._sessions))]
        partition = partition_of(stem, self._shape.partitions)
        seq = self._seqs[session, partition] = self._seqs[session, partition] + 1
        self.made += 1
        hashes = chance.randbytes(64).hex()
        event = msgspec.structs.replace(
            template,
            session=session,
            partition=partition,
            seq=seq,
            keystem=stem,
            occurred_at=self._start + timedelta(seconds=self.made / self._shape.rate_per_s),
            latency_ns=int(chance.lognormvariate(0, 0.5) * 400 * _MS),
            proxy_ns=int(chance.lognormvariate(0, 0.4) * 0.6 * _MS),
            request_id=f"wave-{self.made:09}",
            request_fingerprint=hashes[:32],
            content_hash=hashes[32:64],
            order_hash=hashes[64:96],
            pack_uuid=template.pack_uuid and (hashes[96:] + template.pack_uuid)[:128],
            offered=self._list_once(session, stem, template),
        )
        return Record(partition, stem, encode(event), session, seq)

    def _list_once(self, session: str, stem: str, template: PackEvent) -> object:
        """A list of cartons goes with the first event of a proxy and keystem that offers it."""
        first = (session, stem, template.offered_hash)
        if template.offered_hash is None or first in self._listed:
            return None
        self._listed.add(first)
        known = self._templates[int(stem[1:]) % len(self._templates)]
        return next((each.offered for each in known if each.offered is not None), None)


def keystem(number: int) -> str:
    """As long as Paccurate's."""
    return f"f{number:09}"
