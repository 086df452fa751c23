"""Settings of an aggregator process."""

from typing import Literal

from pydantic import Field

from common.settings import KafkaSettings, MongoSettings, Port, ProcessSettings, Section


class AggregatorSection(Section):
    host: str = Field(
        "127.0.0.1", min_length=1, description="address on which an aggregator answers health and metrics"
    )
    port: Port = Field(9102, description="its port")
    flush_interval_s: float = Field(
        1.0, ge=0.05, le=60, description="seconds between two flushes of a partition: how far totals may be behind"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="least severe lines that are logged"
    )


class AggregatorSettings(ProcessSettings):
    kafka: KafkaSettings = KafkaSettings()
    mongo: MongoSettings = MongoSettings()
    aggregator: AggregatorSection = AggregatorSection()
