"""`admin spool` on the slots of real proxies: what a dead one left is sent once, what a living one holds is left alone."""

import pytest

from common import documents
from common.events import decode
from tests.support import web
from tests.support.admin import admin
from tests.support.eventually import eventually
from tests.support.evidence import values_of
from tests.support.services import Services
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration
NOWHERE = "127.0.0.1:1"


def test_what_a_dead_proxy_left_is_listed_and_sent_once(workspace: Workspace, services: Services) -> None:
    assert admin(workspace, "init").code == 0
    spool = {"PROXY__SPOOL_DIR": str(workspace.spool)}
    sandbox = services.sandbox()
    proxy = services.proxy(workspace, sandbox.url, KAFKA__BOOTSTRAP_SERVERS=NOWHERE)
    replied = {_pack(proxy.url) for _ in range(5)}
    assert len(replied) == 5

    [held] = admin(workspace, "spool", "list", "--json", **spool).json
    assert (held["slot"], held["state"], held["events"]) == ("slot-000", "held", None)
    refused = admin(workspace, "spool", "drain", "slot-000", **spool)
    assert (refused.code, "held by a running process" in refused.errors) == (3, True)
    assert admin(workspace, "spool", "drain", **spool).out == ""

    proxy.kill()
    [free] = admin(workspace, "spool", "list", "--json", **spool).json
    assert (free["state"], free["events"], free["problem"]) == ("free", 5, None)
    assert free["oldest"] is not None
    assert "free" in admin(workspace, "spool", "list", **spool).out
    refused = admin(workspace, "spool", "drain", KAFKA__BOOTSTRAP_SERVERS=NOWHERE, **spool)
    assert (refused.code, "stays there" in refused.errors) == (3, True)
    refused = admin(workspace, "spool", "drain", "slot-007", **spool)
    assert (refused.code, "no such slot" in refused.errors) == (3, True)

    drained = admin(workspace, "spool", "drain", "slot-000", **spool)
    assert (drained.code, drained.out, drained.errors) == (0, "slot-000: 5 events sent\n", "")
    assert admin(workspace, "spool", "drain", **spool).out == "slot-000: holds nothing\n"
    events = [decode(value) for value in values_of(workspace)]
    assert {f"{event.session}.{event.partition}.{event.seq}" for event in events} == replied
    assert len(events) == 5
    services.aggregator(workspace)

    def counted() -> bool:
        return sum(int(found["requests"]) for found in workspace.documents[documents.TOTALS].find()) == 5

    eventually(counted, 60)


def _pack(url: str) -> str:
    """The event id of a reply: whatever upstream made of the request, it is counted."""
    reply = web.request("POST", f"{url}/?view=pack", b'{"itemSets":[{"quantity":2}]}')
    return reply.headers["x-event-id"]


def test_a_spool_that_cannot_be_read_is_named_and_kept(workspace: Workspace) -> None:
    slot = workspace.spool / "slot-000"
    slot.mkdir(parents=True)
    (slot / "spool.db").write_bytes(b"this is no database" * 100)
    spool = {"PROXY__SPOOL_DIR": str(workspace.spool)}
    assert admin(workspace, "init").code == 0
    [found] = admin(workspace, "spool", "list", "--json", **spool).json
    assert "not a database" in found["problem"]
    ended = admin(workspace, "spool", "drain", **spool)
    assert (ended.code, "not a database" in ended.errors) == (70, True)
    assert (slot / "spool.db").exists()


def test_a_folder_that_is_not_there_is_named(workspace: Workspace) -> None:
    ended = admin(workspace, "spool", "list", PROXY__SPOOL_DIR=str(workspace.folder / "nowhere"))
    assert (ended.code, "there is no such folder here" in ended.errors) == (3, True)
