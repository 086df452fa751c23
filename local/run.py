"""Runs a stack in the foreground: reports each change, keeps endpoints.json true, stops on a signal."""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict

from rich.console import Console

from local.stack import Stack
from local.state import Endpoint, Endpoints, StateDir
from local.supervisor import Member, State, Supervisor


class Foreground:
    """Tells a person, or a program, what the parts do, and the state folder where they are."""

    def __init__(self, state: StateDir, stack: Stack, console: Console, *, as_json: bool) -> None:
        self._state = state
        self._stack = stack
        self._console = console
        self._as_json = as_json
        self._began = time.monotonic()
        self._supervisor = Supervisor(stack.parts, state.logs, self._changed)

    def run(self, when_ready: Callable[[Endpoints], None]) -> None:
        """Run until a signal or `request_stop`; everything is gone when this returns or raises PartFailedError."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.request_stop())
        self._write("starting")
        try:
            self._supervisor.run(lambda: when_ready(self._endpoints("ready")))
        finally:
            self._write("stopped")

    @property
    def stopping(self) -> bool:
        """Whether somebody asked for the end."""
        return self._supervisor.stopping

    def request_stop(self) -> None:
        """As Ctrl-C: the first stops in order, the second does not wait."""
        self._supervisor.request_stop()

    def _changed(self, member: Member) -> None:
        self._write("ready" if self._supervisor.all_ready else "starting")
        endpoint = _endpoint(member)
        elapsed = f"{time.monotonic() - self._began:6.1f} s"
        if self._as_json:
            self._console.out(json.dumps(asdict(endpoint)), highlight=False)
        elif member.state in {State.READY, State.DONE, State.STOPPED}:
            line = f"{elapsed}  {endpoint.name:<14} {endpoint.state:<8} {endpoint.address or ''}"
            self._console.out(line.rstrip(), highlight=False)
        elif member.state is State.WAITING:
            line = f"{elapsed}  {endpoint.name:<14} ended with {member.last_exit}, is started again; {endpoint.log}"
            self._console.out(line, style="yellow", highlight=False)

    def _write(self, state: str) -> None:
        self._state.write(self._endpoints(state))

    def _endpoints(self, state: str) -> Endpoints:
        parts = [*self._stack.elsewhere, *(_endpoint(member) for member in self._supervisor.members)]
        return Endpoints(state, os.getpid(), tuple(parts))


def _endpoint(member: Member) -> Endpoint:
    pid = member.process.pid if member.process else None
    return Endpoint(member.part.name, member.state, member.part.address, pid, str(member.log), member.restarts)
