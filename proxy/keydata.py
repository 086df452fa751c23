"""GET /api/keydata…: what was counted, of one keystem, of all, as a list, and by the hour."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from pydantic import BeforeValidator

from common.documents import hour_of
from proxy import keydata_reads
from proxy.keydata_models import Hours, Keydata, KeydataOfAll, KeydataPage
from proxy.keydata_reads import Sort
from proxy.keystem import RESERVED, is_keystem
from proxy.problems import responses
from proxy.snapshots import Snapshots
from proxy.state import ProxyState, state_of

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
DEFAULT_WINDOW = timedelta(hours=24)

# A plus that nobody escaped arrives as a space.
_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:[Zz]|([+ -])(\d\d:\d\d))")


def rfc_3339(value: object) -> datetime:
    """The UTC moment that a text says; a time without an offset says none."""
    found = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a time like 2025-03-25T05:00:00Z or 2025-03-25T06:00:00+01:00 (RFC 3339 with an offset)")
    day, time, sign, offset = found.groups()
    shift = f"{'-' if sign == '-' else '+'}{offset}" if offset else "+00:00"
    try:
        return datetime.fromisoformat(f"{day}T{time}{shift}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"there is no such time ({error})") from error


def window(from_: datetime | None, to: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """The half-open window meant by the bounds given. Raises ValueError where there is none."""
    until = to if to is not None else now
    try:
        since = from_ if from_ is not None else hour_of(until - DEFAULT_WINDOW)
    except OverflowError as error:
        raise ValueError(f"to: there is no day before {until.isoformat()}") from error
    if since >= until:
        raise ValueError(f"from: {since.isoformat()} is not before {until.isoformat()}")
    return since, until


def _snapshots(state: Annotated[ProxyState, Depends(state_of)]) -> Snapshots:
    return state.snapshots


Source = Annotated[Snapshots, Depends(_snapshots)]
Keystem = Annotated[str, Path(description="public stem of an API key; one per facility")]
Moment = Annotated[datetime, BeforeValidator(rfc_3339)]

router = APIRouter(prefix="/api/keydata", tags=["keydata"])


@router.get("", responses=responses(422, 503))
async def keystems(
    source: Source,
    sort: Annotated[Sort, Query(description="by name, or the greatest first; keystems without a value last")] = (
        "usedKeystem"
    ),
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    after: Annotated[
        str | None, Query(pattern="^[A-Za-z0-9_-]{1,64}$", description="`next` of the page before")
    ] = None,
) -> KeydataPage:
    """The keystems, a page at a time."""
    return await keydata_reads.page(source, sort, limit, after)


@router.get("/all", responses=responses(503))
async def everything(source: Source) -> KeydataOfAll:
    """Everything that was counted."""
    return await keydata_reads.everything(source)


@router.get("/{keystem}", responses=responses(404, 422, 503))
async def facility(source: Source, keystem: Keystem) -> Keydata:
    """All that was counted of one keystem."""
    found = await keydata_reads.facility(source, keystem) if is_keystem(keystem) else None
    if found is None:
        raise _no_data(keystem)
    return found


@router.get("/{keystem}/hours", responses=responses(404, 422, 503))
async def hours(
    source: Source,
    keystem: Annotated[str, Path(description="a keystem, or `all`")],
    from_: Annotated[
        Moment | None, Query(alias="from", description="RFC 3339; unset: 24 hours before `to`, at the full hour")
    ] = None,
    to: Annotated[Moment | None, Query(description="RFC 3339, not included itself; unset: now")] = None,
) -> Hours:
    """The hours that began within the window, in UTC; an hour in which nothing was counted is left out.

    An answer has at most 744 hours; of `all`, with many partitions, fewer: then 422 says how far it would reach.
    """
    try:
        since, until = window(from_, to, datetime.now(UTC))
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    known = keystem == RESERVED or is_keystem(keystem)
    found = await keydata_reads.hours(source, keystem, since, until) if known else None
    if found is None:
        raise _no_data(keystem)
    return found


def _no_data(keystem: str) -> HTTPException:
    return HTTPException(404, f"no data of keystem {keystem[:64]}")
