"""What wrk prints becomes figures, and what is no figure becomes an error."""

import pytest

from bench import wrk
from bench.errors import BenchError

OUTPUT = """Running 3s test @ http://127.0.0.1:20123/4k
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    58.75ms   43.99ms 280.55ms   78.68%
    Req/Sec     1.21k   512.30     2.33k    66.67%
  3540 requests in 3.05s, 15.39MB read
Requests/sec:   1159.31
Transfer/sec:      5.04MB
{"requests":3540,"duration_us":2000000,"p50_us":47330,"p90_us":122500,"p99_us":219600,"max_us":280600,\
"connect":1,"read":2,"write":3,"timeout":4,"status":40}
"""


def test_the_last_line_is_what_counts() -> None:
    figures = wrk.parse(OUTPUT).figures()

    assert figures["per_s"] == 1750  # 3540 less the 40 that were answered 4xx or 5xx, in two seconds
    assert figures["p50_ms"] == 47.33
    assert figures["max_ms"] == 280.6


def test_every_kind_of_error_is_an_error() -> None:
    assert wrk.parse(OUTPUT).figures()["errors"] == 1 + 2 + 3 + 4 + 40


@pytest.mark.parametrize("output", ["", "unable to connect to 127.0.0.1:1 Connection refused\n", '{"requests":1}\n'])
def test_output_without_figures_is_refused(output: str) -> None:
    with pytest.raises(BenchError, match="no figures"):
        wrk.parse(output)
