"""A guest that systemd boots, as its renter knows it: logins over SSH, and a switch that cuts its power."""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from tests.lab.boot.image import BootImage
from tests.lab.errors import LabError
from tests.lab.journal import Journal, started
from tests.lab.machine import CPU
from tests.lab.qmp import Qmp

_BOOT_SECONDS: Final = 400.0  # emulated, on a busy machine
_CALL_SECONDS: Final = 400.0
_MIB: Final = 512


class BootedGuest:
    """One virtual machine with a disk of its own, through all its boots.

    Args:
        image: what its disk is at first.
        folder: its own.
        journal: notes its process, so that it ends with the lab however that ends.
    """

    def __init__(self, image: BootImage, folder: Path, journal: Journal) -> None:
        self.folder, self._image, self._journal = folder, image, journal
        folder.mkdir(parents=True)
        with (folder / "known_hosts").open("w"):
            self._port = _free_port()
        subprocess.run(["cp", "--sparse=always", image.folder / "root.img", folder / "root.img"], check=True)
        self._boots = 0
        self._shared = str(folder / "login")
        self._lasting: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()
        (self.folder / "root.img").unlink()

    def start(self) -> None:
        """Switches it on, and waits until it lets somebody in."""
        self._boots += 1
        log = (self.folder / f"console-{self._boots}.txt").open("wb")
        with log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._entry = self._journal.note("process", pid=self._process.pid, started=started(self._process.pid))
        self.qmp = Qmp(self.folder / "qmp")
        self.wait_up()

    def cut_power(self) -> None:
        """Ends it as a power cut does: what its kernel had not written is gone."""
        self._leave()
        self.qmp.close()
        self._journal.undo(self._entry)
        self._process.wait()

    def _command(self) -> list[str]:
        forward = f"hostfwd=tcp:127.0.0.1:{self._port}-:22"
        base = self._image.base
        return [
            *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-nodefaults", "-display", "none"),
            *("-machine", "pc", "-cpu", CPU, "-m", f"{_MIB}M", "-smp", "1", "-rtc", "base=utc,clock=host"),
            *("-kernel", str(base["vmlinuz-cloud"]), "-initrd", str(base["initrd-cloud.gz"])),
            *("-append", "console=ttyS0 panic=1 mitigations=off net.ifnames=0", "-serial", "stdio"),
            *("-drive", f"file={self.folder / 'root.img'},if=virtio,format=raw,cache=writeback"),
            # Nothing from inside reaches the world outside; only we reach its logins.
            *("-netdev", f"user,id=net,restrict=on,{forward}", "-device", "virtio-net-pci,netdev=net"),
            *("-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off"),
        ]

    # --- logins ---

    def ssh(self, user: str, *options: str) -> list[str]:
        """The command that logs in; what follows it is run there."""
        return [
            *("ssh", "-i", str(self._image.folder / "key"), "-p", str(self._port), *options),
            *("-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}"),
            *("-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10", "-o", "BatchMode=yes", f"{user}@127.0.0.1"),
        ]

    def login(
        self, user: str, script: str, seconds: float = _CALL_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Logs in, runs a script, and logs out."""
        return subprocess.run(
            [*self.ssh(user), f"bash -lc {shlex.quote(script)} 2>&1"],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def ask(self, script: str) -> str:
        """What a script of root's says, in the lab's own login, which lasts; ``LabError`` where it fails."""
        command = [*self.ssh("root", "-S", self._shared), script]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_CALL_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{script} did not end in {_CALL_SECONDS:.0f} s") from error
        if done.returncode:
            raise LabError(f"{script} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def _enter(self) -> None:
        """Begins that login: one for each question would keep an emulated guest busy."""
        self._lasting = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self.ssh("root", "-M", "-N", "-S", self._shared)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _leave(self) -> None:
        """Ends it, whether the guest still answers or not."""
        if self._lasting:
            self._lasting.kill()
            self._lasting.wait()
            self._lasting = None
        Path(self._shared).unlink(missing_ok=True)

    def send(self, tree: Path, to: str) -> None:
        """Copies a folder's contents into one of the guest's."""
        with subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE) as packed:
            subprocess.run(
                [*self.ssh("root"), f"mkdir -p {to} && tar -x -C {to}"], stdin=packed.stdout, check=True
            )

    def fetch(self, folder: str, to: Path) -> None:
        """Copies one of the guest's folders out."""
        to.mkdir(parents=True, exist_ok=True)
        with subprocess.Popen([*self.ssh("root"), f"tar -C {folder} -c ."], stdout=subprocess.PIPE) as packed:
            subprocess.run(["tar", "-x", "-C", to], stdin=packed.stdout, check=True)

    # --- boots ---

    def boot_id(self) -> str:
        """Of the boot that lasts; empty where nobody is let in."""
        try:
            done = self.login("root", "cat /proc/sys/kernel/random/boot_id", 60)
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    def wait_up(self, but: str = "") -> None:
        """Waits until it has booted, and with another boot id than ``but``."""
        until(lambda: self.boot_id() not in {"", but}, "the guest to boot", _BOOT_SECONDS)
        self._enter()

    def reboot(self, how: str) -> None:
        """Reboots by a command of the guest's, and waits until that is done."""
        was = self.ask("cat /proc/sys/kernel/random/boot_id")
        self.ask(f"nohup sh -c 'sleep 0.5; {how}' > /dev/null 2>&1 &")
        self._leave()
        self.wait_up(but=was)

    def power_cycle(self) -> None:
        """Cuts the power and switches on again."""
        self.cut_power()
        time.sleep(3)
        self.start()


def until(true: Callable[[], bool], what: str, seconds: float) -> None:
    """Waits for something, and says what did not come."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise LabError(f"{seconds:.0f} s were not enough for {what}")
        time.sleep(2)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
