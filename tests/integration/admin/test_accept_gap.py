"""`admin accept-gap` on real Kafka and MongoDB: only a gap is accepted, and counting goes on behind it without a restart."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Int64

from common import documents, progress
from common.identity import new_session
from tests.support import web
from tests.support.admin import admin
from tests.support.eventually import eventually
from tests.support.feed import feed
from tests.support.made_events import keystem_in, pack
from tests.support.retention import expire, make_anew
from tests.support.services import Service, Services
from tests.support.stack import MakeWorkspace
from tests.support.workspace import Workspace

pytestmark = pytest.mark.integration
NOWHERE = "127.0.0.1:1"


class Facility:
    """Packs of one session, into partition 0 unless a test says otherwise."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.session = workspace, new_session()

    def send(self, *seqs: int, partition: int = 0) -> None:
        partitions = self.workspace.partitions
        keystem, now = keystem_in(partition, partitions), datetime.now(UTC)
        feed(
            self.workspace,
            [pack(self.session, seq, keystem, partitions=partitions, occurred_at=now) for seq in seqs],
        )


@pytest.fixture
def two(make_workspace: MakeWorkspace) -> Workspace:
    """A workspace of two partitions, initialized."""
    workspace = make_workspace(2)
    assert admin(workspace, "init").code == 0
    return workspace


def position(workspace: Workspace, partition: int = 0) -> dict[str, Any]:
    """The one that counts: made last."""
    found = workspace.documents[progress.POSITIONS].find_one({"partition": partition}, sort=[("created_at", -1)])
    assert found is not None
    return found


def requests(workspace: Workspace) -> int:
    return sum(int(found["requests"]) for found in workspace.documents[documents.TOTALS].find())


def counted(workspace: Workspace, expected: int) -> None:
    def exactly() -> bool:
        assert requests(workspace) == expected
        return True

    eventually(exactly, 60)


def quick(services: Services, workspace: Workspace, **options: Any) -> Service:
    return services.aggregator(workspace, AGGREGATOR__FLUSH_INTERVAL_S="0.1", **options)


def stopped(workspace: Workspace, reason: str, partition: int = 0) -> None:
    eventually(lambda: position(workspace, partition).get("stopped", {}).get("reason") == reason, 60)


def test_a_gap_is_shown_accepted_once_and_counting_goes_on_behind_it_without_a_restart(
    two: Workspace, services: Services
) -> None:
    facility = Facility(two)
    facility.send(*range(1, 8))
    facility.send(1, 2, partition=1)
    expire(two, 0, 4)
    aggregator = quick(services, two, wait=False)
    stopped(two, "gap in the log")
    counted(two, 2)

    shown = admin(two, "accept-gap", "0")
    assert shown.code == 3
    assert "0 to 3: 4 offsets, lost to the totals" in shown.out
    assert "give the same command with --yes" in shown.errors
    assert position(two)["generation"] == 0

    refused = admin(two, "accept-gap", "0", "--yes", "--to", "end")
    assert (refused.code, "never counted" in refused.errors) == (3, True)

    accepted = admin(two, "accept-gap", "0", "--yes")
    assert (accepted.code, accepted.errors) == (0, "")
    counted(two, 2 + 3)
    assert aggregator.exit_code() is None
    assert web.get(f"{aggregator.url}/readyz").status == 200
    moved = position(two)
    assert (moved["next_offset"], moved["generation"], "stopped" in moved) == (7, 1, False)
    [entry] = moved["accepted_gaps"]
    assert (entry["cause"], entry["from"], entry["to"]) == ("retention passed the position", 0, 4)
    assert entry["by"]

    again = admin(two, "accept-gap", "0", "--yes")
    assert again.code == 3
    assert position(two)["generation"] == 1


def test_where_there_is_no_gap_nothing_is_accepted(two: Workspace) -> None:
    facility = Facility(two)
    facility.send(1, 2, 3)
    before = position(two)
    refused = admin(two, "accept-gap", "0", "--yes")
    assert (refused.code, "is not stopped" in refused.errors) == (3, True)
    stop = {"reason": "gap in the log", "detail": "made by a test", "at": datetime.now(UTC)}
    two.documents[progress.POSITIONS].update_many({}, {"$set": {"stopped": stop}})
    refused = admin(two, "accept-gap", "0", "--yes")
    assert (refused.code, "the record at the position 0 is there: nothing to accept" in refused.errors) == (3, True)
    refused = admin(two, "accept-gap", "1", "--yes")
    assert (refused.code, "is the end of the log: nothing is missing" in refused.errors) == (3, True)
    refused = admin(two, "accept-gap", "2", "--yes")
    assert (refused.code, "there is no partition 2" in refused.errors) == (3, True)
    after = position(two)
    assert (after["next_offset"], after["generation"]) == (before["next_offset"], before["generation"])


def test_without_kafka_or_a_position_nothing_can_be_decided(two: Workspace) -> None:
    refused = admin(two, "accept-gap", "0", "--yes", KAFKA__BOOTSTRAP_SERVERS=NOWHERE)
    assert refused.code == 3
    assert "without Kafka nobody can say what is gone" in refused.errors
    two.documents[progress.POSITIONS].delete_many({})
    refused = admin(two, "accept-gap", "0", "--yes")
    assert (refused.code, "run python -m admin init" in refused.errors) == (3, True)


def test_a_log_that_ends_before_the_position_is_read_again_and_nothing_is_counted_twice(
    two: Workspace, services: Services
) -> None:
    facility = Facility(two)
    facility.send(*range(1, 6))
    aggregator = quick(services, two)
    counted(two, 5)
    aggregator.stop()
    # As after a broker came back without the end of its log: the position lies behind what is there.
    two.documents[progress.POSITIONS].update_one({"partition": 0}, {"$set": {"next_offset": Int64(9)}})
    quick(services, two, wait=False)
    stopped(two, "gap in the log")
    accepted = admin(two, "accept-gap", "0", "--yes")
    assert accepted.code == 0, accepted.errors
    assert "read again" in accepted.out
    facility.send(6, 7)
    counted(two, 7)
    assert position(two)["accepted_gaps"][0]["cause"] == "the log ends before the position"


def test_a_topic_made_anew_is_never_counted_by_itself_and_never_twice_once_it_is_accepted(
    two: Workspace, services: Services
) -> None:
    facility = Facility(two)
    facility.send(1, 2, 3)
    aggregator = quick(services, two)
    counted(two, 3)
    make_anew(two)
    # What a proxy never heard to be acknowledged comes again, then what is new; and in a partition that was at 0.
    facility.send(2, 3, 4, 5)
    facility.send(1, partition=1)
    assert aggregator.wait_exit(90) == 75
    aggregator.start(wait=False)
    eventually(lambda: set(_stopped_in(aggregator).values()) == {"no position"}, 60)
    assert requests(two) == 3

    refused = admin(two, "accept-gap", "0", "--yes", "--to", "end")
    assert (refused.code, "would lose records" in refused.errors) == (3, True)
    accepted = admin(two, "accept-gap", "0", "--yes")
    assert accepted.code == 0, accepted.errors
    assert "2 positions made for the new topic" in accepted.out
    counted(two, 3 + 2 + 1)
    eventually(lambda: (position(two)["next_offset"], position(two, 1)["next_offset"]) == (4, 1))
    assert requests(two) == 6
    assert position(two)["accepted_gaps"][0]["cause"] == "the topic was removed and made again"
    assert admin(two, "status", "--json").json["attention"] == []


def _stopped_in(aggregator: Service) -> dict[str, str]:
    try:
        found: dict[str, str] = web.get(f"{aggregator.url}/readyz").json["partitions"]["stopped"]
    except OSError:
        return {}
    return found


def test_sessions_are_listed_with_what_is_missing(two: Workspace, services: Services) -> None:
    facility = Facility(two)
    facility.send(1, 2, 5)
    quick(services, two)
    counted(two, 3)
    [found] = admin(two, "sessions", "--json").json["sessions"]
    assert (found["session"], found["partition"], found["upto"], found["missing"]) == (facility.session, 0, 2, 2)
    assert facility.session in admin(two, "sessions").out
    assert "0 of 0" in admin(two, "sessions", "--partition", "1").out
