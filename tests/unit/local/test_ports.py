"""Ports that stay, ports that give way, and who holds one."""

import json
from pathlib import Path

import pytest

from common.errors import StartupError
from local import ports
from local.ports import PortBook, holder, require


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Ports on which somebody listens; no socket is opened."""
    held: set[int] = set()
    monkeypatch.setattr(ports, "is_free", lambda port: port not in held)
    return held


def test_usual_port_is_taken_if_it_is_free(tmp_path: Path, taken: set[int]) -> None:
    assert PortBook(tmp_path / "ports.json").choose("kafka", 9092) == 9092


def test_another_port_is_chosen_where_the_usual_one_is_taken_and_kept(tmp_path: Path, taken: set[int]) -> None:
    taken.add(9092)
    chosen = PortBook(tmp_path / "ports.json").choose("kafka", 9092)
    assert chosen != 9092
    taken.clear()
    assert PortBook(tmp_path / "ports.json").choose("kafka", 9092) == chosen


def test_kept_port_that_is_taken_now_gives_way_to_the_usual_one(tmp_path: Path, taken: set[int]) -> None:
    (tmp_path / "ports.json").write_text(json.dumps({"kafka": 20123}))
    taken.add(20123)
    assert PortBook(tmp_path / "ports.json").choose("kafka", 9092) == 9092


def test_two_parts_never_share_a_port(tmp_path: Path, taken: set[int]) -> None:
    book = PortBook(tmp_path / "ports.json")
    assert book.choose("a", 9102) == 9102
    assert book.choose("b", 9102) != 9102


def test_reserved_port_is_not_chosen(tmp_path: Path, taken: set[int]) -> None:
    book = PortBook(tmp_path / "ports.json")
    assert book.reserve(8090) == 8090
    assert book.choose("sandbox", 8090) != 8090


def test_chosen_ports_lie_below_those_of_outgoing_connections(tmp_path: Path, taken: set[int]) -> None:
    assert 20_000 <= PortBook(tmp_path / "ports.json").choose("kafka-controller") < 32_000


def test_taken_port_is_refused_with_its_setting(taken: set[int]) -> None:
    taken.add(8080)
    with pytest.raises(StartupError, match=r"port 8080 is taken by .*another with PROXY__PORT"):
        require(8080, "PROXY__PORT")


def test_no_free_port_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    with pytest.raises(StartupError, match="no free port"):
        ports.free_port()


def fake_proc(folder: Path, state: str) -> Path:
    (folder / "net").mkdir()
    (folder / "net" / "tcp").write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        f"   0: 0100007F:1F90 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  0 0 4242 1\n"
    )
    process = folder / "77"
    (process / "fd").mkdir(parents=True)
    (process / "fd" / "3").symlink_to("socket:[4242]")
    (process / "cmdline").write_bytes(b"python\0-m\0http.server\0")
    return folder


def test_holder_is_named_with_its_command(tmp_path: Path) -> None:
    assert holder(8080, fake_proc(tmp_path, "0A")) == "process 77 (python -m http.server)"


def test_descriptors_that_are_closed_meanwhile_hide_no_holder(tmp_path: Path) -> None:
    proc = fake_proc(tmp_path, "0A")
    descriptors = proc / "77" / "fd"
    (descriptors / "3").unlink()
    for number in range(3, 9):
        (descriptors / str(number)).touch()  # no link: reading it fails, as it does when it is gone
    last = list(descriptors.iterdir())[-1]
    last.unlink()
    last.symlink_to("socket:[4242]")
    assert holder(8080, proc) == "process 77 (python -m http.server)"


def test_connection_that_does_not_listen_is_no_holder(tmp_path: Path) -> None:
    assert holder(8080, fake_proc(tmp_path, "01")) == "another process"


def test_holder_is_unknown_where_there_is_no_proc(tmp_path: Path) -> None:
    assert holder(8080, tmp_path) == "another process"


def test_holder_of_another_user_is_unknown(tmp_path: Path) -> None:
    proc = fake_proc(tmp_path, "0A")
    (proc / "77" / "fd" / "3").unlink()
    (proc / "77" / "fd").rmdir()
    assert holder(8080, proc) == "another process"
