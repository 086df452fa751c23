"""DELETE /api/keydata/{keystem}, and what became of it: a delete is an event like a pack, in the order of its partition.

1. take a place in the spool; without one, 503, and nothing happened
2. number, encode and append the event in one synchronous step
3. reply when it is durable; a caller that leaves changes nothing
"""

import asyncio
import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from common import progress
from common.crash_points import CrashPoint, reach
from common.events import MAX_STRING_BYTES, SCHEMA, DeleteEvent, encode, event_id
from common.identity import started_ms
from common.seen import Seen
from common.topic import partition_of
from proxy import headers
from proxy.keydata import Keystem, Source
from proxy.keydata_figures import counters, facility_figures
from proxy.keydata_models import Deletion
from proxy.keystem import RESERVED, is_keystem
from proxy.problems import Message, name_event, responses
from proxy.snapshots import Snapshot
from proxy.spool import Spool, SpoolFullError
from proxy.spool_record import SpoolRecord
from proxy.state import ProxyState, state_of

REMEMBERED = 1000
log = structlog.get_logger()

_EVENT_ID = re.compile(r"([0-9a-f-]{36})\.(0|[1-9][0-9]{0,4})\.([1-9][0-9]{0,17})")
_bearer = HTTPBearer(auto_error=False, description="PROXY__ADMIN_TOKEN, if it is set")

State = Annotated[ProxyState, Depends(state_of)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


@dataclass(frozen=True, slots=True)
class Requested:
    keystem: str
    at: datetime


async def send_delete(spool: Spool, partitions: int, keystem: str, actor: str) -> tuple[str, Requested]:
    """Make a delete durable and return its event id. Raises SpoolFullError."""
    spool.admit()
    requested = Requested(keystem, datetime.now(UTC))
    try:
        identity, record = _event(spool, partition_of(keystem, partitions), requested, actor)
    except BaseException:
        spool.release()
        raise
    await asyncio.shield(spool.append(record))
    return identity, requested


def _event(spool: Spool, partition: int, requested: Requested, actor: str) -> tuple[str, SpoolRecord]:
    event = DeleteEvent(
        schema=SCHEMA,
        session=spool.session,
        partition=partition,
        seq=spool.next_seq(partition),
        keystem=requested.keystem,
        occurred_at=requested.at,
        actor=actor,
    )
    occurred_ms = int(requested.at.timestamp() * 1000)
    record = SpoolRecord(partition, requested.keystem, encode(event), occurred_ms, is_delete=True)
    return event_id(event.session, partition, event.seq), record


def check_token(token: str | None, credentials: HTTPAuthorizationCredentials | None) -> None:
    """Refuse a caller that does not show the token, in a time that says nothing about how much of it was right."""
    if token is None:
        return
    shown = credentials.credentials if credentials is not None else ""
    if not hmac.compare_digest(shown.encode("utf-8"), token.encode("utf-8")):
        raise HTTPException(401, "the admin token is missing or wrong", {"WWW-Authenticate": "Bearer"})


def check_keystem(keystem: str) -> None:
    if keystem == RESERVED:
        raise HTTPException(400, "`all` cannot be deleted; delete one keystem after the other")
    if not is_keystem(keystem):
        raise HTTPException(422, "keystem: must be 1 to 64 characters of A-Z a-z 0-9 _ -")


def actor_of(request_id: str, token: str | None) -> str:
    """Who asked, for the record: whether a token was shown, and which request it was."""
    return f"{'admin' if token is not None else 'anonymous'} {request_id}"[:MAX_STRING_BYTES]


class DeletionRoutes:
    """The routes, and the last deletes that this process took: until they are applied nobody else knows of whom."""

    def __init__(self) -> None:
        self._requested: OrderedDict[str, Requested] = OrderedDict()

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api", tags=["deletions"])
        router.add_api_route(
            "/keydata/{keystem}",
            self.delete,
            methods=["DELETE"],
            status_code=202,
            responses=responses(400, 401, 422, 503),
        )
        router.add_api_route("/deletions/{event_id}", self.receipt, methods=["GET"], responses=responses(404, 422, 503))
        return router

    async def delete(
        self, request: Request, response: Response, state: State, keystem: Keystem, credentials: Credentials
    ) -> Message:
        """Forget what was counted of a keystem before now. `Location` names the receipt."""
        secret = state.settings.proxy.admin_token
        token = secret.get_secret_value() if secret is not None else None
        check_token(token, credentials)
        check_keystem(keystem)
        request_id = headers.request_id(request.scope["headers"])
        actor = actor_of(request_id, token)
        partitions = state.settings.kafka.partitions
        try:
            identity, requested = await send_delete(state.outbox.spool, partitions, keystem, actor)
        except SpoolFullError as error:
            retry_after = {"Retry-After": str(error.retry_after_s)}
            raise HTTPException(503, f"{error}; nothing was deleted", retry_after) from error
        name_event(request.scope, identity)
        reach(CrashPoint.DELETE_DURABLE)
        self._remember(identity, requested)
        log.info("delete_requested", keystem=keystem, event_id=identity, actor=actor)
        response.headers["X-Request-ID"] = request_id
        response.headers["X-Event-ID"] = identity
        response.headers["Location"] = f"/api/deletions/{identity}"
        return Message(message=f"delete request sent on keystem {keystem}")

    async def receipt(self, source: Source, event_id: str) -> Deletion:
        """Whether a delete was applied, and what it cleared."""
        place = place_of(event_id, source.partitions)
        if place is None:
            raise HTTPException(404, "that is no event id")
        async with source.reading() as snapshot:
            document = await snapshot[progress.DELETIONS].find_one({"_id": event_id}, session=snapshot.session)
            if document is None and await _was_folded(snapshot, *place):
                raise HTTPException(404, "that event is no delete")
        if document is None:
            return self._pending(event_id)
        return Deletion(
            event_id=event_id,
            used_keystem=document["keystem"],
            state="applied",
            requested_at=document["requested_at"],
            applied_at=document["applied_at"],
            cleared=facility_figures(counters(document["cleared"])),
        )

    def _remember(self, identity: str, requested: Requested) -> None:
        self._requested[identity] = requested
        while len(self._requested) > REMEMBERED:
            self._requested.popitem(last=False)

    def _pending(self, identity: str) -> Deletion:
        known = self._requested.get(identity)
        return Deletion(
            event_id=identity,
            used_keystem=known.keystem if known else None,
            state="pending",
            requested_at=known.at if known else None,
            applied_at=None,
            cleared=None,
        )


def place_of(identity: str, partitions: int) -> tuple[str, int, int] | None:
    """Session, partition and seq of an event id; None where the text is none."""
    found = _EVENT_ID.fullmatch(identity)
    if found is None or started_ms(found[1]) is None or int(found[2]) >= partitions:
        return None
    return found[1], int(found[2]), int(found[3])


async def _was_folded(snapshot: Snapshot, session: str, partition: int, seq: int) -> bool:
    position = (await snapshot.positions(partition)).get(partition)
    if position is None:
        return False
    name = progress.session_id(position.topic_id, partition, session)
    state = await snapshot[progress.SESSIONS].find_one({"_id": name}, session=snapshot.session)
    return state is not None and seq in Seen(state["upto"], state["ranges"])
