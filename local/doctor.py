"""`make doctor`: what this machine has and lacks for the local stack, and what to install."""

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

import local.mongod
from local.ports import holder, is_free
from local.settings import LocalSettings
from local.state import StateDir

_DISK_WANTED = 3 << 30
_JAVA_WANTED = 17
_PYTHON_WANTED = (3, 11)
# Debian's names of what the fetched mongod is linked with.
_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "liblzma.so.5": "liblzma5",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
}


class Verdict(StrEnum):
    GOOD = "good"
    NOTE = "note"  # works, but worth knowing
    LACKS = "lacks"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what to do if it is not as it should be."""

    subject: str
    verdict: Verdict
    found: str
    advice: str = ""


def show(settings: LocalSettings, console: Console, *, as_json: bool) -> int:
    """Print every finding; 1 if something is lacking."""
    findings = list(examine(settings))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        style = {Verdict.GOOD: "green", Verdict.NOTE: "yellow", Verdict.LACKS: "red"}
        table = Table("", "", Column("found", overflow="fold"), Column("what to do", overflow="fold"))
        for finding in findings:
            table.add_row(
                finding.subject, f"[{style[finding.verdict]}]{finding.verdict}[/]", finding.found, finding.advice
            )
        console.print(table)
    return 1 if any(finding.verdict is Verdict.LACKS for finding in findings) else 0


def examine(settings: LocalSettings) -> Iterator[Finding]:
    """Look at everything the local stack needs, in the order in which it needs it."""
    yield _python()
    yield _program("make", ["make", "--version"], "apt-get install make; brew install make")
    yield java_finding(_output(["java", "-version"]))
    yield _program("Maven", ["mvn", "-B", "-v"], "apt-get install maven; brew install maven")
    yield _platform()
    yield from _mongod(settings)
    yield from _ports(StateDir(settings.local.state_dir))
    yield _disk(StateDir(settings.local.state_dir).path)
    yield _docker()


def _python() -> Finding:
    good = sys.version_info >= _PYTHON_WANTED
    advice = "" if good else "install Python 3.11 or later and name it: make PYTHON=python3.12 …"
    return Finding("Python", Verdict.GOOD if good else Verdict.LACKS, platform.python_version(), advice)


def _program(subject: str, command: list[str], advice: str) -> Finding:
    output = _output(command)
    if output is None:
        return Finding(subject, Verdict.LACKS, "not on the PATH", advice)
    version = re.search(r"\d+(\.\d+)+", output)
    return Finding(subject, Verdict.GOOD, version[0] if version else "there")


def java_finding(output: str | None) -> Finding:
    """Judge what `java -version` printed: `openjdk version "17.0.15" 2025-04-15`."""
    version = re.search(r'version "(\d+)[^"]*"', output or "")
    good = version is not None and int(version[1]) >= _JAVA_WANTED
    advice = (
        f"Kafka wants Java {_JAVA_WANTED} or later: apt-get install openjdk-17-jre-headless; brew install openjdk@17"
    )
    found = version[0] if version else "not on the PATH"
    return Finding("Java", Verdict.GOOD if good else Verdict.LACKS, found, "" if good else advice)


def _platform() -> Finding:
    found = f"{platform.system()} on {platform.machine()}"
    if local.mongod.can_be_fetched():
        return Finding("platform", Verdict.GOOD, found)
    advice = "MongoDB has to be there already (see below); or use docker compose --profile sandbox up"
    return Finding("platform", Verdict.NOTE, found, advice)


def _mongod(settings: LocalSettings) -> Iterator[Finding]:
    given, cache = settings.local.mongod, settings.local.cache_dir
    program = local.mongod.find(given, cache)
    if program is None and given is None and local.mongod.can_be_fetched():
        yield Finding("mongod", Verdict.GOOD, "not here yet", "is fetched at the first start: make run")
        return
    if program is None:
        advice = "install MongoDB 6 or later, set LOCAL__MONGOD or MONGO__URI, or use docker compose"
        yield Finding("mongod", Verdict.LACKS, "none" if given is None else f"no file {given}", advice)
        return
    yield Finding("mongod", Verdict.GOOD, str(program))
    yield libraries_finding(_output(["ldd", str(program)]))


def libraries_finding(output: str | None) -> Finding:
    """Judge what `ldd mongod` printed."""
    if output is None:
        return Finding("libraries of mongod", Verdict.NOTE, "ldd is not on the PATH")
    missing = re.findall(r"^\s*(\S+) => not found", output, re.MULTILINE)
    if not missing:
        return Finding("libraries of mongod", Verdict.GOOD, "all there")
    packages = sorted({_PACKAGES.get(library, library) for library in missing})
    return Finding(
        "libraries of mongod", Verdict.LACKS, f"missing: {', '.join(missing)}", f"apt-get install {' '.join(packages)}"
    )


def _ports(state: StateDir) -> Iterator[Finding]:
    if state.is_held():
        yield Finding("ports", Verdict.GOOD, "the local stack runs: make status")
        return
    if is_free(8080):
        yield Finding("port 8080", Verdict.GOOD, "free, for the proxy")
    else:
        yield Finding("port 8080", Verdict.LACKS, f"taken by {holder(8080)}", "stop it, or set PROXY__PORT")
    taken = [port for port in (9092, 27017, 8090, 9102, 9103) if not is_free(port)]
    found = "free" if not taken else "; ".join(f"{port} is taken by {holder(port)}" for port in taken)
    advice = "nothing: others are chosen" if taken else ""
    yield Finding("other ports", Verdict.NOTE if taken else Verdict.GOOD, found, advice)


def _disk(folder: Path) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    good = free >= _DISK_WANTED
    advice = "" if good else f"{_DISK_WANTED >> 30} GiB are wanted, or another folder: LOCAL__STATE_DIR"
    return Finding(
        "disk", Verdict.GOOD if good else Verdict.LACKS, f"{free / (1 << 30):.1f} GiB free in {there}", advice
    )


def _docker() -> Finding:
    if _output(["docker", "info"]) is None:
        return Finding("Docker engine", Verdict.GOOD, "does not answer; not needed", "tests use processes instead")
    return Finding("Docker engine", Verdict.GOOD, "answers", "tests use its containers")


def _output(command: list[str]) -> str | None:
    """What a command printed, wherever it printed it; None if it cannot be run or fails."""
    try:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else None
