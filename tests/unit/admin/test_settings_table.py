"""The settings that are documented are those that there are."""

from pathlib import Path

import pytest
from rich.console import Console

from admin import settings_table
from common.settings import rows

README = Path(__file__).parents[3] / "README.md"
BEGIN = "<!-- settings: python -m admin settings --markdown -->\n"
END = "\n<!-- settings end -->"


def test_the_readme_has_the_table_of_the_models() -> None:
    text = README.read_text(encoding="utf-8")
    assert BEGIN in text
    assert text.split(BEGIN)[1].split(END)[0].strip() == settings_table.as_markdown()


def test_every_setting_of_every_process_is_in_the_table_and_explained() -> None:
    found = list(rows(*settings_table.MODELS))
    sections = {row.name.split("__")[0] for row in found}
    assert sections == {"KAFKA", "MONGO", "PROXY", "AGGREGATOR", "SANDBOX", "LOCAL"}
    assert len({row.name for row in found}) == len(found)
    assert [row.name for row in found if not row.meaning] == []


def test_every_line_of_the_table_has_three_cells() -> None:
    for line in settings_table.as_markdown().splitlines():
        assert line.replace("\\|", "").count("|") == 4, line


def test_the_command_prints_the_same_table(capsys: pytest.CaptureFixture[str]) -> None:
    settings_table.run(Console(), markdown=True)
    assert capsys.readouterr().out.strip() == settings_table.as_markdown()


def test_a_person_gets_a_table_too(capsys: pytest.CaptureFixture[str]) -> None:
    settings_table.run(Console(width=300), markdown=False)
    assert "PROXY__UPSTREAM_URL" in capsys.readouterr().out
