"""Waiting for a server that is still starting: bounded, with what it is that fails shown meanwhile."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from pymongo.errors import PyMongoError
from rich.console import Console

from common.errors import StartupError
from common.mongo import AWAY

T = TypeVar("T")

_ADDED_BY_DRIVER = re.compile(r" \(configured timeouts:|, Timeout: ")  # the reason stands before it

# Not a matter of time: waiting would only hide the message.
_FINAL = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_CONFIG,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError._INVALID_ARG,  # noqa: SLF001  # the binding's name
    }
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait in all, and where to say what for."""

    console: Console
    seconds: float
    every_s: float = 0.5
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    said: set[str] = field(default_factory=set)

    def until_it_answers(self, name: str, attempt: Callable[[], T], deadline: float) -> T:
        """The result of `attempt`, tried until `deadline`. Raises StartupError with the last reason."""
        with self.console.status(f"{name}: asking") as status:
            while True:
                try:
                    return attempt()
                except (KafkaException, PyMongoError) as error:
                    reason = reason_of(error)
                    if not may_pass(error):
                        raise StartupError(f"{name}: {reason}") from error
                    left = deadline - self.clock()
                    if left <= 0:
                        raise StartupError(f"{name}: still away after {self.seconds:g} s: {reason}") from error
                status.update(f"{name}: waiting, at most {left:.0f} s more: {reason}")
                self._say_once(f"{name}: waiting: {reason}")
                self.sleep(min(self.every_s, left))

    def deadline(self) -> float:
        return self.clock() + self.seconds

    def _say_once(self, line: str) -> None:
        """Where there is no terminal there is no status line either."""
        if not self.console.is_terminal and line not in self.said:
            self.said.add(line)
            self.console.print(line, markup=False, highlight=False)


def may_pass(error: KafkaException | PyMongoError) -> bool:
    if isinstance(error, KafkaException):
        return error.args[0].code() not in _FINAL
    return isinstance(error, AWAY) or error.timeout


def reason_of(error: KafkaException | PyMongoError) -> str:
    """One short line for a person."""
    if isinstance(error, KafkaException):
        return str(error.args[0].str())
    text = _ADDED_BY_DRIVER.split(str(error), maxsplit=1)[0].strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
