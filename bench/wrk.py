"""Closed-loop load with wrk: so many connections, each asking again as soon as it has its answer."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.errors import BenchError, UnavailableError
from bench.results import Figures

FACILITIES = 300
_SCRIPT = Path(__file__).parent / "pack.lua"
_TIMEOUT_S = 10
_GRACE_S = 30


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    url: str
    body: Path
    connections: int
    seconds: float


class Report(msgspec.Struct, frozen=True):
    """The line that pack.lua ends with."""

    requests: int
    duration_us: int
    p50_us: float
    p90_us: float
    p99_us: float
    max_us: float
    connect: int
    read: int
    write: int
    timeout: int
    status: int

    @property
    def errors(self) -> int:
        """Connections and requests that failed, timed out, or were answered with 4xx or 5xx."""
        return self.connect + self.read + self.write + self.timeout + self.status

    def figures(self) -> Figures:
        return {
            "per_s": (self.requests - self.status) / (self.duration_us / 1e6),
            "requests": self.requests,
            "errors": self.errors,
            "p50_ms": self.p50_us / 1e3,
            "p90_ms": self.p90_us / 1e3,
            "p99_ms": self.p99_us / 1e3,
            "max_ms": self.max_us / 1e3,
        }


def require() -> str:
    """The program. UnavailableError without it."""
    program = shutil.which("wrk")
    if program is None:
        raise UnavailableError("wrk is not installed: apt-get install wrk")
    return program


def run(load: ClosedLoop) -> Report:
    """Blocks for as long as the load goes on. BenchError where wrk gives no figures."""
    command = [require(), "--threads", "1", "--connections", str(load.connections), "--script", str(_SCRIPT)]
    command += ["--duration", f"{max(1, round(load.seconds))}s", "--timeout", f"{_TIMEOUT_S}s", load.url]
    command += ["--", str(load.body), str(FACILITIES)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=load.seconds + _TIMEOUT_S + _GRACE_S
    )
    if done.returncode:
        raise BenchError(f"wrk ended with {done.returncode}: {(done.stderr or done.stdout)[-500:]}")
    return parse(done.stdout)


def parse(output: str) -> Report:
    """What wrk printed. BenchError where the last line is not ours."""
    lines = output.strip().splitlines()
    try:
        return msgspec.json.decode(lines[-1] if lines else "", type=Report)
    except msgspec.DecodeError as error:
        raise BenchError(f"wrk printed no figures: {output[-500:]!r}") from error
