"""What the figures hold for: the class of the machine, the versions of what ran, the commit."""

import os
import platform
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import local.kafka
from bench.results import Machine
from local import mongod

_LIBRARIES = ("aiohttp", "confluent-kafka", "fastapi", "httptools", "msgspec", "pymongo", "uvicorn", "uvloop")
_PEER_LIBRARIES = ("httpx", "quixstreams")
_PRODUCT = ("proxy", "aggregator", "common", "admin", "mongo-init", "sandbox", "local", "bench/*.py", "requirements")
_SYNCS = 40


def machine(folder: Path) -> Machine:
    """Its class and no more. `folder` is where spools will lie."""
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        cpu=_cpu(Path("/proc/cpuinfo").read_text()),
        memory_gib=round(pages * page / (1 << 30)),
        kernel=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        fsync_ms=round(fsync_ms(folder), 3),
    )


def fsync_ms(folder: Path) -> float:
    """Median time until 4 KB appended to a file are on the disk: no durable reply can be faster."""
    path, took = folder / "fsync", []
    with path.open("ab", buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    path.unlink()
    return statistics.median(took) * 1000


def versions(peers: Path, cache: Path) -> dict[str, str]:
    """Of programs and libraries, by name; what is not installed is left out."""
    mongo = mongod.find(None, cache)
    found = {
        "python": platform.python_version(),
        "kafka": local.kafka.VERSION,
        "mongod": _said([str(mongo), "--version"]) if mongo else None,
        "nginx": _said([shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx", "-v"]),
        "wrk": _said(["wrk", "-v"]),
        "java": _said(["java", "-version"]),
    }
    found |= {name: version(name) for name in _LIBRARIES}
    found |= {name: _installed(peers, name) for name in _PEER_LIBRARIES}
    return {name: value for name, value in found.items() if value}


def commit(repo: Path, of: Sequence[str] = _PRODUCT) -> str:
    """The last one that changed what is measured or how; short, with "+" where those files differ from it."""
    name = _git(repo, "log", "-1", "--abbrev=10", "--format=%h", "--", *of)
    return f"{name}+" if _git(repo, "status", "--porcelain", "--untracked-files=no", "--", *of) else name


def _git(repo: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], check=False, capture_output=True, text=True, cwd=repo)
    return done.stdout.strip() if not done.returncode else "unknown"


def _cpu(cpuinfo: str) -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _said(command: list[str]) -> str | None:
    """The first thing that looks like a version in what a program says of itself."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        return None
    found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return found[0] if found else None


def _installed(venv: Path, package: str) -> str | None:
    found = sorted(venv.glob(f"lib/python*/site-packages/{package}-*.dist-info"))
    return found[0].name.removesuffix(".dist-info").partition("-")[2] if found else None
