"""Builds and caches what guests boot from."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.lab import places
from tests.lab.commands import run
from tests.lab.errors import Skip
from tests.lab.recipe import Recipe, today

PACKAGES: Final = ("qemu-system-x86", "debootstrap", "busybox-static", "cpio", "e2fsprogs")
_INSIDE: Final = "python3,fio,procps,kmod,iproute2"
_MODULES: Final = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
_ROOT_SIZE: Final = 2 * 1024**3  # B, sparse


@dataclass(frozen=True, slots=True)
class Image:
    """A finished image's folder."""

    folder: Path

    def __getitem__(self, name: str) -> Path:
        return self.folder / name


def install_packages() -> list[str]:
    """Installs the Debian packages that are missing, and says which; needs root."""
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    there = {line.split()[0] for line in query.stdout.splitlines() if line.endswith("ok installed")}
    missing = [name for name in PACKAGES if name not in there]
    if missing:
        if os.geteuid():
            raise Skip(f"not root, and these Debian packages are missing: {' '.join(missing)}")
        run("apt-get", "update")
        run("apt-get", "install", "-y", "--no-install-recommends", *missing)
    return missing


def image(say: Callable[[str], None]) -> Image:
    """The image of today's recipe, built if it is not in the cache; older ones are removed."""
    install_packages()
    wanted = today()
    folder = places.cache() / f"image-{wanted.key()}"
    if not folder.is_dir():
        if os.geteuid():
            raise Skip("building the images needs root (debootstrap, chroot)")
        began = time.monotonic()
        say("building the guests' images: one to two minutes")
        _build(wanted, folder)
        say(f"built {folder} in {time.monotonic() - began:.0f} s")
    for old in places.cache().glob("image-*"):
        if old != folder:
            shutil.rmtree(old)
    return Image(folder)


def _build(recipe: Recipe, folder: Path) -> None:
    """Builds beside ``folder`` and renames in the end, so that a half image never counts."""
    work = folder.with_name("building")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    rootfs = work / "rootfs"
    run("debootstrap", "--variant=minbase", f"--include={_INSIDE}", recipe.release, rootfs, recipe.mirror)
    _kernel(work, rootfs, recipe.xen_kernel, "xen", keep_modules=False)
    _kernel(work, rootfs, recipe.cloud_kernel, "cloud", keep_modules=True)
    _xen(work, recipe.xen)
    _python(rootfs, recipe.python)
    shutil.copy(places.LAB / "guest" / "lab-init.sh", rootfs / "lab-init")
    (rootfs / "lab-init").chmod(0o755)
    shutil.rmtree(rootfs / "var" / "cache" / "apt")
    with (work / "root.img").open("wb") as file:
        file.truncate(_ROOT_SIZE)
    run("mke2fs", "-q", "-t", "ext4", "-d", rootfs, work / "root.img")
    (work / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2))
    work.rename(folder)


def _unpacked(work: Path, package: tuple[str, str]) -> Path:
    """Downloads a Debian package and unpacks it; nothing is installed on this machine."""
    name, version = package
    place = work / "packages" / name
    place.mkdir(parents=True)
    run("apt-get", "download", "-o", "APT::Sandbox::User=root", f"{name}={version}", cwd=place)
    run("dpkg", "-x", next(place.glob("*.deb")), place / "tree")
    return place / "tree"


def _kernel(work: Path, rootfs: Path, package: tuple[str, str], name: str, *, keep_modules: bool) -> None:
    """Kernel and initramfs ``vmlinuz-NAME`` and ``initrd-NAME.gz``; its modules only on demand."""
    tree = _unpacked(work, package)
    kernel = next((tree / "boot").glob("vmlinuz-*"))
    version = kernel.name.removeprefix("vmlinuz-")
    modules = rootfs / "lib" / "modules" / version
    modules.parent.mkdir(exist_ok=True)
    shutil.copytree(tree / "lib" / "modules" / version, modules)
    run("chroot", rootfs, "depmod", version)
    shutil.copy(kernel, work / f"vmlinuz-{name}")
    asked = (run("chroot", rootfs, "modprobe", "-S", version, "--show-depends", one) for one in _MODULES)
    _initramfs(work, rootfs, load_order("\n".join(asked)), work / f"initrd-{name}.gz")
    if not keep_modules:
        shutil.rmtree(modules)
    shutil.rmtree(work / "packages")


def load_order(depends: str) -> list[str]:
    """Module files in the order of ``modprobe --show-depends``, each once, and nothing that is built in."""
    return list(dict.fromkeys(re.findall(r"^insmod (\S+)", depends, re.MULTILINE)))


def _initramfs(work: Path, rootfs: Path, modules: list[str], out: Path) -> None:
    tree = work / "initramfs"
    for folder in ("bin", "lib"):
        (tree / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin" / "busybox")
    for module in modules:
        shutil.copy(rootfs / module.lstrip("/"), tree / "lib")
    (tree / "modules").write_text("".join(f"{Path(module).name}\n" for module in modules))
    shutil.copy(places.LAB / "guest" / "initrd-init.sh", tree / "init")
    (tree / "init").chmod(0o755)
    names = "".join(f"{path.relative_to(tree)}\n" for path in sorted(tree.rglob("*")))
    packed = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"],
        input=names.encode(),
        cwd=tree,
        capture_output=True,
        check=True,
    )
    out.write_bytes(gzip.compress(packed.stdout, 6))
    shutil.rmtree(tree)


def _xen(work: Path, package: tuple[str, str]) -> None:
    tree = _unpacked(work, package)
    (work / "xen").write_bytes(gzip.decompress(next((tree / "boot").glob("xen-*-amd64.gz")).read_bytes()))
    shutil.rmtree(work / "packages")


def _python(rootfs: Path, wanted: tuple[str, ...]) -> None:
    """Wheels for the guest's own Python, whichever this one is, compiled ahead: the guest is slow."""
    inside = ("chroot", rootfs, "python3")
    version = run(*inside, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    tags = ("2014", "_2_17", "_2_27", "_2_28")
    fitting = [f"--python-version={version}", *(f"--platform=manylinux{tag}_x86_64" for tag in tags)]
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:")
    run(*pip, *fitting, "--target", rootfs / "opt" / "packages", *wanted)
    compiled = ("/opt/packages", "/usr/lib/python3", f"/usr/lib/python{version}")
    run(*inside, "-m", "compileall", "-q", *compiled)
