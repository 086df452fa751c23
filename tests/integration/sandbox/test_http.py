"""The sandbox as a process on a real port: what callers of the API see, well and badly served."""

import gzip
import http.client
import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support import web
from tests.support.eventually import eventually
from tests.support.services import Service, Services

KEY = "sandbox-key-of-the-tests-0123456789abcdef"
AUTHORIZED = {"Authorization": f"apikey {KEY}"}
PACK = {
    "orderId": "SO-1",
    "itemSets": [{"refId": 0, "name": "mug", "weight": 2, "dimensions": {"x": 5, "y": 6, "z": 4}, "quantity": 3}],
    "boxTypes": [{"weightMax": 150, "name": "5x6x8", "dimensions": {"x": 5, "y": 6, "z": 8}}],
}
RAW = json.dumps(PACK).encode()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One sandbox for all tests here: a header of the request says how it is to be answered."""
    services = Services(tmp_path_factory.mktemp("sandbox"))
    try:
        running = services.sandbox()
        yield running
        assert running.stop() == 0
    finally:
        services.end()


def post(url: str, body: bytes | None = RAW, steer: str | None = None, **headers: str) -> web.Reply:
    sent = AUTHORIZED | {name.replace("_", "-"): value for name, value in headers.items()}
    return web.request("POST", url + "/", body, sent | ({} if steer is None else {"X-Sandbox": steer}))


def test_a_pack_is_answered(sandbox: Service) -> None:
    reply = post(sandbox.url)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert int(reply.headers["content-length"]) == len(reply.body)
    told = reply.json
    assert (told["lenBoxes"], told["lenItems"], told["totalCost"], told["usedKeyStem"]) == (2, 3, 480, KEY[:10])
    assert len(told["svgs"]) == 2


@pytest.mark.parametrize("content_type", ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "image/png"])
def test_the_content_type_does_not_matter(sandbox: Service, content_type: str) -> None:
    assert post(sandbox.url, Content_Type=content_type).json["lenBoxes"] == 2


def test_no_content_type_does_not_matter(sandbox: Service) -> None:
    assert post(sandbox.url).json["lenBoxes"] == 2


def test_a_body_in_chunks_is_read_whole(sandbox: Service) -> None:
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=30)
    try:
        connection.request("POST", "/", iter([RAW[:10], RAW[10:50], RAW[50:]]), AUTHORIZED, encode_chunked=True)
        assert json.loads(connection.getresponse().read())["lenBoxes"] == 2
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        (b"", AUTHORIZED, 400, "EOF"),
        (b"", {}, 400, "EOF"),
        (b'{"itemSets":', AUTHORIZED, 400, "unexpected EOF"),
        (b"itemSets=1", AUTHORIZED, 400, "invalid character 'i' looking for beginning of value"),
        (RAW, {"Authorization": "apikey undefined"}, 401, "invalid API key"),
        (b"", {"Authorization": "apikey undefined"}, 401, "invalid API key"),
        (b"[]", AUTHORIZED, 422, "invalid input"),
        (b"{}", AUTHORIZED, 422, "invalid input"),
    ],
)
def test_errors_are_told_in_the_apis_shape(
    sandbox: Service, body: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    reply = web.request("POST", sandbox.url + "/", body, headers)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert reply.json | {"details": ""} == {"code": status, "message": message, "details": ""}
    assert bool(reply.json.get("details")) is (status == 422)


def test_there_is_one_operation_and_a_sign_of_life(sandbox: Service) -> None:
    assert web.get(sandbox.url + "/livez").json == {"status": "live"}
    wrong = web.get(sandbox.url + "/")
    assert (wrong.status, wrong.headers["allow"], wrong.json["code"]) == (405, "POST", 405)
    assert web.get(sandbox.url + "/pack").json == {"code": 404, "message": "not found"}


def test_a_large_pack_is_answered_too(sandbox: Service) -> None:
    item = {"dimensions": {"x": 1, "y": 1, "z": 1}, "quantity": 1000}
    reply = post(sandbox.url, json.dumps(PACK | {"itemSets": [item], "includeImages": False}).encode())
    assert (reply.json["lenItems"], reply.json["lenLeftovers"]) == (1000, 0)


@pytest.mark.parametrize(
    ("steer", "status", "told"),
    [
        ("status=500", 500, {"code": 500, "message": "unexpected error"}),
        ("status=429; message=slow down", 429, {"code": 429, "message": "slow down"}),
        ("status=422; details=no", 422, {"code": 422, "message": "invalid input", "details": "no"}),
        ("not-json-object", 200, []),
        ("no-boxes", 200, {"title": "Default"}),
    ],
)
def test_a_request_says_how_it_is_answered(sandbox: Service, steer: str, status: int, told: Any) -> None:
    reply = post(sandbox.url, b"even without a pack", steer)
    assert (reply.status, reply.json) == (status, told)


def test_an_unknown_directive_is_refused(sandbox: Service) -> None:
    reply = post(sandbox.url, steer="frobnicate")
    assert (reply.status, reply.json["message"]) == (400, "X-Sandbox: there is no directive 'frobnicate'")


def test_bodies_can_be_garbage(sandbox: Service) -> None:
    assert post(sandbox.url, steer="garbage").body.startswith(b"<html>")
    assert post(sandbox.url, steer="empty").body == b""
    assert b"\xff" in post(sandbox.url, steer="bytes").body
    half = post(sandbox.url, steer="half")
    assert int(half.headers["content-length"]) == len(half.body)
    assert half.body.startswith(b'{"boxTypeChoiceGoalUsed"')


def test_members_headers_and_version_can_be_changed(sandbox: Service) -> None:
    reply = post(sandbox.url, steer='set=usedKeyStem:"all"; unset=svgs; version=1.7.1; header=Retry-After:7; delay=1')
    assert (reply.json["usedKeyStem"], reply.json["version"], reply.headers["retry-after"]) == ("all", "1.7.1", "7")
    assert "svgs" not in reply.json


def test_a_redirect_is_one(sandbox: Service) -> None:
    reply = post(sandbox.url, steer="redirect=/there")
    assert (reply.status, reply.headers["location"]) == (302, "/there")


def test_an_answer_without_content_has_none(sandbox: Service) -> None:
    assert post(sandbox.url, steer="status=204").body == b""


def test_an_answer_can_be_compressed_or_in_chunks(sandbox: Service) -> None:
    squeezed = post(sandbox.url, steer="gzip")
    assert squeezed.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(squeezed.body))["lenBoxes"] == 2
    chunked = post(sandbox.url, steer="chunked")
    assert (chunked.headers["transfer-encoding"], chunked.json["lenBoxes"]) == ("chunked", 2)
    assert post(sandbox.url, steer="chunked; empty").body == b""


@pytest.mark.parametrize(
    ("steer", "error"),
    [
        ("drop", http.client.RemoteDisconnected),
        ("reset", ConnectionResetError),
        ("cut", http.client.IncompleteRead),
        ("not-http", http.client.BadStatusLine),
    ],
)
def test_a_connection_can_end_badly(sandbox: Service, steer: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        post(sandbox.url, steer=steer)
    assert post(sandbox.url).status == 200


@pytest.mark.parametrize("steer", ["hang", "stall"])
def test_an_answer_can_be_kept_back_until_the_caller_goes_away(sandbox: Service, steer: str) -> None:
    with pytest.raises(TimeoutError):
        web.request("POST", sandbox.url + "/", RAW, AUTHORIZED | {"X-Sandbox": steer}, timeout_s=0.3)
    assert post(sandbox.url).status == 200


def test_a_connection_is_kept_for_the_next_request(sandbox: Service) -> None:
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=30)
    try:
        for steer in ("ok", "status=503", "chunked", "empty"):
            connection.request("POST", "/", RAW, AUTHORIZED | {"X-Sandbox": steer})
            sock = connection.sock
            connection.getresponse().read()
            assert connection.sock is sock
            assert sock is not None
    finally:
        connection.close()


def test_ten_requests_a_day_need_no_key(services: Services) -> None:
    sandbox = services.sandbox(SANDBOX__DEMO_QUOTA="2")
    bodies = [json.dumps(PACK | {"orderId": str(number)}).encode() for number in (1, 2, 1, 3)]
    replies = [web.request("POST", sandbox.url + "/", body) for body in bodies]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert "usedKeyStem" not in replies[0].json
    assert replies[-1].json["code"] == 429


def test_only_the_keys_of_the_settings_are_accepted(services: Services) -> None:
    sandbox = services.sandbox(SANDBOX__KEYS="the-one-and-only", SANDBOX__WITHOUT_KEY="refuse")
    assert post(sandbox.url).status == 401
    assert web.request("POST", sandbox.url + "/", RAW).status == 401
    accepted = web.request("POST", sandbox.url + "/", json.dumps(PACK | {"key": "the-one-and-only"}).encode())
    assert accepted.json["usedKeyStem"] == "the-one-an"


def test_faults_come_by_chance_but_the_header_has_the_last_word(services: Services) -> None:
    sandbox = services.sandbox(SANDBOX__ERROR_RATE="0.5", SANDBOX__GARBAGE_RATE="0.5", SANDBOX__SEED="3")
    fates = {(reply.status, reply.body[:6]) for reply in [post(sandbox.url) for _ in range(20)]}
    assert fates == {(500, b'{"code'), (200, b"<html>")}
    assert post(sandbox.url, steer="ok").json["lenBoxes"] == 2


def test_too_large_a_body_is_refused(services: Services) -> None:
    sandbox = services.sandbox(SANDBOX__MAX_BODY_BYTES="2000")
    assert post(sandbox.url).status == 200
    assert post(sandbox.url, RAW + b" " * 2000).status == 413
    assert sandbox.stop() == 0


def test_a_caller_that_goes_away_in_mid_request_disturbs_nobody(services: Services) -> None:
    sandbox = services.sandbox()
    web.raw(sandbox.url, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{", timeout_s=1)
    assert post(sandbox.url).status == 200
    assert sandbox.stop() == 0


def test_a_stop_lets_go_of_hanging_requests_and_ends_with_0(services: Services) -> None:
    sandbox = services.sandbox(SANDBOX__LOG_LEVEL="DEBUG")
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(post, sandbox.url, RAW, "hang")
        eventually(lambda: '"hang"' in sandbox.log_text())
        assert sandbox.stop() == 0
        assert isinstance(hanging.exception(), http.client.RemoteDisconnected)


def test_an_interrupt_ends_it_with_0_too(services: Services) -> None:
    sandbox = services.sandbox()
    assert sandbox.exit_code() is None
    sandbox._running().send(signal.SIGINT)
    assert sandbox.wait_exit() == 0


def test_a_taken_port_and_a_wrong_setting_are_named_and_end_it_with_3(services: Services) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        blocked = services.sandbox(wait=False, SANDBOX__PORT=port)
        assert blocked.wait_exit() == 3
    assert port in blocked.log_text()
    wrong = services.sandbox(wait=False, SANDBOX__FROBNICATE="1")
    assert wrong.wait_exit() == 3
    assert "SANDBOX__FROBNICATE" in wrong.log_text()
