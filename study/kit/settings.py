"""One way to tell a stage where its data are, the same for its importer and its backend: the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATA, DATABASE, HOST, PORT, READERS = "STUDY_DATA", "STUDY_DATABASE", "STUDY_HOST", "STUDY_PORT", "STUDY_READERS"


class StartError(Exception):
    """A program of the study cannot start; the text says why. Exit code 3."""


@dataclass(frozen=True, slots=True)
class Settings:
    data: Path
    database: str | None
    host: str
    port: int
    readers: int

    def database_path(self, stage: str) -> Path:
        """Of a stage whose database is a file."""
        return Path(self.database) if self.database else self.data / f"{stage}.sqlite3"

    def database_url(self) -> str:
        """Of a stage whose database is a server."""
        if not self.database:
            raise StartError(f"{DATABASE} is not set: it takes the URL of the database server")
        return self.database


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    return Settings(
        data=Path(environ.get(DATA, "data/S")),
        database=environ.get(DATABASE) or None,
        host=environ.get(HOST, "127.0.0.1"),
        port=_number(environ, PORT, 8000),
        readers=_number(environ, READERS, 8),
    )


def _number(environ: Mapping[str, str], name: str, usual: int) -> int:
    text = environ.get(name, str(usual))
    if not text.isdecimal():
        raise StartError(f"{name} is {text!r}: it takes a whole number")
    return int(text)
