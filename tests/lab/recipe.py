"""What the guests' image would be built from today, so that it is built anew only when that changed."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.lab import places
from tests.lab.commands import run
from tests.lab.errors import LabError, Skip

# A guest only measures: its database is read outside.
_REPORT_ONLY: Final = ("jinja2", "altair", "vl-convert-python")


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


def mirror_of(sources: str, release: str) -> str | None:
    """The mirror of a Debian release in apt's sources, of the old format or the new one."""
    for block in re.split(r"\n\s*\n", sources):
        uri, suites = (
            re.search(r"^URIs:\s*(\S+)", block, re.MULTILINE),
            re.search(r"^Suites:(.*)", block, re.MULTILINE),
        )
        if uri and suites and release in suites[1].split():
            return uri[1]
    old = re.search(rf"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+{release}\s", sources, re.MULTILINE)
    return old[1] if old else None


def requirements(pyproject: str) -> tuple[str, ...]:
    """vpsbench's dependencies without those that only a report needs."""
    wanted = tomllib.loads(pyproject)["project"]["dependencies"]
    return tuple(one for one in wanted if not one.startswith(_REPORT_ONLY))


def today() -> Recipe:
    """What an image would be built from today."""
    release = _release()
    if not run("apt-cache", "policy", "linux-image-cloud-amd64").strip():
        run("apt-get", "update")
    return Recipe(
        release=release,
        mirror=mirror_of(_sources(), release) or "http://deb.debian.org/debian",
        cloud_kernel=_versioned(_dependency("linux-image-cloud-amd64", r"linux-image-\S+-cloud-amd64")),
        xen_kernel=_versioned(_dependency("linux-image-amd64", r"linux-image-\S+-amd64")),
        xen=_versioned(max(re.findall(r"^xen-hypervisor-[\d.]+-amd64", _search(), re.MULTILINE))),
        python=requirements((places.TREE / "pyproject.toml").read_text()),
        sources=_own_hash(),
    )


def _release() -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
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
    for file in (Path(__file__).with_name("image.py"), *sorted((places.LAB / "guest").glob("*-init.sh"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()
