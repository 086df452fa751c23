"""That the script which makes key file and passwords does so once, for the right eyes, and in a form that is understood."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from pymongo.uri_parser import parse_uri

from common.settings import MongoSettings, ProcessSettings, load
from tests.compose.files import FILES, REPO, environment, named, service, source_of, target_of

SCRIPT = REPO / "mongo-init" / "secrets.sh"


class _Settings(ProcessSettings):
    mongo: MongoSettings = MongoSettings()


def _run(folder: Path, members: str = "mongo:27017") -> None:
    for name in ("mongo", "app"):
        (folder / name).mkdir(exist_ok=True)
    given = {"MONGO_SECRETS_DIR": str(folder / "mongo"), "APP_SECRETS_DIR": str(folder / "app")}
    given |= {"MONGO_MEMBERS": members, "MONGO_REPLICA_SET": "rs0", "PATH": os.environ["PATH"]}
    subprocess.run(["bash", str(SCRIPT)], check=True, env=given, capture_output=True)


def _contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    _run(tmp_path)
    first = _contents(tmp_path)
    assert set(first) == {"mongo/keyfile", "mongo/root.password", "mongo/packstats.password", "app/mongo-uri"}
    _run(tmp_path)
    assert _contents(tmp_path) == first


def test_new_members_are_found_with_the_old_password(tmp_path: Path) -> None:
    _run(tmp_path)
    before = _contents(tmp_path)
    _run(tmp_path, members="mongo-1:27017,mongo-2:27017")
    after = _contents(tmp_path)
    assert before.pop("app/mongo-uri") != after.pop("app/mongo-uri")
    assert before == after


def test_only_the_address_is_for_other_users(tmp_path: Path) -> None:
    _run(tmp_path)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    assert modes.pop("mongo-uri") == 0o444
    assert set(modes.values()) == {0o400}


def test_passwords_are_long_and_all_different(tmp_path: Path) -> None:
    _run(tmp_path)
    found = [text for name, text in _contents(tmp_path).items() if name.endswith(".password")]
    assert len(set(found)) == len(found) == 2
    assert all(re.fullmatch(r"[0-9a-f]{64}", text) for text in found)
    assert re.fullmatch(r"[A-Za-z0-9+/]{6,1024}", (tmp_path / "mongo/keyfile").read_text())  # as mongod wants it


def test_services_read_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(tmp_path, members="mongo-1:27017,mongo-2:27017")
    monkeypatch.delenv("MONGO__URI", raising=False)
    monkeypatch.setenv("MONGO__URI_FILE", str(tmp_path / "app/mongo-uri"))
    found = parse_uri(load(_Settings).mongo.uri)
    assert found["nodelist"] == [("mongo-1", 27017), ("mongo-2", 27017)]
    assert found["username"] == "packstats"
    assert found["password"] == (tmp_path / "mongo/packstats.password").read_text()
    assert found["options"]["replicaSet"] == "rs0"
    assert found["options"]["authSource"] == "admin"


@pytest.mark.parametrize("name", FILES)
def test_each_secret_is_mounted_only_where_it_is_read(name: str) -> None:
    def mounted(key: str) -> dict[str, str]:
        return {source_of(volume): target_of(volume) for volume in service(name, key).get("volumes", ())}

    made = mounted("secrets")
    given = environment(name, "secrets")
    assert made["mongo-secrets"] == given["MONGO_SECRETS_DIR"]
    assert made["app-secrets"] == given["APP_SECRETS_DIR"]
    assert mounted("mongo-init")["mongo-secrets"] == environment(name, "mongo-init")["MONGO_SECRETS_DIR"]
    for key in (*named(name, "mongo"), "mongo-init"):
        assert "app-secrets" not in mounted(key)
    for key in ("init", "proxy", "aggregator"):
        assert environment(name, key)["MONGO__URI_FILE"] == f"{mounted(key)['app-secrets']}/mongo-uri"
        assert "mongo-secrets" not in mounted(key)
