"""A bundle is the same each time, holds what it should and tells no more, and others can check it."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import zipfile
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import bundles
from tests.tools import mutations
from vpsbench import __version__, build_id
from vpsbench.analyzer.verdict import judge
from vpsbench.errors import VpsbenchError
from vpsbench.evidence import archive, contents
from vpsbench.evidence.bundle import BundleRequest, make
from vpsbench.evidence.verify import Checked, check, differences
from vpsbench.integrity import keys
from vpsbench.integrity.seals import Sealer
from vpsbench.store import database, summaries
from vpsbench.store.writer import Collector


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database, a bundle of its second run, and a redacted one."""
    folder = tmp_path_factory.mktemp("evidence")
    bundles.bundle(folder)
    bundles.bundle(folder, redact=True, name="redacted.zip")
    return folder


def _unpacked(home: Path, folder: Path, name: str = "bundle.zip") -> Path:
    target = folder / "unpacked"
    target.mkdir()
    archive.unpack(home / name, target)
    return target


def _packed(folder: Path, key: keys.Key) -> Path:
    """Signed anew, by whoever has that key."""
    (folder / contents.KEY).write_bytes(keys.pem(key.public))
    names = [n for n in archive.names(folder) if n not in {contents.SUMS, contents.SIGNATURE}]
    sums = "".join(f"{contents.digest(folder / n)}  {n}\n" for n in names).encode()
    (folder / contents.SUMS).write_bytes(sums)
    (folder / contents.SIGNATURE).write_bytes(key.sign(sums))
    path = folder.with_name("packed.zip")
    with path.open("wb") as file:
        archive.pack(folder, file)
    return path


def _said(found: Checked) -> str:
    return "\n".join(f"{p.where}: {p.what}" for p in found.problems)


def test_same_run_makes_the_same_bytes(home: Path) -> None:
    again = bundles.bundle(home, name="again.zip")
    assert again.read_bytes() == (home / "bundle.zip").read_bytes()


def test_summary_of_the_run_is_no_part_of_it(home: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(home, tmp_path / "home"))
    made_of = summaries.mark(folder / "runs.db", 2)
    assert made_of
    summaries.keep(folder / "runs.db", made_of, "this program", '{"word": "kept"}')
    again = bundles.bundle(folder, name="again.zip")
    assert again.read_bytes() == (home / "bundle.zip").read_bytes()


def test_bundle_holds_that_run_alone_and_all_that_belongs_to_it(home: Path, tmp_path: Path) -> None:
    found = check(home / "bundle.zip")
    assert (found.problems, found.notes) == ([], [])
    folder = _unpacked(home, tmp_path)
    assert {name.partition("/")[0] for name in archive.names(folder)} == {
        "run.db", "report.html", "findings.json", "plan.json", "bundle.json", "raw", "attachments", "seals",
        "key.pem", "VERIFY.txt", "SHA256SUMS", "SHA256SUMS.sig",
    }  # fmt: skip
    assert (folder / "attachments/01-order_7.pdf").read_bytes().startswith(b"%PDF")
    assert "192.0.2.77" in (folder / "raw/0001-disk-1-fio.json").read_text()
    with closing(sqlite3.connect(folder / "run.db")) as db:
        assert db.execute("SELECT id FROM runs").fetchall() == [(2,)]
        assert db.execute("SELECT DISTINCT run FROM series").fetchall() == [(2,)]


def test_redacted_bundle_tells_no_name_and_still_holds(home: Path, tmp_path: Path) -> None:
    found = check(home / "redacted.zip")
    assert found.problems == []
    assert "Names were left out of" in " ".join(found.notes)
    folder = _unpacked(home, tmp_path, "redacted.zip")
    texts = [(folder / name).read_bytes() for name in archive.names(folder)]
    with closing(sqlite3.connect(folder / "run.db")) as db:
        texts += [zlib.decompress(raw) for (raw,) in db.execute("SELECT raw FROM turns")]
        assert db.execute("SELECT count(salt) FROM private").fetchone() == (0,)
    for secret in bundles.SECRETS:
        assert not any(secret.encode() in text for text in texts), secret
    assert any(b"[host name left out]" in text for text in texts)
    with closing(sqlite3.connect(home / "runs.db")) as db:  # the whole database still has the salts
        salts = db.execute("SELECT hex(salt) FROM private").fetchall()
    assert salts
    assert not any(bytes.fromhex(salt) in text for (salt,) in salts for text in texts)


def test_text_put_in_the_place_of_a_name_is_found(home: Path, tmp_path: Path) -> None:
    folder = _unpacked(home, tmp_path, "redacted.zip")
    with closing(sqlite3.connect(folder / "run.db", isolation_level=None)) as db:
        db.execute("UPDATE turns SET detail = replace(detail, '[user name left out]', 'eve')")
    said = _said(check(_packed(folder, bundles.key(home))))
    assert "turns, row 1, detail: it is not the text that was sealed" in said


def test_bundle_signed_by_another_key_says_so(home: Path, tmp_path: Path) -> None:
    stranger = bundles.key(tmp_path, "stranger.pem")
    found = check(_packed(_unpacked(home, tmp_path), stranger))
    assert found.problems == []
    assert "another key" in " ".join(found.notes)
    assert found.about["bundle signed by"] == keys.fingerprint(stranger.public)
    assert found.about["run sealed by"] == keys.fingerprint(bundles.key(home).public)


def test_findings_that_do_not_follow_are_named(home: Path, tmp_path: Path) -> None:
    folder = _unpacked(home, tmp_path)
    path = folder / contents.FINDINGS
    path.write_text(path.read_text().replace('"level": "not_measurable"', '"level": "strong"', 1))
    found = check(_packed(folder, bundles.key(home)))
    assert re.search(r"findings\.json: findings\[\d+\]\.level", _said(found))


def test_findings_of_another_version_are_not_called_forged(home: Path, tmp_path: Path) -> None:
    folder = _unpacked(home, tmp_path)
    path = folder / contents.FINDINGS
    path.write_text(path.read_text().replace('"level": "not_measurable"', '"level": "strong"', 1))
    about = folder / contents.ABOUT
    about.write_text(about.read_text().replace(f'"{__version__}"', '"0.0.1"'))
    found = check(_packed(folder, bundles.key(home)))
    assert found.problems == []
    assert "made by vpsbench 0.0.1" in " ".join(found.notes)


def test_findings_of_another_state_of_the_source_are_not_called_forged(home: Path, tmp_path: Path) -> None:
    folder = _unpacked(home, tmp_path)
    path = folder / contents.FINDINGS
    path.write_text(path.read_text().replace('"level": "not_measurable"', '"level": "strong"', 1))
    about = folder / contents.ABOUT
    about.write_text(about.read_text().replace(build_id.digest(), "0" * 64))
    found = check(_packed(folder, bundles.key(home)))
    assert found.problems == []
    assert "another state of" in " ".join(found.notes)
    assert not found.judged


def test_findings_that_another_state_only_words_otherwise_are_checked_but_for_their_words(
    home: Path, tmp_path: Path
) -> None:
    folder = _unpacked(home, tmp_path)
    path = folder / contents.FINDINGS
    told = json.loads(path.read_text())
    told["findings"][0]["claim"] = "Other words."
    path.write_text(json.dumps(told))
    about = folder / contents.ABOUT
    about.write_text(about.read_text().replace(build_id.digest(), "0" * 64))
    found = check(_packed(folder, bundles.key(home)))
    assert found.problems == []
    assert "the sentences themselves were not checked" in " ".join(found.notes)
    assert found.judged


def test_bundle_of_another_database_format_is_not_called_changed(home: Path, tmp_path: Path) -> None:
    folder = _unpacked(home, tmp_path)
    with closing(sqlite3.connect(folder / contents.DATABASE)) as db:
        db.execute("PRAGMA user_version = 3")
    with pytest.raises(VpsbenchError, match="format 3"):
        check(_packed(folder, bundles.key(home)))


def test_numbers_may_differ_by_a_processor_and_no_more() -> None:
    one = {"a": [1.0, None, True], "b": "x"}
    assert list(differences(one, {"a": [1.0 + 1e-9, None, True], "b": "x"})) == []
    assert list(differences(one, {"a": [1.001, 0, 1], "b": "x"})) == ["a[0]", "a[1]", "a[2]"]
    assert list(differences(one, {"a": [1.0], "c": "x"})) == ["a", "b", "c"]


def test_run_without_a_chain_makes_a_bundle_that_does_not_pass(home: Path, tmp_path: Path) -> None:
    bundles.old_run(tmp_path / "old.db")
    order = BundleRequest(database=tmp_path / "old.db", run=1, attached=[], redact=True)
    make(order, bundles.key(home), tmp_path / "old.zip")
    found = check(tmp_path / "old.zip")
    assert _said(found) == "run.db: the run has no chain: its readings could be anything"
    assert bundles.HOST not in found.about["run"]


def test_name_that_is_a_word_of_the_readings_is_not_left_out_silently(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Collector(path, sealer=Sealer(bundles.key(tmp_path))) as collector:
        bundles.measure(collector)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO names VALUES (1, 'slept', 'user name')")  # as a later version might find more
    with pytest.raises(VpsbenchError, match=r"cannot be left out of event\.2\.detail"):
        make(
            BundleRequest(database=path, run=1, attached=[], redact=True),
            bundles.key(tmp_path),
            tmp_path / "b.zip",
        )
    assert not (tmp_path / "b.zip").exists()


def test_redaction_that_would_change_a_verdict_is_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = contents.judged(home / "runs.db")
    other = replace(found, findings=found.findings[1:])
    monkeypatch.setattr("vpsbench.evidence.bundle.judge", lambda _: other)
    assert judge.judge is not None
    with pytest.raises(VpsbenchError, match="would be judged otherwise"):
        bundles.bundle(home, redact=True, name="never.zip")
    assert not (home / "never.zip").exists()
    assert not list(tmp_path.iterdir())


def test_changes_at_random_are_found(home: Path, tmp_path: Path) -> None:
    found, missed = mutations.run(60, 2, tmp_path, [home / "bundle.zip", home / "redacted.zip"])
    assert missed == []
    assert sum(found.values()) == 60


# --- without vpsbench --------------------------------------------------------------------------------


def _commands(text: str) -> list[str]:
    """All that VERIFY.txt tells to type, but what needs vpsbench."""
    program = re.search(r"^python3 - run\.db <<'END'\n.*?^END\n", text, re.MULTILINE | re.DOTALL)
    assert program
    lines = re.findall(r"^    (.+)$", text.replace(program[0], ""), re.MULTILINE)
    return [*(line for line in lines if not line.startswith("vpsbench") and ".tsr" not in line), program[0]]


def _type(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.system
@pytest.mark.parametrize("name", ["bundle.zip", "redacted.zip"])
def test_instructions_work_as_they_stand(name: str, home: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(home / name) as whole:
        whole.extractall(tmp_path)
    said = [_type(command, tmp_path) for command in _commands((tmp_path / "VERIFY.txt").read_text())]
    assert [(done.returncode, done.stderr) for done in said] == [(0, "")] * 7
    output = [done.stdout for done in said]
    assert output[0].count(": OK\n") == len(archive.names(tmp_path)) - 2
    assert output[1].strip() == "Signature Verified Successfully"
    assert output[2].split()[0] == keys.fingerprint(bundles.key(home).public).removeprefix("SHA256:")
    assert output[3].split("\n") == ["Signature Verified Successfully"] * 2 + [""]
    assert output[4:6] == ["", "ok\n"]
    assert output[6].endswith("the chain holds\n")


@pytest.mark.system
def test_instructions_find_changes_too(home: Path, tmp_path: Path) -> None:
    folder = _unpacked(home, tmp_path)
    *_, chain = _commands((folder / "VERIFY.txt").read_text())
    for change in (
        "UPDATE ticks SET elapsed = 3.5 WHERE id = 4",
        "UPDATE events SET kind = 'x'",
        "UPDATE turns SET detail = 'x'",
        "UPDATE runs SET seed = 1",
        "DELETE FROM ticks WHERE id = 21",
    ):
        shutil.copy(folder / "run.db", tmp_path / "run.db")
        with closing(sqlite3.connect(tmp_path / "run.db", isolation_level=None)) as db:
            db.execute(change)
        assert _type(chain, tmp_path).returncode != 0, change


def test_database_alone_is_of_our_format_and_has_no_other_writer(home: Path, tmp_path: Path) -> None:
    folder = _unpacked(home, tmp_path)
    with database.readable(folder / "run.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [p.name for p in folder.glob("run.db*")] == ["run.db"]
