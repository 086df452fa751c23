"""Settings of the operator's commands: where Kafka and MongoDB are, and which proxy to ask about its spool."""

from common.settings import KafkaSettings, MongoSettings, ProcessSettings
from proxy.settings import ProxySettings


class Settings(ProcessSettings):
    """The same variables that the processes are started with."""

    kafka: KafkaSettings = KafkaSettings()
    mongo: MongoSettings = MongoSettings()
    proxy: ProxySettings = ProxySettings()
