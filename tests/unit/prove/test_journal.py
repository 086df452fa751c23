"""The journal gives back what was asked and replied, also where its writer died in the middle of a line."""

from itertools import islice
from pathlib import Path

import pytest

from tests.prove.journal import Journal, read
from tests.prove.traffic import Plan, requests
from tests.support.ledger import Ledger


def test_journal_gives_back_the_ledger(tmp_path: Path) -> None:
    ledger, path = Ledger(), tmp_path / "journal.jsonl"
    entries = [ledger.intend(f"request-{number}", "stem0001") for number in range(3)]
    journal = Journal(path)
    journal.ask(entries)
    entries[0].status, entries[0].event_id = 200, "event-1"
    entries[1].status = 503
    journal.reply(entries[0])
    journal.reply(entries[1])
    journal.close()
    found = read(path).entries
    assert {name: (entry.keystem, entry.status, entry.event_id) for name, entry in found.items()} == {
        "request-0": ("stem0001", 200, "event-1"),
        "request-1": ("stem0001", 503, None),
        "request-2": ("stem0001", None, None),
    }


def test_what_is_asked_is_in_the_file_and_durable_when_ask_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, path = Ledger(), tmp_path / "journal.jsonl"
    durable: list[list[str]] = []
    monkeypatch.setattr("os.fsync", lambda _file: durable.append(list(read(path).entries)))
    journal = Journal(path)
    journal.ask([ledger.intend("request-0", "stem0001")])
    assert durable == [["request-0"]]
    journal.close()


def test_cut_off_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('["ask", "request-0", "stem0001"]\n["ask", "requ')
    assert list(read(path).entries) == ["request-0"]


def test_requests_are_the_same_for_the_same_seed_and_unique() -> None:
    first, second = Ledger(), Ledger()
    one = [(each.method, each.path, each.body, each.headers) for each in islice(requests(Plan(3), first), 3000)]
    two = [(each.method, each.path, each.body, each.headers) for each in islice(requests(Plan(3), second), 3000)]
    assert one == two
    assert len(first.entries) == 3000
    assert 10 < sum(method == "DELETE" for method, *_ in one) < 100


def test_a_few_facilities_send_most_and_many_send_something() -> None:
    ledger = Ledger()
    list(islice(requests(Plan(3), ledger), 3000))
    stems = [entry.keystem for entry in ledger.entries.values()]
    counts = sorted((stems.count(stem) for stem in set(stems)), reverse=True)
    assert len(counts) > 200
    assert sum(counts[:20]) > len(stems) / 2
