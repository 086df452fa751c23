"""What an attempt to write came to, as an exception that says what to do next."""

from time import monotonic
from typing import Any

import pytest
from bson.errors import InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

import aggregator.transaction
from aggregator.transaction import (
    INTERRUPTED,
    ConflictError,
    RefusedError,
    StoreError,
    Transactions,
    UnavailableError,
    UnknownOutcomeError,
    bytes_of,
    translated,
)
from tests.support.fake_mongo import TRANSIENT, FakeMongo

CONFLICT = OperationFailure("write conflict", 112, TRANSIENT)


@pytest.fixture
def mongo() -> FakeMongo:
    return FakeMongo()


@pytest.fixture
def transactions(mongo: FakeMongo) -> Transactions:
    return Transactions(mongo.client)


def insert(mongo: FakeMongo) -> Any:
    return lambda session: mongo["x"]["things"].insert_one({"_id": 1}, session=session)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (AutoReconnect("reset"), UnavailableError),
        (NetworkTimeout("slow"), UnavailableError),
        (NotPrimaryError("stepped down"), UnavailableError),
        (ServerSelectionTimeoutError("none"), UnavailableError),
        (ConfigurationError("Sessions are not supported by this MongoDB deployment"), UnavailableError),
        (CONFLICT, ConflictError),
        (ExecutionTimeout("slow", 50), ConflictError),
        *[(OperationFailure("interrupted", code), ConflictError) for code in sorted(INTERRUPTED)],
        (OperationFailure("not authorised", 13), RefusedError),
        (BulkWriteError({"writeErrors": [{"index": 0, "code": 121, "errmsg": "validation"}]}), RefusedError),
        (PyMongoError("odd"), RefusedError),
        (InvalidDocument("too large"), RefusedError),
        (OverflowError("8-byte ints"), RefusedError),
        (UnicodeError("surrogates"), RefusedError),
    ],
    ids=repr,
)
def test_every_error_has_one_meaning(
    mongo: FakeMongo, transactions: Transactions, error: Any, meaning: type[StoreError]
) -> None:
    assert type(translated(error)) is meaning
    mongo.faults.append(error)
    with pytest.raises(meaning):
        transactions.run(insert(mongo))
    assert mongo.documents == {}
    assert not mongo.sessions[0].in_transaction


def test_what_was_done_is_committed_and_what_it_returns_comes_back(
    mongo: FakeMongo, transactions: Transactions
) -> None:
    def work(session: Any) -> str:
        mongo["x"]["things"].insert_one({"_id": 1}, session=session)
        assert mongo.documents == {}, "nobody sees it before the commit"
        return "done"

    assert transactions.run(work) == "done"
    assert mongo.documents == {"things": {1: {"_id": 1}}}


def test_an_error_of_the_work_itself_undoes_it_and_goes_on_as_it_is(
    mongo: FakeMongo, transactions: Transactions
) -> None:
    def work(session: Any) -> None:
        mongo["x"]["things"].insert_one({"_id": 1}, session=session)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        transactions.run(work)
    assert mongo.documents == {}
    assert mongo.locks == {}


def test_what_an_abandoned_transaction_held_is_free_with_the_next_one(
    mongo: FakeMongo, transactions: Transactions
) -> None:
    def work(session: Any) -> None:
        mongo["x"]["things"].insert_one({"_id": 1}, session=session)
        mongo.away = True
        mongo["x"]["things"].insert_one({"_id": 2}, session=session)

    with pytest.raises(UnavailableError):
        transactions.run(work)
    assert mongo.locks, "the server was not told"
    mongo.away = False
    transactions.run(insert(mongo))
    assert (mongo.locks, mongo.documents) == ({}, {"things": {1: {"_id": 1}}})


def test_an_abort_that_fails_changes_nothing(
    mongo: FakeMongo, transactions: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing() -> None:
        raise AutoReconnect("reset")

    monkeypatch.setattr(mongo.sessions[0], "abort_transaction", failing)
    mongo.faults.append(CONFLICT)
    with pytest.raises(ConflictError):
        transactions.run(insert(mongo))


@pytest.mark.parametrize(
    "outcome",
    [
        "lost",
        "unanswered",
        NetworkTimeout("slow"),
        ConfigurationError("Sessions are not supported by this MongoDB deployment"),
        ExecutionTimeout("x", 50),
        OperationFailure("x", 11601),
    ],
)
def test_a_commit_whose_fate_is_unknown_is_asked_about_again(
    mongo: FakeMongo, transactions: Transactions, outcome: Any
) -> None:
    mongo.commits.extend([outcome, outcome])
    transactions.run(insert(mongo))
    assert mongo.operations.count("commit") == 3
    assert mongo.documents == {"things": {1: {"_id": 1}}}


def test_a_commit_that_never_answers_leaves_the_outcome_unknown(
    mongo: FakeMongo, transactions: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregator.transaction, "COMMIT_S", 0.0)
    mongo.commits.append("unanswered")
    with pytest.raises(UnknownOutcomeError):
        transactions.run(insert(mongo))
    assert mongo.documents == {"things": {1: {"_id": 1}}}, "this one was applied"


def test_a_commit_that_was_aborted_can_be_tried_again(mongo: FakeMongo, transactions: Transactions) -> None:
    mongo.commits.append(OperationFailure("no such transaction", 251, TRANSIENT))
    with pytest.raises(ConflictError):
        transactions.run(insert(mongo))
    assert mongo.documents == {}


def test_a_hurry_bounds_how_long_a_commit_is_asked_about(mongo: FakeMongo, transactions: Transactions) -> None:
    mongo.commits.append("lost")
    with transactions.hurry(monotonic() - 1), pytest.raises(UnknownOutcomeError):
        transactions.run(insert(mongo))
    mongo.commits.append("lost")
    transactions.run(insert(mongo))


def test_the_session_is_one_for_its_whole_life(mongo: FakeMongo, transactions: Transactions) -> None:
    before = transactions.lsid
    transactions.run(insert(mongo))
    assert transactions.lsid == before == bytes_of(mongo.sessions[0])  # type: ignore[arg-type]  # it has an id too
    assert len(mongo.sessions) == 1
    transactions.close()


def test_there_is_nothing_to_abort_where_none_began(
    mongo: FakeMongo, transactions: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise OperationFailure("sessions are not supported", 20)

    monkeypatch.setattr(mongo.sessions[0], "start_transaction", refused)
    with pytest.raises(RefusedError):
        transactions.run(insert(mongo))
    assert "abort" not in mongo.operations
