"""How long to wait before the next try: longer each time, never the same for two processes that failed together."""

import random
from collections.abc import Callable

FIRST_S = 0.1
LONGEST_S = 5.0


class Backoff:
    """Doubles from a tenth of a second to five, each with a jitter of up to half."""

    def __init__(self, pause: Callable[[float], object], chance: Callable[[], float] = random.random) -> None:
        """`pause` waits for so many seconds, or less where the process is to stop; `chance` gives numbers in [0, 1)."""
        self._pause = pause
        self._chance = chance
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1

    def succeeded(self) -> None:
        self._failures = 0

    def wait(self) -> None:
        """Not at all after a success."""
        if self._failures:
            longest = min(LONGEST_S, FIRST_S * 2.0 ** min(self._failures - 1, 16))
            self._pause(longest * (1 - self._chance() / 2))
