"""Settings: read, and refused by name."""

import pytest

from common.errors import SettingsError
from common.settings import load
from sandbox.settings import Settings


def test_defaults_are_those_of_a_local_paccurate() -> None:
    sandbox = load(Settings).sandbox
    assert (sandbox.host, sandbox.port, sandbox.accepted_keys, sandbox.version_numbers) == (
        "127.0.0.1",
        8090,
        frozenset(),
        (1, 9, 2),
    )


def test_keys_are_separated_by_commas_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX__KEYS", "one-secret, two-secret,")
    settings = load(Settings)
    assert settings.sandbox.accepted_keys == {"one-secret", "two-secret"}
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SANDBOX__PORT", "70000"),
        ("SANDBOX__VERSION", "newest"),
        ("SANDBOX__ERROR_RATE", "1.5"),
        ("SANDBOX__LATENCY_DISTRIBUTION", "sawtooth"),
        ("SANDBOX__WITHOUT_KEY", "shrug"),
        ("SANDBOX__FROBNICATE", "1"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load(Settings)


def test_shares_that_add_up_to_more_than_all_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ERROR_RATE", "HANG_RATE", "DROP_RATE"):
        monkeypatch.setenv(f"SANDBOX__{name}", "0.4")
    with pytest.raises(SettingsError, match="SANDBOX__ERROR_RATE"):
        load(Settings)
