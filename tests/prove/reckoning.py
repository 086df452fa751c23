"""The end of a campaign: everything is healed and drained, and whatever can be compared is compared."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from common import progress
from common.events import decode
from tests.prove.cast import Cast
from tests.prove.judge import LogFold, Verdict, judge
from tests.support.admin import admin
from tests.support.evidence import api_disagreements, counted_in, sums_of, values_of, wait_settled
from tests.support.ledger import Ledger, Sums
from tests.support.workspace import Workspace

DRAIN_WITHIN_S = 180.0
_SHOWN = 20


def reckon(ledger: Ledger, cast: Cast, say: Callable[[str], None]) -> tuple[Verdict, LogFold, list[str]]:
    """The judge's verdict, what the log adds up to, and every problem there is. Ends the processes of the cast."""
    workspace = cast.workspace
    problems = []
    say("draining")
    try:
        wait_settled(workspace, [actor.service for actor in cast.proxies], DRAIN_WITHIN_S)
    except AssertionError as error:
        problems.append(f"not drained within {DRAIN_WITHIN_S:.0f} s: {error}")
    say("comparing journal, log and documents")
    log = LogFold()
    for value in values_of(workspace):
        log.take(decode(value))
    counted = counted_in(workspace)
    verdict = judge(ledger, log, counted, receipts_of(workspace))
    problems += verdict.findings
    problems += _without_proof(verdict)
    say("comparing the API with the documents")
    problems += api_disagreements(cast.proxies[0].service, counted)
    problems += _quarantined(workspace)
    say("recomputing the documents from the topic: admin verify")
    problems += _verified(workspace)
    say("stopping")
    cast.stop()
    problems += _left_in_spools(workspace)
    return verdict, log, problems


def receipts_of(workspace: Workspace) -> Mapping[str, Sums]:
    """What each delete cleared, by its event id."""
    found = workspace.documents[progress.DELETIONS].find({"applied_at": {"$ne": None}})
    return {receipt["_id"]: sums_of(receipt["cleared"]) for receipt in found}


def _without_proof(verdict: Verdict) -> Iterator[str]:
    if not verdict.acknowledged:
        yield "no request was acknowledged, so nothing was shown"
    if not verdict.counted:
        yield "nothing was counted, so nothing was shown"


def _quarantined(workspace: Workspace) -> Iterator[str]:
    for record in workspace.documents[progress.QUARANTINE].find().limit(_SHOWN):
        yield f"in quarantine: {record['_id']}, {record.get('reason')}"


def _verified(workspace: Workspace) -> Iterator[str]:
    ended = admin(workspace, "verify", "--json")
    if ended.code:
        yield f"admin verify ended with {ended.code}: {ended.errors[-2000:]}"
        with suppress(ValueError):
            yield from (
                f"admin verify, partition {part['partition']}: {each}"
                for part in ended.json
                for each in [part["problem"], *part["differences"]][:_SHOWN]
                if each
            )
        return
    compared = {part["compared"] for part in ended.json}
    if compared != {"everything"}:
        yield f"admin verify did not compare everything, but {compared}"


def _left_in_spools(workspace: Workspace) -> Iterator[str]:
    """Nobody holds a slot any more, so each can be looked into."""
    ended = admin(workspace, "spool", "list", "--json", PROXY__SPOOL_DIR=str(workspace.spool))
    if ended.code:
        yield f"admin spool list ended with {ended.code}: {ended.errors[-2000:]}"
        return
    for slot in ended.json:
        if slot["state"] != "free" or slot["events"] or slot["set_aside"] or slot["problem"]:
            yield f"spool not empty: {slot}"
