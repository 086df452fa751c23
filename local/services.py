"""The services as parts of the local stack: commands, ports, environment, in the order in which they start."""

import sys
import urllib.request
from pathlib import Path

from rich.console import Console

import aggregator.settings
import proxy.settings
import sandbox.settings
from common.settings import load
from local.ports import LOOPBACK, PortBook, require
from local.process import Part
from local.settings import LocalSettings
from local.stack import Stack, infrastructure
from local.state import Endpoint, StateDir

_ANY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104  # compared with, not bound to
_BEYOND_GRACE_S = 5


def everything(settings: LocalSettings, state: StateDir, ports: PortBook, console: Console) -> Stack:
    """Kafka, MongoDB, sandbox, initialisation, proxy and aggregators, ready to be started."""
    front = load(proxy.settings.Settings).proxy
    folding = load(aggregator.settings.AggregatorSettings).aggregator
    port = _proxy_port(front, ports)  # before anything is fetched: this one is not exchanged for another
    stack = infrastructure(settings, state, ports, console)
    if "upstream_url" in front.model_fields_set:
        stack.elsewhere.append(Endpoint("upstream", "elsewhere", front.upstream_url))
        upstream = front.upstream_url
    else:
        engine = _sandbox(load(sandbox.settings.Settings).sandbox, ports)
        stack.parts.append(engine)
        upstream = f"{engine.address}/"
    stack.parts.append(Part("init", _python("admin", "init"), None, lambda: False, stack.env, one_shot=True))
    stack.parts.append(_proxy(front, port, stack, upstream, state.path / "spool"))
    for number in range(settings.local.aggregators):
        name = f"aggregator-{number + 1}"
        stack.parts.append(_aggregator(folding, name, ports.choose(name, folding.port + number), stack))
    return stack


def _proxy_port(front: proxy.settings.ProxySettings, ports: PortBook) -> int:
    if front.port == 0:
        return ports.choose("proxy")
    return ports.reserve(require(front.port, "PROXY__PORT"))


def _sandbox(engine: sandbox.settings.SandboxSettings, ports: PortBook) -> Part:
    if "port" in engine.model_fields_set and engine.port:
        port = ports.reserve(require(engine.port, "SANDBOX__PORT"))
    else:
        port = ports.choose("sandbox", 8090)
    address = f"http://{_reachable(engine.host)}:{port}"
    env = {"SANDBOX__PORT": str(port)}
    return Part("sandbox", _python("sandbox"), address, lambda: answers(f"{address}/livez"), env, together=True)


def _proxy(front: proxy.settings.ProxySettings, port: int, stack: Stack, upstream: str, spool: Path) -> Part:
    address = f"http://{_reachable(front.host)}:{port}"
    spool_dir = front.spool_dir if "spool_dir" in front.model_fields_set else str(spool)
    env = {"PROXY__PORT": str(port), "PROXY__UPSTREAM_URL": upstream, "PROXY__SPOOL_DIR": spool_dir}
    return Part(
        "proxy",
        _python("proxy"),
        address,
        lambda: answers(f"{address}/readyz"),
        stack.env | env,
        stop_within_s=front.grace_s + _BEYOND_GRACE_S,
    )


def _aggregator(folding: aggregator.settings.AggregatorSection, name: str, port: int, stack: Stack) -> Part:
    address = f"http://{_reachable(folding.host)}:{port}"
    env = stack.env | {"AGGREGATOR__PORT": str(port)}
    return Part(
        name,
        _python("aggregator"),
        address,
        lambda: answers(f"{address}/readyz"),
        env,
        together=True,
        stop_within_s=30,
    )


def answers(url: str) -> bool:
    """Whether this address says 200 within a second."""
    try:
        with urllib.request.urlopen(url, timeout=1) as reply:  # noqa: S310  # our own http:// addresses
            return bool(reply.status == 200)
    except OSError:
        return False


def _python(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *words)


def _reachable(host: str) -> str:
    return LOOPBACK if host in _ANY_ADDRESS else host
