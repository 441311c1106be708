"""Runs one scenario once: guest, faults, truth, results, and everything undone in the end."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.lab import cgroups, job, places
from tests.lab.clock import now
from tests.lab.container import Container
from tests.lab.errors import Hung, LabError
from tests.lab.faults import AnyFault
from tests.lab.host import Host
from tests.lab.image import Image
from tests.lab.journal import Journal
from tests.lab.quantities import seconds
from tests.lab.scenario import Scenario
from tests.lab.truth import Truth, TruthReader
from tests.lab.vm import VirtualGuest

_BOOT: Final = {"kvm": 90.0, "xen": 180.0, "lxc": 30.0, "openvz": 30.0}  # s; five times what it takes
_SLOW: Final = 2.5  # a run may take that many times its profile's duration, and two minutes more
_LOOK: Final = 0.25  # s between two looks: between them the truth is taken to run straight
_KEPT: Final = ("console.txt", "qemu.txt")


class Stopped(Exception):  # noqa: N818  it is an outcome, not a fault
    """The user wants the lab to end."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all scenarios share.

    Args:
        image: what guests boot from.
        journal: notes what is to be undone.
        out: where each run's database, truth and logs go, a folder a run.
        stop: set when the user wants the lab to end.
    """

    image: Image
    journal: Journal
    out: Path
    stop: threading.Event

    def run(self, scenario: Scenario, profile: dict[str, Any], name: str, seed: int) -> Path:
        """Runs it; returns the folder of its results.

        Raises:
            Skip: this machine lacks something that it needs.
            Hung: the guest was ended by its time limit; what there was of the truth is kept.
            LabError: it failed otherwise.
            Stopped: the user wants the lab to end.
        """
        seen = scenario.guest.model_copy(update={"seen": watches_memory(scenario)})
        # Faults remember what they started; runs go side by side.
        scenario = scenario.model_copy(deep=True, update={"guest": seen})
        out = self.out / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        folder = places.cache() / "running" / name
        truth = Truth()
        with ExitStack() as stack:
            stack.enter_context(self.journal.undoing("folder", path=str(folder)))
            folder.mkdir(parents=True)
            stack.callback(_keep, folder, out, truth)
            cgroup = cgroups.until_the_end(stack, self.journal, name)
            _lay_out(folder, scenario, profile, seed)
            host = Host(folder, self.journal, stack, cgroup, None, truth)
            for fault in scenario.fault:
                fault.prepare(host)
            guest = self._start(stack, scenario, folder, cgroup, truth)
            self._follow(
                scenario, profile, guest, Host(folder, self.journal, stack, cgroup, guest.qmp, truth)
            )
            guest.results(out)
        return out

    def _start(
        self, stack: ExitStack, scenario: Scenario, folder: Path, cgroup: cgroups.Cgroup | None, truth: Truth
    ) -> VirtualGuest | Container:
        began = now()
        kind = VirtualGuest if scenario.guest.virtual else Container
        guest = kind(scenario.guest, self.image, folder, cgroup, self.journal)
        stack.callback(guest.end)
        self._await_mark(guest, began + _BOOT[scenario.guest.platform])
        truth.marks |= guest.console.marks
        truth.facts["boot"] = truth.marks["run"][0] - began
        return guest

    def _await_mark(self, guest: VirtualGuest | Container, until: float) -> None:
        while "run" not in guest.console.marks:
            self._check()
            if not guest.running():
                raise LabError("the guest ended before it had booted; see console.txt and qemu.txt")
            if now() > until:
                raise Hung("the guest did not boot in its time")
            time.sleep(0.05)

    def _follow(
        self, scenario: Scenario, profile: dict[str, Any], guest: VirtualGuest | Container, host: Host
    ) -> None:
        """Until the guest ends: faults at their times, and the truth a few times a second."""
        truth = host.truth
        watch = TruthReader(
            truth,
            pid=guest.pid,
            vcpus=guest.vcpus,
            cgroup=host.cgroup,
            results=host.folder / "results.tar" if scenario.guest.seen else None,
            merging=scenario.guest.merge,
            qmp=guest.qmp,
        )
        began = truth.marks["run"][0]
        until = began + (scenario.limit or 120 + _SLOW * seconds(profile["duration"]))
        due = timeline(scenario.fault, truth)
        step = 0
        while guest.running():
            self._check()
            if now() > until:
                raise Hung(f"the guest was still running after {until - began:.0f} s")
            while due and now() >= began + due[0].at:
                due.pop(0).act(host)
            watch.look()
            step = max(step + 1, int((now() - began) / _LOOK))
            time.sleep(max(0.0, began + min([step * _LOOK, *(one.at for one in due[:1])]) - now()))
        truth.marks |= guest.console.marks

    def _check(self) -> None:
        if self.stop.is_set():
            raise Stopped


@dataclass(frozen=True, slots=True)
class Action:
    """The beginning or the end of a fault, s after vpsbench started in the guest."""

    at: float
    fault: AnyFault
    begins: bool
    note: dict[str, Any]

    def act(self, host: Host) -> None:
        """Does it, and notes when."""
        (self.fault.begin if self.begins else self.fault.finish)(host)
        self.note["began" if self.begins else "ended"] = now()


def timeline(faults: tuple[AnyFault, ...], truth: Truth) -> list[Action]:
    """All beginnings and ends in the order of time; each fault has a note among the truth's."""
    actions = []
    for fault in faults:
        note = {**fault.model_dump(), "began": None, "ended": None}
        truth.faults.append(note)
        actions.append(Action(fault.start, fault, begins=True, note=note))
        if fault.end is not None:
            actions.append(Action(fault.end, fault, begins=False, note=note))
    return sorted(actions, key=lambda one: one.at)


def watches_memory(scenario: Scenario) -> bool:
    """Whether held pages are looked up: where the host takes or damages some. Not Xen's, nor merged ones.

    Elsewhere a guest keeps memory of the usual kind: two that did not stood still, waiting for their disk.
    """
    kinds = {one.kind for one in scenario.fault}
    able = scenario.guest.platform == "kvm" and not scenario.guest.merge
    return able and bool(kinds & {"host_swap", "corrupt"})


def _lay_out(folder: Path, scenario: Scenario, profile: dict[str, Any], seed: int) -> None:
    beside = [f"python3 /job/busy.py {arguments}" for arguments in scenario.beside]
    beside += [line for fault in scenario.fault if (line := fault.inside())]
    beside += ["python3 /job/held_pages.py"] if scenario.guest.seen else []
    text = job.script(
        planned=bool(scenario.plan), seed=seed, beside=tuple(beside), own_limits=scenario.own_limits
    )
    plan = {"name": f"sold as {scenario.name}", **scenario.plan} if scenario.plan else {}
    made = job.write(folder, profile, plan, text)
    if scenario.guest.virtual:
        job.disks(folder, made, scenario.guest.disk)


def _keep(folder: Path, out: Path, truth: Truth) -> None:
    """Whatever happened: the truth and the logs stay."""
    (out / "truth.json").write_text(truth.text())
    for name in _KEPT:
        if (folder / name).exists():
            shutil.copy(folder / name, out)
