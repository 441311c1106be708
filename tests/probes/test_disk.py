"""Turns of the disk probe: what it runs, and what it leaves when fio or the disk misbehaves."""

from __future__ import annotations

import dataclasses
import errno
import os
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.probes.collected import Collected
from tests.probes.fake_fio import MIB, TWO, fake, request
from tests.probes.test_disk_file import left_by_others
from vpsbench.model import Metric
from vpsbench.probes import Unavailable, disk
from vpsbench.probes.conduct.duty_cycle import DutyCycle
from vpsbench.probes.disk import Options, run
from vpsbench.probes.disk_file.metrics import WRITTEN
from vpsbench.probes.fio.engine import FioError
from vpsbench.probes.fio.metrics import CACHED, CPU, DIRECT


@pytest.mark.parametrize(
    "wrong",
    [{"jobs": ("nosuch",)}, {"jobs": ()}, {"jobs": ("mix", "mix")}, {"seconds": -1}, {"file_size": -1}],
)
def test_wrong_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"jobs|negative"):
        Options(**wrong)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("burst", "detail"),
    [
        ("echo what?; exit 0", "no whole JSON report in fio's output; exit status 0"),
        ("head -c 900 {good}", "no whole JSON report in fio's output; exit status 0"),
        ("head -c 900 {good}; echo; echo '}'; cat {good}", "fio's report is no JSON"),
        ("echo '{'; echo '}'", "JSON report is of no job"),
        ("echo 'fio: bad option' >&2; exit 1", "exit status 1: fio: bad option"),
        ("kill -9 $$", "signal 9"),
    ],
)
def test_one_failed_job_loses_nothing_else(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, burst: str, detail: str
) -> None:
    fake(tmp_path, monkeypatch, burst.replace("{good}", str(tmp_path / "good.json")))
    emit = Collected()
    run(request(folder, 10, TWO), emit)
    ((kind, found),) = emit.events
    assert kind == "disk.failed"
    assert found.startswith("burst: ")
    assert detail in found
    assert emit.values(DIRECT.iops, job="randread-qd1") == [7]
    assert "randread-qd1.json" in emit.raws
    assert emit.raws["randread-qd1.iops.log"] == "1000, 7, 0, 0, 0\n"
    assert list(folder.iterdir()) == []


def test_a_job_that_hangs_is_stopped(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, monkeypatch, "echo $$; exec sleep 1000")
    monkeypatch.setattr(disk, "GRACE", 0.2)
    emit = Collected()
    run(request(folder, 60, dataclasses.replace(TWO, burst=1.0, seconds=1.0)), emit)
    assert emit.kinds == ["disk.hung", "disk.failed"]
    assert "signal 15 after we stopped it" in emit.events[1][1]
    assert not psutil.pid_exists(int(emit.raws["burst.stdout"]))
    assert emit.values(DIRECT.quantile, job="randread-qd1")


def test_at_half_duty_jobs_are_shorter_and_a_rest_as_long_as_each_follows(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, f'echo "$*" >&2; sleep 0.5; cat {tmp_path}/good.json')
    slept: list[float] = []
    monkeypatch.setattr(disk, "DutyCycle", lambda duty, seconds: DutyCycle(duty, seconds, sleep=slept.append))
    emit = Collected()
    run(request(folder, 19, TWO, duty=0.5), emit)
    assert "--runtime=3" in emit.raws["burst.stderr"]  # half of 19 s, less 1 s of overhead each
    assert emit.kinds == []
    assert 0.5 <= max(slept) < 19  # the turn has no more
    assert len(slept) == 6  # after each of four blocks of the file and each of two jobs


def test_warnings_before_the_report_do_no_harm(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, f"echo 'fio: note'; cat {tmp_path}/good.json; echo 'uh' >&2")
    emit = Collected()
    run(request(folder, 10, TWO), emit)
    assert emit.events == []
    assert emit.raws["burst.stderr"] == "uh\n"
    assert emit.values(DIRECT.iops, job="burst") == [7]
    assert emit.values(DIRECT.latency, job="burst")[0] == 9e-6


def test_an_engine_that_is_refused_is_replaced(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, "exit 1", io_uring="echo 'fio: not permitted' >&2; exit 1")
    emit = Collected()
    run(request(folder, 10, TWO), emit)
    assert emit.kinds == ["disk.engine", "disk.failed"]
    assert emit.events[0][1].startswith("libaio is used; io_uring: ")
    assert "not permitted" in emit.events[0][1]


def test_no_job_that_succeeds_is_an_error(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, "exit 1")
    with pytest.raises(FioError, match="not one"):
        run(request(folder, 10, dataclasses.replace(TWO, jobs=("burst",))), Collected())
    assert list(folder.iterdir()) == []


def test_what_was_heard_before_fio_was_killed_stays(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, f"cat {tmp_path}/good.json; kill -9 $$")
    emit = Collected()
    run(request(folder, 10, TWO), emit)
    assert emit.kinds == ["disk.failed"]
    assert "signal 9" in emit.events[0][1]
    assert emit.values(DIRECT.iops, job="burst") == [7]


def test_a_killed_writer_is_charged_all_that_it_might_have_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, "exit 1", other="kill -9 $$")
    emit = Collected()
    with pytest.raises(FioError):
        run(request(folder, 10, Options(jobs=("randwrite-qd1",), file_size=16 * MIB), 100 * MIB), emit)
    assert sum(emit.values(WRITTEN)) == 100 * MIB


def test_noise_between_reports_is_an_event(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, f"echo 'fio: this is fine'; cat {tmp_path}/good.json; echo '<<garbage>>'")
    emit = Collected()
    run(request(folder, 10, TWO), emit)
    assert emit.events == [("disk.garbage", "burst: fio also said '<<garbage>>'")]
    assert "<<garbage>>" in emit.raws["burst.stdout"]


def test_a_full_disk_ends_the_turn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, _data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), descriptor)

    monkeypatch.setattr(os, "write", full)
    emit = Collected()
    run(request(folder, 10, TWO), emit)
    assert emit.kinds == ["disk.full"]
    assert list(folder.iterdir()) == []


def test_a_disk_that_fills_up_under_a_job_ends_the_turn(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, f'sed \'s/"error": 0/"error": {errno.ENOSPC}/\' {tmp_path}/good.json; exit 1')
    emit = Collected()
    run(request(folder, 10, TWO), emit)
    assert emit.kinds == ["disk.failed", "disk.full"]
    assert not emit.values(DIRECT.iops, job="randread-qd1")


def test_the_file_goes_once_others_need_its_room(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, f"cat {tmp_path}/good.json; exec sleep 1000")

    class Crowded(Collected):
        def sample(self, metric: Metric, value: float, at: float | None = None, **labels: str) -> None:
            super().sample(metric, value, at, **labels)
            if metric == DIRECT.iops:
                left_by_others(monkeypatch, 0.07)

    emit = Crowded()
    run(request(folder, 10, TWO), emit)
    assert emit.kinds == ["disk.full"]
    assert "less than 7.5% of the file system free" in emit.events[0][1]
    assert list(folder.iterdir()) == []


def test_memory_is_no_disk() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        with pytest.raises(Unavailable, match=r"in memory, not on a disk \(tmpfs"):
            run(request(Path(path), 10, TWO), Collected())
        assert list(Path(path).iterdir()) == []


def test_a_file_system_without_direct_io_is_said_and_results_are_marked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    fake(tmp_path, monkeypatch, f'echo "$*" >&2; cat {tmp_path}/good.json')
    emit = Collected()
    run(request(folder, 10, dataclasses.replace(TWO, jobs=("burst", "flush"))), emit)
    assert emit.kinds == ["disk.cached", "disk.skipped"]
    assert "takes no direct I/O" in emit.events[0][1]
    assert "--direct=0" in emit.raws["burst.stderr"]
    assert emit.values(CACHED.iops, job="burst")[0] == 7
    assert emit.told() - set(CACHED) == {WRITTEN, CPU}


def test_no_budget_no_turn(folder: Path) -> None:
    with pytest.raises(Unavailable, match="8 MiB may still be written"):
        run(request(folder, 10, TWO, budget=8 * MIB), Collected())


def test_no_fio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install fio" in str(disk.missing(None))  # type: ignore[arg-type]  # no guest is looked at
