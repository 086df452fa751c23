"""Asks a backend one question and takes the time; what is not answered has a reason, which is a result as well."""

import http.client
from time import perf_counter

import msgspec

from study.bench.samples import Sample
from study.kit.contract import Caller
from study.kit.manifest import Case
from study.kit.timing import Timing

_SHOWN = 200


class NoAnswerError(Exception):
    """A question was not answered; the text says why. `spent`: the backend may still be at it, and is to be replaced."""

    def __init__(self, reason: str, *, spent: bool) -> None:
        super().__init__(reason)
        self.spent = spent


class _Answer(msgspec.Struct):
    rows: msgspec.Raw
    timing: Timing


_decode = msgspec.json.Decoder(_Answer).decode


class Asker:
    """One reader with a connection of its own."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._caller, self._timeout_s = Caller(url, timeout_s), timeout_s

    def ask(self, case: Case) -> Sample:
        began = perf_counter()
        try:
            status, _, body = self._caller.get(f"/reports/{case.report}", case.query)
        except TimeoutError as error:
            raise NoAnswerError(f"no answer within {self._timeout_s:g} s", spent=True) from error
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(f"the backend went away ({type(error).__name__})", spent=True) from error
        client_ms = (perf_counter() - began) * 1000
        if status != 200:
            raise NoAnswerError(f"{status} {body[:_SHOWN].decode(errors='replace')}", spent=False)
        timing = _decode(body).timing
        return Sample(timing.request_ms, timing.database_ms, client_ms, timing.calls, timing.rows)

    def close(self) -> None:
        self._caller.close()
