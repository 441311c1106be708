"""``vpsbench doctor``: what this machine is, and what can be measured on it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vpsbench.commands import Command

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from vpsbench.model import Guest

_AT_ONCE: Final = ("fio", "cpuid")  # capabilities that a command mends here and now, without a reboot
_WORDS: Final = {
    "fio": "disk speed",
    "io_uring": "disk speed by io_uring",
    "root": "what only root may see",
    "mlock": "memory held in place",
    "disk_space": "room for the disk's test file",
    "cpuid": "the hypervisor's own words",
    "steal_clock": "steal, as the host reports it",
    "pressure": "pressure",
    "schedstat": "our own run-queue delay",
    "hyp_interrupts": "pages swapped out by the host",
    "balloon": "the balloon's counters",
    "cgroup": "our cgroup's limits",
    "rtc": "the hardware clock",
    "xen_memory": "Xen's memory target",
    "beancounters": "OpenVZ's beancounters",
    "own_ksm_off": "pages merged by the host only",
}


def as_json(guest: Guest) -> str:
    """The guest as one JSON object."""
    import dataclasses
    import json

    return json.dumps(dataclasses.asdict(guest), indent=2, ensure_ascii=False)


def show(guest: Guest, console: Console) -> None:
    """The same for a person. Whatever comes from the machine is printed as it is, never as markup."""
    console.print(_pairs(_machine(guest)))
    _heading(console, "What this machine is, outermost first")
    for layer in guest.layers:
        console.print(layer.kind, style="cyan")
        for evidence in layer.evidence:
            console.print(_plain(f"  {evidence}"), soft_wrap=True)
    _heading(console, "What can be measured")
    console.print(_capabilities(guest))
    _heading(console, "What else was read")
    console.print(_pairs(guest.facts))
    _heading(console, "To do")
    console.print(_plain(mend(guest) or "Nothing to install."), soft_wrap=True)


def mend(guest: Guest) -> str:
    """One command line that mends whatever a command can mend at once; empty: nothing."""
    from vpsbench.guest.capabilities import AS_ROOT

    missing = (c for c in guest.capabilities if c.name in _AT_ONCE and not c.available)
    return " && ".join(c.remedy for c in missing if c.remedy not in {"", AS_ROOT})


def _machine(guest: Guest) -> dict[str, str]:
    limits = guest.limits
    cpus = "" if limits.cgroup_cpus is None else f", {limits.cgroup_cpus:g} by our cgroup's quota"
    memory = "" if limits.cgroup_memory is None else f", {_mebibytes(limits.cgroup_memory)} by our cgroup"
    return {
        "host name": guest.hostname,
        "system": f"{guest.os}, Linux {guest.kernel}, {guest.arch}",
        "processor": guest.cpu_model,
        "vCPUs": f"{limits.vcpus_online} online, {len(limits.vcpus_usable)} for us{cpus}",
        "memory": f"{_mebibytes(limits.memory_total)}{memory}",
        "user": "root" if guest.root else "not root",
        "vpsbench": f"{guest.vpsbench}, {guest.python}",
    }


def _mebibytes(number: int) -> str:
    return f"{number / 1024**2:,.0f} MiB"


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(text, style="bold")


def _plain(text: str, style: str = "") -> Text:
    """Text without markup and without control characters: the host writes the DMI strings, not we."""
    from rich.text import Text

    return Text("".join(c if c.isprintable() else "?" for c in text), style)


def _pairs(rows: dict[str, str]) -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(_plain(name), _plain(value))
    return table


def _capabilities(guest: Guest) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("What", "Here", "Because", "What would mend it"):
        table.add_column(heading, overflow="fold")
    for one in guest.capabilities:
        here = _plain("yes", "green") if one.available else _plain("no", "yellow")
        what = _plain(_WORDS.get(one.name, one.name))
        table.add_row(what, here, _plain(one.because), _plain("" if one.available else one.remedy))
    return table


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _run(arguments: Namespace) -> int:
    from vpsbench.guest.inspect import inspect

    guest = inspect(folder=Path())
    if arguments.json:
        print(as_json(guest))
        return 0
    from rich.console import Console

    show(guest, Console())
    return 0


COMMAND = Command(
    name="doctor",
    help="what this machine is, what can be measured on it, and what to install",
    examples="vpsbench doctor\nvpsbench doctor --json",
    configure=_configure,
    run=_run,
)
