"""Equal and unique pages: how they are laid out, left alone, written to and given back."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.builders.sign_records import build
from tests.probes.collected import Collected
from tests.probes.small_guest import meminfo, write
from vpsbench.guest.files import Files
from vpsbench.probes import Request, Unavailable
from vpsbench.probes import merge as probe
from vpsbench.probes.conduct.clock import now
from vpsbench.probes.conduct.memory_headroom import MemoryHeadroom
from vpsbench.probes.held_memory.duplicate_pages import ARMS, BLOCK, WORDS, DuplicatePages
from vpsbench.probes.merge import (
    AGE,
    FEWEST,
    GUEST_KSM,
    HELD,
    MIB,
    OWN_KSM,
    WRITE,
    Options,
    moments,
    pages_of,
    run,
)

GIB = 1024 * MIB
CALM = {"proc/meminfo": meminfo(512 * MIB, 300 * MIB)}


def request(seconds: float, options: Options) -> Request:
    return Request(seconds, options, 0, "", tuple(sorted(os.sched_getaffinity(0))), 1)


Words = NDArray[np.uint64]


def contents(duplicates: DuplicatePages) -> Words:
    flat: Words = np.frombuffer(duplicates._map, dtype=np.uint64)  # noqa: SLF001  what the host sees
    return flat.reshape(-1, WORDS)


def of(duplicates: DuplicatePages, arm: str) -> Words:
    members: NDArray[np.bool_] = duplicates._arms == ARMS.index(arm)  # noqa: SLF001  likewise
    found: Words = contents(duplicates)[members]
    return found


def test_duplicates_come_in_pairs_and_all_others_are_what_they_are_called() -> None:
    duplicates = DuplicatePages(2 * BLOCK, np.random.default_rng(1))
    for _ in duplicates.fill():
        pass
    _, counts = np.unique(of(duplicates, "duplicate"), axis=0, return_counts=True)
    assert set(counts.tolist()) == {2}
    assert len(np.unique(of(duplicates, "unique"), axis=0)) == 2 * BLOCK
    assert not of(duplicates, "zero").any()
    first = contents(duplicates)[: 3 * BLOCK]
    assert 0.2 < np.mean(first.any(axis=1) == 0) < 0.5  # the arms lie mixed


def test_a_write_leaves_no_two_pages_equal_and_times_each_once() -> None:
    duplicates = DuplicatePages(FEWEST, np.random.default_rng(1))
    for _ in duplicates.fill():
        pass
    found = duplicates.write()
    assert {arm: times.size for arm, times in found.items()} == dict.fromkeys(ARMS, FEWEST)
    assert all((times > 0).all() for times in found.values())
    assert len(np.unique(contents(duplicates), axis=0)) == 3 * FEWEST
    duplicates.give_back()
    assert not contents(duplicates).any()


def test_ages_double_up_to_the_whole_time() -> None:
    assert moments(4, 80.0) == [10.0, 20.0, 40.0, 80.0]
    assert moments(1, 80.0) == [80.0]


@pytest.mark.parametrize(
    ("space", "ages", "pages"),
    [
        (MemoryHeadroom(8 * GIB, 6 * GIB), 4, 4096),
        (MemoryHeadroom(512 * MIB, 300 * MIB), 4, 1920),
        (
            MemoryHeadroom(512 * MIB, 100 * MIB),
            4,
            84,
        ),  # the floor counts, too: 64 MiB and half as much again stay
        (MemoryHeadroom(512 * MIB, 60 * MIB), 1, 0),
    ],
)
def test_pages_are_as_many_as_the_guest_can_spare(space: MemoryHeadroom, ages: int, pages: int) -> None:
    assert pages_of(space, Options(), ages) == pages


def test_a_turn_writes_to_fresh_pages_at_each_age(tmp_path: Path) -> None:
    emit, began = Collected(), now()
    run(request(1.5, Options(pages=FEWEST, ages=3)), emit, write(tmp_path, CALM))
    ages = emit.values(AGE)
    assert len(ages) == 3
    assert ages[0] < ages[1] < ages[2] < now() - began
    assert emit.values(OWN_KSM) == [0, 0, 0]
    size = FEWEST * 3 * 4096
    assert emit.values(HELD) == [size, 2 * size, 3 * size, 2 * size, size, 0, 0]
    counted: dict[tuple[float | None, str, str], float] = defaultdict(float)
    for value, at, labels in emit.samples[WRITE]:
        counted[at, labels["arm"], labels["write"]] += value
    assert set(counted.values()) == {FEWEST}
    assert len(counted) == 3 * 3 * 2
    assert emit.told() <= set(probe.PROBE.metrics)
    assert not emit.events


def test_little_memory_means_fewer_ages_and_too_little_none(tmp_path: Path) -> None:
    emit = Collected()
    run(request(0.3, Options(share=0.08)), emit, write(tmp_path, CALM))
    assert len(emit.values(AGE)) == 2
    with pytest.raises(Unavailable, match="too little memory is available: 60 MiB"):
        run(request(1, Options()), emit, write(tmp_path, {"proc/meminfo": meminfo(512 * MIB, 60 * MIB)}))


def test_a_guest_that_merges_itself_cannot_tell(tmp_path: Path) -> None:
    files = write(tmp_path, {**CALM, GUEST_KSM[1:]: "1\n"})
    with pytest.raises(Unavailable, match=f"own kernel merges equal pages .{GUEST_KSM} is 1"):
        run(request(1, Options()), Collected(), files)


class Shrinking(Files):
    """Available memory that falls below the floor after some looks."""

    looks = 0

    def text(self, name: str) -> str | None:
        if name != "/proc/meminfo":
            return None
        type(self).looks += 1
        return meminfo(512 * MIB, 300 * MIB if self.looks < 20 else 30 * MIB)


def test_all_is_given_back_when_the_guest_needs_its_memory() -> None:
    emit = Collected()
    run(request(30, Options(pages=FEWEST)), emit, Shrinking())
    ((kind, detail),) = emit.events
    assert (kind, emit.values(HELD)[-1]) == ("merge.given_back", 0)
    assert "only 30 MiB were left available, under the floor of 64 MiB: all was given back" in detail


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        (["kvm"], None),
        (["kvm", "docker"], None),
        (["xen-pv"], None),
        (["bare-metal"], "no virtual machine"),
        (["bare-metal", "lxc"], "no virtual machine"),
        (["openvz"], "no virtual machine"),
    ],
)
def test_only_a_machine_within_a_host_has_pages_to_merge(layers: list[str], why: str | None) -> None:
    found = probe.missing(build({"guest": {"layers": layers}}).run.guest)
    assert found is None if why is None else found and why in found


def test_a_tiny_guest_is_left_alone() -> None:
    assert "too little" in (probe.missing(build({"guest": {"memory_total": 100 * MIB}}).run.guest) or "")


@pytest.mark.parametrize("wrong", [{"share": 0.01}, {"pages": 10}, {"ages": 0}, {"floor": -1}])
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Options(**wrong)  # type: ignore[arg-type]  # wrong on purpose
