"""`python -m local status`: what runs in the state folder, for a person or a program."""

from rich.console import Console
from rich.table import Column, Table

from local.state import StateDir

NOT_RUNNING = 1


def show(state: StateDir, console: Console, *, as_json: bool) -> int:
    """Print it; the exit code is 0 only if everything is ready."""
    endpoints = state.read()
    if endpoints is None:
        console.out('{"state": "not running"}' if as_json else f"nothing runs in {state.path}", highlight=False)
        return NOT_RUNNING
    if as_json:
        console.out(endpoints.to_json(), end="", highlight=False)
    else:
        title = f"{endpoints.state}; logs in {state.logs}"
        table = Table("part", "state", Column("address", overflow="fold"), "pid", "restarts", title=title)
        for part in endpoints.parts:
            pid = "" if part.pid is None else str(part.pid)
            table.add_row(part.name, part.state, part.address or "", pid, str(part.restarts))
        console.print(table)
    return 0 if endpoints.state == "ready" else NOT_RUNNING
