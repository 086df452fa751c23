"""What is known of a topic, and what is said where it is not as the settings want it."""

import pytest
from confluent_kafka import Uuid

from common.kafka import TopicFacts, client_options, differences, expected_config, topic_id
from common.settings import KafkaSettings

SETTINGS = KafkaSettings(topic="t", partitions=6, replication=3)


def facts(partitions: int = 6, replication: int = 3, **config: str) -> TopicFacts:
    changed = {name.replace("_", "."): value for name, value in config.items()}
    return TopicFacts("id", partitions, replication, {**expected_config(SETTINGS), "segment.bytes": "1", **changed})


def test_a_topic_made_by_init_agrees_with_its_settings() -> None:
    assert differences(facts(), SETTINGS) == []


def test_more_safety_than_asked_for_is_no_difference() -> None:
    assert differences(facts(replication=5, retention_ms="-1", min_insync_replicas="3"), SETTINGS) == []
    assert differences(facts(retention_ms=str(10**12)), SETTINGS) == []


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (facts(partitions=7), "has 7 partitions, KAFKA__PARTITIONS says 6"),
        (facts(partitions=5), "set KAFKA__PARTITIONS"),
        (facts(replication=1), "KAFKA__REPLICATION"),
        (facts(cleanup_policy="compact"), "cleanup.policy=compact, needed is delete"),
        (facts(message_timestamp_type="CreateTime"), "--add-config message.timestamp.type=LogAppendTime"),
        (facts(retention_ms="60000"), "retention.ms=60000"),
        (facts(unclean_leader_election_enable="true"), "unclean.leader.election.enable=true"),
        (facts(min_insync_replicas="1"), "min.insync.replicas=1, needed is 2"),
        (facts(retention_ms="soon"), "retention.ms=soon"),
        (facts(cleanup_policy=""), "cleanup.policy=unknown"),
    ],
)
def test_each_difference_is_named_with_what_to_do(found: TopicFacts, named: str) -> None:
    (line,) = differences(found, SETTINGS)
    assert named in line
    assert line.startswith("topic t has ")


def test_every_difference_is_named_at_once() -> None:
    assert len(differences(facts(1, 1, cleanup_policy="compact"), SETTINGS)) == 3


@pytest.mark.parametrize(("most", "least"), [(-1, -5), (0, 1), (0x6C_76_F0_9E_2B_D0_3E_FF, -(2**63))])
def test_a_topic_id_is_written_as_kafkas_tools_write_it(most: int, least: int) -> None:
    text = topic_id(Uuid(most, least))
    assert len(text) == 22
    assert not set(text) & set("+/=")
    assert text.replace("-", "+").replace("_", "/") == str(Uuid(most, least)).rstrip("=")


def test_the_operators_options_go_along_but_not_instead_of_the_address() -> None:
    settings = KafkaSettings(
        bootstrap_servers="broker:1",
        client={"security.protocol": "SSL", "bootstrap.servers": "elsewhere:1", "reconnect.backoff.ms": "7"},
    )
    options = client_options(settings, "packstats-test")
    assert options["security.protocol"] == "SSL"
    assert options["reconnect.backoff.ms"] == "7"
    assert (options["bootstrap.servers"], options["client.id"]) == ("broker:1", "packstats-test")
