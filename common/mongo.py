"""Clients of MongoDB, made in one place: times come back in UTC, and all give up on an absent server equally soon."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import ConfigurationError, ConnectionFailure

from common.errors import SettingsError
from common.settings import MongoSettings

Document = dict[str, Any]  # as it comes from the driver, before it is decoded

# What the driver raises where the database cannot be used now. It says "Sessions are not supported by this MongoDB
# deployment" of a member that could not be read when the connection was made: one that is about to become primary.
AWAY = (ConnectionFailure, ConfigurationError)

# A member that does not answer is tried again by whoever asked; nothing waits for it longer than this.
_OPTIONS: dict[str, Any] = {"tz_aware": True, "serverSelectionTimeoutMS": 2000, "connectTimeoutMS": 2000}


def sync_client(settings: MongoSettings, appname: str) -> MongoClient[Document]:
    """A client for one thread; it connects with the first operation, not here. Raises SettingsError."""
    with _checked():
        return MongoClient(settings.uri, appname=appname, connect=False, **_OPTIONS)


def async_client(settings: MongoSettings, appname: str) -> AsyncMongoClient[Document]:
    """A client for the event loop of the first operation; it connects then, not here. Raises SettingsError."""
    with _checked():
        return AsyncMongoClient(settings.uri, appname=appname, **_OPTIONS)


@contextmanager
def _checked() -> Iterator[None]:
    try:
        yield
    except (ConfigurationError, ValueError) as error:
        raise SettingsError(f"MONGO__URI: {error}") from error
