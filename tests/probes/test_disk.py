"""The disk probe: what it may use, what it runs, and what it leaves when fio or the disk misbehaves."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import mmap
import os
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.places import FIXTURES, TREE
from vpsbench.probes import Request, Unavailable, disk
from vpsbench.probes.conduct.duty_cycle import Pace
from vpsbench.probes.disk import Options, run
from vpsbench.probes.disk_file.flush import Series
from vpsbench.probes.disk_file.layout import BLOCK, Target, file_size, lay_out, make_way, resident
from vpsbench.probes.fio.engine import FioError
from vpsbench.probes.fio.jobs import BURST, FLUSH, JOBS, JobName, arguments, budget_for, seconds_for

MIB = 1024**2
CAPTURED = FIXTURES / "fio"
TARGET = Target(Path("/a:b/data"), 64 * MIB, direct=True)


@dataclass
class Collected:
    """An ``Emit`` that keeps everything."""

    samples: dict[tuple[str, str], list[tuple[float, float | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    events: list[tuple[str, str]] = field(default_factory=list)
    raws: dict[str, str] = field(default_factory=dict)

    def sample(self, metric: str, value: float, at: float | None = None, **labels: str) -> None:
        label = labels["dirty"] if metric == "disk.flush.latency" else labels["job"]
        self.samples[metric.removeprefix("disk.fio."), label].append((value, at))

    def course(self, metric: str, values: Sequence[float], at: Sequence[float], **labels: str) -> None:
        raise AssertionError((metric, values, at, labels))

    def event(self, kind: str, detail: str) -> None:
        self.events.append((kind, detail))

    def raw(self, name: str, text: str) -> None:
        self.raws[name] = text

    def note(self, text: str) -> None:
        assert text

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]

    def written(self) -> float:
        return sum(
            value for (name, _), found in self.samples.items() for value, _ in found if name == "written"
        )


@pytest.fixture
def folder() -> Iterator[Path]:
    """On a disk: pytest's own folders may lie in memory."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as path:
        yield Path(path)


def request(
    folder: Path, seconds: float, options: Options, budget: int = 256 * MIB, duty: float = 1.0
) -> Request:
    return Request(seconds, options, budget, str(folder), (0,), 1, duty)


# --- arithmetic --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "memory", "free", "total", "budget", "size"),
    [
        (0, 100, 10_000, 10_000, 10_000, 200),  # twice the memory
        (0, 5000, 5500, 10_000, 10_000, 2000),  # half of what is free beyond 15 %
        (0, 5000, 5500, 10_000, 400, 400),  # the budget
        (3000, 100, 10_000, 10_000, 10_000, 3000),  # as asked for
        (3000, 100, 2500, 10_000, 10_000, 1000),  # as asked for, but 15 % stay free
        (3000, 100, 1400, 10_000, 10_000, 0),
    ],
)
def test_size_of_the_file(  # noqa: PLR0913, PLR0917  one row of the table
    wanted: int, memory: int, free: int, total: int, budget: int, size: int
) -> None:
    found = file_size(*(value * BLOCK for value in (wanted, memory, free, total, budget)))
    assert found == size * BLOCK


def test_size_is_in_whole_blocks() -> None:
    assert file_size(2 * BLOCK + 1, 0, 100 * BLOCK, 100 * BLOCK, 100 * BLOCK) == 2 * BLOCK


def test_time_is_shared_out() -> None:
    jobs: list[JobName] = list(JOBS)
    assert len(jobs) == 11
    assert seconds_for(BURST, jobs, 161, 0, 0) == 50  # a third of the 150 that are left beside the overhead
    assert seconds_for("randread-qd1", jobs[1:], 110, 0, 0) == 10
    assert seconds_for("seqwrite", ["seqwrite"], 12.5, 0, 0) == 11


def test_time_asked_for_is_given_while_it_lasts() -> None:
    jobs: list[JobName] = ["burst", "seqread", "mix"]
    assert seconds_for("burst", jobs, 100, 0, 50) == 50
    assert seconds_for("seqread", jobs[1:], 49, 20, 50) == 20
    assert seconds_for("mix", jobs[2:], 10, 20, 50) == 9
    assert seconds_for("mix", jobs[2:], 1.5, 20, 50) == 0
    assert seconds_for("burst", list(JOBS), 6.0, 0, 0) == 1  # too little for all: the first ones run
    assert seconds_for("mix", jobs[2:], -5, 0, 0) == 0
    assert seconds_for("burst", jobs, 43, 10, 0) == 20  # 3 of overhead and 2 times 10 are not its own


def test_budget_is_shared_among_those_that_write() -> None:
    jobs: list[JobName] = ["seqread", "fdatasync", "mix"]
    assert budget_for("seqread", jobs, 100) == 0
    assert budget_for("fdatasync", jobs[1:], 100) == 50
    assert budget_for("mix", jobs[2:], 90) == 90


@pytest.mark.parametrize("name", list(JOBS))
def test_only_jobs_that_cannot_write_run_without_a_limit(name: JobName) -> None:
    line = arguments(name, TARGET, "libaio", 5, 100 * MIB)
    limits = [int(word.split("=")[1]) for word in line if word.startswith("--io_size=")]
    assert ("--time_based" in line) == (not limits) == (JOBS[name].writes == 0)
    assert all(limit * JOBS[name].writes < 100 * MIB for limit in limits)
    assert "--runtime=5" in line


def test_the_line_says_what_is_measured() -> None:
    line = arguments("mix", TARGET, "io_uring", 5, 100 * MIB)
    assert {
        "--rw=randrw",
        "--rwmixread=70",
        "--bs=4096",
        "--iodepth=32",
        "--direct=1",
        "--norandommap",
        r"--filename=/a\:b/data",
    } < set(line)
    assert "--fdatasync=1" in arguments("fdatasync", TARGET, "io_uring", 5, 100 * MIB)


@pytest.mark.parametrize(
    "wrong",
    [{"jobs": ("nosuch",)}, {"jobs": ()}, {"jobs": ("mix", "mix")}, {"seconds": -1}, {"file_size": -1}],
)
def test_wrong_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"jobs|negative"):
        Options(**wrong)  # type: ignore[arg-type]  # wrong on purpose


# --- a fio that misbehaves ---------------------------------------------------------------------------

FAKE = """#!/bin/sh
case "$*" in
  *--name=engine*--ioengine=io_uring*) {io_uring};;
  *--name=engine*) cat {good};;
  *--name=burst*) {burst};;
  *--name=randread-qd1*) cat {good}; echo '1000, 7, 0, 0, 0' > randread-qd1_iops.1.log;;
  *) {other};;
esac
"""
TWO = Options(jobs=("burst", "randread-qd1"), file_size=16 * MIB)


def fake(
    folder: Path, monkeypatch: pytest.MonkeyPatch, burst: str, io_uring: str = "", other: str = "exit 9"
) -> None:
    """A fio whose burst job does something else; its other one succeeds with 7 I/Os."""
    report = json.loads((CAPTURED / "3.33/mix.out").read_text().partition("\n}\n")[0] + "}")
    good = folder / "good.json"
    job = report["jobs"][0]
    job["write"] |= {"io_bytes": 0, "runtime": 0, "clat_ns": {"N": 0, "mean": 0.0}}
    job["read"] |= {
        "io_bytes": 28672,
        "runtime": 1000,
        "clat_ns": {"N": 7, "mean": 9000.0, "bins": {"9000": 7}},
    }
    good.write_text(json.dumps(report, indent=1) + "\n")
    path = folder / "bin/fio"
    path.parent.mkdir()
    path.write_text(FAKE.format(good=good, burst=burst, io_uring=io_uring or f"cat {good}", other=other))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)


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
    assert [value for value, _ in emit.samples["iops", "randread-qd1"]] == [7]
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
    assert ("latency_quantile", "randread-qd1") in emit.samples


def test_at_half_duty_jobs_are_shorter_and_a_rest_as_long_as_each_follows(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, f'echo "$*" >&2; sleep 0.5; cat {tmp_path}/good.json')
    slept: list[float] = []
    monkeypatch.setattr(disk, "Pace", lambda duty, seconds: Pace(duty, seconds, sleep=slept.append))
    emit = Collected()
    run(request(folder, 19, TWO, duty=0.5), emit)
    assert "--runtime=3" in emit.raws["burst.stderr"]  # half of 19 s, less 1 s of overhead each
    assert emit.kinds == []
    assert 0.5 <= max(slept) < 5
    assert len(slept) == 6  # after each of four blocks of the file and each of two jobs


def test_warnings_before_the_report_do_no_harm(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, f"echo 'fio: note'; cat {tmp_path}/good.json; echo 'uh' >&2")
    emit = Collected()
    run(request(folder, 10, TWO), emit)
    assert emit.events == []
    assert emit.raws["burst.stderr"] == "uh\n"
    ((iops, _),) = emit.samples["iops", "burst"]
    assert iops == 7
    assert emit.samples["latency", "burst"][0][0] == 9e-6


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
    assert [value for value, _ in emit.samples["iops", "burst"]] == [7]


def test_a_killed_writer_is_charged_all_that_it_might_have_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, "exit 1", other="kill -9 $$")
    emit = Collected()
    with pytest.raises(FioError):
        run(request(folder, 10, Options(jobs=("randwrite-qd1",), file_size=16 * MIB), 100 * MIB), emit)
    assert emit.written() == 100 * MIB


def test_noise_between_reports_is_an_event(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, f"echo 'fio: this is fine'; cat {tmp_path}/good.json; echo '<<garbage>>'")
    emit = Collected()
    run(request(folder, 10, TWO), emit)
    assert emit.events == [("disk.garbage", "burst: fio also said '<<garbage>>'")]
    assert "<<garbage>>" in emit.raws["burst.stdout"]


# --- a disk that misbehaves --------------------------------------------------------------------------


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
    assert ("iops", "randread-qd1") not in emit.samples


def left_by_others(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """From now on so much of each file system is free."""
    rest = round(1000 * share)
    found = os.statvfs_result((4096, 4096, 1000, rest, rest, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: found)


def test_the_file_goes_once_others_need_its_room(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, f"cat {tmp_path}/good.json; exec sleep 1000")

    class Crowded(Collected):
        def sample(self, metric: str, value: float, at: float | None = None, **labels: str) -> None:
            super().sample(metric, value, at, **labels)
            if metric.endswith("iops"):
                left_by_others(monkeypatch, 0.07)

    emit = Crowded()
    run(request(folder, 10, TWO), emit)
    assert emit.kinds == ["disk.full"]
    assert "less than 7.5% of the file system free" in emit.events[0][1]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("share", [0.08, 0.5])
def test_room_enough_for_others(folder: Path, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    left_by_others(monkeypatch, share)
    make_way(folder)


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
    assert emit.samples["disk.cached.iops", "burst"][0][0] == 7
    assert {name for name, _ in emit.samples if not name.startswith("disk.cached.")} == {"written", "cpu"}


@pytest.mark.parametrize("kept", [True, False])
def test_direct_io_that_memory_keeps_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    """As on ext4 that journals data."""
    if kept:
        real = os.preadv

        def through_the_cache(descriptor: int, buffers: list[mmap.mmap], offset: int) -> int:
            (folder / "data").read_bytes()
            return real(descriptor, buffers, offset)

        monkeypatch.setattr(os, "preadv", through_the_cache)
    target = lay_out(folder / "data", BLOCK, math.inf, np.random.default_rng(1).bytes, Pace(1.0))
    assert target.direct != kept


def test_what_cannot_be_mapped_lies_in_no_cache(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    assert not resident(descriptor)
    os.close(descriptor)


def test_the_free_part_of_the_file_system_stays_free(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def filling(_: int) -> os.statvfs_result:
        return os.statvfs_result((4096, 4096, 1000, 150, 150, 0, 0, 0, 0, 255))

    monkeypatch.setattr(os, "fstatvfs", filling)
    written: list[int] = []
    random = np.random.default_rng(1)
    target = lay_out(folder / "data", 16 * BLOCK, math.inf, random.bytes, Pace(1.0), written.append)
    assert target.size == sum(written) == BLOCK


def test_no_budget_no_turn(folder: Path) -> None:
    with pytest.raises(Unavailable, match="8 MiB may still be written"):
        run(request(folder, 10, TWO, budget=8 * MIB), Collected())


def test_no_fio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install fio" in str(disk.missing(None))  # type: ignore[arg-type]  # no guest is looked at


@pytest.mark.parametrize(("budget", "largest"), [(500, 1), (300, 0), (16, 0)])
def test_flushes_of_all_sizes_heed_the_budget(
    monkeypatch: pytest.MonkeyPatch, budget: int, largest: int
) -> None:
    for name, answer in (("open", 9), ("close", None), ("fdatasync", None)):
        monkeypatch.setattr(os, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(os, "pwrite", lambda _descriptor, data, _offset: len(data))
    written: list[int] = []
    dirty: list[int] = []
    took = Series(TARGET, np.random.default_rng(1), written.append, lambda size, _: dirty.append(size))
    took.run(math.inf, budget * MIB)
    assert sum(written) <= budget * MIB
    assert dirty.count(256 * MIB) == largest
    assert 256 * MIB not in dirty[:20]  # it takes long: the others are known before it
    assert {0, 4096} <= set(dirty) or budget < 20


def test_no_page_that_is_flushed_is_like_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(8 * BLOCK))
    real = os.open
    monkeypatch.setattr(os, "open", lambda file, flags: real(file, flags & ~os.O_DIRECT))
    series = Series(
        Target(path, 8 * BLOCK, direct=True), np.random.default_rng(1), lambda _: None, lambda *_: None
    )
    series.run(math.inf, 8 * BLOCK)
    data = path.read_bytes()
    pages = [page for start in range(0, len(data), 4096) if any(page := data[start : start + 4096])]
    assert len(set(pages)) == len(pages) > 1000


# --- the real fio ------------------------------------------------------------------------------------


@pytest.mark.system
def test_every_job_measures_and_heeds_the_budget(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hurried(name: str, target: Target, engine: str, seconds: int, budget: int) -> list[str]:
        """A second is long where there are eleven jobs; only the burst is to show more than one report."""
        line = arguments(name, target, engine, seconds, budget)
        return line if name == BURST else [word.replace("--runtime=1", "--runtime=400ms") for word in line]

    monkeypatch.setattr(disk, "arguments", hurried)
    emit, budget = Collected(), 256 * MIB
    run(request(folder, 60, Options(seconds=1.0, burst=2.0, file_size=32 * MIB), budget), emit)
    assert set(emit.kinds) <= {"disk.engine", "disk.silent"}
    for name in JOBS.keys() - {FLUSH}:
        assert emit.samples["latency_quantile", name], name
        if name == "seqwrite" and not emit.samples["iops", name]:
            continue  # a quick disk writes all that the budget allows before a rate can be told
        assert emit.samples["iops", name], name
        assert f"{name}.json" in emit.raws
        assert all(value > 0 for value, _ in emit.samples["bandwidth", name])
        assert all(at is None for _, at in emit.samples["iops", name])  # handed over when it was heard
        assert bool(emit.samples["latency", name]) == (name != "fdatasync")
        assert bool(emit.samples["written", name]) == bool(JOBS[name].writes)
    assert sum(value for value, _ in emit.samples["written", "layout"]) == 32 * MIB
    flushes = {
        dirty: len(found) for (name, dirty), found in emit.samples.items() if name == "disk.flush.latency"
    }
    assert flushes.keys() <= {"0", "4096", "1048576", "16777216"}  # the budget has no 256 MiB for one of them
    assert flushes["0"] > 0
    assert 32 * MIB < emit.written() <= budget
    assert list(folder.iterdir()) == []


WORKER = """
import signal, sys
from tests.probes.test_disk import Collected, Path, request
from vpsbench.probes.disk import Options, run
class Printing(Collected):
    def note(self, text):
        print(text, flush=True)
    def sample(self, metric, value, at=None, **labels):
        super().sample(metric, value, at, **labels)
        print(metric, flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
emit = Printing()
try:
    run(request(Path(sys.argv[1]), 300, Options(jobs=("burst",), burst=200.0, file_size=16 << 20)), emit)
finally:
    print("seconds:", len(emit.samples["iops", "burst"]), flush=True)
"""


@pytest.mark.system
def test_a_turn_that_is_ended_keeps_what_it_measured_and_leaves_nothing(folder: Path) -> None:
    root = str(TREE)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    ) as worker:
        assert worker.stdout is not None
        while "disk.fio.iops" not in worker.stdout.readline():
            pass
        fios = psutil.Process(worker.pid).children(recursive=True)
        worker.send_signal(signal.SIGTERM)
        rest = worker.stdout.read()
    assert worker.returncode == 143
    assert int(rest.split("seconds:")[1]) >= 1
    assert fios
    assert psutil.wait_procs(fios, timeout=10)[1] == []
    assert list(folder.iterdir()) == []
