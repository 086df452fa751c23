"""Pure: a recount beside what is stored: every document, session, quarantined record and receipt that is not as it must be."""

from collections.abc import Iterator, Mapping

from admin.comparison import WHOLE, Difference, differences, expected, found, key_of, receipt_differences
from admin.recount import Recount
from admin.scope import begins_of, unexplained
from admin.stored import Stored
from aggregator.bson_forms import session_fields
from aggregator.changes import Change
from common import progress
from common.mongo import Document

Place = tuple[str, str]  # collection, and identity as text


class Verdict:
    """Of one partition. `receipts` are those of the deletes that the recount met."""

    def __init__(self, recount: Recount, kept: Stored, receipts: Mapping[str, Document]) -> None:
        self._recount = recount
        self._kept = kept
        self._receipts = receipts
        self._wanted: dict[Place, tuple[object, Change]] = {
            (key[0], key_of(key[1])): (key[1], change)
            for key, change in recount.changes.items()
            if kept.scope is not None and kept.scope.covers(key[0], begins_of(key))
        }
        self.places = sorted(self._wanted.keys() | kept.documents.keys())

    def differences(self) -> Iterator[Difference]:
        for place in self.places:
            yield from self._document(place)
        yield from self._log()
        yield from self._deletes()
        if self._is_whole:
            yield from self._sessions()

    @property
    def _is_whole(self) -> bool:
        return self._kept.scope is not None and self._kept.scope.whole

    def _document(self, place: Place) -> Iterator[Difference]:
        identity, change = self._wanted.get(place, (None, Change()))
        document = self._kept.document(*place)
        wanted = expected(place[0], change)
        shown = identity if document is None else document["_id"]
        yield from differences(place[0], shown, wanted, None if document is None else found(document))

    def _log(self) -> Iterator[Difference]:
        number = self._recount.number
        for start, end in unexplained(self._recount.holes, self._kept.position.get("accepted_gaps") or []):
            yield Difference(
                "topic", str(number), f"offsets {start} to {end - 1}", "counted", "not in the log any more"
            )
        for place in self._recount.quarantined:
            if place not in self._kept.quarantine:
                yield Difference(
                    progress.QUARANTINE, f"{number}:{place[0]}", WHOLE, "nothing", "a record that is no event"
                )

    def _deletes(self) -> Iterator[Difference]:
        for event_id, cleared in self._recount.receipts.items():
            receipt = self._receipts.get(event_id)
            # What was cleared is known where everything is: else part of it lay before the log's start.
            if receipt is None or self._is_whole:
                yield from receipt_differences(event_id, cleared, receipt)

    def _sessions(self) -> Iterator[Difference]:
        wanted = {name: session_fields(state) for name, state in self._recount.sessions.items()}
        stored = self._kept.sessions
        for name in sorted(wanted.keys() | stored.keys()):
            there = stored.get(name)
            yield from differences(
                progress.SESSIONS, name, found(wanted.get(name, {})), None if there is None else found(there)
            )
