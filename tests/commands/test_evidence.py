"""``vpsbench evidence`` and ``verify`` at the terminal: what they say, and their exit status."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import pytest

from tests.builders import bundles
from vpsbench.commands import Command, evidence, verify
from vpsbench.errors import VpsbenchError
from vpsbench.integrity import keys


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    bundles.database(folder)
    (folder / "ticket\x1b[31m.txt").write_text("a ticket")
    return folder


def _run(command: Command, *words: object) -> int:
    parser = ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(list(map(str, words))))


def test_bundle_is_made_and_checked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--db", home / "runs.db", "--key", home / "key.pem", "-o", home / "deep/b.zip")
    assert _run(evidence.COMMAND, "2", *words, "--attach", home / "ticket\x1b[31m.txt", "--redact") == 0
    said = capsys.readouterr().out
    print_of_key = keys.fingerprint(bundles.key(home).public)
    assert print_of_key in said
    assert "Look before you send" in said
    assert _run(verify.COMMAND, home / "deep/b.zip") == 0
    said = capsys.readouterr().out
    assert f"run sealed by: {print_of_key}" in said
    assert "It holds" in said
    assert "It cannot prove" in said
    assert [p.name for p in (home / "deep").iterdir()] == ["b.zip"]


def test_change_is_a_status_and_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "bad.zip"
    path.write_bytes(b"PK\x1b[31m")
    assert _run(verify.COMMAND, path) == 1
    said = capsys.readouterr().out
    assert "IT DOES NOT HOLD" in said
    assert _run(verify.COMMAND, path, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == {"holds", "about", "problems", "notes"}
    assert found["holds"] is False
    assert found["problems"][0].keys() == {"where", "what"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("9", "-o", "b.zip"), "There is no run 9"),
        (("-o", "/proc/b.zip"), "Cannot write /proc/b.zip"),
        (("-o", "b.zip", "--attach", "none.pdf"), r"Cannot attach none\.pdf"),
    ],
)
def test_what_cannot_be_made_leaves_nothing(
    words: tuple[str, ...], said: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VpsbenchError, match=said):
        _run(evidence.COMMAND, *words, "--db", home / "runs.db", "--key", home / "key.pem")
    assert not list(tmp_path.iterdir())


def test_certificates_that_are_none_are_refused(home: Path) -> None:
    with pytest.raises(VpsbenchError, match="no certificates"):
        _run(verify.COMMAND, home / "bad.zip", "--tsa-ca", home / "key.pem")
