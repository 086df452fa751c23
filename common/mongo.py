"""Clients of MongoDB, made in one place: times come back in UTC, and all give up on an absent server equally soon."""

from typing import Any

from pymongo import AsyncMongoClient, MongoClient

from common.settings import MongoSettings

Document = dict[str, Any]  # as it comes from the driver, before it is decoded

# A member that does not answer is tried again by whoever asked; nothing waits for it longer than this.
_OPTIONS: dict[str, Any] = {"tz_aware": True, "serverSelectionTimeoutMS": 2000, "connectTimeoutMS": 2000}


def sync_client(settings: MongoSettings, appname: str) -> MongoClient[Document]:
    """A client for a thread of its own; it connects with the first operation, not here."""
    return MongoClient(settings.uri, appname=appname, **_OPTIONS)


def async_client(settings: MongoSettings, appname: str) -> AsyncMongoClient[Document]:
    """A client for the event loop of the first operation; it connects then, not here."""
    return AsyncMongoClient(settings.uri, appname=appname, **_OPTIONS)
