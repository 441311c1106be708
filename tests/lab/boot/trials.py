"""What is inflicted on runs in booted guests, a function for each trial; it says what it saw.

A trial's guest is its own. Its name is its function's.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.lab.boot.guest import BootedGuest, until
from tests.lab.boot.image import USER
from tests.lab.boot.run import GuestRun, Held, lost
from tests.lab.errors import LabError

_ROOTS: Final = "/root/run.db"
_USERS: Final = f"/home/{USER}/run.db"
_LOGOUT_SECONDS: Final = 15.0  # logind ends what a login leaves at once, a user's manager after 10 s
_UNWRITTEN_SECONDS: Final = 75.0  # the kernel writes what is 30 s old: so long, and some of it is on the disk
_UNITS: Final = "find /etc/systemd /home/*/.config /root/.config ! -name '*.lock' 2> /dev/null | sort"
_KILLS: Final = "/etc/systemd/logind.conf.d/kill.conf"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was tried."""

    what: str
    seen: str
    lost: int | None = None  # committed ticks
    over: float = 0.0  # s, those that were lost
    gap: float | None = None  # the longest time without a tick, s


Trial = Callable[[BootedGuest], Iterator[Row]]
Boot = Callable[[BootedGuest], None]  # its doc string names it


def require(true: object, otherwise: str) -> None:
    """Ends a trial that shows a fault."""
    if not true:
        raise LabError(otherwise)


# --- logins ---


def login(guest: BootedGuest) -> Iterator[Row]:
    """Root: to the background, out and in again, refused a second time, stopped, begun at once."""
    run = GuestRun(guest, "root", _ROOTS)
    begun = run.begin()
    require("goes on in the background" in begun.stdout, f"root's run did not begin: {begun.stdout}")
    units = guest.ask("systemctl list-units --no-legend 'vpsbench-run-*'")
    require("running" in units, f"no unit: {units}")
    time.sleep(_LOGOUT_SECONDS)
    process = run.process()
    require(process, "root's run ended with its login")
    yield Row("root, `run --background`, logged out and in", "a unit of the machine's systemd; goes on")
    second = run.command("run", "--profile", "smoke", "--no-html")
    require(second.returncode == 3 and "Another run goes on" in second.stdout, f"second: {second.stdout}")
    stranger = GuestRun(guest, USER, _USERS)
    told = [stranger.command(*words) for words in (("status",), ("stop",), ("run", "--background"))]
    said = "".join(one.stdout for one in told)
    require(all(one.returncode for one in told) and "Traceback" not in said, f"another user: {said}")
    require("Permission denied" in said and "another user's" in said, f"another user: {said}")
    yield Row("a second run; `status`, `stop` and `run` by another user", "refused, with the reason")
    run.must("stop")
    again = run.begin()  # while the stopped one still judges
    require("goes on in the background" in again.stdout, f"a run right after stop: {again.stdout}")
    run.must("stop")
    held = run.held()
    require(held.runs == ["interrupted", "interrupted"], f"{held.runs}")
    yield Row("`stop`, and a new run at once, `stop`", "both kept as interrupted")


def watched(run: GuestRun) -> str:
    """What ``attach`` shows in a terminal until Ctrl-C."""
    with subprocess.Popen(
        [*run.guest.ssh(run.user, "-tt"), "vpsbench attach"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as terminal:
        assert terminal.stdout
        said = os.read(terminal.stdout.fileno(), 1 << 16)  # the first of what it draws
        time.sleep(3)
        rest, _ = terminal.communicate(b"\x03", timeout=60)
    return (said + rest).decode(errors="replace")


def killed_logins(guest: BootedGuest) -> Iterator[Row]:
    """A user: as Debian has it, then where a login's end ends all, then one who lingers."""
    run = GuestRun(guest, USER, _USERS)
    run.begin()
    time.sleep(_LOGOUT_SECONDS)
    process = run.process()
    require(process, "a user's run ended with the login")
    yield Row("a user, `run --background`, logged out and in", "a session of its own; goes on")
    require("left; the run goes on" in watched(run), "attach did not say that the run goes on")
    require(run.process() == process, "Ctrl-C in attach ended the run")
    yield Row("`attach` in a terminal, Ctrl-C", "leaves it running")
    run.must("stop")
    guest.ask(f"mkdir -p {Path(_KILLS).parent}; printf '[Login]\\nKillUserProcesses=yes\\n' > {_KILLS}")
    guest.ask("systemctl restart systemd-logind")
    refused = run.begin()
    require(refused.returncode == 2 and "would end, too" in refused.stdout, f"not refused: {refused.stdout}")
    yield Row(
        "the same where logind ends all with a login (KillUserProcesses=yes)", "refused, with the way out"
    )
    cut = run.guest.login(
        USER,
        f"setsid vpsbench run --profile /opt/vpsbench/cpu.toml --db {_USERS} --no-html"
        " > out.txt 2>&1 & until grep -q profile out.txt; do sleep 1; done; sleep 5",
    )
    require(cut.returncode == 0, f"{cut.stdout}")
    time.sleep(_LOGOUT_SECONDS)
    held = run.held()
    require(run.process() is None and held.runs[-1] == "interrupted", f"{held.runs} {held.events[-3:]}")
    yield Row(
        "a run in the foreground, by setsid, there", f"ended with the login: {held.events[-1][2]}; kept"
    )
    guest.ask(f"loginctl enable-linger {USER}")
    run.begin()
    time.sleep(_LOGOUT_SECONDS)
    require(run.process(), "a lingering user's run ended with the login")
    yield Row("`run --background` there by a user who lingers", "a unit of the user's systemd; goes on")
    yield from _service(run, "a user who lingers", reboot)


# --- boots ---


def service(guest: BootedGuest) -> Iterator[Row]:
    """Root's run and its service through reboots and power cuts."""
    run = GuestRun(guest, "root", _ROOTS)
    run.begin()
    yield from _service(run, "root", reboot, power_cut)


def power(guest: BootedGuest) -> Iterator[Row]:
    """A boot without a shutdown, and a run that is killed once a service has it."""
    run = GuestRun(guest, "root", _ROOTS)
    run.begin()
    run.must("install-service")
    yield _survived(run, "root", reset)
    before = run.lasts(5)
    guest.ask(f"kill -KILL {run.process()}")
    run.measures_on(before.ticks[-1] + 1)
    after = run.held()
    yield Row(
        "the run that a service took up is killed (SIGKILL)", _told(after), *lost(before, after), after.gap()
    )
    run.must("stop")


def reboot(guest: BootedGuest) -> None:
    """`reboot`"""
    guest.reboot("systemctl reboot")


def reset(guest: BootedGuest) -> None:
    """a boot without a shutdown (sysrq-b)"""
    guest.reboot("echo 1 > /proc/sys/kernel/sysrq; echo b > /proc/sysrq-trigger")


def power_cut(guest: BootedGuest) -> None:
    """power cut"""
    guest.power_cycle()


def _service(run: GuestRun, who: str, *boots: Boot) -> Iterator[Row]:
    """Installs it while a run goes on, boots in some ways, removes it."""
    before = run.guest.ask(_UNITS)
    run.must("install-service")
    for boot in boots:
        yield _survived(run, who, boot)
    run.must("stop")
    run.must("install-service --remove")
    after = run.guest.ask(_UNITS)
    require(before == after, f"left behind: {set(after.split()) ^ set(before.split())}")
    yield Row(f"{who}: `install-service --remove`", "the unit's folders are as they were")


def _survived(run: GuestRun, who: str, boot: Boot) -> Row:
    """Lets it measure, inflicts a boot on it, and waits until it goes on."""
    before = run.lasts(_UNWRITTEN_SECONDS)
    boots = len(before.details("reboot"))
    boot(run.guest)
    until(lambda: len(run.held().details("reboot")) > boots, f"the run to go on after {boot.__doc__}", 600)
    run.measures_on(run.held().events[-1][0] + 3)
    after = run.held()
    require(len(after.runs) == len(before.runs), f"another run began: {after.runs}")
    return Row(f"{who}: {boot.__doc__}", _told(after), *lost(before, after), after.gap())


def _told(held: Held) -> str:
    require(held.sound == "ok", f"the database: {held.sound}")
    kinds = list(dict.fromkeys(kind for t, kind, _ in held.events if t >= held.events[-1][0] - 5))
    return f"the same run goes on ({', '.join(kinds)}); database sound"


# --- the machine beside it ---


def beside(guest: BootedGuest) -> Iterator[Row]:
    """What else happens: a clock that is set, a full disk, no memory left, a host that pauses it."""
    run = GuestRun(guest, "root", _ROOTS)
    ntp = "systemd-run --unit=ntp /usr/bin/python3 /opt/vpsbench/ntp.py"
    guest.ask(f"{ntp}; systemctl restart systemd-timesyncd")
    run.begin("memory")
    run.lasts(3)
    yield _set(run, "date --set='+2 hours'; sleep 10", "the clock is set by + 2 h under timesyncd", 0)
    alone = (
        "systemctl stop systemd-timesyncd; date --set='-3 hours'; sleep 5; systemctl start systemd-timesyncd"
    )
    yield _set(run, alone, "the clock is set by - 3 h; timesyncd is started 5 s later", 2)
    yield _full(run)
    yield _hogged(run)
    yield _paused(run)
    run.must("stop")


def _set(run: GuestRun, script: str, what: str, steps: int) -> Row:
    """Sets the clock, and waits until at least so many steps of it are events."""
    seen = len(run.held().details("clock_step"))
    run.guest.ask(script)
    until(lambda: len(run.held().details("clock_step")) >= seen + steps, f"{steps} steps", 120)
    told = run.held().details("clock_step")[seen:]
    return Row(what, "; ".join(told) or "timesyncd sets it back before the next tick: nothing to tell")


def _paused(run: GuestRun) -> Row:
    run.guest.qmp.ask("stop")
    time.sleep(30)
    run.guest.qmp.ask("cont")
    last = run.held().ticks[-1]
    run.measures_on(last + 5)
    told = [f"{kind}: {detail}" for t, kind, detail in run.held().events if t > last - 40]
    return Row("the host stops the guest for 30 s", "; ".join(told) or "nothing: its clocks stood still, too")


def _full(run: GuestRun) -> Row:
    """Not a byte is free, also when a turn is to begin."""
    before = run.held()
    run.guest.ask("cat /dev/zero > /full 2> /dev/null; sync; sleep 60; rm /full")
    run.measures_on(before.ticks[-1] + 60)
    after = run.held()
    kinds = dict.fromkeys(kind for t, kind, _ in after.events if t > before.ticks[-1])
    turns = dict.fromkeys(f"{status} {detail}".strip() for _, status, detail in after.turns)
    seen = f"{', '.join(kinds)}; turns: {', '.join(turns)}; goes on"
    return Row("no byte of the disk is free for 60 s", seen, *lost(before, after), after.gap())


def _hogged(run: GuestRun) -> Row:
    """A program of the user's takes all memory while a probe holds some."""
    before = run.held()
    hog = "b = []\nwhile True: b.append(bytearray(b'x') * 2**24)"
    killed = "dmesg | grep -o 'Killed process.*' | sed 's/ total-vm.*//' | tail -n 3"
    for _ in range(3):
        run.guest.login(USER, f'python3 -c "{hog}"')
    run.measures_on(before.ticks[-1] + 20)
    after = run.held()
    require(run.process(), "the run ended when memory did")
    turns = ", ".join(dict.fromkeys(f"{probe} {status}" for probe, status, _ in after.turns))
    seen = f"{'; '.join(run.guest.ask(killed).splitlines())}; the run goes on ({turns})"
    return Row("programs take all memory beside the probe", seen, *lost(before, after), after.gap())


TRIALS: Final[tuple[Trial, ...]] = (login, service, killed_logins, power, beside)
