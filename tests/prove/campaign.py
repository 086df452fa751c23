"""One campaign from the start of its servers to its certificate; whatever happens, everything it started is ended."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.prove.cast import Cast
from tests.prove.certificate import Certificate, Course, certify
from tests.prove.faults import Stage
from tests.prove.reckoning import reckon
from tests.prove.schedule import Kind, episodes
from tests.prove.show import Show
from tests.prove.storm import Storm
from tests.prove.tail import Tail
from tests.prove.traffic import Plan, Traffic
from tests.prove.watch import Watch
from tests.support.site import Site, cluster, single
from tests.support.sites import workspace_on

PARTITIONS = 24  # as in production
SITES = {"single": single, "cluster": cluster}
_WARM = 200  # replies before the first fault


@dataclass(frozen=True, slots=True)
class Asked:
    """What a campaign is to be."""

    topology: str
    seed: int
    seconds: float
    kinds: tuple[Kind, ...]
    rate_per_s: float = 80
    patience_s: float = 60


def run(asked: Asked, folder: Path, show: Show) -> Certificate:
    """Blocks until it is over. `folder` keeps journal, faults and logs. To be called in the main thread."""
    folder.mkdir(parents=True)
    show.phase(f"starting servers ({asked.topology})")
    with _site(asked.topology, folder) as site, workspace_on(site, folder, PARTITIONS) as workspace:
        show.phase("starting proxies, aggregators and upstream")
        cast = Cast.start(workspace, folder)
        try:
            return _with_everything(asked, folder, show, Stage(site, cast))
        finally:
            cast.end()


@contextmanager
def _site(topology: str, folder: Path) -> Iterator[Site]:
    site = SITES[topology](folder / "servers")
    try:
        yield site
    finally:
        site.close()


def _with_everything(asked: Asked, folder: Path, show: Show, stage: Stage) -> Certificate:
    cast, servers = stage.cast, stage.site.direct_bootstrap_servers
    urls = [actor.service.url for actor in cast.proxies]
    traffic = Traffic(Plan(asked.seed, asked.rate_per_s), urls, folder / "journal.jsonl")
    tail = Tail(servers, cast.workspace)
    watch = Watch(cast, tail, servers)
    storm = Storm(stage, traffic, watch, tail, show, folder / "faults.jsonl", asked.patience_s)
    try:
        watch.start()
        traffic.start()
        began = _storm(asked, show, storm)
        seconds = time.monotonic() - began
        show.phase("healing")
        traffic.stop()
        stage.site.heal()
        cast.heal()
        storm.wait_well(time.monotonic())
    finally:
        traffic.halt()
        watch.stop()
        tail.close()
    verdict, log, problems = reckon(traffic.ledger, cast, show.phase)
    problems += [*storm.stuck, *watch.backward, *_weak(asked, storm)]
    problems += [f"{each.name} ended with {each.code} after {each.at_s} s" for each in cast.violations]
    course = Course(
        topology=asked.topology,
        seed=asked.seed,
        asked_seconds=asked.seconds,
        storm_seconds=seconds,
        mongod=str(cast.workspace.client.server_info()["version"]),
        injected=storm.injected,
        replies=traffic.statuses,
        outcomes=log.outcomes,
        sent_again=log.again,
        highest_lag=watch.highest_lag,
        endings=cast.endings,
        memory=watch.memory,
    )
    for text in cast.last_lines if problems else ():
        show.line(text)
    return certify(course, verdict, problems)


def _storm(asked: Asked, show: Show, storm: Storm) -> float:
    while len(storm.traffic.promised) < _WARM:
        storm.tick()
    show.phase("the storm begins")
    show.storm()
    began = time.monotonic()
    storm.run(episodes(asked.seed, asked.kinds), asked.seconds, asked.kinds)
    return began


def _weak(asked: Asked, storm: Storm) -> Iterator[str]:
    """Why a campaign without a finding would show nothing all the same."""
    counts = storm.counts
    for kind in asked.kinds:
        if not counts[kind.name]:
            yield f"never injected: {kind.name}"
    if not any(each.in_flight for each in storm.injected if not each.missed):
        yield "no request was in flight when a fault began"
    if not storm.watch.looks:
        yield "nobody looked at positions and readiness"


def any_seed() -> int:
    return random.SystemRandom().randrange(1 << 24)
