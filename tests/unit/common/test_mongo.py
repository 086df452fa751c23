"""Clients of MongoDB: made without connecting, and refused by the name of their setting."""

import pytest

from common.errors import SettingsError
from common.mongo import async_client, sync_client
from common.settings import MongoSettings


def test_a_client_connects_with_its_first_operation_and_reads_times_as_utc() -> None:
    with sync_client(MongoSettings(uri="mongodb://nobody.invalid:1"), "packstats-test") as client:
        assert client.codec_options.tz_aware is True
        assert client.options.pool_options.appname == "packstats-test"
        assert client.options.server_selection_timeout == 2


async def test_the_loops_client_is_made_alike() -> None:
    async with async_client(MongoSettings(uri="mongodb://nobody.invalid:1"), "packstats-test") as client:
        assert client.codec_options.tz_aware is True
        assert client.options.server_selection_timeout == 2


@pytest.mark.parametrize("uri", ["mongodb://", "mongodb://a:b:c@h", "mongodb://h:99999/"])
def test_an_address_that_is_none_is_refused_by_its_name(uri: str) -> None:
    for make in (sync_client, async_client):
        with pytest.raises(SettingsError, match="MONGO__URI: "):
            make(MongoSettings(uri=uri), "packstats-test")
