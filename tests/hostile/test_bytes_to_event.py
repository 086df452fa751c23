"""Whatever bytes a caller and upstream send: there is one event, it is within its size, and the aggregator folds it.

The whole way without a socket: recorder, event, the aggregator's reading, its fold, and the update as the driver would
send it. An event of our own that ended in quarantine would be a pack that was acknowledged and not counted.
"""

import time
from datetime import UTC, datetime
from typing import Any

from bson import encode as bson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from aggregator.bson_forms import bson_id, update_of
from aggregator.pack_stream import PackStream
from aggregator.records import Foldable, Record
from common import documents
from common.events import MAX_EVENT_BYTES, PackEvent, decode
from proxy import keystem, views
from proxy.exchange import Answer, Exchange, Failure
from proxy.pack_request import PackRequest
from proxy.recorder import Forwarded, Recorded, Recorder
from proxy.settings import ProxySettings, Settings
from proxy.spool_record import SpoolRecord
from tests.hostile.hostile_bytes import REQUEST_BYTES, coded
from tests.support.fake_spool import FakeSpool

PARTITIONS = 24
LIMIT = 1 << 20
SETTINGS = Settings(
    proxy=ProxySettings(
        labels=("site", "wave"), hash_key=SecretStr("0123456789abcdef"), max_answer_bytes=LIMIT, port=8081
    )
)
HEADER_TEXT = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=80)
AUTHORIZATIONS = st.none() | HEADER_TEXT | st.builds("apikey {}".format, HEADER_TEXT)
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 422, 500, 503, 600, 999])


class Spool(FakeSpool):
    """Without a loop: what is appended is durable when nobody asks."""

    def append(self, record: SpoolRecord) -> Any:
        self.places -= 1
        self.appended.append(record)


def recorded(
    request: PackRequest, recorder: Recorder, answer: Answer | Failure, authorization: str | None = None
) -> Recorded:
    now = time.perf_counter_ns()
    of = keystem.credential(authorization, request.body_key)
    return recorder.record(Forwarded("id", request, of, Exchange(answer, 1), datetime.now(UTC), now, 5))


def folded(record: SpoolRecord) -> dict[tuple[str, Any], dict[str, Any]]:
    """The updates that this event makes, having been taken for one of ours."""
    assert len(record.value) <= MAX_EVENT_BYTES
    stream = PackStream(PARTITIONS)
    reading = stream.read(Record(0, int(time.time() * 1000), 0, b"", record.value), record.partition)
    assert isinstance(reading, Foldable), (reading, record.value[:2000])
    batch = stream.new_batch(record.partition)
    batch.add(reading, int(time.time() * 1000))
    updates = {key: update_of(change) for key, change in batch.changes().documents.items()}
    for (_, identity), update in updates.items():
        bson({"_id": bson_id(identity), "update": update})  # the driver can send it
        for fields in update.values():
            assert all(part and not part.startswith("$") for path in fields for part in path.split("."))
            assert not any("\0" in path for path in fields)
    return updates


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(REQUEST_BYTES, coded(), STATUSES, AUTHORIZATIONS)
@example(b'{"random":true}', (b'{"boxes":[]}', ""), 200, None)
def test_every_exchange_makes_one_event_that_is_folded(
    body: bytes, answer: tuple[bytes, str], status: int, authorization: str | None
) -> None:
    spool = Spool()
    recorder = Recorder(SETTINGS, spool)
    spool.admit()
    sent, codings = answer
    headers = [(b"content-encoding", codings.encode("latin-1", "replace"))] if codings else []
    done = recorded(recorder.read_request(body), recorder, Answer(status, headers, sent), authorization)

    assert (len(spool.appended), spool.places) == (1, 0)
    updates = folded(spool.appended[0])
    assert updates[documents.TOTALS, spool.appended[0].partition]["$inc"]["requests"] == 1
    assert spool.appended[0].key == done.event.keystem != "all"
    # The reply can be made of it, in every view.
    for view in views.VIEWS.values():
        views.counted(done.outcome, views.stats(done.event, done.outcome, "id"), view, headers)


@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=60), st.text(max_size=300), st.sampled_from(["timed_out", "unreachable", "unreadable"]))
def test_every_failure_makes_one_event_that_is_folded(body: bytes, message: str, outcome: str) -> None:
    spool = Spool()
    recorder = Recorder(SETTINGS, spool)
    spool.admit()
    recorded(recorder.read_request(body), recorder, Failure(outcome, message.encode("utf-8", "replace").decode()))

    folded(spool.appended[0])


def test_a_facility_that_never_repeats_itself_stays_bounded() -> None:
    spool = Spool(room=10_000)
    recorder = Recorder(SETTINGS, spool)
    request = recorder.read_request(b'{"random":true}')
    cartons: set[str] = set()
    for number in range(30):
        boxes = ",".join(f'{{"box":{{"name":"c{number}-{each}","refId":"r{number}-{each}"}}}}' for each in range(60))
        spool.admit()
        recorded(request, recorder, Answer(200, [], b'{"boxes":[%b],"usedKeyStem":"stem"}' % boxes.encode()))
    for record in spool.appended:
        event = decode(record.value)
        assert isinstance(event, PackEvent)
        cartons |= {row.carton for row in event.box_rows}
        folded(record)

    assert len(cartons) == 513  # 512 and `(other)`


def test_a_huge_list_of_nothing_is_counted_as_far_as_it_can_be_believed() -> None:
    """Two bytes each: made into objects one by one they would take minutes and gigabytes."""
    spool = Spool()
    recorder = Recorder(Settings(proxy=ProxySettings(max_answer_bytes=1 << 23)), spool)
    spool.admit()
    zeros = b"[0" + b",0" * 1_500_000 + b"]"
    done = recorded(
        recorder.read_request(b'{"random":true}'), recorder, Answer(200, [], b'{"boxes":[],"leftovers":' + zeros + b"}")
    )
    spool.admit()
    beyond = recorded(recorder.read_request(b'{"random":true}'), recorder, Answer(200, [], b'{"boxes":' + zeros + b"}"))

    assert (done.outcome.name, done.event.leftovers) == ("packed", None)
    assert beyond.outcome.name == "unreadable"
    for record in spool.appended:
        folded(record)


def test_numbers_and_nesting_without_end_cost_little() -> None:
    spool = Spool()
    recorder = Recorder(Settings(proxy=ProxySettings()), spool)
    for body in (
        b'{"itemSets":[{"quantity":' + b"9" * 10_000_000 + b"}]}",
        b'{"itemSets":[{"quantity":0.' + b"9" * 10_000_000 + b"}]}",
        b'{"itemSets":[{"quantity":1e' + b"9" * 10_000_000 + b"}]}",
        b'{"itemSets":' + b"[" * 5_000_000,
        b'{"itemSets":' + b'{"a":' * 1_000_000,
        b'{"itemSets":[{}],' + b",".join(b'"%d":0' % number for number in range(100_000)) + b"}",
    ):
        spool.admit()
        recorded(recorder.read_request(body), recorder, Answer(200, [], body.replace(b"itemSets", b"boxes")))

    for record in spool.appended:
        folded(record)
