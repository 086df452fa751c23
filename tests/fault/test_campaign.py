"""A short campaign of `make prove` with a few kinds of fault ends with a clean certificate, and leaves nothing behind."""

import json
import subprocess
import sys
from pathlib import Path

KINDS = ("proxy killed", "Kafka connections reset", "answer to a commit lost", "aggregator killed")
REPO = Path(__file__).parents[2]


def test_short_campaign_is_clean(tmp_path: Path) -> None:
    out = tmp_path / "certificate.json"
    command = [sys.executable, "-m", "tests.prove", "--seconds", "5", "--seed", "4", "--rate", "30"]
    command += ["--folder", str(tmp_path / "runs"), "--out", str(out)]
    command += [word for kind in KINDS for word in ("--kind", kind)]
    ended = subprocess.run(command, check=False, cwd=REPO, capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-3000:]
    certificate = json.loads(out.read_text())
    assert certificate["clean"]
    assert certificate["lost"] == certificate["doubled"] == 0
    assert certificate["counted"] >= certificate["acknowledged"] > 200
    assert certificate["faults_by_kind"].keys() == set(KINDS)
    assert certificate["in_flight"]["max"] > 0
    assert list((tmp_path / "runs").iterdir()) == []
