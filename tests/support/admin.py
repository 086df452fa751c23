"""The operator's commands as an operator runs them: a process, its output and its exit code."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.spawner import REPO, Spawned
from tests.support.workspace import Workspace

_WITHIN_S = 600  # a whole topic is read again where a campaign is verified


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def admin(workspace: Workspace, *arguments: str, **env: str) -> Ended:
    """Run `python -m admin …` in a workspace and wait for its end."""
    with TemporaryDirectory() as folder:
        out, errors = Path(folder, "out"), Path(folder, "errors")
        env = {**os.environ, **workspace.env(), **env}
        process = Spawned("admin", *arguments, env=env, folder=REPO, out=out, errors=errors)
        code = process.wait(_WITHIN_S)
        if code is None:
            process.kill()
            raise TimeoutError(f"`admin {' '.join(arguments)}` has not ended:\n{errors.read_text()}")
        return Ended(code, out.read_text(), errors.read_text())
