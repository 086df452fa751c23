"""What every container of both compose files must have: least rights, limits, and an order that can be waited for."""

import re

import pytest

from tests.compose.files import FILES, REPO, document, named, service, services, source_of

EVERY = [(name, key) for name in FILES for key in services(name)]
ONCE = {"secrets", "mongo-init", "init"}

every_service = pytest.mark.parametrize(("name", "key"), EVERY)


@every_service
def test_container_has_no_more_rights_than_it_needs(name: str, key: str) -> None:
    found = service(name, key)
    user = str(found["user"]).partition(":")[0]
    assert user not in {"root", "0", ""}
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "env_file", "container_name"} & found.keys()


@every_service
def test_container_is_limited(name: str, key: str) -> None:
    found = service(name, key)
    limits = found["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory", "pids"}
    assert re.fullmatch(r"\d+[mg]", limits["memory"])
    assert set(found["logging"]["options"]) == {"max-size", "max-file"}


@every_service
def test_image_is_pinned_to_a_patch_version(name: str, key: str) -> None:
    assert re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+", service(name, key)["image"])


@every_service
def test_service_restarts_unless_it_runs_once(name: str, key: str) -> None:
    found = service(name, key)
    if key in ONCE:
        assert found["restart"].startswith("on-failure:")
        assert "healthcheck" not in found
    else:
        assert found["restart"] == "unless-stopped"
        assert found["healthcheck"]["test"][0] == "CMD"
        assert "stop_grace_period" in found


@every_service
def test_dependency_can_be_waited_for(name: str, key: str) -> None:
    for target, how in service(name, key).get("depends_on", {}).items():
        wanted = "service_completed_successfully" if target in ONCE else "service_healthy"
        assert how == {"condition": wanted}, target
        assert target in services(name)


@pytest.mark.parametrize("name", FILES)
def test_what_needs_a_prepared_database_and_topic_waits_for_them(name: str) -> None:
    def before(key: str) -> set[str]:
        direct = service(name, key).get("depends_on", {})
        return set(direct).union(*(before(target) for target in direct))

    prepared = {"secrets", "mongo-init", "init", *named(name, "kafka"), *named(name, "mongo")}
    assert before("proxy") == before("aggregator") == prepared
    assert before("mongo-init") == {"secrets", *named(name, "mongo")}


@pytest.mark.parametrize("name", FILES)
def test_volumes_and_networks_are_those_declared(name: str) -> None:
    declared = document(name)
    used = {source_of(volume) for key in services(name) for volume in service(name, key).get("volumes", ())}
    folders = {source for source in used if source.startswith(".")}
    assert all((REPO / folder).is_dir() for folder in folders)
    assert used - folders == set(declared["volumes"])
    networks = {network for key in services(name) for network in service(name, key).get("networks", ())}
    assert networks == set(declared["networks"])


@pytest.mark.parametrize("name", FILES)
def test_only_the_proxy_is_published_and_storage_is_closed_off(name: str) -> None:
    assert [key for key in services(name) if "ports" in service(name, key)] == ["proxy"]
    assert service(name, "proxy")["ports"] == ["${PACKSTATS_PUBLISH:-127.0.0.1:8080}:8080"]
    assert document(name)["networks"]["backend"] == {"internal": True}
    for key in (*named(name, "kafka"), *named(name, "mongo"), "aggregator", "init"):
        assert service(name, key)["networks"] == ["backend"], key


@pytest.mark.parametrize("name", FILES)
def test_each_server_keeps_its_data_in_a_volume_of_its_own(name: str) -> None:
    keys = (*named(name, "kafka"), *named(name, "mongo"))
    data = [
        source_of(volume) for key in keys for volume in service(name, key)["volumes"] if "data" in source_of(volume)
    ]
    assert data == [f"{key}-data" for key in keys]


def test_the_two_files_are_projects_of_their_own() -> None:
    assert len({document(name)["name"] for name in FILES}) == len(FILES)
