"""What the routes work with: made once by the lifespan, and typed, so that no route guesses what there is."""

from dataclasses import dataclass
from typing import TypedDict, cast

from fastapi import Request

from proxy.outbox import Outbox
from proxy.pack import PackEndpoint
from proxy.settings import Settings
from proxy.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class ProxyState:
    """The parts of a running proxy."""

    settings: Settings
    outbox: Outbox  # spool and sender
    snapshots: Snapshots  # of MongoDB
    pack: PackEndpoint


class LifespanState(TypedDict):
    """What each request has in its scope's state."""

    proxy: ProxyState
    snapshots: Snapshots


def state_of(request: Request) -> ProxyState:
    """The state of the application that got this request; usable as a dependency."""
    return cast("ProxyState", request.state.proxy)
