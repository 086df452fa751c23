"""MongoDB away while the group changes: assignments wait unclaimed, nobody leaves, and totals are exact afterwards."""

import pytest

from tests.fault.conftest import StartRig
from tests.support.eventually import eventually
from tests.support.rig import held_by
from tests.support.servers import Server
from tests.support.services import Service
from tests.support.totals import readiness, sample


@pytest.mark.parametrize("how", ["frozen", "stopped"])
def test_members_that_join_and_leave_while_mongod_is_away_claim_when_it_is_back(
    start_rig: StartRig, mongo: Server, how: str
) -> None:
    rig = start_rig(aggregators=1)
    (first,) = rig.aggregators
    half = rig.workspace.partitions // 2
    with rig.load() as load:
        load.wait_replies(60)
        mongo.freeze() if how == "frozen" else mongo.stop()
        second = rig.services.aggregator(rig.workspace, wait=False)
        eventually(lambda: len(unclaimed(second)) == half, 60)
        # One that was just being committed when mongod went waits to be claimed again.
        eventually(lambda: len(held_by(first)) + len(unclaimed(first)) == half, 60)
        assert held_by(second) == []
        eventually(lambda: readiness(second)["mongodb"]["away_s"])
        assert not second.is_ready()
        assert sample(second, "packstats_unclaimed_partitions") == half
        assert (sample(second, "packstats_database_away_seconds") or 0) > 0

        assert first.stop() == 0  # without a database to write to it still leaves the group, at once
        eventually(lambda: len(unclaimed(second)) == 2 * half, 60)
        load.wait_replies(40)
        assert unclaimed(second) == list(range(2 * half)), "it left the group, or gave up"
        mongo.thaw() if how == "frozen" else mongo.start()
        rig.wait_shared([second])
        first.start()
        rig.wait_shared([first, second])
        load.wait_replies(40)
    rig.assert_exact(load)
    assert second.exit_code() is None


def unclaimed(aggregator: Service) -> list[int]:
    try:
        found: list[int] = readiness(aggregator)["partitions"]["unclaimed"]
    except OSError:  # not listening yet
        return []
    return found
