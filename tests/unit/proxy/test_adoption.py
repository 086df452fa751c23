"""Adoption calls a slot an orphan only while nobody holds it."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from proxy import adoption
from proxy.adoption import Adoption
from proxy.slots import SPOOL_FILE


@pytest.fixture
def orphanage(tmp_path: Path) -> Adoption:
    """Before a free slot whose spool cannot be read, so that nobody can say that it is empty."""
    (tmp_path / "slot-000").mkdir()
    (tmp_path / "slot-000" / SPOOL_FILE).write_bytes(b"no spool" * 1000)
    return Adoption(tmp_path, Mock())


def test_free_slot_that_is_not_known_to_be_empty_is_an_orphan(orphanage: Adoption) -> None:
    orphanage.sweep()
    assert orphanage.orphans == ("slot-000",)


def test_slot_that_another_process_took_meanwhile_is_none(orphanage: Adoption, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "try_slot", lambda _folder: None)
    orphanage.sweep()
    assert orphanage.orphans == ()
