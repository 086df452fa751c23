"""`admin quarantine` on real Kafka and MongoDB: what is retried is counted once, whatever is done how often."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from bson import Int64

from common import documents, progress
from common.events import PackEvent, encode
from common.identity import new_session
from tests.support.admin import admin
from tests.support.eventually import eventually
from tests.support.evidence import ends_of, positions_of
from tests.support.feed import feed, feed_values
from tests.support.made_events import delete, keystem_in, pack
from tests.support.services import Services
from tests.support.stack import MakeWorkspace
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration
SESSION = new_session()


@pytest.fixture
def two(make_workspace: MakeWorkspace, services: Services) -> Workspace:
    """A workspace of two partitions that an aggregator works on."""
    workspace = make_workspace(2)
    assert admin(workspace, "init").code == 0
    services.aggregator(workspace, AGGREGATOR__FLUSH_INTERVAL_S="0.1")
    return workspace


def event(seq: int, partition: int = 0) -> PackEvent:
    return pack(SESSION, seq, keystem_in(partition, 2), partitions=2, occurred_at=datetime.now(UTC))


def astray(seq: int) -> PackEvent:
    """A pack whose proxy thought that the topic had another number of partitions."""
    return msgspec.structs.replace(event(seq), partition=1)


def requests(workspace: Workspace) -> int:
    return sum(int(found["requests"]) for found in workspace.documents[documents.TOTALS].find())


def settled(workspace: Workspace) -> int:
    """How many requests are counted once everything in the topic was folded."""
    eventually(lambda: positions_of(workspace) == ends_of(workspace), 60)
    return requests(workspace)


def quarantined(workspace: Workspace, **query: Any) -> dict[str, Any]:
    found = eventually(lambda: workspace.documents[progress.QUARANTINE].find_one(query), 30)
    assert found is not None
    return dict(found)


def test_a_pack_that_went_astray_is_counted_once_however_often_it_is_retried(two: Workspace) -> None:
    feed(two, [event(1), astray(2)])
    assert settled(two) == 1
    shown = admin(two, "quarantine", "show", "1:0")
    assert "possible: goes to partition 0 under a new identity" in shown.out
    retried = admin(two, "quarantine", "retry", "1:0", "--json")
    assert (retried.code, retried.errors) == (0, "")
    [outcome] = retried.json
    assert settled(two) == 2
    held = quarantined(two)
    assert outcome["event_id"] == f"{held['retry']['session']}.0.1"
    assert held["retry"]["offset"] == outcome["offset"]

    again = admin(two, "quarantine", "retry", "1:0")
    assert (again.code, "retried already" in again.errors) == (3, True)
    assert settled(two) == 2
    discarded = admin(two, "quarantine", "discard", "1:0")
    assert (discarded.code, "it is retried" in discarded.errors) == (3, True)
    assert admin(two, "status", "--json").json["documents"]["quarantined"] == 0
    assert admin(two, "verify").code == 0


def test_a_retry_that_died_before_it_could_say_so_is_done_again_and_counted_once(two: Workspace) -> None:
    feed(two, [astray(1)])
    settled(two)
    assert admin(two, "quarantine", "retry", "1:0").code == 0
    assert settled(two) == 1
    # As if the process had died after Kafka took the record.
    two.documents[progress.QUARANTINE].update_one({}, {"$unset": {"retry.sent_at": "", "retry.offset": ""}})
    assert "retry not finished" in admin(two, "quarantine", "list").out
    assert admin(two, "status", "--json").json["documents"]["quarantined"] == 1
    assert admin(two, "quarantine", "retry", "1:0").code == 0
    assert settled(two) == 1
    assert sum(ends_of(two).values()) == 3, "it was sent twice"


def test_a_pack_that_can_be_read_only_now_is_counted_once_also_if_a_copy_of_it_still_comes(two: Workspace) -> None:
    unread = encode(event(7))
    feed_values(two, [(0, b"no event")])
    settled(two)
    # What a program of today makes of a record that the one of that day could not read.
    two.documents[progress.QUARANTINE].update_one({}, {"$set": {"value": unread}})
    assert "under its own identity" in admin(two, "quarantine", "show", "0:0").out
    assert admin(two, "quarantine", "retry", "0:0").code == 0
    feed_values(two, [(0, unread)])
    assert settled(two) == 1


def test_all_of_a_reason_are_retried_in_one_session_and_the_others_stay(two: Workspace) -> None:
    feed(two, [astray(1), astray(2), astray(3)])
    feed_values(two, [(1, b"no event")])
    settled(two)
    done = admin(two, "quarantine", "retry", "--reason", "keystem of another partition", "--json")
    assert done.code == 0, done.errors
    assert settled(two) == 3
    assert len({outcome["event_id"].split(".")[0] for outcome in done.json}) == 1
    refused = admin(two, "quarantine", "retry", "--reason", "not an event")
    assert (refused.code, "1 of 1 records were not retried" in refused.errors) == (3, True)
    nothing = admin(two, "quarantine", "retry", "--reason", "keystem of another partition")
    assert (nothing.code, "no such record that waits" in nothing.errors) == (3, True)


def test_what_a_delete_has_cleared_is_not_brought_back(two: Workspace) -> None:
    feed(two, [astray(1)])
    settled(two)
    feed(two, [delete(SESSION, 2, keystem_in(0, 2), partitions=2, occurred_at=datetime.now(UTC))])
    settled(two)
    refused = admin(two, "quarantine", "retry", "1:0")
    assert (refused.code, "was deleted after it" in refused.errors) == (3, True)
    two.documents[progress.QUARANTINE].update_one({}, {"$set": {"cleared": True}})
    refused = admin(two, "quarantine", "retry", "1:0")
    assert (refused.code, "would bring back what was deleted" in refused.errors) == (3, True)
    assert settled(two) == 0


def test_a_discarded_record_keeps_its_bytes_and_is_never_counted(two: Workspace) -> None:
    feed_values(two, [(0, b"\x1b[2J no event")])
    settled(two)
    assert admin(two, "quarantine", "discard", "0:0").code == 0
    held = quarantined(two)
    assert (held["value"], held["discarded"]["by"] != "") == (b"\x1b[2J no event", True)
    refused = admin(two, "quarantine", "retry", held["_id"])
    assert (refused.code, "it was discarded" in refused.errors) == (3, True)
    shown = admin(two, "quarantine", "show", held["_id"])
    assert ("discarded" in shown.out, "1b 5b 32 4a" in shown.out, "\x1b" in shown.out) == (True, True, False)
    found = admin(two, "quarantine", "show", held["_id"], "--json").json
    assert (found["state"], found["value_bytes"]) == ("discarded", 13)
    json.dumps(found)


def test_a_record_that_is_not_there_and_a_kafka_that_is_not_there_are_named(two: Workspace) -> None:
    refused = admin(two, "quarantine", "retry", "0:99")
    assert (refused.code, "there is no such record" in refused.errors) == (3, True)
    refused = admin(two, "quarantine", "retry", "0:99", KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert (refused.code, refused.errors.startswith("Kafka: ")) == (3, True)
    fields = {"topic": two.name, "partition": 0, "offset": Int64(5), "reason": "x", "log_time": datetime.now(UTC)}
    two.documents[progress.QUARANTINE].insert_many([{"_id": f"t:0:5{end}", **fields} for end in ("", ":1")])
    refused = admin(two, "quarantine", "show", "0:5")
    assert (refused.code, "was read more than once" in refused.errors) == (3, True)
