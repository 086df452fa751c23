"""What comes of one request to upstream, as the rest of the proxy sees it: an answer, or why there is none."""

import msgspec

from proxy.headers import Headers


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: Headers  # names in lower case, values and order as they came
    body: bytes


class Failure(msgspec.Struct, frozen=True):
    """There is no answer: `outcome` as events name it, `message` for the caller."""

    outcome: str
    message: str
    status: int | None = None  # where there was one before it failed


class Exchange(msgspec.Struct, frozen=True):
    result: Answer | Failure
    attempts: int


class NoAnswerError(Exception):
    """An exchange has failed; its message may be read by callers, so it names no address."""

    def __init__(self, outcome: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.failure = Failure(outcome, message, status)


class NobodyListensError(NoAnswerError):
    """The connection was refused: not a byte was sent, so it may be tried again."""
