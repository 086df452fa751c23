"""Starts backends within milliseconds, for the cold measurements, each of which needs a fresh one.

A process that has the libraries imported forks; the fork runs the backend as `python -m study serve` does. It speaks by
lines of JSON: in, what the environment is to be; out, `{"pid": …}` and then what the backend says. It is started with
`python -m study.bench.launcher STAGE` and ends when its input does.
"""

import contextlib
import importlib
import json
import os
import signal
import sys

from study.kit import programs, stages

# What backends import; a driver that is not installed belongs to a stage that cannot run here.
_LIBRARIES = ("fastapi", "uvicorn", "uvloop", "httptools", "study.kit.routes", "study.kit.serving")
_DRIVERS = ("asyncpg", "psycopg", "psycopg_pool", "pymongo")


def main() -> int:
    stage = stages.find(sys.argv[1])
    for name in _LIBRARIES:
        importlib.import_module(name)
    for name in _DRIVERS:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks: the kernel is to forget them
    pid = 0
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _serve(stage, json.loads(line))
        programs.say({"pid": pid})
    # Whoever started this is done, or dead: then the last fork may still be there.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid or os.getpid(), signal.SIGTERM)
    return 0


def _serve(stage: stages.Stage, environ: dict[str, str]) -> None:
    """The fork's whole life."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(environ)
    code = 1
    try:
        stages.run(stage, "backend.py", ["serve"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
