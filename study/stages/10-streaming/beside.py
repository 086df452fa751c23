"""Starts the program that counts beside one that needs it, so that this stage is started like all others.

In earnest it is a service of its own. Nothing of it is imported here: its memory is not the backend's.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent


@contextmanager
def folding() -> Iterator["subprocess.Popen[bytes]"]:
    """It ends when the caller does, whichever way that ends. What it says goes to standard error."""
    command = [sys.executable, str(HERE / "folding.py"), "--until-eof"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr, env=env) as process:  # noqa: S603  # ours
        yield process
