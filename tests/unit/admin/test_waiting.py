"""Waiting is bounded, shows what fails, and does not wait for what time does not heal."""

import io

import pytest
from confluent_kafka import KafkaError, KafkaException
from pymongo.errors import AutoReconnect, OperationFailure
from rich.console import Console

from admin.waiting import Patience, reason_of
from common.errors import StartupError


class Clock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def patience(seconds: float = 10) -> tuple[Patience, Clock, io.StringIO]:
    clock, shown = Clock(), io.StringIO()
    return Patience(Console(file=shown, width=200), seconds, clock=clock, sleep=clock.sleep), clock, shown


def refused(text: str = "connection refused") -> KafkaException:
    return KafkaException(KafkaError(KafkaError._TRANSPORT, text))


def test_what_answers_after_a_while_is_waited_for() -> None:
    waiting, clock, shown = patience()
    answers = [refused(), AutoReconnect("no primary"), refused()]

    def attempt() -> str:
        if answers:
            raise answers.pop(0)
        return "here"

    assert waiting.until_it_answers("Kafka", attempt, waiting.deadline()) == "here"
    assert clock.now == 1.5
    assert shown.getvalue().splitlines() == [
        "Kafka: waiting: connection refused",
        "Kafka: waiting: no primary",
    ]


def test_after_the_time_it_gives_up_with_the_last_reason() -> None:
    waiting, clock, _ = patience(3)

    def attempt() -> None:
        raise refused(f"refused at {clock.now:g}")

    with pytest.raises(StartupError, match="Kafka: still away after 3 s: refused at 3"):
        waiting.until_it_answers("Kafka", attempt, waiting.deadline())


@pytest.mark.parametrize(
    "error",
    [
        KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)),
        KafkaException(KafkaError(KafkaError.POLICY_VIOLATION)),
        OperationFailure("Authentication failed.", 18),
    ],
)
def test_what_time_does_not_heal_is_not_waited_for(error: Exception) -> None:
    waiting, clock, _ = patience()

    def attempt() -> None:
        raise error

    with pytest.raises(StartupError, match="here: "):
        waiting.until_it_answers("here", attempt, waiting.deadline())
    assert clock.now == 0


def test_a_reason_is_one_short_line() -> None:
    long = "h:1: connection refused (configured timeouts: a: 1ms), Timeout: 2s, Topology Description: <a\nb>"
    assert reason_of(AutoReconnect(long)) == "h:1: connection refused"
    assert reason_of(AutoReconnect("")) == "AutoReconnect"
    assert len(reason_of(AutoReconnect("x" * 999))) == 200
