"""The command line as a user has it: real processes, real probes, in a few seconds each."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest

from tests.places import TREE
from vpsbench import commands, metrics, profiles
from vpsbench.commands import Command
from vpsbench.plugins import collect
from vpsbench.store import summaries
from vpsbench.store.reader import read
from vpsbench.wiring.run_summaries import program

PROFILE = """
description = "the shortest run that measures something"
duration = "10 s"
tick = "0.5 s"
write_budget = "64 MiB"
[[turns]]
probe = "cpu"
duration = "2 s"
[[turns]]
probe = "disk"
duration = "6 s"
options = { jobs = ["randread-qd1"] }
"""


def vpsbench(
    *words: object, path: str | None = None, user: int | None = None
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({"PATH": path} if path is not None else {})
    return subprocess.run(
        [sys.executable, "-m", "vpsbench", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=environment,
        user=user,
    )


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "short.toml"
    path.write_text(PROFILE, encoding="utf-8")
    return path


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import atexit, runpy, sys; sys.argv = ['vpsbench', '--help'];"
        "atexit.register(lambda: print('LOADED', *sys.modules));"
        "runpy.run_module('vpsbench', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    loaded = done.stdout.rsplit("LOADED", 1)[1].split()
    heavy = {"numpy", "pydantic", "rich", "altair", "jinja2", "pyperf", "psutil"}
    assert heavy.intersection(loaded) == set()
    assert "exit status" in done.stdout


@pytest.mark.parametrize("name", collect(commands, "COMMAND", Command))
def test_every_command_has_examples_and_stands_in_the_readme(name: str) -> None:
    name = name.replace("_", "-")
    shown = vpsbench(name, "--help").stdout
    assert "examples:" in shown
    assert f"vpsbench {name}" in shown.split("examples:")[1]
    assert f"vpsbench {name}" in (TREE / "README.md").read_text(encoding="utf-8")


@pytest.mark.system
def test_a_run_ends_in_a_verdict_a_report_and_json(profile: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = vpsbench("run", "--profile", profile, "--plan", "shared-kvm", "--db", out / "a.db", "--json", "-")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["run"]["events"][0]["kind"] == "claims_declared"
    assert found["schema"] == 1
    assert found["verdict"] in ("kept", "suspect", "broken", "inconclusive")
    assert {"hidden_steal", "missing_memory", "disk_burst"} <= {f["sign"] for f in found["findings"]}
    assert "\x1b" not in done.stdout + done.stderr
    assert [turn["status"] for turn in found["run"]["turns"]] == ["ok", "ok"]
    [report] = out.glob("*.html")
    assert "<svg" in report.read_text(encoding="utf-8")
    assert {path.suffix for path in out.iterdir()} == {".db", ".html"}, "nothing else is left"
    again = vpsbench("report", "--db", out / "a.db", "--json", "-")
    assert json.loads(again.stdout)["findings"] == found["findings"]
    assert summaries.kept(out / "a.db", None, program()), "compare need not judge it again"


def test_without_fio_the_run_goes_on_and_says_what_would_mend_it(profile: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    done = vpsbench("run", "--profile", profile, "--db", tmp_path / "a.db", "--no-html", path=str(bare))
    assert done.returncode == 0, done.stderr
    assert "fio" in done.stdout
    assert "install" in done.stdout


def test_a_duty_is_laid_over_the_profile_and_every_turn_obeys(profile: Path, tmp_path: Path) -> None:
    only_cpu = profile.read_text().partition('[[turns]]\nprobe = "disk"')[0]
    profile.write_text(only_cpu, encoding="utf-8")
    db = tmp_path / "a.db"
    done = vpsbench("run", "--profile", profile, "--duty", 50, "--db", db, "--no-html", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"]["profile"]["duty"] == 0.5
    [applied] = read(db).named(metrics.LOAD_APPLIED)
    assert set(applied.values) <= {0.0, 0.5}
    assert 0.5 in applied.values


def test_ctrl_c_stops_keeps_what_was_measured_and_still_reports(profile: Path, tmp_path: Path) -> None:
    words = ["run", "--profile", profile, "--db", tmp_path / "a.db", "--set", "duration=100 s"]
    process = subprocess.Popen(
        [sys.executable, "-m", "vpsbench", *map(str, words), "--set", "turns.cpu.duration=90 s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "cpu for" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "VERDICT" in out
    assert "stopped by SIGINT" in out
    shown = json.loads(vpsbench("runs", "--db", tmp_path / "a.db", "--json").stdout)
    assert shown[0]["state"] == "interrupted"
    assert not list(tmp_path.glob("vpsbench-turn-*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--profile", "nonesuch"), "nonesuch"),
        (("run", "--plan", "nonesuch"), "nonesuch"),
        (("run", "--set", "tick=0"), "tick"),
        (("run", "--duty", "0"), "0 is not in 1 to 100"),
        (("run", "--duty", "half"), "invalid percent value"),
        (("report", "--db", "/nonesuch/a.db"), "/nonesuch/a.db"),
        (("run", "--db", "/proc/nowhere/a.db"), "/proc/nowhere"),
        (("run", "--html", "/proc/report.html"), "/proc/report.html"),
    ],
)
def test_wrong_words_and_files_are_told_before_anything_runs(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    began = time.monotonic()
    extra = () if "--db" in words else ("--db", str(tmp_path / "a.db"))
    done = vpsbench(*words, *extra)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 30
    assert not (tmp_path / "a.db").exists()


def test_a_foreign_database_is_refused_and_left_alone(profile: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(b"not a database" * 1000)
    done = vpsbench("run", "--profile", profile, "--db", other)
    assert done.returncode == 2
    assert other.read_bytes() == b"not a database" * 1000


def test_findings_become_an_exit_status_only_when_asked(profile: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('memory = "60 TiB"', encoding="utf-8")  # no guest that runs this has as much
    words = ("run", "--profile", profile, "--plan", plan, "--db", tmp_path / "a.db", "--no-html")
    assert vpsbench(*words).returncode == 0
    assert vpsbench(*words, "--fail-on", "strong").returncode == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_without_root_it_still_measures(profile: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="vpsbench-test-"))  # others cannot enter pytest's own folder
    folder.chmod(0o777)
    try:
        shutil.copy(profile, folder)
        done = vpsbench(
            "run", "--profile", folder / "short.toml", "--db", folder / "a.db", "--json", "-", user=65534
        )
    except PermissionError:
        pytest.skip("this Python interpreter lies where others cannot run it")
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["guest"]["root"] is False


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_is_found_before_the_run(profile: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", small], check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        done = vpsbench("run", "--profile", profile, "--db", small / "a.db")
        assert (done.returncode, list(small.iterdir())) == (2, [])
        assert "MiB free" in done.stderr
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.system
def test_the_wheel_carries_profiles_migrations_and_templates(tmp_path: Path) -> None:
    tree = TREE
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*build, "--wheel-dir", tmp_path, tree], check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as whole:
        whole.extractall(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-m", "vpsbench", "run", "--profile", "smoke", "--plan", "nonesuch"],
        cwd=tmp_path / "site",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "container, dedicated, shared-kvm" in done.stderr
    assert list((tmp_path / "site/vpsbench/store/migrations").glob("*.sql"))
    assert list((tmp_path / "site/vpsbench/report/templates").glob("*.j2"))


def test_help_of_run_names_every_profile_and_plan_that_comes_along() -> None:
    said = "".join(vpsbench("run", "--help").stdout.split())  # lines break within names
    assert all(path.stem in said for path in profiles.folder().rglob("*.toml"))
