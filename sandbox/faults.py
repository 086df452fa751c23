"""Chance, under a seed: how long each answer takes and which requests meet a fault, as the settings say."""

import math
import random
from typing import Final

from sandbox.directives import Directive
from sandbox.settings import SandboxSettings

_LONGEST_MS: Final = 3_600_000


class Dice:
    """Draws the fate of one request after the other. The same seed and number of requests draw the same ones."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._random = random.Random(settings.seed)  # noqa: S311 - faults are to be repeatable, not secret

    def draw(self) -> Directive:
        delay_ms = self._latency_ms()
        chance = self._random.random()
        settings = self._settings
        for rate, directive in (
            (settings.error_rate, Directive(status=500, delay_ms=delay_ms)),
            (settings.hang_rate, Directive(conduct="hang")),
            (settings.garbage_rate, Directive(body="garbage", delay_ms=delay_ms)),
            (settings.drop_rate, Directive(conduct="drop", delay_ms=delay_ms)),
        ):
            if chance < rate:
                return directive
            chance -= rate
        return Directive(delay_ms=delay_ms)

    def _latency_ms(self) -> float:
        typical = self._settings.latency_ms
        if not typical:
            return 0
        match self._settings.latency_distribution:
            case "constant":
                return typical
            case "uniform":
                return self._random.uniform(0.5 * typical, 1.5 * typical)
            case "exponential":
                return min(self._random.expovariate(1 / typical), _LONGEST_MS)
            case _:
                return min(self._random.lognormvariate(math.log(typical), self._settings.latency_sigma), _LONGEST_MS)
