"""A spool that can take no more: packs are refused before upstream is called, or go uncounted where that is wanted."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common.events import MAX_EVENT_BYTES
from tests.support import web
from tests.support.eventually import eventually
from tests.support.facility import Facility
from tests.support.pipeline import Pipeline
from tests.support.services import Services
from tests.support.upstream import Canned, RecordingUpstream

LEAST_LIMIT = 16 << 20
_BOXES = [{"box": {"name": f"carton {number:03d} {'x' * 110}", "volumeMax": 1000 + number}} for number in range(64)]
# An answer that makes an event of nearly the largest size.
LARGE = Canned(200, json.dumps({"boxes": _BOXES, "lenItems": 1, "usedKeyStem": "filler"}).encode())


def test_full_spool_refuses_before_upstream_is_called(
    pipeline: Pipeline, services: Services, double: RecordingUpstream, tmp_path: Path
) -> None:
    def proxy(**settings: str) -> Facility:
        own = {"PROXY__SPOOL_DIR": str(tmp_path), "PROXY__SPOOL_MAX_BYTES": str(LEAST_LIMIT)}
        return Facility(services.proxy(pipeline.workspace, double.url, wait=False, **own, **settings).url, key, keystem)

    key = keystem = "filler"
    without_kafka = {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    double.answer = LARGE

    facility = proxy(**without_kafka)
    services.started[-1].wait_ready()
    promised = fill(facility)
    called = len(double.asked)
    assert called == promised
    for target, body in (("/", {"Message"}), ("/?view=both", {"Message"}), ("/pack", {"code", "message", "Message"})):
        reply = facility.pack(target)
        assert (reply.status, set(reply.json)) == (503, body), target
        assert int(reply.headers["retry-after"]) > 0
        assert "x-event-id" not in reply.headers
    delete = web.request("DELETE", f"{facility.proxy}/api/keydata/filler")
    assert (delete.status, set(delete.json)) == (503, {"Message"})
    assert len(double.asked) == called
    assert web.get(f"{facility.proxy}/readyz").status == 503
    services.started[-1].kill()

    facility = proxy(**without_kafka, PROXY__WHEN_SPOOL_FULL="pass_uncounted")
    eventually(lambda: answers(facility.proxy), 60)
    while "x-event-id" in facility.pack("/pack").headers:  # a start makes some room, the log of the file being empty
        promised += 1
    assert facility.pack("/pack").body == LARGE.body
    reply = facility.pack()
    assert (reply.status, reply.json["eventId"]) == (200, None)
    assert "x-event-id" not in reply.headers
    assert b"\npackstats_uncounted_total 3.0" in web.get(f"{facility.proxy}/metrics").body
    services.started[-1].kill()

    facility = proxy()  # with Kafka: what was promised is sent, and then there is room again
    services.started[-1].wait_ready()
    assert facility.shown(promised)["totalRequests"] == promised
    eventually(lambda: "x-event-id" in facility.pack().headers)


def answers(url: str) -> bool:
    try:
        return web.get(f"{url}/livez").status == 200
    except OSError:
        return False


def fill(facility: Facility) -> int:
    """Send until not even one event more is taken; how many replies promised to be counted."""
    promised = 0
    # Several at once are refused earlier than one alone, because each holds a place; and a place may be given back a
    # moment later than its event's size is measured. So the last ones go alone, and three refusals make sure.
    for at_once, enough in ((8, 1), (1, 3)):
        refusals = 0
        with ThreadPoolExecutor(at_once) as callers:
            while refusals < enough:
                replies = list(callers.map(lambda _: facility.pack("/pack"), range(at_once)))
                promised += sum("x-event-id" in reply.headers for reply in replies)
                refusals = refusals + 1 if any(reply.status == 503 for reply in replies) else 0
                assert promised * MAX_EVENT_BYTES < 4 * LEAST_LIMIT, "the spool takes more than its limit"
    return promised
