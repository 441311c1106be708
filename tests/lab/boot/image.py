"""Builds and caches the root disk of a guest that systemd boots: the lab's, with a rented one's services."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.lab import image, places
from tests.lab.commands import run
from tests.lab.image import Image

USER: Final = "renter"
_INSIDE: Final = (
    "systemd-sysv",
    "udev",
    "libpam-systemd",
    "dbus",
    "dbus-user-session",
    "systemd-timesyncd",
    "openssh-server",
)
_SIZE: Final = 2 * 1024**3  # B, sparse
_NETWORK: Final = "[Match]\nName=e*\n\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n"
_NTP: Final = "[Time]\nNTP=127.0.0.1\nFallbackNTP=\n"
_COMMAND: Final = '#!/bin/sh\nexec /usr/bin/python3 -m vpsbench "$@"\n'
_IDLE: Final = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "dpkg-db-backup.timer",
)


@dataclass(frozen=True, slots=True)
class BootImage:
    """What a guest boots from.

    Args:
        base: the lab's image, for its kernel.
        folder: root.img, and the key that its logins take.
    """

    base: Image
    folder: Path


def boot_image(say: Callable[[str], None]) -> BootImage:
    """Today's, built if it is not in the cache; older ones are removed. Needs root."""
    base = image.image(say)
    digest = hashlib.sha256(base.folder.name.encode() + Path(__file__).read_bytes()).hexdigest()[:12]
    folder = places.cache() / f"boot-{digest}"
    if not folder.is_dir():
        say("building the disk that systemd boots: about two minutes")
        _build(base, folder)
    for old in places.cache().glob("boot-*"):
        if old != folder:
            shutil.rmtree(old)
    return BootImage(base, folder)


def _build(base: Image, folder: Path) -> None:
    """Builds beside ``folder`` and renames in the end, so that a half image never counts."""
    work = folder.with_name("building-boot")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    root = work / "rootfs"
    run("cp", "-a", base["rootfs"], root)
    _packages(root)
    _settings(root)
    _logins(root, work)
    with (work / "root.img").open("wb") as file:
        file.truncate(_SIZE)
    run("mke2fs", "-q", "-t", "ext4", "-d", root, work / "root.img")
    shutil.rmtree(root)
    work.rename(folder)


def _packages(root: Path) -> None:
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    starts_nothing = root / "usr" / "sbin" / "policy-rc.d"
    starts_nothing.write_text("#!/bin/sh\nexit 101\n")
    starts_nothing.chmod(0o755)
    inside = (
        "chroot",
        root,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-o",
        "APT::Sandbox::User=root",
    )
    run(*inside, "update")
    run(*inside, "install", "-y", "--no-install-recommends", *_INSIDE)
    run(*inside, "clean")
    shutil.rmtree(root / "var" / "lib" / "apt" / "lists")
    starts_nothing.unlink()


def _settings(root: Path) -> None:
    """As a rented machine has them, but for its network and what would only cost an emulated one time."""
    texts = {
        "etc/hostname": "lab\n",
        "etc/hosts": "127.0.0.1 localhost lab\n",
        "etc/fstab": "/dev/vda / ext4 noatime 0 0\n",
        "etc/resolv.conf": "",
        "etc/systemd/network/lab.network": _NETWORK,
        "etc/systemd/timesyncd.conf.d/lab.conf": _NTP,
        "usr/local/bin/vpsbench": _COMMAND,
    }
    for name, text in texts.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (root / "usr/local/bin/vpsbench").chmod(0o755)
    (root / "lab-init").write_text("#!/bin/sh\nexec /sbin/init\n")  # where the lab's initramfs goes on
    [packages] = (root / "usr/local/lib").glob("python3.*/dist-packages")
    (packages / "vpsbench.pth").write_text("/opt/packages\n/opt/vpsbench\n")
    run("chroot", root, "systemd-machine-id-setup")
    run("chroot", root, "systemctl", "enable", "systemd-networkd", "ssh")
    run("chroot", root, "systemctl", "mask", "serial-getty@ttyS0", "getty@tty1", *_IDLE)


def _logins(root: Path, work: Path) -> None:
    """A user without rights beside root; both let in whoever has the key."""
    run("chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", USER)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", work / "key")
    for home in ("root", f"home/{USER}"):
        folder = root / home / ".ssh"
        folder.mkdir(mode=0o700)
        shutil.copy(work / "key.pub", folder / "authorized_keys")
    run("chroot", root, "chown", "-R", f"{USER}:", f"/home/{USER}/.ssh")
