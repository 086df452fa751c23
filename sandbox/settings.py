"""Settings of the local Paccurate: what it accepts, which version it plays, and how often it misbehaves."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from common.settings import Port, ProcessSettings, Section

Rate = Annotated[float, Field(ge=0, le=1)]


class SandboxSettings(Section):
    host: str = Field("127.0.0.1", min_length=1, description="address the sandbox listens on")
    port: Port = Field(8090, description="port the sandbox listens on; 0 takes a free one")
    keys: SecretStr = Field(
        SecretStr(""), description="API keys it accepts, comma separated; unset: any key of `[A-Za-z0-9_-]{16,}`"
    )
    without_key: Literal["quota", "refuse", "accept"] = Field(
        "quota", description="a request without a key: count it against the demo quota, answer 401, or accept it"
    )
    demo_quota: int = Field(10, ge=0, description="different requests a UTC day that need no key; beyond them 429")
    auth_first: bool = Field(
        True, description="look at the key before the body; false: as before mid 2026, the body first"
    )
    version: str = Field(
        "1.9.2",
        pattern=r"^\d{1,3}\.\d{1,3}\.\d{1,3}$",
        description="engine version whose answers it gives, 1.7.1 or later",
    )
    answered_host: str = Field("api.paccurate.io", description="`host` in its answers")
    include_images: bool = Field(True, description="draw the boxes if the request does not say")
    len_items: Literal["all", "packed"] = Field(
        "all", description="whether `lenItems` counts all items asked for or those packed"
    )
    items_max: int = Field(5000, ge=1, le=100_000, description="most items of a request; beyond them 422")
    max_body_bytes: int = Field(32 << 20, ge=1024, description="largest request that is read; beyond it 413")
    latency_ms: float = Field(0, ge=0, le=3_600_000, description="typical time an answer is held back")
    latency_distribution: Literal["constant", "uniform", "exponential", "lognormal"] = Field(
        "constant",
        description="how that time varies: not, by half either way, or with a tail (`latency_ms` is the mean, lognormal: the median)",
    )
    latency_sigma: float = Field(0.5, ge=0, le=3, description="width of the lognormal distribution")
    error_rate: Rate = Field(0, description="share of requests answered 500")
    hang_rate: Rate = Field(0, description="share of requests never answered")
    garbage_rate: Rate = Field(0, description="share of requests answered 200 with something that is no JSON")
    drop_rate: Rate = Field(0, description="share of requests whose connection is closed without an answer")
    seed: int = Field(1, description="seed of latencies and faults: the same requests in the same order meet the same")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="least level that is logged; DEBUG has a line per request"
    )

    @property
    def accepted_keys(self) -> frozenset[str]:
        return frozenset(key for part in self.keys.get_secret_value().split(",") if (key := part.strip()))

    @property
    def version_numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("."))


class Settings(ProcessSettings):
    """Everything the sandbox is told."""

    sandbox: SandboxSettings = SandboxSettings()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        shares = self.sandbox.error_rate + self.sandbox.hang_rate + self.sandbox.garbage_rate + self.sandbox.drop_rate
        if shares > 1:
            raise ValueError(
                f"SANDBOX__ERROR_RATE, SANDBOX__HANG_RATE, SANDBOX__GARBAGE_RATE and SANDBOX__DROP_RATE: "
                f"are shares of the same requests and add up to {shares:g}, which is more than 1"
            )
        return self
