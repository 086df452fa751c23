"""The compose files as the tests read them: merged and extended, so that each service is seen as it will run."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

REPO = Path(__file__).parents[2]
SINGLE, CLUSTER = "docker-compose.yml", "docker-compose.cluster.yml"
FILES = (SINGLE, CLUSTER)

Service = dict[str, Any]


class _Override(dict[str, Any]):
    """A mapping that replaces what it extends instead of being merged with it."""


class _Loader(yaml.SafeLoader):
    pass


def _override(loader: yaml.SafeLoader, node: yaml.Node) -> _Override:
    assert isinstance(node, yaml.MappingNode)
    return _Override({str(key): value for key, value in loader.construct_mapping(node, deep=True).items()})


_Loader.add_constructor("!override", _override)


@lru_cache
def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((REPO / name).read_text(encoding="utf-8"), Loader=_Loader)
    return loaded


@lru_cache
def services(name: str) -> dict[str, Service]:
    """Every service of a file, with what it extends; tests/compose/test_resolved.py compares this with compose-go."""
    return {key: _extended(service) for key, service in document(name)["services"].items()}


def service(name: str, key: str) -> Service:
    return services(name)[key]


def named(name: str, kind: str) -> list[str]:
    """The services that are `kind` or `kind-<number>`, in order."""
    return sorted(key for key in services(name) if re.fullmatch(rf"{kind}(-\d+)?", key))


def environment(name: str, key: str) -> dict[str, str]:
    """What a container surely gets: names without a value are the deployer's to set, defaults hold for the rest."""
    given = {variable: value for variable, value in service(name, key)["environment"].items() if value is not None}
    return {variable: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for variable, value in given.items()}


def seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)s", text)
    assert found, f"{text}: these files say seconds"
    return float(found[1])


def _extended(own: Service) -> Service:
    if "extends" not in own:
        return own
    merged = dict(services(own["extends"]["file"])[own["extends"]["service"]])
    for name, value in own.items():
        if name == "volumes":
            by_target = {target_of(volume): volume for volume in (*merged.get(name, ()), *value)}
            merged[name] = list(by_target.values())
        elif isinstance(value, dict) and not isinstance(value, _Override):
            merged[name] = merged.get(name, {}) | value
        elif name != "extends":
            merged[name] = value
    merged.pop("extends", None)
    return merged


def target_of(volume: str | dict[str, Any]) -> str:
    return volume.split(":")[1] if isinstance(volume, str) else str(volume["target"])


def source_of(volume: str | dict[str, Any]) -> str:
    return volume.split(":")[0] if isinstance(volume, str) else str(volume["source"])
