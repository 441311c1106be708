"""What the kernel writes, on the odd forms that it takes."""

from __future__ import annotations

import pytest

from vpsbench.kernel_text import cpu_list, meminfo, schedstat, stat, vmstat

STAT = "cpu  9 9 9 9 9 9 9 9\ncpu0 1 2 3 4 5 6 7 8 9 10 11\ncpu1 1 2 3 4 5 6 7\ncpu12 1 2 3 4\nintr 5 0"


@pytest.mark.parametrize(
    ("text", "expected"), [("0", (0,)), ("0-3,8", (0, 1, 2, 3, 8)), ("2,4-5,7", (2, 4, 5, 7))]
)
def test_a_list_of_cpus_names_each_of_them(text: str, expected: tuple[int, ...]) -> None:
    assert cpu_list.cpus(text) == expected


@pytest.mark.parametrize("text", ["", "0-", "-3", "all", "0 1", "0,,2", "0-3\n"])
def test_what_is_no_list_of_cpus_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a list of CPUs"):
        cpu_list.cpus(text)


def test_the_times_of_a_cpu_are_those_that_its_kernel_counts() -> None:
    assert stat.ticks(STAT, "cpu0") == dict(zip(stat.STATES, range(1, 11), strict=True))
    assert "steal" not in stat.ticks(STAT, "cpu1")
    assert stat.ticks(STAT, "cpu12") == {"user": 1, "nice": 2, "system": 3, "idle": 4}
    assert stat.ticks(STAT, "cpu2") == stat.ticks("", "cpu") == {}
    assert stat.ticks("cpu 1 2 x 4", "cpu") == {"user": 1, "nice": 2}
    assert list(stat.vcpus({stat.FILE: STAT})) == ["0", "1", "12"]


@pytest.mark.parametrize("text", ["7 345 9", b"7 345 9\n"])
def test_the_run_queue_delay_stands_behind_the_run_time(text: str | bytes) -> None:
    assert schedstat.run_queue_delay(text) == 345


@pytest.mark.parametrize(("text", "counted"), [("0 0 0", False), ("", False), ("7 0 1", True)])
def test_three_zeros_mean_that_nothing_is_counted(text: str, counted: bool) -> None:  # noqa: FBT001  an outcome
    assert schedstat.counted(text) is counted


def test_amounts_are_bytes_and_what_is_no_amount_is_left_out() -> None:
    text = "MemTotal:  4 kB\nMemFree: 1 MB\nSwapFree:\nHugePages_Total: 0"
    names = ("MemTotal", "MemFree", "SwapFree", "HugePages_Total", "Cached")
    assert meminfo.amounts(text, *names) == {"MemTotal": 4096}


def test_counts_of_the_memory_management_are_taken_by_their_whole_names() -> None:
    assert vmstat.counts("pswpin_extra 1\npswpin 2\npswpout 3", "pswpin", "oom_kill") == {"pswpin": 2}
