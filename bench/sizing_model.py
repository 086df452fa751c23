"""Pure: how much of everything a load needs, by formulas over measured figures.

The load is even: every facility sends as much as any other, day and night. One that is not has the same events and bytes,
and fewer hours in which there is anything.
"""

import math
from dataclasses import dataclass

from bench.sizing_inputs import Inputs

FLUSH_S = 1.0
KEPT_DAYS = 400  # of hours and carton days
REPLICAS = 3
BUSY = 0.6  # of a core, so that a process can take a spike and catch up
PARTITIONS = 24

# One of each, unsharded, of an ordinary size: what "first to be full" compares with.
PRIMARY_CORES = 8
PRIMARY_DISK_BYTES = 2e12
BROKER_DISK_BYTES = 2e12
BROKERS = 3

_DAY_S = 86_400
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    rate: int  # packs a second
    facilities: int

    @property
    def hour_packs(self) -> float:
        """Of one facility."""
        return self.rate * 3600 / self.facilities


@dataclass(frozen=True, slots=True)
class Deployment:
    """What one load needs."""

    load: Load
    inputs: Inputs

    # --- Kafka and spools --------------------------------------------------------------------------------------------

    @property
    def events_per_day(self) -> float:
        return self.load.rate * _DAY_S

    @property
    def topic_event_bytes(self) -> float:
        """Fewer at higher rates, because more events are compressed together."""
        known = self.inputs
        return between(self.load.rate, (200, known.topic_bytes_at_200), (2_000, known.topic_bytes_at_2000))

    @property
    def topic_bytes_per_s(self) -> float:
        return self.load.rate * self.topic_event_bytes

    def broker_bytes(self, days: int) -> float:
        """On all brokers together."""
        return self.topic_bytes_per_s * _DAY_S * days * REPLICAS

    @property
    def spool_bytes_per_hour(self) -> float:
        return self.load.rate * 3600 * self.inputs.spool_bytes

    # --- MongoDB -----------------------------------------------------------------------------------------------------

    @property
    def updates_per_s(self) -> float:
        return self._per_s(updates(self.inputs), self.partitions)

    @property
    def updates_per_pack(self) -> float:
        return self.updates_per_s / self.load.rate

    @property
    def mongodb_cores(self) -> float:
        """Of the primary; a secondary needs less."""
        return self._per_s(mongodb_us(self.inputs), self.partitions) / 1e6

    @property
    def keydata_bytes(self) -> float:
        return self.load.facilities * self.inputs.keydata_bytes

    @property
    def hours_bytes(self) -> float:
        known, packs = self.inputs, self.load.hour_packs
        one = between(
            packs, (known.quiet_hour_packs, known.quiet_hour_bytes), (known.busy_hour_packs, known.busy_hour_bytes)
        )
        return self.load.facilities * KEPT_DAYS * 24 * any_of(packs) * one

    @property
    def days_bytes(self) -> float:
        return self.load.facilities * KEPT_DAYS * any_of(24 * self.load.hour_packs) * self.inputs.day_bytes

    @property
    def mongodb_disk_bytes(self) -> float:
        """Of one member."""
        return self.keydata_bytes + self.hours_bytes + self.days_bytes

    @property
    def working_set_bytes(self) -> float:
        """What the packs of one hour change: it should fit into the cache."""
        known = self.inputs
        one = known.keydata_in_memory + known.hour_in_memory + known.day_in_memory
        return self.load.facilities * any_of(self.load.hour_packs) * one

    # --- processes ---------------------------------------------------------------------------------------------------

    @property
    def proxies(self) -> int:
        return processes(self.load.rate * self.inputs.proxy_us)

    @property
    def folding_us_per_s(self) -> float:
        """What events cost where many of them go into one flush, and what the flushes do here."""
        return self.load.rate * self.inputs.folding_us + self._per_s(flushing_us(self.inputs), PARTITIONS)

    @property
    def aggregators(self) -> int:
        return processes(self.folding_us_per_s)

    @property
    def partitions(self) -> int:
        """At least two for each aggregator, so that they share evenly when one is gone."""
        return PARTITIONS * math.ceil(2 * self.aggregators / PARTITIONS)

    @property
    def proxies_memory_bytes(self) -> float:
        return self.proxies * self.inputs.proxy_mib * _MIB

    @property
    def aggregators_memory_bytes(self) -> float:
        return self.aggregators * self.inputs.folding_mib * _MIB

    @property
    def bottleneck(self) -> str:
        """What reaches the limit of one ordinary machine first, and how much of that limit the load takes."""
        shares = {
            "the primary's cores": self.mongodb_cores / PRIMARY_CORES,
            "the members' disks": self.mongodb_disk_bytes / PRIMARY_DISK_BYTES,
            "the brokers' disks": self.broker_bytes(14) / BROKERS / BROKER_DISK_BYTES,
        }
        name, share = max(shares.items(), key=lambda each: each[1])
        return f"{name}, {share:.0%}"

    def _per_s(self, costs: "Costs", partitions: int) -> float:
        of_touched = touched(self.load.rate, self.load.facilities) * costs.of_facility
        return (of_touched + partitions * costs.of_partition) / FLUSH_S


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one flush: for each facility that has anything in it, and for each partition."""

    of_facility: float
    of_partition: float


def updates(inputs: Inputs) -> Costs:
    return _split(inputs, inputs.updates_at_200, inputs.updates_at_2000)


def mongodb_us(inputs: Inputs) -> Costs:
    return _split(inputs, 200 * inputs.mongodb_us_at_200, 2_000 * inputs.mongodb_us_at_2000)


def flushing_us(inputs: Inputs) -> Costs:
    """Of an aggregator, beyond what its events cost when it catches up."""
    slow, fast = inputs.folding_us_at_200 - inputs.folding_us, inputs.folding_us_at_2000 - inputs.folding_us
    return _split(inputs, 200 * max(0.0, slow), 2_000 * max(0.0, fast))


def _split(inputs: Inputs, at_200: float, at_2000: float) -> Costs:
    """Two costs from what was spent in a second at two rates: at the second a flush has more facilities in it."""
    slow, fast = touched(200, inputs.facilities), touched(2_000, inputs.facilities)
    of_facility = max(0.0, (at_2000 - at_200) * FLUSH_S / (fast - slow))
    return Costs(of_facility, max(0.0, (at_200 * FLUSH_S - slow * of_facility) / inputs.partitions))


def touched(rate: float, facilities: float) -> float:
    """How many facilities have anything in one flush: that of each event is a matter of chance."""
    return facilities * any_of(rate * FLUSH_S / facilities)


def any_of(expected: float) -> float:
    """The chance of at least one, of so many on average."""
    return -math.expm1(-expected)


def between(at: float, low: tuple[float, float], high: tuple[float, float]) -> float:
    """On the line through two measured points over the logarithm, and not beyond them."""
    (x0, y0), (x1, y1) = low, high
    share = (math.log(at) - math.log(x0)) / (math.log(x1) - math.log(x0))
    return y0 + min(1.0, max(0.0, share)) * (y1 - y0)


def processes(us_per_s: float) -> int:
    return max(1, math.ceil(us_per_s / 1e6 / BUSY))
