"""Proxies that are killed or stopped under load: what was promised is counted once, the rest at most once."""

from tests.fault.conftest import StartRig
from tests.support.eventually import eventually
from tests.support.evidence import events_of
from tests.support.load import Plan
from tests.support.rig import Rig
from tests.support.servers import Server


def test_killed_proxies_spools_are_sent_by_the_one_that_comes_back(start_rig: StartRig, kafka: Server) -> None:
    rig = start_rig(proxies=2)
    with rig.load(Plan(rate_per_s=60)) as load:
        load.wait_replies(30)
        kafka.freeze()  # so that what is promised from now on is in the spools and nowhere else
        load.wait_replies(120)
        load.stop()
    stranded = sum(rig.waiting(proxy) for proxy in rig.proxies)
    assert stranded >= 100
    for proxy in rig.proxies:
        proxy.kill()
        assert proxy.exit_code() == -9
    kafka.thaw()
    first, _ = rig.proxies
    rig.proxies = [first.start()]
    rig.assert_exact(load)
    # Both slots were sent by a process that made none of these events.
    assert len({event.session for event in events_of(rig.workspace)}) == 2


def test_proxy_killed_under_load_is_started_again(rig: Rig) -> None:
    (proxy,) = rig.proxies
    with rig.load() as load:
        for _ in range(3):
            load.wait_replies(60)
            pid = proxy.pid
            proxy.kill()
            assert proxy.exit_code() == -9
            assert proxy.start().pid != pid
        load.wait_replies(60)
    assert load.ledger.unanswered, "no request was on its way when the proxy was killed"
    rig.assert_exact(load)
    assert len({event.session for event in events_of(rig.workspace)}) == 4


def test_stopped_proxy_answers_what_it_has_taken(rig: Rig) -> None:
    (proxy,) = rig.proxies
    with rig.load(Plan(upstream_ms=400)) as load:
        load.wait_replies(40)
        under_way = len(load.ledger.unanswered)
        assert proxy.stop() == 0
        load.stop()
    assert under_way > 5
    # Who could still connect has an answer, on whatever connection and however late before the end it was sent.
    assert {entry.failure for entry in load.ledger.unanswered} == {"ClientConnectorError"}
    proxy.start()
    rig.assert_exact(load)


def test_proxy_stopped_while_kafka_is_away_leaves_the_rest_in_its_spool(rig: Rig, kafka: Server) -> None:
    (proxy,) = rig.proxies
    with rig.load() as load:
        load.wait_replies(20)
        kafka.freeze()
        load.wait_replies(60)
        load.stop()
    eventually(lambda: rig.waiting() >= 50)
    assert proxy.stop() == 0
    kafka.thaw()
    proxy.start()
    rig.assert_exact(load)
