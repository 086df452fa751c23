"""Settings of the stack on this machine."""

from pathlib import Path

from pydantic import Field

from common.settings import KafkaSettings, MongoSettings, ProcessSettings, Section


class LocalSection(Section):
    state_dir: Path = Field(Path(".local"), description="folder of the local stack: data, logs, `endpoints.json`")
    cache_dir: Path = Field(Path(".cache"), description="folder of the programs that are fetched once")
    mongod: Path | None = Field(None, description="the mongod to run; unset: the one on the PATH, else a fetched one")
    aggregators: int = Field(2, ge=1, le=8, description="number of aggregators to run")


class LocalSettings(ProcessSettings):
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    mongo: MongoSettings = Field(default_factory=MongoSettings)
    local: LocalSection = Field(default_factory=LocalSection)
