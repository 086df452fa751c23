"""What contradicts itself is refused at the start, by name, and without showing a secret."""

import pytest

from common.errors import SettingsError
from common.settings import load
from proxy.settings import Settings

SECRET = "a-secret-that-nobody-may-see"


def refused(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    return str(caught.value)


def test_the_defaults_agree() -> None:
    proxy = Settings().proxy

    assert (proxy.host, proxy.port, proxy.upstream_timeout_s, proxy.default_view) == ("127.0.0.1", 8080, 35, "stats")
    assert (proxy.when_spool_full, proxy.spool_max_bytes, proxy.max_body_bytes) == ("refuse", 8 << 30, 8 << 20)
    assert (proxy.admin_token, proxy.hash_key, proxy.labels) == (None, None, ())


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"PROXY__UPSTREAM_URL": "api.paccurate.io"},
            "PROXY__UPSTREAM_URL=api.paccurate.io: must be an absolute address",
        ),
        ({"PROXY__WORKERS": "4", "PROXY__PORT": "8084"}, "PROXY__WORKER_PORT=8081: the ports up to 8084"),
        ({"PROXY__WORKERS": "2", "PROXY__WORKER_PORT": "65535"}, "PROXY__WORKER_PORT=65535: the ports up to 65536"),
        ({"PROXY__UPSTREAM_URL": "ftp://api.paccurate.io/"}, "must be an absolute address"),
        ({"PROXY__UPSTREAM_URL": "http://"}, "must be an absolute address"),
        ({"PROXY__UPSTREAM_URL": "http://host:port/"}, "PROXY__UPSTREAM_URL=http://host:port/: "),
        ({"PROXY__UPSTREAM_URL": "http://[::1/"}, "PROXY__UPSTREAM_URL=http://[::1/: "),
        ({"PROXY__UPSTREAM_URL": f"http://me:{SECRET}@host/"}, "has a user name or password in it"),
        ({"PROXY__UPSTREAM_URL": "http://host/?key=1"}, "must not have a query"),
        ({"PROXY__UPSTREAM_URL": "http://localhost:8080/"}, "is the proxy itself"),
        ({"PROXY__UPSTREAM_URL": "http://127.0.0.1/", "PROXY__PORT": "80"}, "is the proxy itself"),
        ({"PROXY__UPSTREAM_URL": "http://127.0.0.1:8080/", "PROXY__HOST": "0.0.0.0"}, "is the proxy itself"),
        (
            {"PROXY__UPSTREAM_URL": "https://p.example/", "PROXY__HOST": "p.example", "PROXY__PORT": "443"},
            "is the proxy",
        ),
        (
            {"PROXY__CONNECT_TIMEOUT_S": "40"},
            "PROXY__CONNECT_TIMEOUT_S=40: is longer than PROXY__UPSTREAM_TIMEOUT_S=35",
        ),
        ({"PROXY__GRACE_S": "40"}, "PROXY__GRACE_S=40"),
        ({"PROXY__UPSTREAM_TIMEOUT_S": "60"}, "set at least 70"),
        ({"PROXY__HASH_KEY": "too short"}, "PROXY__HASH_KEY: must have 16 to 64 bytes"),
        ({"PROXY__HASH_KEY": "x" * 65}, "PROXY__HASH_KEY: must have 16 to 64 bytes"),
        ({"PROXY__ADMIN_TOKEN": ""}, "PROXY__ADMIN_TOKEN: must be printable"),
        ({"PROXY__ADMIN_TOKEN": "two words"}, "PROXY__ADMIN_TOKEN: must be printable"),
        ({"PROXY__ADMIN_TOKEN": "größe"}, "PROXY__ADMIN_TOKEN: must be printable"),
        ({"PROXY__ADMIN_TOKEN": "tab\there"}, "PROXY__ADMIN_TOKEN: must be printable"),
        ({"PROXY__TLS_KEY": "key.pem"}, "PROXY__TLS_KEY: has no PROXY__TLS_CERTIFICATE"),
        (
            {"PROXY__MAX_HELD_BYTES": "1000000"},
            "PROXY__MAX_HELD_BYTES=1000000: is less than one body of PROXY__MAX_BODY_BYTES=8388608",
        ),
        ({"PROXY__LABELS": '["site","site"]'}, "PROXY__LABELS: names a property twice"),
        ({"PROXY__LABELS": '["a","b","c","d","e"]'}, "PROXY__LABELS"),
        ({"PROXY__LABELS": '["a b"]'}, "PROXY__LABELS"),
        ({"PROXY__DEFAULT_VIEW": "all"}, "PROXY__DEFAULT_VIEW='all'"),
        ({"PROXY__WHEN_SPOOL_FULL": "wait"}, "PROXY__WHEN_SPOOL_FULL='wait'"),
        ({"PROXY__PORT": "70000"}, "PROXY__PORT='70000'"),
        ({"PROXY__UPSTREM_URL": "http://host/"}, "PROXY__UPSTREM_URL: there is no such setting"),
    ],
)
def test_a_contradiction_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    message = refused(monkeypatch, **environment)

    assert said in message
    assert SECRET not in message


def test_every_contradiction_is_told_at_once_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused(
        monkeypatch, PROXY__GRACE_S="1", PROXY__HASH_KEY="short", PROXY__ADMIN_TOKEN=SECRET, PROXY__TLS_KEY="x"
    )

    assert [line.partition(":")[0] for line in message.splitlines()] == [
        "PROXY__GRACE_S=1",
        "PROXY__HASH_KEY",
        "PROXY__TLS_KEY",
    ]
    assert SECRET not in message


@pytest.mark.parametrize(
    "environment",
    [
        {"PROXY__UPSTREAM_URL": "http://127.0.0.1:8090"},
        {"PROXY__UPSTREAM_URL": "http://[::1]:8090/base/", "PROXY__HOST": "::"},
        {"PROXY__UPSTREAM_URL": "http://other.example:8080/"},
        {"PROXY__HASH_KEY": "0123456789abcdef", "PROXY__ADMIN_TOKEN": SECRET},
        {"PROXY__TLS_CERTIFICATE": "cert.pem", "PROXY__TLS_KEY": "key.pem"},
        {"PROXY__LABELS": '["site","wave"]'},
        {"PROXY__WORKERS": "4", "PROXY__WORKER_PORT": "0"},
        {"PROXY__PORT": "8081"},
        {"PROXY__UPSTREAM_TIMEOUT_S": "3600", "PROXY__GRACE_S": "3610"},
    ],
)
def test_what_agrees_is_taken(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert SECRET not in repr(load(Settings))
