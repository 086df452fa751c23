"""`python -m tests.prove`: breaks everything for a while under load, then shows that each pack was counted exactly once."""

import argparse
import json
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from tests.prove.campaign import Asked, any_seed, run
from tests.prove.certificate import Certificate, rendered
from tests.prove.kinds import KINDS, chosen
from tests.prove.show import Show

_FOLDER = Path(".local/prove")
_SHOWN = 30


def main() -> int:
    options = _options()
    kinds = chosen(options.topology, options.kind)
    asked = Asked(options.topology, options.seed, options.seconds, kinds, options.rate, options.patience)
    out = options.out or options.folder / f"certificate-{asked.topology}-{asked.seed}.json"
    folder = options.folder / f"{asked.topology}-{asked.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    console = Console()
    # Told to end from outside, it ends what it started as it does on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    replay = _replay(asked, options.kind)
    console.print(f"again with the same faults: {replay}", highlight=False, soft_wrap=True)
    try:
        with Show(console, asked.seconds) as show:
            certificate = run(asked, folder.absolute(), show)
    except KeyboardInterrupt:
        console.print(f"interrupted; journal, faults and logs are in {folder}", soft_wrap=True)
        return 130
    except BaseException:
        console.print(f"the campaign itself failed; journal, faults and logs are in {folder}", soft_wrap=True)
        raise
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(certificate.as_json(), indent=1) + "\n")
    console.print(rendered(certificate))
    console.print(f"certificate: {out}", highlight=False, soft_wrap=True)
    if certificate.clean:
        shutil.rmtree(folder)
        return 0
    _explain(console, certificate, folder, replay)
    return 1


def _replay(asked: Asked, kinds: list[str]) -> str:
    words = ["python", "-m", "tests.prove", "--topology", asked.topology, "--seed", str(asked.seed)]
    words += ["--seconds", f"{asked.seconds:g}", "--rate", f"{asked.rate_per_s:g}"]
    return shlex.join([*words, *(word for kind in kinds for word in ("--kind", kind))])


def _explain(console: Console, certificate: Certificate, folder: Path, replay: str) -> None:
    for problem in certificate.problems[:_SHOWN]:
        console.print(problem, highlight=False, markup=False, soft_wrap=True)
    if len(certificate.problems) > _SHOWN:
        console.print(f"… and {len(certificate.problems) - _SHOWN} more in the certificate")
    console.print(
        f"journal, faults and logs: {folder}\nagain with the same faults: {replay}", highlight=False, soft_wrap=True
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long to break things (default 300)")
    parser.add_argument("--seed", type=int, default=None, help="of faults and requests (default: any)")
    parser.add_argument("--topology", choices=sorted(KINDS), default="single")
    parser.add_argument("--rate", type=float, default=80, help="requests per second (default 80)")
    parser.add_argument(
        "--kind", action="append", default=[], metavar="NAME", help="this kind of fault alone; repeatable"
    )
    parser.add_argument(
        "--patience", type=float, default=60, help="how soon all must be well after a fault (default 60 s)"
    )
    parser.add_argument(
        "--folder", type=Path, default=_FOLDER, help="where runs keep their servers' data and their logs"
    )
    parser.add_argument("--out", type=Path, default=None, help="where the certificate goes")
    options = parser.parse_args()
    options.seed = any_seed() if options.seed is None else options.seed
    for name in options.kind:
        if name not in {kind.name for kind in KINDS[options.topology]}:
            parser.error(
                f"no such kind of fault: {name}; there are: {', '.join(k.name for k in KINDS[options.topology])}"
            )
    return options


if __name__ == "__main__":
    sys.exit(main())
