"""Builds and caches what guests boot from. A rebuild happens only when an input changed.

The inputs are the Debian release and mirror, the versions of kernel and Xen, the Python packages that
vpsbench needs to measure, and the text of this file and of the scripts in guest/.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.lab import places
from tests.lab.errors import LabError, Skip

PACKAGES: Final = ("qemu-system-x86", "debootstrap", "busybox-static", "cpio", "e2fsprogs")
_INSIDE: Final = "python3,fio,procps,kmod,iproute2"
_MODULES: Final = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
_REPORT_ONLY: Final = ("jinja2", "altair", "vl-convert-python")  # a guest measures; the lab reads the database
_ROOT_SIZE: Final = 2 * 1024**3  # B, sparse


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that an image depends on."""

    release: str
    mirror: str
    cloud_kernel: tuple[str, str]  # package, version
    xen_kernel: tuple[str, str]
    xen: tuple[str, str]
    python: tuple[str, ...]
    sources: str  # hash of the build's own code

    def key(self) -> str:
        """Names the image in the cache."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Image:
    """A finished image's folder."""

    folder: Path

    def __getitem__(self, name: str) -> Path:
        return self.folder / name


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """A command's output; ``LabError`` with its last lines when it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False, errors="replace"
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise LabError(f"{' '.join(map(str, command))} failed with {done.returncode}:\n{tail}")
    return done.stdout


def install_packages() -> list[str]:
    """Installs the Debian packages that are missing, and says which; needs root."""
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *PACKAGES], capture_output=True, text=True, check=False
    )
    there = {line.split()[0] for line in query.stdout.splitlines() if line.endswith("ok installed")}
    missing = [name for name in PACKAGES if name not in there]
    if missing:
        if os.geteuid():
            raise Skip(f"not root, and these Debian packages are missing: {' '.join(missing)}")
        run("apt-get", "update")
        run("apt-get", "install", "-y", "--no-install-recommends", *missing)
    return missing


def mirror_of(sources: str, release: str) -> str | None:
    """The mirror of a Debian release in apt's sources, of the old format or the new one."""
    for block in re.split(r"\n\s*\n", sources):
        uri, suites = re.search(r"^URIs:\s*(\S+)", block, re.M), re.search(r"^Suites:(.*)", block, re.M)
        if uri and suites and release in suites[1].split():
            return uri[1]
    old = re.search(rf"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+{release}\s", sources, re.M)
    return old[1] if old else None


def requirements(pyproject: str) -> tuple[str, ...]:
    """vpsbench's dependencies without those that only a report needs."""
    wanted = tomllib.loads(pyproject)["project"]["dependencies"]
    return tuple(one for one in wanted if not one.startswith(_REPORT_ONLY))


def recipe() -> Recipe:
    """What an image would be built from today."""
    release = _release()
    if not run("apt-cache", "policy", "linux-image-cloud-amd64").strip():
        run("apt-get", "update")
    return Recipe(
        release=release,
        mirror=mirror_of(_sources(), release) or "http://deb.debian.org/debian",
        cloud_kernel=_versioned(_dependency("linux-image-cloud-amd64", r"linux-image-\S+-cloud-amd64")),
        xen_kernel=_versioned(_dependency("linux-image-amd64", r"linux-image-\S+-amd64")),
        xen=_versioned(sorted(re.findall(r"^xen-hypervisor-[\d.]+-amd64", _search(), re.M))[-1]),
        python=requirements((places.TREE / "pyproject.toml").read_text()),
        sources=_own_hash(),
    )


def image(say: Callable[[str], None]) -> Image:
    """The image of today's recipe, built if it is not in the cache; older ones are removed."""
    install_packages()
    wanted = recipe()
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


def _release() -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.M)
    if not found or not Path("/etc/debian_version").is_file():
        raise Skip("the lab builds its guests from a Debian machine's own packages, and this is not one")
    return found[1]


def _sources() -> str:
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    return "\n\n".join(file.read_text() for file in files if file.is_file())


def _search() -> str:
    return run("apt-cache", "search", "--names-only", "^xen-hypervisor-.*-amd64$")


def _dependency(package: str, pattern: str) -> str:
    found = re.search(rf"Depends: ({pattern})", run("apt-cache", "depends", package))
    if not found:
        raise LabError(f"{package} depends on no {pattern}")
    return found[1]


def _versioned(package: str) -> tuple[str, str]:
    found = re.search(r"Candidate: (\S+)", run("apt-cache", "policy", package))
    if not found:
        raise LabError(f"no version of {package} to be had")
    return package, found[1]


def _own_hash() -> str:
    digest = hashlib.sha256()
    for file in (Path(__file__), *sorted((places.LAB / "guest").glob("*-init.sh"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()


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
    """Kernel and initramfs ``vmlinuz-NAME`` and ``initrd-NAME.gz``; the modules only on demand: they are large."""
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
    """Module files in the order of ``modprobe --show-depends``, each once; what is built in needs no loading."""
    return list(dict.fromkeys(re.findall(r"^insmod (\S+)", depends, re.M)))


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
        ["cpio", "-o", "-H", "newc", "--quiet"], input=names.encode(), cwd=tree, capture_output=True, check=True
    )
    out.write_bytes(gzip.compress(packed.stdout, 6))
    shutil.rmtree(tree)


def _xen(work: Path, package: tuple[str, str]) -> None:
    tree = _unpacked(work, package)
    (work / "xen").write_bytes(gzip.decompress(next((tree / "boot").glob("xen-*-amd64.gz")).read_bytes()))
    shutil.rmtree(work / "packages")


def _python(rootfs: Path, wanted: tuple[str, ...]) -> None:
    """Wheels for the guest's own Python, whichever this one is, compiled ahead: the guest is slow."""
    version = run("chroot", rootfs, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    target = rootfs / "opt" / "packages"
    platforms = [f"--platform=manylinux{tag}_x86_64" for tag in ("2014", "_2_17", "_2_27", "_2_28")]
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:"),
        *(f"--python-version={version}", *platforms, "--target", target, *wanted),
    )
    run("chroot", rootfs, "python3", "-m", "compileall", "-q", "/opt/packages", "/usr/lib/python3", f"/usr/lib/python{version}")
