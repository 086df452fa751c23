"""Folders that are filled once."""

from pathlib import Path

import pytest

from local.cache import filled, place


def test_folder_is_filled_once_for_a_recipe(tmp_path: Path) -> None:
    recipe, calls = tmp_path / "pom.xml", []
    recipe.write_text("1")

    def fill(folder: Path) -> None:
        calls.append(folder)
        (folder / "jar").touch()

    first = filled(tmp_path / "cache", "kafka", recipe, fill)
    assert filled(tmp_path / "cache", "kafka", recipe, fill) == first
    assert (first / "jar").exists()
    assert len(calls) == 1


def test_changed_recipe_is_another_folder(tmp_path: Path) -> None:
    recipe = tmp_path / "pom.xml"
    recipe.write_text("1")
    before = place(tmp_path, "kafka", recipe)
    recipe.write_text("2")
    assert place(tmp_path, "kafka", recipe) != before


def test_failed_filling_leaves_nothing_behind(tmp_path: Path) -> None:
    recipe = tmp_path / "pom.xml"
    recipe.write_text("1")

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError(28, "disk full")

    with pytest.raises(OSError, match="disk full"):
        filled(tmp_path / "cache", "kafka", recipe, fail)
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


def test_filling_gets_an_absolute_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "pom.xml"
    seen: list[Path] = []
    recipe.write_text("1")
    filled(Path("cache"), "kafka", recipe, seen.append)
    assert [folder.is_absolute() for folder in seen] == [True]
