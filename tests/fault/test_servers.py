"""Kafka and MongoDB stopped for a while under load: packs go on, and totals are exact afterwards."""

from tests.support import web
from tests.support.eventually import eventually
from tests.support.rig import Rig, held_by, outage
from tests.support.servers import Server

OUTAGE_S = 20


def test_broker_stopped_for_a_while(rig: Rig, kafka: Server) -> None:
    with rig.load() as load:
        load.wait_replies(40)
        kafka.stop()
        before = load.replied
        outage(OUTAGE_S)
        assert load.replied - before > 500, "packs do not go on while the broker is away"
        assert rig.waiting() > 500
        assert web.get(f"{rig.proxies[0].url}/readyz").json["kafka"]["problem"]
        kafka.start()
        load.wait_replies(80)
    assert load.ledger.unanswered == []
    rig.assert_exact(load)
    rig.wait_shared(rig.aggregators)


def test_mongod_stopped_for_a_while(rig: Rig, mongo: Server) -> None:
    url = rig.proxies[0].url
    with rig.load() as load:
        load.wait_replies(40)
        mongo.stop()
        before = load.replied
        outage(OUTAGE_S)
        assert load.replied - before > 500, "packs do not go on while the database is away"
        assert web.get(f"{url}/api/keydata/all").status == 503
        assert [web.get(f"{member.url}/readyz").status for member in rig.aggregators] == [503, 503]
        assert all(held_by(member) for member in rig.aggregators), "an aggregator left the group"
        mongo.start()
        eventually(lambda: all(web.get(f"{member.url}/readyz").status == 200 for member in rig.aggregators), 60)
        load.wait_replies(80)
    assert load.ledger.unanswered == []
    rig.assert_exact(load)
