"""`make demo`: many facilities send packs through the real pipeline; then every one of them must have been counted."""

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass

import aiohttp
import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table

from local import services
from local.load import Client, Load, Sending, Totals, UnexpectedAnswerError, keystem_of, nearest_rank
from local.ports import PortBook
from local.run import Foreground
from local.settings import LocalSettings
from local.state import Endpoints, StateDir

EXIT_DIFFERENCE = 1
EXIT_INTERRUPTED = 130
_COUNTED_WITHIN_S = 60.0
_QUIET_S = 2.5
_READERS = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was sent, what was counted, and how far they are apart."""

    facilities: int
    packs_sent: int
    packs_counted: int  # over the facilities
    packs_counted_in_all: int
    items_sent: int
    items_counted: int
    facilities_that_differ: int
    difference: int  # sum of what is missing or too much, over facilities, and in all
    without_event: int
    without_reply: int
    lag_events: int | None
    probes: int
    freshness_p50_s: float | None
    freshness_p99_s: float | None


def run(settings: LocalSettings, state: StateDir, load: Load, console: Console, *, as_json: bool) -> int:
    """Use the stack that runs in the state folder, else start one for the while; 1 if anything differs."""
    running = state.read()
    if running is not None and running.state == "ready":
        outcome: Outcome | None = _measure(running, load, console)
    else:
        outcome = _with_own_stack(settings, state, load, console)
    if outcome is None:
        return EXIT_INTERRUPTED
    if as_json:
        print(msgspec.json.encode(asdict(outcome)).decode())
    else:
        console.print(report(outcome), highlight=False)
    return EXIT_DIFFERENCE if outcome.difference else 0


def _with_own_stack(settings: LocalSettings, state: StateDir, load: Load, console: Console) -> Outcome | None:
    """The parts are tied to this thread, so the load runs beside it; None if a signal came first."""
    with state.held(), ThreadPoolExecutor(1) as beside:
        stack = services.everything(settings, state, PortBook(state.ports), console)
        foreground = Foreground(state, stack, console, as_json=False)
        measured: list[Future[Outcome]] = []
        ended_first = False

        def begin(endpoints: Endpoints) -> None:
            measured.append(beside.submit(_measure, endpoints, load, console))
            measured[0].add_done_callback(finish)

        def finish(_: Future[Outcome]) -> None:
            nonlocal ended_first
            ended_first = not foreground.stopping
            foreground.request_stop()

        foreground.run(begin)
        return measured[0].result() if measured and ended_first else None


def _measure(endpoints: Endpoints, load: Load, console: Console) -> Outcome:
    try:
        return asyncio.run(_send_and_compare(endpoints.address("proxy"), load, console))
    except ExceptionGroup as group:
        raise UnexpectedAnswerError(str(group.exceptions[0])) from group
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UnexpectedAnswerError(f"the proxy does not answer: {error}") from error


async def _send_and_compare(proxy: str, load: Load, console: Console) -> Outcome:
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=64)) as http:
        client = Client(proxy, http)
        before = await _quiet_totals(client)
        sending = Sending(load, client)
        with Live(console=console, refresh_per_second=4) as live:
            display = asyncio.create_task(_display(live, client, sending, before), name="display")
            try:
                await sending.run()
                after = await _counted(client, sending, before)
            finally:
                display.cancel()
                await asyncio.gather(display, return_exceptions=True)
            live.update(_table(sending, before, after))
        console.print()
        return await _compare(client, sending, before, after)


async def _quiet_totals(client: Client) -> Totals:
    """The totals once nothing from before is on its way any more."""
    last, since = await client.totals("all"), time.monotonic()
    while time.monotonic() - since < _QUIET_S:
        await asyncio.sleep(0.25)
        now = await client.totals("all")
        if now.total_requests != last.total_requests:
            last, since = now, time.monotonic()
    return last


async def _counted(client: Client, sending: Sending, before: Totals) -> Totals:
    """The totals once they hold what was sent and stay there, or when the time for that is over."""
    want = before.total_requests + sending.tally.packs.total()
    deadline = time.monotonic() + _COUNTED_WITHIN_S
    while time.monotonic() < deadline:
        if (await client.totals("all")).total_requests >= want:
            break
        await asyncio.sleep(0.25)
    return await _quiet_totals(client)


async def _compare(client: Client, sending: Sending, before: Totals, after: Totals) -> Outcome:
    tally = sending.tally
    gate = asyncio.Semaphore(_READERS)

    async def read(keystem: str) -> Totals:
        async with gate:
            return await client.totals(keystem)

    keystems = sorted({keystem_of(key) for key in sending.keys} | set(tally.packs))
    counted = dict(zip(keystems, await asyncio.gather(*map(read, keystems)), strict=True))
    packs_off = {keystem: counted[keystem].total_requests - tally.packs[keystem] for keystem in keystems}
    items_off = {keystem: round(counted[keystem].total_items) - tally.items[keystem] for keystem in keystems}
    in_all = after.total_requests - before.total_requests
    items_in_all = round(after.total_items - before.total_items)
    difference = sum(map(abs, packs_off.values())) + sum(map(abs, items_off.values()))
    difference += abs(in_all - tally.packs.total()) + abs(items_in_all - tally.items.total())
    return Outcome(
        facilities=len(sending.keys),
        packs_sent=tally.packs.total(),
        packs_counted=sum(totals.total_requests for totals in counted.values()),
        packs_counted_in_all=in_all,
        items_sent=tally.items.total(),
        items_counted=items_in_all,
        facilities_that_differ=sum(1 for keystem in keystems if packs_off[keystem] or items_off[keystem]),
        difference=difference,
        without_event=tally.without_event,
        without_reply=tally.without_reply,
        lag_events=after.lag_events,
        probes=len(tally.freshness_s),
        freshness_p50_s=nearest_rank(tally.freshness_s, 0.5),
        freshness_p99_s=nearest_rank(tally.freshness_s, 0.99),
    )


async def _display(live: Live, client: Client, sending: Sending, before: Totals) -> None:
    while True:
        live.update(_table(sending, before, await client.totals("all")))
        await asyncio.sleep(0.5)


def _table(sending: Sending, before: Totals, now: Totals) -> Table:
    tally = sending.tally
    table = Table("", "sent", "counted", title=f"{len(sending.keys)} facilities")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("packs", f"{tally.packs.total():,}", f"{now.total_requests - before.total_requests:,}")
    table.add_row("items", f"{tally.items.total():,}", f"{round(now.total_items - before.total_items):,}")
    table.add_row("records not yet folded", "", "unknown" if now.lag_events is None else f"{now.lag_events:,}")
    table.add_row("event to visible, p50", "", _seconds(nearest_rank(tally.freshness_s, 0.5)))
    table.add_row("event to visible, p99", "", _seconds(nearest_rank(tally.freshness_s, 0.99)))
    table.add_row("replies without X-Event-ID", f"{tally.without_event:,}", "")
    table.add_row("requests without a reply", f"{tally.without_reply:,}", "")
    return table


def report(outcome: Outcome) -> str:
    """The comparison in words."""
    verdict = "nothing lost, nothing counted twice" if outcome.difference == 0 else "THIS IS AN ERROR"
    return (
        f"\ndifference {outcome.difference}: {verdict}\n"
        f"  packs  sent {outcome.packs_sent:,}, counted per facility {outcome.packs_counted:,}, "
        f"in all {outcome.packs_counted_in_all:,}\n"
        f"  items  sent {outcome.items_sent:,}, counted in all {outcome.items_counted:,}\n"
        f"  {outcome.facilities_that_differ} of {outcome.facilities} facilities differ\n"
        f"  lag at the end: {'unknown' if outcome.lag_events is None else outcome.lag_events} records\n"
        f"  event to visible: p50 {_seconds(outcome.freshness_p50_s)}, p99 {_seconds(outcome.freshness_p99_s)} "
        f"({outcome.probes} probes)\n"
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
