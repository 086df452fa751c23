"""A delete is taken into the spool before it is answered, once, whatever its caller does."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials

from common.events import MAX_EVENT_BYTES, MAX_STRING_BYTES, DeleteEvent, decode
from common.identity import new_session
from common.topic import partition_of
from proxy import deletions
from proxy.deletions import DeletionRoutes, Requested, actor_of, check_keystem, check_token, place_of, send_delete
from proxy.problems import Message
from proxy.settings import Settings
from proxy.spool import Spool, SpoolFullError
from proxy.spool_record import SpoolRecord
from proxy.state import ProxyState


class FakeSpool:
    """Takes records and makes them durable when told to."""

    def __init__(self, places: int = 10) -> None:
        self.session = new_session()
        self.places = places
        self.records: list[SpoolRecord] = []
        self.durable = asyncio.get_running_loop().create_future()

    def admit(self) -> None:
        if not self.places:
            raise SpoolFullError("the spool is full", 7)
        self.places -= 1

    def release(self) -> None:
        self.places += 1

    def next_seq(self, partition: int) -> int:
        return 1 + sum(record.partition == partition for record in self.records)

    def append(self, record: SpoolRecord) -> "asyncio.Future[None]":
        self.records.append(record)
        return self.durable


def as_spool(fake: FakeSpool) -> Spool:
    return cast("Spool", fake)


async def test_a_delete_becomes_an_event_on_the_keystems_own_partition() -> None:
    fake = FakeSpool()
    fake.durable.set_result(None)
    identity, requested = await send_delete(as_spool(fake), 24, "aqRAiz-8RA", "admin r1")
    (record,) = fake.records
    partition = partition_of("aqRAiz-8RA", 24)
    assert (record.partition, record.key, record.is_delete) == (partition, "aqRAiz-8RA", True)
    event = decode(record.value)
    assert event == DeleteEvent(
        schema=1,
        session=fake.session,
        partition=partition,
        seq=1,
        keystem="aqRAiz-8RA",
        occurred_at=requested.at,
        actor="admin r1",
    )
    assert identity == f"{fake.session}.{partition}.1"
    assert record.occurred_ms == int(requested.at.timestamp() * 1000)


async def test_it_is_answered_only_when_it_is_durable() -> None:
    fake = FakeSpool()
    asked = asyncio.ensure_future(send_delete(as_spool(fake), 24, "k", "a"))
    await asyncio.sleep(0)
    assert len(fake.records) == 1
    assert not asked.done()
    fake.durable.set_result(None)
    await asked


async def test_a_caller_that_leaves_does_not_take_it_back() -> None:
    fake = FakeSpool()
    asked = asyncio.ensure_future(send_delete(as_spool(fake), 24, "k", "a"))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.wait([asked])
    assert asked.cancelled()
    assert not fake.durable.cancelled()


async def test_a_full_spool_takes_no_delete() -> None:
    fake = FakeSpool(places=0)
    with pytest.raises(SpoolFullError):
        await send_delete(as_spool(fake), 24, "k", "a")
    assert fake.records == []


async def test_a_place_is_given_back_where_the_event_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> bytes:
        raise ValueError

    monkeypatch.setattr(deletions, "encode", broken)
    fake = FakeSpool(places=1)
    with pytest.raises(ValueError):  # noqa: PT011  # raised by the line above
        await send_delete(as_spool(fake), 24, "k", "a")
    assert (fake.places, fake.records) == (1, [])


async def test_the_largest_delete_fits_into_an_event() -> None:
    fake = FakeSpool()
    fake.durable.set_result(None)
    await send_delete(as_spool(fake), 24, "k" * 64, actor_of("r" * 128, "token"))
    assert len(fake.records[0].value) < MAX_EVENT_BYTES


def test_the_actor_says_whether_a_token_was_shown_and_stays_short() -> None:
    assert actor_of("r1", "token") == "admin r1"
    assert actor_of("r1", None) == "anonymous r1"
    assert len(actor_of("r" * 128, None)) == MAX_STRING_BYTES


def test_without_a_token_nothing_is_asked_for() -> None:
    check_token(None, None)


def test_the_token_lets_in_who_shows_it() -> None:
    check_token("s3cret", HTTPAuthorizationCredentials(scheme="Bearer", credentials="s3cret"))


@pytest.mark.parametrize("shown", [None, "", "s3cre", "s3cret!", "S3CRET", "sécret"])
def test_a_missing_or_wrong_token_is_refused(shown: str | None) -> None:
    credentials = None if shown is None else HTTPAuthorizationCredentials(scheme="Bearer", credentials=shown)
    with pytest.raises(HTTPException) as raised:
        check_token("s3cret", credentials)
    assert raised.value.status_code == 401
    assert raised.value.headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize(("keystem", "status"), [("all", 400), ("", 422), ("a.b", 422), ("a" * 65, 422), ("ü", 422)])
def test_what_is_no_keystem_cannot_be_deleted(keystem: str, status: int) -> None:
    with pytest.raises(HTTPException) as raised:
        check_keystem(keystem)
    assert raised.value.status_code == status


@pytest.mark.parametrize("keystem", ["a", "aqRAiz-8RA", "_", "-" * 64, "ALL", "unknown"])
def test_a_keystem_can_be_deleted(keystem: str) -> None:
    check_keystem(keystem)


async def ask(fake: FakeSpool, keystem: str) -> tuple[Response, Message]:
    """The route itself, with the state of a proxy without a token."""
    state = SimpleNamespace(settings=Settings(), outbox=SimpleNamespace(spool=fake))
    request = Request({"type": "http", "headers": [(b"x-request-id", b"r-1")]})
    response = Response()
    return response, await DeletionRoutes().delete(request, response, cast("ProxyState", state), keystem, None)


async def test_the_reply_names_the_event_and_its_receipt() -> None:
    fake = FakeSpool()
    fake.durable.set_result(None)
    response, message = await ask(fake, "k")
    identity = f"{fake.session}.{fake.records[0].partition}.1"
    assert message.message == "delete request sent on keystem k"
    assert response.headers["x-event-id"] == identity
    assert response.headers["location"] == f"/api/deletions/{identity}"
    assert response.headers["x-request-id"] == "r-1"


async def test_a_full_spool_is_a_503_that_says_when_to_come_back() -> None:
    with pytest.raises(HTTPException) as raised:
        await ask(FakeSpool(places=0), "k")
    assert (raised.value.status_code, raised.value.headers) == (503, {"Retry-After": "7"})
    assert raised.value.detail == "the spool is full; nothing was deleted"


SESSION = "0195cb1d-6a52-7b6e-8c43-2b8f4a6d9e01"


def test_an_event_id_is_taken_apart() -> None:
    assert place_of(f"{SESSION}.0.1", 24) == (SESSION, 0, 1)
    assert place_of(f"{SESSION}.23.4711", 24) == (SESSION, 23, 4711)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        SESSION,
        f"{SESSION}.0",
        f"{SESSION}.0.0",
        f"{SESSION}.00.1",
        f"{SESSION}.24.1",  # there is no such partition
        f"{SESSION}.0.01",
        f"{SESSION}.-1.1",
        f"{SESSION}.0.1.",
        f"{SESSION}.0.{10**18}",
        f"{SESSION.upper()}.0.1",
        "0195cb1d-6a52-4b6e-8c43-2b8f4a6d9e01.0.1",  # a random UUID is no session
        f"{SESSION}.٠.1",
    ],
)
def test_what_is_no_event_id_is_none(text: str) -> None:
    assert place_of(text, 24) is None


def test_only_the_last_deletes_are_remembered_for_their_receipts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletions, "REMEMBERED", 2)
    routes = DeletionRoutes()
    at = datetime(2025, 3, 25, tzinfo=UTC)
    for number in range(3):
        routes._remember(f"e{number}", Requested(f"k{number}", at))
    forgotten, known = routes._pending("e0"), routes._pending("e2")
    assert (forgotten.state, forgotten.used_keystem, forgotten.requested_at) == ("pending", None, None)
    assert (known.state, known.used_keystem, known.requested_at) == ("pending", "k2", at)
