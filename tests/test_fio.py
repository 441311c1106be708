"""What fio writes is understood, and never more than it says; what it starts never stays."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from vpsbench.probes import _fio
from vpsbench.probes._fio_output import mean, quantiles, seconds, totals

CAPTURED = Path(__file__).parent / "fixtures/fio"  # by fio 3.33, on a file of 32 MiB


def out(case: str) -> str:
    return (CAPTURED / case / "out").read_text()


def logs(case: str) -> tuple[str, str, str]:
    iops, bandwidth, latency = (
        (CAPTURED / case / f"{kind}.log").read_text() for kind in ("iops", "bw", "clat")
    )
    return iops, bandwidth, latency


def changed(case: str, **fields: Any) -> str:  # noqa: ANN401  any JSON
    report = json.loads(out(case))
    report["jobs"][0] |= fields
    return json.dumps(report)


def test_totals_of_a_mix_are_those_of_both_directions() -> None:
    found = totals(out("mix"))
    assert (found.error, found.ios, found.seconds) == (0, 166930 + 71227, 3.301)
    assert (found.moved, found.written) == (683745280 + 291745792, 291745792)
    assert sum(found.latencies.values()) == found.ios
    assert not found.syncs


def test_quantiles_are_fios_own() -> None:
    assert quantiles(totals(out("fdatasync")).syncs) == {
        "0.5": 41728,
        "0.9": json.loads(out("fdatasync"))["jobs"][0]["sync"]["lat_ns"]["percentile"]["90.000000"],
        "0.99": 123392,
        "0.999": 3686400,
    }


def test_mean_is_as_exact_as_the_bins() -> None:
    ours = mean(totals(out("terminated")).latencies)
    theirs = json.loads(out("terminated").split("\n", 2)[2])["jobs"][0]["read"]["clat_ns"]["mean"]
    assert ours == pytest.approx(theirs, rel=0.02)
    assert mean({}) is None


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


def test_a_report_after_warnings_is_found() -> None:
    assert out("terminated").startswith("\nfio: terminating on signal 15\n{")
    assert totals(out("terminated")).ios > 0
    assert totals("{not json\n" + out("mix")) == totals(out("mix"))


@pytest.mark.parametrize(
    "text", ["", "fio: what?\n", "\0\xff{", out("mix")[:9000], "[1]", "{}", '{"jobs": []}']
)
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"report|fio 3"):
        totals(text)


def test_an_old_fio_is_refused_and_a_new_one_is_not() -> None:
    with pytest.raises(ValueError, match=r"fio 3 is needed, this is fio-2\.16"):
        totals(out("mix").replace("fio-3.33", "fio-2.16"))
    assert totals(out("mix").replace("fio-3.33", "fio-3.41-12-gab")) == totals(out("mix"))


def test_what_fio_does_not_say_is_not_zero() -> None:
    report = json.loads(out("mix"))
    del report["jobs"][0]["write"]
    assert totals(json.dumps(report)).written is None
    with pytest.raises(ValueError, match="lacks something"):
        totals(changed("mix", read={"io_bytes": 1}))


def test_seconds_join_both_directions() -> None:
    first, *_, last = found = seconds(*logs("mix"))
    assert len(found) == 3
    assert (first.end, first.iops) == (1795436337225, 51304 + 21907)
    assert first.bandwidth == (205194 + 87628) * 1024
    assert first.latency == pytest.approx((404536 * 51304 + 490502 * 21907) / (51304 + 21907) / 1e9)
    assert last.end == 1795436339224


def test_a_second_without_io_is_missing_not_zero() -> None:
    found = seconds("1000, 5, 0, 0, 0\n4001, 7, 0, 0, 0\n", "", "4001, 9000, 0, 0, 0\n")
    assert [(second.end, second.iops, second.bandwidth) for second in found] == [
        (1000, 5, None),
        (4001, 7, None),
    ]
    assert [second.latency for second in found] == [None, 9e-6]


def test_a_latency_that_lacks_a_direction_is_missing() -> None:
    (second,) = seconds("1000, 5, 0, 0\n1001, 5, 1, 0\n", "1000, 20, 0, 0\n", "1000, 9000, 0, 0\n")
    assert (second.iops, second.bandwidth, second.latency) == (10, 20480, None)


def test_logs_of_other_versions() -> None:
    (second,) = seconds(
        "1000, 5, 0, 4096\n", "1000, 20, 0, 4096, 0, 0x0004\n", "1000, 9000, 0, 4096, 0, 0, 1, 2\n10"
    )
    assert (second.iops, second.bandwidth, second.latency) == (5, 20480, 9e-6)
    with pytest.raises(ValueError, match="invalid literal"):
        seconds("what, 5, 0, 0\n", "", "")


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
    with _fio.Process([], tmp_path) as process:
        wait_for(tmp_path / "ready")
        assert not process.wait(0.05)
    left = process.left()
    assert (left.code, left.stopped) == (-9, True)
    child = int(left.out)
    psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=5)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_fio_that_ends_by_itself_is_not_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_fio(
        tmp_path, monkeypatch, "import sys; print('out'); print(*sys.argv[1:], file=sys.stderr); sys.exit(3)"
    )
    with _fio.Process(["--a", "b"], tmp_path) as process:
        assert process.wait(30)
    assert process.left() == _fio.Left("out\n", "--a b\n", 3, stopped=False)


def interrupt(process: _fio.Process, ready: Path) -> None:
    with process:
        wait_for(ready)
        raise KeyboardInterrupt


def test_fio_does_not_outlive_an_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_fio(
        tmp_path, monkeypatch, "import time; print('begun', flush=True); open('ready', 'w'); time.sleep(1000)"
    )
    process = _fio.Process([], tmp_path)
    with pytest.raises(KeyboardInterrupt):
        interrupt(process, tmp_path / "ready")
    assert process.left() == _fio.Left("begun\n", "", -15, stopped=True)
