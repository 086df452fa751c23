"""What importer and backend both have to know to reach the same tables."""

from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from study.kit.settings import Settings, StartError

# Stages do not get in each other's way, also if they are given the same database.
SCHEMA = f"stage_{Path(__file__).parent.name[:2]}"


def conninfo(settings: Settings, *options: str) -> str:
    """Options in the URL come last, so they prevail."""
    url = settings.database_url()
    try:
        given = conninfo_to_dict(url).get("options") or ""
        words = [f"-c {option}" for option in (f"search_path={SCHEMA}", "timezone=UTC", *options)]
        return make_conninfo(url, options=" ".join([*words, str(given)]))
    except psycopg.ProgrammingError as error:
        raise StartError(f"{url} is not the URL of a PostgreSQL: {error}") from error


def connect(settings: Settings, *options: str) -> psycopg.Connection:
    try:
        return psycopg.connect(conninfo(settings, *options), autocommit=True)
    except psycopg.OperationalError as error:
        raise StartError(f"PostgreSQL does not answer: {error}") from error
