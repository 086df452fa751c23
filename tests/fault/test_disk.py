"""A disk that is full, may not be written, or takes no more of one file: what was acknowledged is counted all the same."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fault.conftest import PARTITIONS, StartRig
from tests.support import web
from tests.support.eventually import eventually
from tests.support.load import Plan
from tests.support.rig import Rig
from tests.support.servers import Server
from tests.support.services import Service, Services
from tests.support.stack import MakeWorkspace

RESERVE_BYTES = 64 << 20
DISK = "112m"  # the reserve, the margin below which packs are refused, and a little


def mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = mount("-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder))
    if done.returncode:
        pytest.skip(f"needs the right to mount a small file system: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def rig_on_disk(small_disk: Path, make_workspace: MakeWorkspace, services: Services) -> Rig:
    """A pipeline whose spool lies on the small disk."""
    workspace = make_workspace(PARTITIONS)
    workspace.spool.symlink_to(small_disk, target_is_directory=True)
    return Rig.start(workspace, services, aggregators=1)


def fill(folder: Path) -> Path:
    """Take all the room that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with suppress(OSError):  # no room for so much any more
                while True:
                    file.write(bytes(size))
    return filler


def refusing(proxy: Service) -> str | None:
    try:
        found: str | None = web.get(f"{proxy.url}/readyz").json["spool"]["refusing"]
    except OSError:
        return None
    return found


def test_on_a_full_disk_nothing_is_lost_and_the_next_proxy_sends_what_is_spooled_before_it_takes_packs(
    rig_on_disk: Rig, small_disk: Path, kafka: Server
) -> None:
    rig, (proxy,) = rig_on_disk, rig_on_disk.proxies
    reserve = next(small_disk.glob("slot-*/reserve"))
    with rig.load(Plan(rate_per_s=60)) as load:
        load.wait_replies(30)
        kafka.freeze()  # what is acknowledged from now on is on the disk and nowhere else
        load.wait_replies(120)
        filler = fill(small_disk)
        # A commit that needs room ends the process; where the log's file is used again, packs are refused in time.
        eventually(lambda: proxy.exit_code() is not None or refusing(proxy), 60)
        load.stop()
    if (refusal := refusing(proxy)) is None:
        assert proxy.wait_exit() == 70
    else:
        assert refusal == "the disk of the spool is nearly full"
        proxy.kill()
    assert reserve.stat().st_size == RESERVE_BYTES

    proxy.start(wait=False)
    eventually(lambda: "disk was full at the start" in (refusing(proxy) or ""), 60)
    assert not reserve.exists()
    assert rig.waiting() >= 100
    reply = web.request("POST", proxy.url, b'{"itemSets":[{"quantity":2}]}')
    assert (reply.status, "retry-after" in reply.headers) == (503, True)
    assert not proxy.is_ready()

    kafka.thaw()
    eventually(lambda: rig.waiting() == 0, 60)
    assert refusing(proxy) is not None, "it takes packs without a reserve"
    filler.unlink()
    eventually(proxy.is_ready, 60)
    assert reserve.stat().st_size == RESERVE_BYTES
    with rig.load() as more:
        more.wait_replies(20)
    load.ledger.entries.update(more.ledger.entries)
    rig.assert_exact(load)


def test_disk_that_fills_slowly_refuses_packs_before_upstream_is_asked(rig_on_disk: Rig, small_disk: Path) -> None:
    rig, (proxy,) = rig_on_disk, rig_on_disk.proxies
    with rig.load() as load:
        load.wait_replies(20)
        filler = small_disk / "filler"
        handle = os.open(filler, os.O_RDWR | os.O_CREAT)
        free = os.fstatvfs(handle)
        os.posix_fallocate(handle, 0, free.f_bavail * free.f_frsize - (8 << 20))  # half of the margin is left
        os.close(handle)
        eventually(lambda: any(entry.status == 503 for entry in load.ledger.entries.values()), 60)
        assert refusing(proxy) == "the disk of the spool is nearly full"
        filler.unlink()
        load.wait_replies(20)
    assert proxy.exit_code() is None
    refused = [entry for entry in load.ledger.entries.values() if entry.status == 503 and entry.event_id is None]
    assert refused
    rig.assert_exact(load)


def test_read_only_spool_is_refused_by_name_and_keeps_what_it_holds(
    rig_on_disk: Rig, small_disk: Path, kafka: Server
) -> None:
    rig, (proxy,) = rig_on_disk, rig_on_disk.proxies
    with rig.load() as load:
        load.wait_replies(20)
        kafka.freeze()
        load.wait_replies(60)
        load.stop()
    proxy.kill()
    assert mount("-o", "remount,ro", str(small_disk)).returncode == 0
    proxy.start(wait=False)
    assert proxy.wait_exit() == 3
    assert "PROXY__SPOOL_DIR=" in proxy.log_text()
    assert "Read-only file system" in proxy.log_text()
    assert mount("-o", "remount,rw", str(small_disk)).returncode == 0
    kafka.thaw()
    proxy.start()
    rig.assert_exact(load)


def test_file_that_may_not_grow_ends_the_proxy_and_nothing_acknowledged_is_lost(
    start_rig: StartRig, kafka: Server
) -> None:
    rig = start_rig(aggregators=1)
    (proxy,) = rig.proxies
    with rig.load() as load:
        load.wait_replies(20)
        kafka.freeze()
        load.wait_replies(60)
        resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE, (512 << 10, resource.RLIM_INFINITY))
        code = proxy.wait_exit()
        load.stop()
    assert code == 70
    assert '"event": "spool_failed"' in proxy.log_text()
    kafka.thaw()
    proxy.start()
    rig.assert_exact(load)


def test_two_proxies_on_one_parent_have_a_spool_each(start_rig: StartRig, kafka: Server) -> None:
    rig = start_rig(proxies=2, aggregators=1)
    kafka.freeze()
    with rig.load() as load:
        load.wait_replies(40)
    assert {slot_of(proxy) for proxy in rig.proxies} == {"slot-000", "slot-001"}
    assert all(rig.waiting(proxy) for proxy in rig.proxies)
    kafka.thaw()
    rig.assert_exact(load)


def slot_of(proxy: Service) -> str:
    slot: str = web.get(f"{proxy.url}/readyz").json["spool"]["slot"]
    return slot
