"""The lines that a person pastes."""

import json
import re
import shlex

from local.state import Endpoint, Endpoints
from local.welcome import KEY, KEYSTEM, curl_lines, text

ENDPOINTS = Endpoints(
    "ready", 1, (Endpoint("proxy", "ready", "http://127.0.0.1:8080", 2, "/l"), Endpoint("init", "done", None))
)


def test_key_is_one_that_the_sandbox_accepts_and_its_stem_is_what_is_asked_for() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{16,}", KEY)
    assert KEYSTEM == "aqRAiz-8RA"
    assert curl_lines("http://x")[1] == f"curl -sw '\\n' 'http://x/api/keydata/{KEYSTEM}'"


def test_lines_are_for_a_shell_and_the_body_is_json() -> None:
    post, one, everything = (shlex.split(line) for line in curl_lines("http://127.0.0.1:8080"))
    assert post[:4] == ["curl", "-sw", "\\n", "http://127.0.0.1:8080/"]
    assert json.loads(post[post.index("-d") + 1])["itemSets"][0]["quantity"] == 23
    assert [one[3], everything[3]] == [
        f"http://127.0.0.1:8080/api/keydata/{KEYSTEM}",
        "http://127.0.0.1:8080/api/keydata/all",
    ]


def test_before_a_real_upstream_the_key_is_the_readers_own() -> None:
    assert KEY in text(ENDPOINTS, {})
    assert KEY not in text(ENDPOINTS, {"PROXY__UPSTREAM_URL": "https://api.paccurate.io/"})
