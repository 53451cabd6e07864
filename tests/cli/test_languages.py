"""Languages on the command line."""

from pathlib import Path

from typer.testing import CliRunner

from gateway.cli import app

ROOT = Path(__file__).parent.parent.parent


def test_all_languages_are_used() -> None:
    lines = CliRunner().invoke(app, ["language", "list"]).stdout.splitlines()
    assert lines[0].split() == ["LANGUAGE", "STATE", "PROBLEMS"]
    assert [line.split() for line in lines[1:]] == [
        [name, "used"] for name in ("en", "ar", "de", "es", "fr", "ja", "pl", "pt", "zh")
    ]


def test_the_file_for_translators() -> None:
    printed = CliRunner().invoke(app, ["language", "messages"]).stdout
    assert printed == (ROOT / "templates/locale/casegate.pot").read_text()
