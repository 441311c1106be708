"""What fio writes is understood, and never more than it says; what it starts never stays."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.places import FIXTURES
from vpsbench.probes.fio import process as _fio
from vpsbench.probes.fio.output import Rates, Totals, between, quantiles, totals
from vpsbench.probes.fio.process import Reports

CAPTURED = FIXTURES / "fio"
VERSIONS = ("3.25", "3.33", "3.39", "3.41")  # Debian 11, 12, 13 and its next; on a file of 32 MiB


def out(case: str) -> str:
    return (CAPTURED / case).read_text()


def reports(case: str, chunk: int = 4096) -> list[str]:
    cutter, data = Reports(), out(case).encode()
    return [
        report for start in range(0, len(data), chunk) for report in cutter.feed(data[start : start + chunk])
    ]


def last(case: str) -> str:
    return reports(case)[-1]


def changed(case: str, **fields: Any) -> str:  # noqa: ANN401  any JSON
    report = json.loads(last(case))
    report["jobs"][0] |= fields
    return json.dumps(report)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_report_a_second_of_each_version(version: str) -> None:
    found = [totals(text) for text in reports(f"{version}/mix.out")]
    assert f"fio-{version}" in out(f"{version}/mix.out")
    assert len(found) == 4
    assert found[-1].ios == 1800
    assert (found[-1].moved, found[-1].written) == (1800 * 4096, 900 * 4096)
    assert found[-1].seconds == pytest.approx(3.0, abs=0.01)
    assert sum(found[-1].latencies.values()) == found[-1].ios
    assert [one.ios for one in found] == sorted(one.ios for one in found)


@pytest.mark.parametrize("version", VERSIONS)
def test_rates_on_the_way_add_up_to_what_fio_logged_at_the_end(version: str) -> None:
    found = [Totals(), *(totals(text) for text in reports(f"{version}/mix.out"))]
    rates = [between(*pair) for pair in itertools.pairwise(found)]
    lines = [line.split(", ") for line in out(f"{version}/iops.log").splitlines()]
    logged = [sum(int(line[1]) for line in two) for two in zip(lines[::2], lines[1::2], strict=True)]
    ours = [one.iops for one in rates if one is not None and one.seconds > 0.5]
    assert min(logged) * 0.95 < min(ours) < max(ours) < max(logged) * 1.1
    assert sum(one.iops * one.seconds for one in rates if one) == pytest.approx(1800)
    assert sum(one.bandwidth * one.seconds for one in rates if one) == pytest.approx(1800 * 4096)


def test_rates_by_hand() -> None:
    before, after = Totals(ios=10, moved=100, seconds=1, waited=0.5), Totals(0, 40, 400, 0, 3, 1.25)
    assert between(before, after) == Rates(2, 15, 150, 0.025)
    assert between(before, before) is None


def test_a_second_without_io_is_a_true_zero_and_has_no_latency() -> None:
    assert between(Totals(ios=5, seconds=1), Totals(ios=5, seconds=2)) == Rates(1, 0, 0, None)


def test_io_under_way_is_not_completed() -> None:
    report = json.loads(reports("3.25/mix.out")[1])["jobs"][0]
    assert report["read"]["total_ios"] + report["write"]["total_ios"] == 1102
    assert totals(reports("3.25/mix.out")[1]).ios == 1100


@pytest.mark.parametrize("chunk", [37, 1000, 10**6])
def test_reports_are_cut_wherever_the_pipe_cuts(chunk: int) -> None:
    assert reports("3.41/mix.out", chunk) == reports("3.41/mix.out")


def test_what_is_no_report_is_noise() -> None:
    cutter = Reports()
    assert cutter.feed(b"}\nfio: hm\n{\n1\n}\n\xff{\n{\n") == ["{\n1\n}"]
    cutter.end()
    assert (cutter.last, cutter.noise) == ("{\n1\n}", b"}\nfio: hm\n\xff{\n{\n")


def test_endless_garbage_takes_no_memory() -> None:
    cutter = Reports()
    for _ in range(10):
        assert cutter.feed(b"{\n" + b"x" * 2**20) == []
    assert len(cutter.noise) <= 4 * 2**20


def test_quantiles_are_fios_own() -> None:
    assert quantiles(totals(last("fdatasync/out")).syncs) == {
        "0.5": 41728,
        "0.9": json.loads(last("fdatasync/out"))["jobs"][0]["sync"]["lat_ns"]["percentile"]["90.000000"],
        "0.99": 123392,
        "0.999": 3686400,
    }


@pytest.mark.parametrize(
    ("count", "known"),
    [
        (0, set()),
        (1, set()),
        (2, {"0.5"}),
        (99, {"0.5", "0.9"}),
        (999, {"0.5", "0.9", "0.99"}),
        (1000, {"0.5", "0.9", "0.99", "0.999"}),
    ],
)
def test_a_quantile_needs_enough_observations(count: int, known: set[str]) -> None:
    assert quantiles({100: count} if count else {}).keys() == known


def test_quantiles_by_hand() -> None:
    assert quantiles({30: 1, 10: 90, 20: 909}) == {"0.5": 20, "0.9": 20, "0.99": 20, "0.999": 20}
    assert quantiles({10: 89, 20: 10, 30: 1}) == {"0.5": 10, "0.9": 20, "0.99": 20}


def test_a_report_after_a_warning_is_found() -> None:
    assert out("terminated/out").startswith("\nfio: terminating on signal 15\n{")
    assert totals(last("terminated/out")).ios > 0


@pytest.mark.parametrize(
    "text", ["", "fio: what?\n", "\0\xff{", out("3.33/mix.out")[:9000], "[1]", "{}", '{"jobs": []}']
)
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"report|fio 3"):
        totals(text)


def test_an_old_fio_is_refused_and_a_new_one_is_not() -> None:
    text = last("3.33/mix.out")
    with pytest.raises(ValueError, match=r"fio 3 is needed, this is fio-2\.16"):
        totals(text.replace("fio-3.33", "fio-2.16"))
    assert totals(text.replace("fio-3.33", "fio-3.61-12-gab")) == totals(text)


def test_what_fio_does_not_say_is_not_zero() -> None:
    report = json.loads(last("3.33/mix.out"))
    del report["jobs"][0]["write"]
    assert totals(json.dumps(report)).written is None
    with pytest.raises(ValueError, match="lacks something"):
        totals(changed("3.33/mix.out", read={"io_bytes": 1}))


def fake_fio(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Puts a Python program before the real fio."""
    path = folder / "bin" / "fio"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\n{program}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "1000"], preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
print(child.pid, flush=True)
open("ready", "w").close()
time.sleep(1000)
"""


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def test_a_fio_that_heeds_no_request_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_fio(tmp_path, monkeypatch, STUBBORN)
    monkeypatch.setattr(_fio, "STOP", 0.2)
    with _fio.FioProcess([], tmp_path) as process:
        wait_for(tmp_path / "ready")
        assert not process.wait(0.05)
    left = process.left()
    assert (left.code, left.stopped) == (-9, True)
    child = int(left.noise)
    psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=5)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_fio_that_ends_by_itself_is_not_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_fio(
        tmp_path, monkeypatch, "import sys; print('out'); print(*sys.argv[1:], file=sys.stderr); sys.exit(3)"
    )
    with _fio.FioProcess(["--a", "b"], tmp_path) as process:
        assert process.wait(30)
    assert process.left() == _fio.Left("", "out\n", "--a b\n", 3, stopped=False)


def interrupt(process: _fio.FioProcess, ready: Path) -> None:
    with process:
        wait_for(ready)
        raise KeyboardInterrupt


def test_fio_does_not_outlive_an_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_fio(
        tmp_path, monkeypatch, "import time; print('begun', flush=True); open('ready', 'w'); time.sleep(1000)"
    )
    process = _fio.FioProcess([], tmp_path)
    with pytest.raises(KeyboardInterrupt):
        interrupt(process, tmp_path / "ready")
    assert process.left() == _fio.Left("", "begun\n", "", -15, stopped=True)
