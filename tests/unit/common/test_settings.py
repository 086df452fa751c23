"""A wrong setting is refused by its name; a secret can come from a file and is never repeated."""

from pathlib import Path

import pytest
from pydantic import Field, model_validator

from common.errors import EXIT_CANNOT_START, SettingsError
from common.settings import KafkaSettings, MongoSettings, ProcessSettings, Section, load, rows


class OwnSettings(Section):
    interval_s: float = Field(1.0, ge=0.05, le=60, description="how often")
    token: str | None = Field(None, min_length=4, description="secret")
    names: tuple[str, ...] = Field((), description="as JSON")
    size: int = Field(8 << 30, description="bytes")


class Settings(ProcessSettings):
    kafka: KafkaSettings = KafkaSettings()
    mongo: MongoSettings = MongoSettings()
    own: OwnSettings = OwnSettings()


def refusal() -> str:
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    assert caught.value.exit_code == EXIT_CANNOT_START
    return str(caught.value)


def test_without_variables_the_defaults_hold() -> None:
    settings = load(Settings)
    assert (settings.kafka.topic, settings.kafka.group, settings.kafka.partitions) == ("pack-stats", "packstats", 24)
    assert settings.mongo.uri == "mongodb://localhost:27017/?replicaSet=rs0"


def test_a_variable_changes_one_setting_and_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA__PARTITIONS", "6")
    monkeypatch.setenv("own__interval_s", "0.5")
    monkeypatch.setenv("KAFKA__CLIENT", '{"security.protocol":"SSL"}')
    settings = load(Settings)
    assert (settings.kafka.partitions, settings.kafka.topic, settings.own.interval_s) == (6, "pack-stats", 0.5)
    assert settings.kafka.client == {"security.protocol": "SSL"}


def test_settings_never_change() -> None:
    settings = load(Settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.kafka.topic = "other"  # type: ignore[misc]  # just that must not be possible
    with pytest.raises(ValueError, match="frozen"):
        settings.kafka = KafkaSettings()  # type: ignore[misc]  # nor that


@pytest.mark.parametrize("name", ["KAFKA__TOPICC", "MONGO__URL", "OWN__"])
def test_an_unknown_name_under_a_known_prefix_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    assert refusal() == f"{name}: there is no such setting; `python -m admin settings` lists those there are"


def test_names_of_others_are_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY__NO_SUCH_THING", "x")
    monkeypatch.setenv("SOMEBODY__ELSES_FILE", "/does/not/exist")
    monkeypatch.setenv("KAFKA_TOPIC", "x")
    assert load(Settings) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("KAFKA__PARTITIONS", "many", "KAFKA__PARTITIONS='many': Input should be a valid integer"),
        ("KAFKA__PARTITIONS", "0", "KAFKA__PARTITIONS='0': Input should be greater than or equal to 1"),
        ("KAFKA__TOPIC", "a b", "KAFKA__TOPIC='a b': String should match pattern"),
        ("KAFKA__TOPIC__X", "y", "KAFKA__TOPIC={'x': 'y'}: Input should be a valid string"),
        ("OWN__INTERVAL_S", "nan", "OWN__INTERVAL_S='nan': Input should be"),
        ("OWN__INTERVAL_S", "0", "OWN__INTERVAL_S='0': Input should be greater than or equal to 0.05"),
        ("OWN__NAMES", "a,b", "OWN__NAMES: must be JSON (Expecting value"),
        ("KAFKA", "x", "KAFKA: must be JSON (Expecting value"),
        ("MONGO__DATABASE", "a.b", "MONGO__DATABASE='a.b': String should match pattern"),
    ],
)
def test_a_bad_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv(name, value)
    assert refusal().startswith(message)


def test_every_problem_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA__PARTITIONS", "0")
    monkeypatch.setenv("KAFKA__REPLICATION", "0")
    monkeypatch.setenv("OWN__NOTHING", "x")
    lines = refusal().splitlines()
    assert sorted(line.partition(":")[0].partition("=")[0] for line in lines) == [
        "KAFKA__PARTITIONS",
        "KAFKA__REPLICATION",
        "OWN__NOTHING",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONGO__URI", "postgres://user:hunter2@host"),
        ("OWN__TOKEN", "hu2"),
        ("KAFKA__CLIENT", '{"sasl.password":["hunter2"]}'),
        ("KAFKA__CLIENT", '{"sasl.password":"hunter2"'),
    ],
)
def test_a_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    message = refusal()
    assert message.startswith(name)
    assert "hu" not in message


def test_a_value_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "uri"
    secret.write_text("mongodb://somewhere/\n")
    monkeypatch.setenv("MONGO__URI_FILE", str(secret))
    assert load(Settings).mongo.uri == "mongodb://somewhere/"


def test_a_value_and_its_file_contradict_each_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "topic").write_text("one")
    monkeypatch.setenv("KAFKA__TOPIC", "other")
    monkeypatch.setenv("KAFKA__TOPIC_FILE", str(tmp_path / "topic"))
    assert refusal() == "KAFKA__TOPIC and KAFKA__TOPIC_FILE are both set: keep one of them"


def test_a_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAFKA__TOPIC_FILE", str(tmp_path / "none"))
    assert refusal().startswith(f"KAFKA__TOPIC_FILE={tmp_path}/none: cannot be read (")
    (tmp_path / "none").write_bytes(b"\xff\xfe")
    assert refusal().startswith(f"KAFKA__TOPIC_FILE={tmp_path}/none: cannot be read (")


def test_a_file_of_a_name_that_does_not_exist_is_refused_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    monkeypatch.setenv("KAFKA__TOPICC_FILE", str(tmp_path / "x"))
    assert refusal().startswith("KAFKA__TOPICC: there is no such setting")


def test_the_table_has_each_setting_once_with_its_default() -> None:
    table = {row.name: row for row in rows(Settings, Settings)}
    assert list(table)[:3] == ["KAFKA__BOOTSTRAP_SERVERS", "KAFKA__TOPIC", "KAFKA__GROUP"]
    assert len(list(rows(Settings, Settings))) == len(table)
    assert [table[f"OWN__{name}"].default for name in ("INTERVAL_S", "TOKEN", "NAMES", "SIZE")] == [
        "1.0",
        "unset",
        "unset",
        "8589934592 (8192 MiB)",
    ]
    assert table["KAFKA__CLIENT"].default == "unset"
    assert all(row.meaning for row in table.values())


def test_a_setting_without_default_is_required() -> None:
    class Needed(Section):
        name: str = Field(description="whose")

    class Process(ProcessSettings):
        needed: Needed

    assert [(row.name, row.default) for row in rows(Process)] == [("NEEDED__NAME", "required")]


def test_settings_that_contradict_each_other_are_told_in_their_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class Contradicting(Settings):
        @model_validator(mode="after")
        def _agree(self) -> "Contradicting":
            raise ValueError("OWN__SIZE: is larger than the disk")

    with pytest.raises(SettingsError) as caught:
        load(Contradicting)
    assert str(caught.value) == "OWN__SIZE: is larger than the disk"
