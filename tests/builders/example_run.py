"""A small run for tests of what is stored: every kind of thing that a run can hold."""

from __future__ import annotations

from vpsbench.model import (
    Answer,
    Capability,
    Guest,
    Kind,
    Layer,
    Limits,
    Metric,
    Plan,
    Profile,
    RunState,
    Sample,
    Status,
    Turn,
    TurnSpec,
)
from vpsbench.monitors import cpu_times
from vpsbench.monitors import memory as meminfo
from vpsbench.store.writer import Collector

BOOT = 5000.0  # CLOCK_BOOTTIME when the run begins
WALL = 1_700_000_000.25

STEAL = Metric("cpu.time", "s", Kind.COUNTER, "neither", "Time of a vCPU in a state")
FREE = Metric("memory.free", "B", Kind.GAUGE, "neither", "Free memory")
METRICS = (STEAL, FREE)

PROFILE = Profile(
    name="quick",
    description="Ten minutes",
    duration=600.0,
    tick=0.5,
    turns=(TurnSpec(probe="cpu", duration=60, every=120, options={"bin": 0.5, "arms": ["all"]}),),
)
PLAN = Plan(name="VPS 1", seller="[bold]ACME[/bold] & söhne", vcpus=2, cpu="shared", memory=2 * 1024**3)
GUEST = Guest(
    hostname="guest-1",
    kernel="6.1.0",
    arch="x86_64",
    os="Debian GNU/Linux 12",
    cpu_model="QEMU Virtual CPU",
    python="3.11.7",
    vpsbench="0.1.0",
    root=True,
    layers=(Layer("kvm", ("/sys/hypervisor/type: none", "CPUID: KVMKVMKVM")),),
    steal_clock=Answer(None, "CPUID cannot be read here"),
    limits=Limits(2, (0, 1), 2**31, None, 2**30),
    capabilities=(Capability("fio", available=False, because="not installed", remedy="apt install fio"),),
    facts={"clocksource": "kvm-clock"},
)
TURN = Turn(
    probe="disk",
    started=1.5,
    elapsed=60.25,
    status=Status.FAILED,
    detail="fio ended with status 1: \udcff",  # as Python reads a byte that is no UTF-8
    options={"jobs": ["mix"], "size": 1024},
    raw={"fio": "{}" * 5000, "stderr": "\udcff\0"},
)


def begin(collector: Collector, plan: Plan | None = PLAN) -> int:
    return collector.begin(
        profile=PROFILE, plan=plan, guest=GUEST, seed=42, metrics=METRICS, wall=WALL, boot=BOOT
    )


def free(value: float, at: float | None = None) -> Sample:
    return Sample(meminfo.FREE, value, at=at)


def steal(value: float, vcpu: int = 0) -> Sample:
    return Sample(cpu_times.TIME, value, (("vcpu", str(vcpu)), ("state", "steal")))


def fill(collector: Collector, ticks: int = 200) -> None:
    """A run of some pages, one tick a second."""
    begin(collector)
    for n in range(ticks):
        collector.add([free(1e9 / (n + 3)), *(steal(n / 7, vcpu) for vcpu in range(12))], at=BOOT + n)
        collector.commit(n)
    collector.turn(TURN)
    collector.finish(RunState.FINISHED, ticks)
