"""Kafka's classes as Java has them in memory, kept in a file: a broker is up after two thirds of the work.

The file is made once, by a broker that starts, stops and writes it at its end. Java checks whether it fits to the jars
and to itself, and does without it where it does not.
"""

import fcntl
import os
import subprocess
import tempfile
import time
from pathlib import Path

from rich.console import Console

from local.kafka import ARCHIVE, Kafka
from local.ports import free_port

_WITHIN_S = 120.0


def prepare(jars: Path, console: Console) -> None:
    """Make the file, if it is not there yet. Where that fails a broker starts more slowly, and that is all."""
    archive = jars / ARCHIVE
    if archive.exists() or not os.access(jars, os.W_OK):
        return
    with (jars / f"{ARCHIVE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if archive.exists():  # another process was faster
            return
        with (
            console.status("Apache Kafka: a first start, for faster ones later"),
            tempfile.TemporaryDirectory() as folder,
        ):
            _make(archive, Kafka(Path(folder), jars, free_port(), free_port()))


def _make(archive: Path, kafka: Kafka) -> None:
    kafka.format()
    unfinished = archive.with_suffix(f".{os.getpid()}")
    java, *rest = kafka.command()
    command = [java, f"-XX:ArchiveClassesAtExit={unfinished}", *rest]
    try:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as broker:
            try:
                _wait_ready(kafka, broker)
                broker.terminate()
                broker.wait(_WITHIN_S)
            except subprocess.TimeoutExpired:
                pass
            finally:
                broker.kill()
        if unfinished.exists():
            unfinished.rename(archive)
    finally:
        unfinished.unlink(missing_ok=True)


def _wait_ready(kafka: Kafka, broker: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not kafka.is_ready() and broker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
