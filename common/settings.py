"""Settings as environment variables, checked at start: a wrong one is refused by its name, with what to do.

Every process has one frozen settings object, made of sections: `KAFKA__TOPIC` is field `topic` of section `kafka`.
Any variable `X` can be given as `X_FILE`, the path of a file that holds the value (secrets mounted into containers).
"""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as ParseError
from pydantic_settings.sources import EnvSettingsSource

from common.errors import SettingsError

DELIMITER = "__"
# What a name has in it whose value is not repeated in an error: addresses and client options hold passwords too.
_SECRET = frozenset({"URI", "CLIENT", "TOKEN", "KEY", "PASSWORD", "SECRET"})
Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """A group of settings under one prefix; an unknown name in it is an error, because it is a typing mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Section):
    bootstrap_servers: str = Field(
        "localhost:9092", min_length=1, description="Kafka brokers, host:port, comma separated"
    )
    topic: str = Field("pack-stats", pattern=r"^[A-Za-z0-9._-]{1,249}$", description="topic of the events")
    group: str = Field("packstats", min_length=1, description="consumer group of the aggregators")
    partitions: int = Field(24, ge=1, le=10_000, description="number of partitions; fixed for the life of the topic")
    replication: int = Field(3, ge=1, le=32_767, description="replicas of each partition (on one machine: 1)")
    client: dict[str, str] = Field(
        default_factory=dict,
        description="further librdkafka options as JSON, for TLS and SASL: "
        '`{"security.protocol":"SASL_SSL","sasl.mechanism":"SCRAM-SHA-512",…}`',
    )


class MongoSettings(Section):
    uri: str = Field(
        "mongodb://localhost:27017/?replicaSet=rs0",
        pattern=r"^mongodb(\+srv)?://",
        repr=False,
        description="address of the MongoDB replica set",
    )
    database: str = Field(
        "packstats", pattern=r"^[A-Za-z0-9_-]{1,63}$", description="database that holds the documents"
    )


class _FileAwareEnv(EnvSettingsSource):
    """Environment in which `X_FILE` stands for the contents of a file as the value of `X`."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return resolve_files(os.environ, self.settings_cls.model_fields)


def resolve_files(environ: Mapping[str, str], sections: Collection[str]) -> dict[str, str | None]:
    """Lower-cased names with every `section__name_FILE` replaced by what its file holds (without trailing newline).

    Only of the given sections: what other programs keep in their variables is not ours to read.
    """
    found: dict[str, str | None] = {name.lower(): value for name, value in environ.items()}
    ours = [name for name in found if name.partition(DELIMITER)[0] in sections and DELIMITER in name]
    for name in [name for name in ours if name.endswith("_file")]:
        path, target = found.pop(name), name.removesuffix("_file")
        if target in found:
            raise SettingsError(f"{target.upper()} and {name.upper()} are both set: keep one of them")
        try:
            found[target] = Path(path or "").read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name.upper()}={path}: cannot be read ({error})") from error
    return found


class ProcessSettings(BaseSettings):
    """What the settings of every process have in common: where they come from, and that they never change."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_nested_delimiter=DELIMITER,
        extra="ignore",
        validate_default=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del env_settings, dotenv_settings, file_secret_settings
        return init_settings, _FileAwareEnv(settings_cls)


SettingsT = TypeVar("SettingsT", bound=ProcessSettings)


def load(model: type[SettingsT]) -> SettingsT:
    """Read the settings of a process from its environment.

    Raises SettingsError, whose text has a line for each problem, by the name of the variable.
    """
    try:
        return model()
    except ValidationError as error:
        raise SettingsError("\n".join(_problem(problem) for problem in error.errors())) from error
    except ParseError as error:
        raise SettingsError(_unparsed(error, model)) from error


def _unparsed(error: ParseError, model: type[BaseSettings]) -> str:
    """What to say of a value that had to be JSON; which variable it was is known by its text alone."""
    reason = error.__cause__
    text = getattr(reason, "doc", None)
    values = resolve_files(os.environ, model.model_fields)
    names = [
        name for name in sorted(values) if values[name] == text and name.partition(DELIMITER)[0] in model.model_fields
    ]
    return f"{' or '.join(names).upper()}: must be JSON ({reason})"


def _problem(problem: Any) -> str:
    name = DELIMITER.join(str(part) for part in problem["loc"]).upper()
    if problem["type"] == "extra_forbidden":
        return f"{name}: there is no such setting; `python -m admin settings` lists those there are"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not name:
        return message
    if any(word in name for word in _SECRET):
        return f"{name}: {message}"
    return f"{name}={problem['input']!r}: {message}"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as a person reads about it."""

    name: str
    default: str
    meaning: str


def rows(*models: type[BaseModel]) -> Iterator[SettingRow]:
    """Every setting of the given processes, once, in the order of their declaration."""
    seen: set[str] = set()
    for model in models:
        for section, field in model.model_fields.items():
            kind = field.annotation
            if section in seen or not (isinstance(kind, type) and issubclass(kind, Section)):
                continue
            seen.add(section)
            for name, setting in kind.model_fields.items():
                default = setting.get_default(call_default_factory=True, validated_data={})
                yield SettingRow(f"{section}{DELIMITER}{name}".upper(), _shown(default), setting.description or "")


def _shown(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    if default is None or default in ({}, (), ""):
        return "unset"
    if (
        isinstance(default, int | float)
        and not isinstance(default, bool)
        and default >= 1 << 20
        and int(default) % (1 << 20) == 0
    ):
        return f"{int(default)} ({int(default) >> 20} MiB)"
    return str(default)
