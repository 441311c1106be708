"""Which disk a folder lies on, and what stands between the two.

Read from /proc/self/mountinfo and /sys/class/block; formats: the kernel's Documentation/filesystems/proc.rst
(3.5) and Documentation/ABI/stable/sysfs-block. What the kernel says of a virtual disk (rotational, write
cache) is what the host told it: the guest believes it, and cannot know.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from vpsbench.guest.files import Files
from vpsbench.guest.limits import cgroup_folders

MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs", "hugetlbfs"})
CACHING: Final = frozenset({"zfs"})  # may serve a direct read from a cache of its own
PLAIN: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "f2fs", "jfs"})  # one I/O is one I/O of the disk
_BETWEEN: Final = (  # file systems through which nothing can be said of a disk's speed, and why
    (r"overlay|overlayfs|aufs|fuse\.fuse-overlayfs", "a layer over another file system"),
    (
        r"nfs4?|cifs|smb3|smbfs|ceph|lustre|afs|glusterfs|fuse\.(glusterfs|sshfs|s3fs|rclone|ceph)",
        "a network",
    ),
    (r"9p|virtiofs|vboxsf|prl_fs|fuse\.vmhgfs-fuse|simfs|vzfs|shiftfs", "a folder of the host"),
    (r"zfs", "a pool with a cache of its own, which in a container is the host's"),
    (r"btrfs|bcachefs|nilfs2", "it writes to new places, and reads more than it was asked for"),
    (r"fuse.*", "a program that is a file system"),
)
_RAM: Final = re.compile(r"(ram|zram)\d+")
_STACKED: Final = (  # devices that are no disks: the kernel's names, and what they are
    (r"loop\d+", "a loop device"),
    (r"md.*", "a RAID of the guest's own"),
    (r"bcache\d+", "a cache on another disk"),
    (r"(drbd|nbd|rbd)\d+", "a network"),
    (r"zd\d+", "a volume of a ZFS pool"),
    (_RAM.pattern, "memory"),
    (r"ploop\d+", "a file on the host's disk"),
)
_LIMITS: Final = (
    "io.max",
    *(f"blkio.throttle.{a}_{b}_device" for a in ("read", "write") for b in ("bps", "iops")),
)
_NOTHING: Final = "nothing"
_TOLD: Final = ", as the host says"
_DISK: Final = re.compile(r"(sd|vd|xvd|hd|nvme|mmcblk|ubd|dasd|pmem|nbd|rbd).*")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a folder lies.

    Args:
        mount: the mount point.
        file_system: its type; "unknown" where mountinfo shows none.
        source: what is mounted there.
        stack: the devices below it, from the topmost to the disks; empty where none can be seen.
        disks: those of them that rest on nothing else.
        between: what makes the folder's speed another one than the disk's; empty: nothing does.
        memory: whether there is no disk at all.
    """

    mount: str
    file_system: str
    source: str
    stack: tuple[str, ...]
    disks: tuple[str, ...]
    between: tuple[str, ...]
    memory: bool = False

    @property
    def caching(self) -> bool:
        """Whether even direct reads may come from memory."""
        return self.file_system in CACHING


@dataclass(frozen=True, slots=True)
class _Mount:
    device: str  # "254:1"
    point: str
    kind: str
    source: str
    options: str


def place(files: Files, path: str, device: str) -> Place:
    """Where an existing folder lies.

    Args:
        files: the guest's files.
        path: absolute, without symbolic links.
        device: the folder's device number, ``MAJOR:MINOR``.
    """
    mounts = files.text("/proc/self/mountinfo") or ""
    mount = _mount(mounts, path, device)
    if mount is None:
        return Place("unknown", "unknown", "unknown", (), (), ("no mount of it is shown",))
    upper = re.search(r"(?:^|,)upperdir=(/[^,]*)", mount.options)
    if upper and _mount(mounts, upper[1], "") != mount:  # an overlay lies where it writes to
        lower = place(files, upper[1], "")
        notes = (*_by_kind(mount, seen=True), *lower.between)
        return replace(lower, mount=mount.point, file_system=mount.kind, source=mount.source, between=notes)
    top = _block_device(files, mount)
    stack = tuple(dict.fromkeys(_below(files, top))) if top else ()
    disks = tuple(name for name in stack if not _lower(files, name))
    between = [*_by_kind(mount, seen=bool(top)), *_by_devices(files, stack), *_by_cgroups(files)]
    memory = mount.kind in MEMORY or any(_RAM.fullmatch(name) for name in disks)
    return Place(mount.point, mount.kind, mount.source, stack, disks, tuple(dict.fromkeys(between)), memory)


def _mount(mountinfo: str, path: str, device: str) -> _Mount | None:
    """The mount that shows the path: the longest above it; one with its device number goes first.

    Some (btrfs, overlay) give files a device number of their own, which no mount has.
    """
    above = [mount for mount in _mounts(mountinfo) if PurePosixPath(path).is_relative_to(mount.point)]
    same = [mount for mount in above if mount.device == device]
    return max(
        enumerate(same or above), key=lambda found: (len(found[1].point), found[0]), default=(0, None)
    )[1]


def _mounts(mountinfo: str) -> Iterator[_Mount]:
    for line in mountinfo.splitlines():
        front, _, back = line.partition(" - ")
        before, after = front.split(), back.split()
        if len(before) >= 5 and len(after) >= 2:
            yield _Mount(
                before[2], _unescaped(before[4]), after[0], _unescaped(after[1]), " ".join(after[2:])
            )


def _unescaped(word: str) -> str:
    """Blanks are written as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)


def _block_device(files: Files, mount: _Mount) -> str | None:
    """The kernel's name of the mounted block device; None where /sys shows none."""
    uevent = files.text(f"/sys/dev/block/{mount.device}/uevent") or ""
    named = re.search(r"^DEVNAME=(.+)$", uevent, re.MULTILINE)
    name = named[1].replace("/", "!") if named else PurePosixPath(mount.source).name  # as /sys writes it
    known = mount.source.startswith("/dev/") or named
    return name if known and files.exists(f"/sys/class/block/{name}") else None


def _below(files: Files, name: str) -> Iterator[str]:
    """A device and all that it rests on."""
    yield name
    for lower in _lower(files, name):
        yield from _below(files, lower)


def _lower(files: Files, name: str) -> list[str]:
    """The whole disk of a partition, or the parts of a device that is made of others."""
    if files.exists(f"/sys/class/block/{name}/partition"):
        return [PurePosixPath(found).parent.name for found in files.matching(f"/sys/block/*/{name}")]
    return [PurePosixPath(found).name for found in files.matching(f"/sys/class/block/{name}/slaves/*")]


def _by_kind(mount: _Mount, *, seen: bool) -> Iterator[str]:
    if mount.kind in MEMORY:
        yield f"{mount.kind}: memory, not a disk"
    elif mount.kind not in PLAIN:
        why = next((why for kinds, why in _BETWEEN if re.fullmatch(kinds, mount.kind)), "not known to us")
        yield f"{mount.kind}: {why}"
    elif not seen:
        yield f"{mount.source}: no such device is shown in here"


def _by_devices(files: Files, stack: tuple[str, ...]) -> Iterator[str]:
    for name in stack:
        if name.startswith("dm-"):
            yield from _by_mapping(files, name)
            continue
        for pattern, what in _STACKED:
            if re.fullmatch(pattern, name):
                backing = files.text(f"/sys/class/block/{name}/loop/backing_file")
                yield f"{name}: {what}{f' on {backing}' if backing else ''}"


def _by_mapping(files: Files, name: str) -> Iterator[str]:
    """A plain logical volume on one disk changes nothing; all else that the device mapper makes may."""
    uuid = files.text(f"/sys/class/block/{name}/dm/uuid") or ""
    parts = _lower(files, name)
    if not uuid.startswith("LVM-") or len(parts) != 1 or parts[0].startswith("dm-"):
        kind = uuid.partition("-")[0] or "of no known kind"
        yield f"{name}: made by the device mapper ({kind}) of {len(parts)} device(s)"


def _by_cgroups(files: Files) -> Iterator[str]:
    """Limits on I/O that this guest can see; mostly its owner has set them."""
    for folder in (*cgroup_folders(files), *cgroup_folders(files, "blkio")):
        for name in _LIMITS:
            if limit := (files.text(f"{folder}/{name}") or "").strip():
                yield f"{folder}/{name}: {limit.splitlines()[0]}"


def here(files: Files, folder: Path) -> Place:
    """Where a folder of this machine lies, or will when it is made."""
    found = _existing(folder)
    device = found.stat().st_dev
    return place(files, str(found), f"{os.major(device)}:{os.minor(device)}")


def facts_of(files: Files, folder: Path) -> dict[str, str]:
    """``facts`` of where a folder of this machine lies."""
    disk = os.statvfs(_existing(folder))
    return facts(files, here(files, folder), disk.f_blocks * disk.f_frsize, disk.f_bfree * disk.f_frsize)


def _existing(folder: Path) -> Path:
    found = folder.resolve()
    return next(path for path in (found, *found.parents) if path.exists())


def disks(files: Files) -> dict[str, int]:
    """All whole disks that the guest sees, in B; what is memory, or rests on others, is none."""
    found = {}
    for path in files.matching("/sys/block/*/size"):
        name, sectors = PurePosixPath(path).parent.name, files.text(path) or ""
        if _DISK.fullmatch(name) and sectors.isdigit() and int(sectors):
            found[name] = int(sectors) * 512
    return found


def facts(files: Files, found: Place, total: int, free: int) -> dict[str, str]:
    """What is known of a place, in words, to be kept with a run.

    Args:
        files: the guest's files.
        found: the place.
        total: B of the file system, its own tables not counted.
        free: B that are free in it, those reserved for root included.
    """
    return {
        "disk.mount": found.mount,
        "disk.file_system": f"{found.file_system} on {found.source}",
        "disk.between": "; ".join(found.between) or _NOTHING,
        "disk.space": f"{total} B, {free} B free",
        **({"disk.device": " on ".join(found.stack)} if found.stack else {}),
        **({"disk.all": ", ".join(f"{n} {b} B" for n, b in all_.items())} if (all_ := disks(files)) else {}),
        **{key: text for name in found.disks[:1] for key, text in _told(files, name)},
    }


def _told(files: Files, disk: str) -> Iterator[tuple[str, str]]:
    """What the host told the guest's kernel of a disk."""
    queue = f"/sys/class/block/{disk}/queue"
    if scheduler := re.search(r"\[(.+?)\]", files.text(f"{queue}/scheduler") or ""):
        yield "disk.scheduler", scheduler[1]
    if rotational := {"0": "no", "1": "yes"}.get(files.text(f"{queue}/rotational") or ""):
        yield "disk.rotational", f"{rotational}{_TOLD}"
    if cache := files.text(f"{queue}/write_cache"):
        yield "disk.write_cache", f"{cache}{_TOLD}"
    if (discard := files.text(f"{queue}/discard_max_bytes") or "").isdigit():
        yield "disk.discard", f"up to {discard} B at a time" if int(discard) else "no"
    if model := (files.text(f"/sys/class/block/{disk}/device/model") or "").strip():
        yield "disk.model", model


@dataclass(frozen=True, slots=True)
class Noted:
    """What ``facts`` wrote down, read back.

    Args:
        disks: B of each disk that the guest sees; empty where none was noted.
        space: B of the file system; None: not noted.
        file_system: its type; empty likewise.
        between: what stands between it and the folder, in words; empty: nothing; None: not noted.
        write_cache: the kernel's word for the disk's cache, "write back" or "write through"; empty likewise.
    """

    disks: dict[str, int]
    space: int | None
    file_system: str
    between: str | None
    write_cache: str


def noted(facts_: Mapping[str, str]) -> Noted:
    """The facts of a run, as ``facts`` wrote them."""
    disks_ = [part.split() for part in facts_.get("disk.all", "").split(", ") if part]
    space, between = facts_.get("disk.space", "").partition(" ")[0], facts_.get("disk.between")
    return Noted(
        disks={name: int(size) for name, size, _ in disks_},
        space=int(space) if space.isdigit() else None,
        file_system=facts_.get("disk.file_system", "").partition(" on ")[0],
        between="" if between == _NOTHING else between,
        write_cache=facts_.get("disk.write_cache", "").removesuffix(_TOLD),
    )
