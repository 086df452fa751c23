"""A process with a spool, to be killed: `python -m tests.integration.proxy.spool_process FOLDER KAFKA LIMIT COMMAND …`.

LIMIT is how large a file of it may be. Says in JSON lines what a caller would know. Commands:
  append COUNT BYTES   append so many events one after the other, say of each that it is durable, wait for the end
  hold                 say the slot, wait for the end of standard input, stop
  reserve BYTES        the same with a reserve of this size, and say each change of whether packs are taken
"""

import asyncio
import json
import resource
import sys
import time

from common import log
from common.settings import KafkaSettings
from proxy.outbox import Outbox
from proxy.reserve import RESERVE_BYTES
from proxy.spool import SpoolRecord


def say(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


async def ended() -> None:
    await asyncio.to_thread(sys.stdin.read)


async def append(outbox: Outbox, count: int, size: int) -> None:
    spool = outbox.spool
    for number in range(count):
        spool.admit()
        seq = spool.next_seq(0)
        value = f"{number}".encode().ljust(size, b".")
        await asyncio.shield(spool.append(SpoolRecord(0, "key", value, time.time_ns() // 1_000_000)))
        say(durable=number, seq=seq)
    await ended()


async def hold(outbox: Outbox) -> None:
    await ended()
    await outbox.stop(0)


async def tell(outbox: Outbox) -> None:
    end = asyncio.ensure_future(ended())
    before: object = 0
    while not end.done():
        refusing = outbox.status().refusing
        if refusing != before:
            say(refusing=refusing)
        before = refusing
        await asyncio.sleep(0.01)
    await outbox.stop(0)


async def main(folder: str, kafka: str, limit: str, command: str, *numbers: str) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    reserve_bytes = int(numbers[0]) if command == "reserve" else RESERVE_BYTES
    outbox = Outbox.open(folder, 1 << 30, KafkaSettings(bootstrap_servers=kafka), reserve_bytes=reserve_bytes)
    say(opened=outbox.status().slot)
    match command:
        case "append":
            await append(outbox, int(numbers[0]), int(numbers[1]))
        case "hold":
            await hold(outbox)
        case _:
            await tell(outbox)


if __name__ == "__main__":
    log.configure()
    asyncio.run(main(*sys.argv[1:]))
