"""Settings of the proxy, and which of them contradict each other: refused at the start, by name."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from common.settings import KafkaSettings, MongoSettings, Port, ProcessSettings, Section

_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30
_BEYOND_UPSTREAM_S = 10  # a drain waits for the slowest answer, then for the spool and Kafka
_LOCAL = ("127.0.0.1", "localhost", "::1")

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class ProxySettings(Section):
    host: str = Field("127.0.0.1", min_length=1, description="address the proxy listens on")
    port: Port = Field(8080, description="port the proxy listens on; 0 takes a free one")
    workers: int = Field(
        1, ge=1, le=64, description="processes on the one port; each has a spool, connections and limits of its own"
    )
    worker_port: Port = Field(
        8081,
        description="with several workers: port on which the first is reached by itself, for its metrics and readiness; "
        "the others follow; 0 takes free ones",
    )
    tls_certificate: str | None = Field(None, description="path of a PEM file; with it the proxy itself speaks HTTPS")
    tls_key: str | None = Field(
        None, description="path of the certificate's private key, if it is in a file of its own"
    )
    upstream_url: str = Field("https://api.paccurate.io/", description="where packs are sent")
    upstream_timeout_s: Seconds = Field(
        35, description="longest wait for an answer, connecting included; Paccurate itself gives up after 30"
    )
    connect_timeout_s: Seconds = Field(5, description="longest wait for a connection to upstream")
    upstream_keepalive_s: Seconds = Field(
        4, description="how long an idle connection to upstream is kept; must be shorter than upstream keeps it"
    )
    max_connections: int = Field(1000, ge=1, le=60_000, description="connections to upstream at once")
    max_in_flight: int = Field(10_000, ge=1, le=1_000_000, description="packs at once; more are answered 503")
    max_callers: int = Field(10_000, ge=1, le=1_000_000, description="connections of callers; more are answered 503")
    max_pipelined: int = Field(
        16, ge=1, le=1000, description="requests of one connection that wait for those before them; more end it"
    )
    head_max_bytes: int = Field(64 * _KIB, ge=1024, le=_MIB, description="largest head of a request that is taken")
    head_timeout_s: Seconds = Field(10, description="longest wait for a caller to send the head of a request")
    max_body_bytes: int = Field(8 * _MIB, ge=1024, le=1 << 30, description="largest request that is taken")
    max_answer_bytes: int = Field(
        32 * _MIB, ge=1024, le=1 << 30, description="largest answer that is read, as sent and unpacked"
    )
    max_answer_head_bytes: int = Field(
        64 * _KIB, ge=1024, le=_MIB, description="longest header of an answer; it may have 128 of them"
    )
    max_held_bytes: int = Field(
        _GIB, ge=1024, le=1 << 40, description="bodies of requests in memory at once; more are answered 503"
    )
    body_timeout_s: Seconds = Field(30, description="longest wait for a caller to send its body")
    send_timeout_s: Seconds = Field(60, description="longest wait for a caller to take an answer")
    keep_alive_s: int = Field(75, ge=1, le=3600, description="how long an idle connection of a caller is kept")
    default_view: Literal["stats", "pack", "both"] = Field("stats", description="view of a request that names none")
    labels: tuple[Label, ...] = Field(
        (), max_length=4, description='request properties that go into events, as JSON: `["site","wave"]`'
    )
    spool_dir: str = Field(
        "./spool", min_length=1, description="parent folder of the spools; a process locks a free slot in it"
    )
    spool_max_bytes: int = Field(8 << 30, ge=16 * _MIB, description="size of the spool at which packs are refused")
    when_spool_full: Literal["refuse", "pass_uncounted"] = Field(
        "refuse", description="with a full spool: answer 503 (`refuse`), or forward without counting (`pass_uncounted`)"
    )
    admin_token: SecretStr | None = Field(None, description="bearer token that DELETE asks for")
    hash_key: SecretStr | None = Field(
        None, description="16 to 64 bytes; with it events carry a keyed hash of the order id, without it none"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="least level that is logged; DEBUG has a line per pack"
    )
    grace_s: Seconds = Field(
        50, description="how long a stop may take; at least the upstream timeout and 10 s, less than the supervisor's"
    )


class Settings(ProcessSettings):
    """Everything the proxy is told."""

    kafka: KafkaSettings = KafkaSettings()
    mongo: MongoSettings = MongoSettings()
    proxy: ProxySettings = ProxySettings()

    # Checked here and not in the section: what a section refuses is printed with its input, and that holds secrets.
    @model_validator(mode="after")
    def _agree(self) -> Self:
        problems = [*_upstream_problems(self.proxy), *_time_problems(self.proxy), *_other_problems(self.proxy)]
        if problems:
            raise ValueError("\n".join(problems))
        return self


def _upstream_problems(proxy: ProxySettings) -> Iterator[str]:
    name = "PROXY__UPSTREAM_URL"
    try:
        url = urlsplit(proxy.upstream_url)
        port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError as error:
        yield f"{name}={proxy.upstream_url}: {error}"
        return
    if url.username or url.password:
        yield f"{name}: has a user name or password in it; callers bring their own key"
    elif url.scheme not in {"http", "https"} or not url.hostname:
        yield f"{name}={proxy.upstream_url}: must be an absolute address like https://api.paccurate.io/"
    elif url.query or url.fragment:
        yield f"{name}={proxy.upstream_url}: must not have a query or a fragment"
    elif port == proxy.port and _same_host(url.hostname, proxy.host):
        yield f"{name}={proxy.upstream_url}: is the proxy itself (PROXY__HOST, PROXY__PORT)"


def _same_host(upstream: str, own: str) -> bool:
    every = own in {"0.0.0.0", "::"}  # noqa: S104  # compared, not listened on
    return upstream == own or (upstream in _LOCAL and (every or own in _LOCAL))


def _time_problems(proxy: ProxySettings) -> Iterator[str]:
    if proxy.connect_timeout_s > proxy.upstream_timeout_s:
        yield (
            f"PROXY__CONNECT_TIMEOUT_S={proxy.connect_timeout_s:g}: is longer than "
            f"PROXY__UPSTREAM_TIMEOUT_S={proxy.upstream_timeout_s:g}, of which it is a part"
        )
    least = proxy.upstream_timeout_s + _BEYOND_UPSTREAM_S
    if proxy.grace_s < least:
        yield (
            f"PROXY__GRACE_S={proxy.grace_s:g}: a stop must be able to wait for the slowest answer; "
            f"with PROXY__UPSTREAM_TIMEOUT_S={proxy.upstream_timeout_s:g} set at least {least:g}"
        )


def _other_problems(proxy: ProxySettings) -> Iterator[str]:
    if proxy.hash_key is not None and not 16 <= len(proxy.hash_key.get_secret_value().encode()) <= 64:
        yield "PROXY__HASH_KEY: must have 16 to 64 bytes"
    if proxy.admin_token is not None:
        token = proxy.admin_token.get_secret_value()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            yield "PROXY__ADMIN_TOKEN: must be printable ASCII without spaces; leave it unset for none"
    if proxy.tls_key is not None and proxy.tls_certificate is None:
        yield "PROXY__TLS_KEY: has no PROXY__TLS_CERTIFICATE"
    last = proxy.worker_port + proxy.workers - 1
    if proxy.workers > 1 and proxy.worker_port and (last > 65_535 or proxy.worker_port <= proxy.port <= last):
        yield (
            f"PROXY__WORKER_PORT={proxy.worker_port}: the ports up to {last} must exist and be others than "
            f"PROXY__PORT={proxy.port}"
        )
    if proxy.max_held_bytes < proxy.max_body_bytes:
        yield (
            f"PROXY__MAX_HELD_BYTES={proxy.max_held_bytes}: is less than one body of "
            f"PROXY__MAX_BODY_BYTES={proxy.max_body_bytes}"
        )
    if len(set(proxy.labels)) != len(proxy.labels):
        yield "PROXY__LABELS: names a property twice"
