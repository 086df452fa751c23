"""The judge of a campaign notices every way in which journal, log and documents can disagree."""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import structs

from common.events import DeleteEvent, Event, PackEvent, event_id
from tests.prove.judge import LogFold, Verdict, judge
from tests.support.ledger import Counted, Ledger, Sums
from tests.support.made_events import START, pack, session_at

SESSION, OTHER = session_at(), session_at()
STEM = "stem0001"


def identity(seq: int, session: str = SESSION) -> str:
    return event_id(session, 0, seq)


def delete(seq: int, session: str = SESSION) -> DeleteEvent:
    return DeleteEvent(
        schema=1,
        session=session,
        partition=0,
        seq=seq,
        keystem=STEM,
        occurred_at=START,
        actor=f"anonymous request-{seq}",
    )


def ledger_of(*promised: int, unanswered: Iterable[int] = (), refused: Iterable[int] = ()) -> Ledger:
    """Requests by the number of their event: with its promise, without a reply, and with a reply that promises nothing."""
    ledger = Ledger()
    for seq in (*promised, *unanswered, *refused):
        ledger.intend(f"request-{seq}", STEM)
    for seq in promised:
        entry = ledger.entries[f"request-{seq}"]
        entry.status, entry.event_id = 200, identity(seq)
    for seq in refused:
        ledger.entries[f"request-{seq}"].status = 503
    return ledger


def folded(*events: Event) -> LogFold:
    log = LogFold()
    for event in events:
        log.take(event)
    return log


def judged(ledger: Ledger, log: LogFold, documents: LogFold | None = None) -> Verdict:
    """`documents`: what they were folded from, where that is something else than the log."""
    source = documents or log
    return judge(ledger, log, source.counted, source.cleared)


THREE = (pack(SESSION, 1), pack(SESSION, 2), pack(SESSION, 3))


def test_exact_campaign_is_clean() -> None:
    verdict = judged(ledger_of(1, 2, unanswered=[3, 4], refused=[5]), folded(*THREE))
    assert verdict.findings == []
    assert (verdict.asked, verdict.unanswered, verdict.acknowledged, verdict.counted) == (5, 2, 2, 3)


def test_record_that_was_sent_again_is_no_finding() -> None:
    log = folded(*THREE, THREE[1])
    assert log.again == 1
    assert judged(ledger_of(1, 2, 3), log).findings == []


def test_promised_event_that_is_not_in_the_log_is_lost() -> None:
    verdict = judged(ledger_of(1, 2, 3), folded(*THREE[:2]))
    assert len(verdict.lost) == len(verdict.findings) == 1
    assert identity(3) in verdict.lost[0]


def test_event_that_the_documents_lack_is_lost() -> None:
    verdict = judged(ledger_of(1, 2, 3), folded(*THREE), documents=folded(*THREE[:2]))
    assert len(verdict.lost) == len(verdict.findings) == 4  # in its keystem, its hour, the hour of all, and in all
    assert verdict.counted == 2


def test_event_that_the_documents_count_twice_is_doubled() -> None:
    twice = structs.replace(THREE[2], session=OTHER)
    verdict = judged(ledger_of(1, 2, 3), folded(*THREE), documents=folded(*THREE, twice))
    assert len(verdict.doubled) == len(verdict.findings) == 4


def test_request_with_two_events_is_doubled_also_without_a_reply() -> None:
    twice = structs.replace(THREE[2], session=OTHER)
    for ledger in (ledger_of(1, 2, 3), ledger_of(1, 2, unanswered=[3])):
        verdict = judged(ledger, folded(*THREE, twice))
        assert len(verdict.doubled) == len(verdict.findings) == 1


def test_event_that_nobody_asked_for_is_noticed() -> None:
    verdict = judged(ledger_of(1, 2), folded(*THREE))
    assert len(verdict.never_asked) == len(verdict.findings) == 1


def test_event_of_another_keystem_than_its_request_is_noticed() -> None:
    stray = structs.replace(THREE[2], keystem="another")
    verdict = judged(ledger_of(1, 2, 3), folded(*THREE[:2], stray))
    assert len(verdict.never_asked) == len(verdict.findings) == 1


def test_event_whose_reply_promised_none_is_noticed() -> None:
    verdict = judged(ledger_of(1, 2, refused=[3]), folded(*THREE))
    assert len(verdict.not_promised) == len(verdict.findings) == 1


def test_reply_with_another_event_than_the_log_has_is_lost() -> None:
    ledger = ledger_of(1, 2, 3)
    ledger.entries["request-3"].event_id = identity(9)
    assert len(judged(ledger, folded(*THREE)).lost) == 1


def test_wrong_measure_is_a_wrong_total() -> None:
    wrong = structs.replace(THREE[2], volume=(THREE[2].volume or 0) + 1)
    verdict = judged(ledger_of(1, 2, 3), folded(*THREE), documents=folded(*THREE[:2], wrong))
    assert len(verdict.wrong_totals) == len(verdict.findings) == 4
    assert "volume +1000000" in verdict.wrong_totals[0]


WITH_DELETE: tuple[PackEvent | DeleteEvent, ...] = (THREE[0], delete(2), THREE[2])


def test_delete_clears_what_was_before_it_and_nothing_else() -> None:
    log = folded(*WITH_DELETE)
    assert log.keystems[STEM]["requests"] == log.everything["requests"] == 1
    assert sum(sums["requests"] for sums in log.everything_hours.values()) == 1
    verdict = judged(ledger_of(1, 2, 3), log)
    assert verdict.findings == []
    assert verdict.counted == 3  # one pack is there, one was cleared, and the delete itself


def test_delete_that_was_not_applied_is_noticed() -> None:
    log = folded(*WITH_DELETE)
    verdict = judge(ledger_of(1, 2, 3), log, folded(THREE[0], THREE[2]).counted, {})
    assert any("no receipt" in finding for finding in verdict.lost)
    assert verdict.doubled


def test_receipt_with_other_sums_than_the_log_is_noticed() -> None:
    log = folded(*WITH_DELETE)
    short: Mapping[str, Sums] = {identity(2): Counter(log.cleared[identity(2)]) - Counter(requests=1)}
    verdict = judge(ledger_of(1, 2, 3), log, log.counted, short)
    assert len(verdict.lost) == len(verdict.findings) == 1


def test_receipt_without_a_delete_is_noticed() -> None:
    log = folded(*THREE)
    verdict = judge(ledger_of(1, 2, 3), log, log.counted, {identity(8): Counter()})
    assert len(verdict.never_asked) == len(verdict.findings) == 1


def test_pack_that_was_made_before_a_delete_and_lies_behind_it_is_out_of_order() -> None:
    log = folded(delete(2), THREE[0], THREE[2])
    assert len(judged(ledger_of(1, 2, 3), log).out_of_order) == 1


def test_pack_that_was_made_after_a_delete_and_lies_before_it_is_out_of_order() -> None:
    log = folded(THREE[0], THREE[2], delete(2))
    assert len(judged(ledger_of(1, 2, 3), log).out_of_order) == 1


def test_packs_of_another_session_may_lie_on_either_side_of_a_delete() -> None:
    events = (structs.replace(THREE[2], session=OTHER), THREE[0], delete(2))
    ledger = ledger_of(1, 2, 3)
    ledger.entries["request-3"].event_id = identity(3, OTHER)
    assert judged(ledger, folded(*events)).findings == []


def test_packs_alone_may_overtake_each_other() -> None:
    assert judged(ledger_of(1, 2, 3), folded(*reversed(THREE))).findings == []


def test_empty_documents_lose_everything() -> None:
    verdict = judge(ledger_of(1, 2, 3), folded(*THREE), Counted({}, {}, Counter(), {}), {})
    assert verdict.counted == 0
    assert len(verdict.lost) == 4
