"""/livez, /readyz, /metrics and /version: what a supervisor, a dashboard and `admin status` ask.

Ready is a proxy that can take one more event. While Kafka or MongoDB is away it can, so it stays in service and names
what is missing: a pack is answered and counted all the same, only seen later.
"""

import platform
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field

from common.events import SCHEMA
from common.version import VERSION
from proxy.keydata_models import Answer
from proxy.outbox import SpoolStatus
from proxy.state import ProxyState, state_of

State = Annotated[ProxyState, Depends(state_of)]


class Alive(Answer):
    alive: Literal[True] = True


class SpoolReadiness(Answer):
    slot: str
    bytes: int
    limit_bytes: int
    fill: float = Field(description="share of the limit")
    accepting: bool
    refusing: str | None = Field(description="why packs are refused")
    waiting: int = Field(description="events that Kafka has not acknowledged yet")
    oldest_seconds: float | None = Field(description="age of the oldest of them")
    full_in_seconds: float | None = Field(description="at the present rate; null where the spool does not grow")
    set_aside: int = Field(description="events too old to be sent")
    orphans: list[str] = Field(description="slots of processes that are gone and that still hold events")


class KafkaReadiness(Answer):
    state: str
    problem: str | None


class MongoReadiness(Answer):
    state: Literal["answers", "away"]


class Readiness(Answer):
    ready: bool
    spool: SpoolReadiness
    kafka: KafkaReadiness
    mongo: MongoReadiness


class Version(Answer):
    name: str = "packstats"
    version: str = VERSION
    event_schema: int = SCHEMA
    python: str = Field(default_factory=platform.python_version)


router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> Alive:
    """The process runs; nothing else is asked."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "The spool cannot take one more event"}})
async def readyz(state: State, response: Response) -> Readiness:
    """Whether packs can be taken, and the state of everything behind."""
    found = readiness(state.outbox.status(), mongo_answers=await state.snapshots.answers())
    if not found.ready:
        response.status_code = 503
    return found


def readiness(spool: SpoolStatus, *, mongo_answers: bool) -> Readiness:
    return Readiness(
        ready=spool.accepting,
        spool=SpoolReadiness(
            slot=spool.slot,
            bytes=spool.bytes,
            limit_bytes=spool.limit_bytes,
            fill=spool.fill,
            accepting=spool.accepting,
            refusing=spool.refusing,
            waiting=spool.waiting,
            oldest_seconds=spool.oldest_s,
            full_in_seconds=spool.full_in_s,
            set_aside=spool.set_aside,
            orphans=list(spool.orphans),
        ),
        kafka=KafkaReadiness(state=spool.kafka, problem=spool.problem),
        mongo=MongoReadiness(state="answers" if mongo_answers else "away"),
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}})
async def metrics(request: Request, state: State) -> Response:
    """All metrics of the process in Prometheus' text format; of several workers, each has its own port for them."""
    proxy = state.settings.proxy
    if proxy.workers > 1 and request.scope["server"][1] == proxy.port:
        raise HTTPException(404, "each worker has metrics of its own: PROXY__WORKER_PORT and the ports behind it")
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/version")
async def version() -> Version:
    """Which packstats this is."""
    return Version()
