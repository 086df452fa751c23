"""Aggregators that are killed, frozen, added and taken away under load: totals are exact each time."""

from common import progress
from tests.fault.conftest import StartRig
from tests.support import web
from tests.support.eventually import eventually
from tests.support.rig import Rig, held_by
from tests.support.services import Service


def test_killed_aggregator_is_replaced(rig: Rig) -> None:
    victim, survivor = rig.aggregators
    with rig.load() as load:
        load.wait_replies(80)
        lost = held_by(victim)
        eventually(lambda: rig.lag(lost) > 0, every_s=0)  # it has, or is about to have, something in memory only
        victim.kill()
        assert victim.exit_code() == -9
        eventually(lambda: len(held_by(survivor)) == rig.workspace.partitions, 60)
        load.wait_replies(40)
        victim.start()
        rig.wait_shared(rig.aggregators)
        load.wait_replies(40)
    rig.assert_exact(load)


def test_both_aggregators_killed_and_started_again(rig: Rig) -> None:
    with rig.load() as load:
        load.wait_replies(80)
        for aggregator in rig.aggregators:
            aggregator.kill()
        load.wait_replies(80)
        assert rig.lag() > 0
        for aggregator in rig.aggregators:
            aggregator.start(wait=False)
        for aggregator in rig.aggregators:
            aggregator.wait_ready()
        load.wait_replies(80)
    rig.assert_exact(load)


def test_second_aggregator_joins_and_leaves(start_rig: StartRig) -> None:
    rig = start_rig(aggregators=1)
    (first,) = rig.aggregators
    with rig.load() as load:
        second = rig.services.aggregator(rig.workspace)
        rig.wait_shared([first, second])
        load.wait_replies(80)
        assert first.stop() == 0
        rig.wait_shared([second])
        load.wait_replies(80)
        first.start()
        rig.wait_shared([first, second])
        load.wait_replies(80)
    rig.assert_exact(load)


def test_stopped_aggregator_leaves_the_group_with_everything_written(rig: Rig) -> None:
    first, second = rig.aggregators
    with rig.load() as load:
        load.wait_replies(80)
        owner = str(first.pid)
        code = first.stop()
        # A member that had not left would be counted among them until its session ends.
        assert members_of(rig) == 1
        assert code == 0
        named = [found["owner"] for found in rig.workspace.documents[progress.POSITIONS].find({"lsid": {"$ne": None}})]
        assert [name for name in named if name.rpartition(":")[2] == owner] == []
        assert '"event": "drained"' in first.log_text()
        rig.wait_shared([second])
        load.wait_replies(40)
    rig.assert_exact(load)


def members_of(rig: Rig) -> int:
    client, group = rig.workspace.admin(), rig.workspace.name
    return len(client.describe_consumer_groups([group])[group].result(30).members)


def test_frozen_aggregator_is_replaced_and_goes_on_when_thawed(rig: Rig) -> None:
    frozen, other = rig.aggregators
    with rig.load() as load:
        load.wait_replies(80)
        mine = held_by(frozen)
        eventually(lambda: rig.lag(mine) > 0, every_s=0)
        frozen.freeze()
        eventually(lambda: len(held_by(other)) == rig.workspace.partitions, 60)
        load.wait_replies(40)
        frozen.thaw()
        eventually(lambda: gave_up(frozen), 60)
        rig.wait_shared(rig.aggregators)
        load.wait_replies(40)
    rig.assert_exact(load)
    assert frozen.exit_code() is None


def gave_up(aggregator: Service) -> bool:
    """Whether it noticed that its partitions had gone: told by the group, or refused by the database."""
    text = aggregator.log_text()
    fenced = b"packstats_fenced_total 0.0" not in web.get(f"{aggregator.url}/metrics").body
    return fenced or '"event": "lost"' in text
