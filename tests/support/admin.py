"""The operator's commands as an operator runs them: a process, its output and its exit code."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.workspace import Workspace

REPO = Path(__file__).parents[2]

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
    done = subprocess.run(
        [sys.executable, "-m", "admin", *arguments],
        check=False,
        cwd=REPO,
        env={**os.environ, **workspace.env(), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
