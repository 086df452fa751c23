"""What each kind of fault does: a generator that breaks something, lasts, and makes it good again.

The campaign calls `next` on every fault many times a second, so several go on at once in the one thread that may start
processes. `yield` means: nothing to do yet.
"""

import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import psutil

from tests.prove.cast import Actor, Cast
from tests.prove.schedule import Planned
from tests.support.fault_link import FaultLink, is_kafka_produce, is_mongo_commit
from tests.support.servers import Server
from tests.support.site import Site

T = TypeVar("T")
Fault = Iterator[None]


class MissedError(Exception):
    """The fault came to an end without having broken anything, so it does not count."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What there is to break."""

    site: Site
    cast: Cast

    @property
    def topic(self) -> str:
        return self.cast.workspace.name


def hold(seconds: float) -> Fault:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield


def pick(found: Sequence[T], planned: Planned) -> T:
    return found[planned.number % len(found)]


# --- processes of ours -----------------------------------------------------------------------------------------------


def killed(actors: Sequence[Actor], lasts_s: float) -> Fault:
    for actor in actors:
        actor.kill()
    yield from hold(lasts_s)
    for actor in actors:
        actor.revive()


def stopped(actor: Actor, lasts_s: float) -> Fault:
    actor.ask_to_stop()
    yield from actor.ended()
    yield from hold(lasts_s)
    actor.revive()


def frozen(actor: Actor | Server, lasts_s: float) -> Fault:
    target = actor.service if isinstance(actor, Actor) else actor
    target.freeze()
    yield from hold(lasts_s)
    target.thaw()


def disk_full(actor: Actor, lasts_s: float) -> Fault:
    """No file of the process grows any more: a write to the spool fails, and the process ends with 70."""
    process = psutil.Process(actor.pid)
    # Its log is a file too and must go on; the spool's log of writes is larger than this after a moment.
    limit = actor.service.log.stat().st_size + (64 << 10)
    try:
        process.rlimit(psutil.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        until = time.monotonic() + lasts_s
        while actor.runs and time.monotonic() < until:
            yield
        if actor.runs:
            process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            raise MissedError
    except psutil.NoSuchProcess as error:  # it has just ended for another reason
        raise MissedError from error
    while not actor.runs:  # `tend` starts it, with no limit
        yield


def adopted(stage: Stage, planned: Planned) -> Fault:
    """A proxy dies with a full spool while Kafka is away; another one that starts meanwhile takes its slot over."""
    links = links_to(stage, "kafka")
    victim = pick(stage.cast.proxies, planned)
    other = pick([actor for actor in stage.cast.proxies if actor is not victim], planned)
    for link in links:
        link.refuse()
    yield from hold(planned.lasts_s / 2)
    victim.kill()
    yield from stopped(other, 0)
    yield from hold(planned.lasts_s / 2)
    for link in links:
        link.heal()
    while not other.service.is_ready():
        yield
    victim.revive()


# --- servers ---------------------------------------------------------------------------------------------------------


def down(servers: Sequence[Server], lasts_s: float, *, politely: bool = False) -> Fault:
    for server in servers:
        server.stop() if politely else server.kill()
    yield from hold(lasts_s)
    for server in servers:
        server.begin_heal()


def at_once(action: Callable[[], object]) -> Fault:
    action()
    yield


# --- links -----------------------------------------------------------------------------------------------------------


def links_to(stage: Stage, what: str) -> list[FaultLink]:
    return [link for name, link in sorted(stage.site.links.items()) if name.startswith(what)]


def cut(links: Sequence[FaultLink], *, reset: bool) -> Fault:
    if not sum(link.cut(reset=reset) for link in links):
        raise MissedError
    yield


def broken(links: Sequence[FaultLink], lasts_s: float, how: Callable[[FaultLink], object]) -> Fault:
    for link in links:
        how(link)
    yield from hold(lasts_s)
    for link in links:
        link.heal()


def answer_lost(links: Sequence[FaultLink], matches: Callable[[bytes], bool], planned: Planned) -> Fault:
    """The n-th answer from now on; on every link, because which one it will be is not known."""
    swallows = [link.swallow(matches, planned.number % 5 + 1) for link in links]
    until = time.monotonic() + planned.lasts_s
    while not any(swallow.eaten.is_set() for swallow in swallows) and time.monotonic() < until:
        yield
    for link in links:
        link.heal()
    if not any(swallow.eaten.is_set() for swallow in swallows):
        raise MissedError


# --- the table -------------------------------------------------------------------------------------------------------


def _proxy(stage: Stage, planned: Planned) -> Actor:
    return pick(stage.cast.proxies, planned)


def _aggregator(stage: Stage, planned: Planned) -> Actor:
    return pick(stage.cast.aggregators, planned)


def _broker(stage: Stage, planned: Planned) -> Server:
    return pick([server for _, server in sorted(stage.site.brokers.items())], planned)


def _member(stage: Stage, planned: Planned) -> Server:
    return pick([server for _, server in sorted(stage.site.members.items())], planned)


def _leader(stage: Stage, planned: Planned) -> Server:
    partition = planned.number % stage.cast.workspace.partitions
    return stage.site.brokers[stage.site.leader_of(stage.topic, partition)]


def _primary(stage: Stage) -> Server:
    return stage.site.members[stage.site.primary()]


def _some(stage: Stage, what: str, planned: Planned) -> list[FaultLink]:
    """One link, or now and then all of them."""
    links = links_to(stage, what)
    return links if planned.number % 4 == 0 else [pick(links, planned)]


def _delay_s(planned: Planned) -> float:
    return 0.02 + planned.number % 10 / 50


def _deafen(planned: Planned) -> Callable[[FaultLink], None]:
    return lambda link: link.deafen("up" if planned.number // 4 % 2 else "down")


Make = Callable[[Stage, Planned], Fault]
FAULTS: Mapping[str, Make] = {
    "proxy killed": lambda s, p: killed([_proxy(s, p)], p.lasts_s),
    "proxy stopped": lambda s, p: stopped(_proxy(s, p), p.lasts_s),
    "proxy frozen": lambda s, p: frozen(_proxy(s, p), p.lasts_s),
    "all proxies killed": lambda s, p: killed(s.cast.proxies, p.lasts_s),
    "proxy's disk full": lambda s, p: disk_full(_proxy(s, p), p.lasts_s),
    "proxy killed while Kafka is away, its slot adopted": adopted,
    "aggregator killed": lambda s, p: killed([_aggregator(s, p)], p.lasts_s),
    "aggregator stopped": lambda s, p: stopped(_aggregator(s, p), p.lasts_s),
    "aggregator frozen": lambda s, p: frozen(_aggregator(s, p), p.lasts_s),
    "all aggregators killed": lambda s, p: killed(s.cast.aggregators, p.lasts_s),
    "upstream killed": lambda s, p: killed([s.cast.sandbox], p.lasts_s),
    "upstream frozen": lambda s, p: frozen(s.cast.sandbox, p.lasts_s),
    "Kafka connections cut": lambda s, _p: cut(links_to(s, "kafka"), reset=False),
    "Kafka connections reset": lambda s, _p: cut(links_to(s, "kafka"), reset=True),
    "Kafka unreachable": lambda s, p: broken(_some(s, "kafka", p), p.lasts_s, FaultLink.refuse),
    "Kafka slow": lambda s, p: broken(links_to(s, "kafka"), p.lasts_s, lambda link: link.delay(_delay_s(p))),
    "Kafka deaf in one direction": lambda s, p: broken(_some(s, "kafka", p), p.lasts_s, _deafen(p)),
    "answer to a produce request lost": lambda s, p: answer_lost(links_to(s, "kafka"), is_kafka_produce, p),
    "MongoDB connections cut": lambda s, _p: cut(links_to(s, "mongo"), reset=False),
    "MongoDB connections reset": lambda s, _p: cut(links_to(s, "mongo"), reset=True),
    "MongoDB unreachable": lambda s, p: broken(_some(s, "mongo", p), p.lasts_s, FaultLink.refuse),
    "MongoDB slow": lambda s, p: broken(links_to(s, "mongo"), p.lasts_s, lambda link: link.delay(_delay_s(p))),
    "MongoDB deaf in one direction": lambda s, p: broken(_some(s, "mongo", p), p.lasts_s, _deafen(p)),
    "answer to a commit lost": lambda s, p: answer_lost(links_to(s, "mongo"), is_mongo_commit, p),
    "broker killed": lambda s, p: down([_broker(s, p)], p.lasts_s),
    "broker stopped": lambda s, p: down([_broker(s, p)], p.lasts_s, politely=True),
    "broker frozen": lambda s, p: frozen(_broker(s, p), p.lasts_s),
    "mongod killed": lambda s, p: down([_member(s, p)], p.lasts_s),
    "mongod stopped": lambda s, p: down([_member(s, p)], p.lasts_s, politely=True),
    "mongod frozen": lambda s, p: frozen(_member(s, p), p.lasts_s),
    "primary stepped down": lambda s, _p: at_once(s.site.step_down),
    "leader of a partition killed": lambda s, p: down([_leader(s, p)], p.lasts_s),
    "leader of a partition frozen": lambda s, p: frozen(_leader(s, p), p.lasts_s),
    "controller killed": lambda s, p: down([s.site.brokers[s.site.controller()]], p.lasts_s),
    "group coordinator killed": lambda s, p: down([s.site.brokers[s.site.coordinator(s.topic)]], p.lasts_s),
    "leaders moved": lambda s, _p: at_once(lambda: s.site.move_leaders(s.topic)),
    "primary killed": lambda s, p: down([_primary(s)], p.lasts_s),
    "primary frozen": lambda s, p: frozen(_primary(s), p.lasts_s),
    "a broker and the primary killed at once": lambda s, p: down([_broker(s, p), _primary(s)], p.lasts_s),
}
