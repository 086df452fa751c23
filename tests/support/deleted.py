"""A facility whose data is deleted in the middle of a run: what was packed before is gone, what is packed after stays."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from common.events import DeleteEvent, PackEvent, decode, event_id
from tests.support import web
from tests.support.evidence import api_disagreements, counted_in, values_of, wait_settled
from tests.support.facility import BODY, new_key
from tests.support.ledger import differences
from tests.support.load import Load
from tests.support.rig import Rig

BEFORE, AFTER = 3, 2


@dataclass
class Deleted:
    """The facility, and the reply to its deletion (None where none came)."""

    key: str = field(default_factory=new_key)
    reply: web.Reply | None = None

    @property
    def keystem(self) -> str:
        return self.key[:10]

    def pack(self, proxy: str, request_id: str) -> web.Reply:
        headers = {"Authorization": f"apikey {self.key}", "X-Request-ID": request_id}
        return web.post_json(proxy, BODY, headers)

    def pack_before(self, proxy: str) -> None:
        for number in range(BEFORE):
            assert self.pack(proxy, f"before-{number}").headers["x-event-id"]

    def delete(self, proxy: str) -> None:
        try:
            self.reply = web.request("DELETE", f"{proxy}/api/keydata/{self.keystem}")
        except OSError:
            return  # it may be done or not; whoever asks, asks again

    def assert_exact(self, rig: Rig, load: Load) -> None:
        """As `Rig.assert_exact`, less what the delete cleared; its receipt says that it cleared exactly that."""
        (proxy,) = rig.proxies
        for number in range(AFTER):
            entry = load.ledger.intend(f"after-{number}", self.keystem)
            reply = self.pack(proxy.url, entry.request_id)
            entry.status, entry.event_id = reply.status, reply.headers["x-event-id"]
        wait_settled(rig.workspace, rig.proxies, 90)
        standing, deletes = history(values_of(rig.workspace))
        counted = counted_in(rig.workspace)
        assert differences(load.ledger, standing, counted) == []
        assert api_disagreements(proxy, counted) == []
        assert counted.keystems[self.keystem]["requests"] == AFTER
        (identity,) = deletes
        assert self.reply is None or self.reply.headers["x-event-id"] == identity
        receipt = web.get(f"{proxy.url}/api/deletions/{identity}").json
        assert (receipt["state"], receipt["cleared"]["totalRequests"]) == ("applied", BEFORE)


def history(values: Iterable[bytes]) -> tuple[list[PackEvent], list[str]]:
    """The packs that no later delete cleared, and the ids of the deletes; each identity counts where it came first."""
    packs: list[PackEvent] = []
    seen: dict[str, None] = {}
    deletes: list[str] = []
    for event in map(decode, values):
        identity = event_id(event.session, event.partition, event.seq)
        if identity in seen:
            continue
        seen[identity] = None
        if isinstance(event, DeleteEvent):
            packs = [pack for pack in packs if pack.keystem != event.keystem]
            deletes.append(identity)
        elif isinstance(event, PackEvent):
            packs.append(event)
    return packs, deletes
