"""Which disk a folder lies on: trees of /proc and /sys as kernels write them, each with one trap."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpsbench.guest.files import Files
from vpsbench.guest.storage import Place, disks, facts, facts_of, here, place

ROOT = "27 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw,discard\n"
SHM = "25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw\n"


def tree(root: Path, mounts: str, devices: dict[str, str] | None = None) -> Files:
    """A tree; ``devices``: a file below /sys/class/block -> its text, ``NAME/partition``: of which disk."""
    texts = {"/proc/self/mountinfo": mounts}
    for name, text in (devices or {}).items():
        texts[f"/sys/class/block/{name}"] = text
        device = name.partition("/")[0]
        if name.endswith("/partition"):
            texts[f"/sys/block/{text}/{device}/dev"] = ""
        if name.endswith("/dev"):
            texts[f"/sys/dev/block/{text}/uevent"] = f"MAJOR=1\nDEVNAME={device}\nDEVTYPE=disk\n"
    for name, text in texts.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return Files(root)


VDA1 = {"vda1/dev": "254:1", "vda1/partition": "vda", "vda/dev": "254:0"}


def test_a_partition_of_a_disk(tmp_path: Path) -> None:
    found = place(tree(tmp_path, SHM + ROOT, VDA1), "/var/x", "254:1")
    assert found == Place("/", "ext4", "/dev/vda1", ("vda1", "vda"), ("vda",), ())
    assert not found.memory


@pytest.mark.parametrize(
    ("mount", "device", "kind", "why"),
    [
        ("30 1 0:23 / /x rw - tmpfs tmpfs rw", "0:23", "tmpfs", "memory, not a disk"),
        ("30 1 0:50 / /x rw - overlay overlay rw,lowerdir=/a", "0:50", "overlay", "a layer"),
        ("30 1 0:50 / /x rw - overlay overlay rw,lowerdir=/a", "0:99", "overlay", "a layer"),
        ("30 1 0:51 / /x rw - nfs4 10.0.0.1:/export rw", "0:51", "nfs4", "a network"),
        ("30 1 0:51 / /x rw - cifs //10.0.0.1/share rw", "0:51", "cifs", "a network"),
        ("30 1 0:51 / /x rw - fuse.sshfs me@there: rw", "0:51", "fuse.sshfs", "a network"),
        ("30 1 0:51 / /x rw - fuse.mergerfs a:b rw", "0:51", "fuse.mergerfs", "a program"),
        ("30 1 0:51 / /x rw - 9p tag rw", "0:51", "9p", "a folder of the host"),
        ("30 1 0:52 / /x rw - zfs rpool/data/subvol-100-disk-0 rw", "0:52", "zfs", "the host's"),
        ("30 1 0:53 /@ /x rw - btrfs /dev/vda1 rw", "0:61", "btrfs", "new places"),
        ("30 1 0:54 / /x rw - newfs /dev/vda1 rw", "0:54", "newfs", "not known to us"),
        ("30 1 8:9 / /x rw - ext4 /dev/sdz9 rw", "8:9", "ext4", "no such device is shown"),
    ],
)
def test_what_stands_between_is_said(tmp_path: Path, mount: str, device: str, kind: str, why: str) -> None:
    found = place(tree(tmp_path, f"{ROOT}{mount}\n", VDA1), "/x/y", device)
    assert (found.mount, found.file_system) == ("/x", kind)
    assert why in "; ".join(found.between)
    assert found.memory == (kind == "tmpfs")
    assert found.caching == (kind == "zfs")


@pytest.mark.parametrize(("upper", "memory"), [("/run/u", True), ("/var/u", False), ("/x/u", False)])
def test_an_overlay_lies_where_it_writes_to(tmp_path: Path, upper: str, *, memory: bool) -> None:
    run = "29 1 0:23 / /run rw - tmpfs tmpfs rw\n"
    overlay = f"30 1 0:50 / /x rw - overlay overlay rw,lowerdir=/a,upperdir={upper},workdir=/w\n"
    found = place(tree(tmp_path, ROOT + run + overlay, VDA1), "/x/y", "0:50")
    assert (found.mount, found.file_system, found.memory) == ("/x", "overlay", memory)
    assert found.between[0].startswith("overlay: ")
    assert found.disks == (("vda",) if upper == "/var/u" else ())


def test_a_ram_disk_is_memory(tmp_path: Path) -> None:
    assert place(
        tree(tmp_path, "30 1 1:0 / / rw - ext4 /dev/ram0 rw\n", {"ram0/dev": "1:0"}), "/", "1:0"
    ).memory


def test_btrfs_still_shows_its_device(tmp_path: Path) -> None:
    files = tree(tmp_path, "30 1 0:53 /@ / rw - btrfs /dev/vda1 rw\n", VDA1)
    assert place(files, "/x", "0:61").stack == ("vda1", "vda")


def test_a_loop_device_names_its_file(tmp_path: Path) -> None:
    files = tree(
        tmp_path,
        f"{ROOT}30 1 7:0 / /x rw - ext4 /dev/loop0 rw\n",
        VDA1 | {"loop0/dev": "7:0", "loop0/loop/backing_file": "/disk.img"},
    )
    assert place(files, "/x", "7:0").between == ("loop0: a loop device on /disk.img",)


@pytest.mark.parametrize(
    ("uuid", "parts", "plain"),
    [
        ("LVM-abc", ["vda1"], True),
        ("LVM-abc", ["vda1", "vdb"], False),  # striped, or only long: not told
        ("CRYPT-LUKS2-abc", ["vda1"], False),
        ("", ["vda1"], False),
    ],
)
def test_the_device_mapper(tmp_path: Path, uuid: str, parts: list[str], *, plain: bool) -> None:
    slaves = {f"dm-0/slaves/{part}/x": "" for part in parts}
    devices = VDA1 | {"vdb/dev": "254:16", "dm-0/dev": "253:0", "dm-0/dm/uuid": uuid} | slaves
    files = tree(tmp_path, "30 1 253:0 / / rw - xfs /dev/mapper/vg-root rw\n", devices)
    found = place(files, "/x", "253:0")
    assert found.stack[:3] == ("dm-0", "vda1", "vda")
    assert found.disks[0] == "vda"
    assert (not found.between) == plain


def test_a_cgroups_limit_is_said(tmp_path: Path) -> None:
    mounts = f"{ROOT}31 1 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    files = tree(tmp_path, mounts, VDA1)
    (tmp_path / "proc/self/cgroup").write_text("0::/mine\n")
    (tmp_path / "sys/fs/cgroup/mine").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/mine/io.max").write_text("254:0 rbps=max wbps=max riops=100 wiops=max\n")
    found = place(files, "/x", "254:1")
    assert found.between == ("/sys/fs/cgroup/mine/io.max: 254:0 rbps=max wbps=max riops=100 wiops=max",)


def test_an_overmount_hides_what_lies_below(tmp_path: Path) -> None:
    mounts = ROOT + "30 1 0:50 / /data rw - nfs there:/ rw\n31 1 254:17 / /data rw - ext4 /dev/vdb1 rw\n"
    files = tree(
        tmp_path, mounts, VDA1 | {"vdb1/dev": "254:17", "vdb1/partition": "vdb", "vdb/dev": "254:16"}
    )
    assert place(files, "/data/x", "254:17").disks == ("vdb",)
    assert place(files, "/database", "254:1").mount == "/"


def test_blanks_in_a_mount_point(tmp_path: Path) -> None:
    files = tree(tmp_path, ROOT + "30 1 0:23 / /my\\040disk rw - tmpfs none rw\n", VDA1)
    assert place(files, "/my disk/x", "0:23").memory


def test_a_disk_over_a_network_is_one(tmp_path: Path) -> None:
    files = tree(tmp_path, ROOT)
    for name in ("vda", "rbd0"):
        path = tmp_path / f"sys/block/{name}/size"
        path.parent.mkdir(parents=True)
        path.write_text("1000")
    assert disks(files) == {"vda": 512_000, "rbd0": 512_000}


def test_a_device_whose_name_has_a_slash(tmp_path: Path) -> None:
    devices = {"cciss!c0d0p1/dev": "104:1", "cciss!c0d0p1/partition": "cciss!c0d0", "cciss!c0d0/dev": "104:0"}
    files = tree(tmp_path, "27 1 104:1 / / rw - ext4 /dev/cciss/c0d0p1 rw\n", devices)
    uevent = tmp_path / "sys/dev/block/104:1/uevent"
    uevent.write_text("MAJOR=104\nDEVNAME=cciss/c0d0p1\n")
    assert place(files, "/", "104:1").stack == ("cciss!c0d0p1", "cciss!c0d0")


def test_nothing_shown_is_nothing_known(tmp_path: Path) -> None:
    found = place(Files(tmp_path), "/", "1:1")
    assert (found.file_system, found.between) == ("unknown", ("no mount of it is shown",))


def test_facts(tmp_path: Path) -> None:
    devices = VDA1 | {
        "vda/queue/scheduler": "none [mq-deadline] bfq",
        "vda/queue/rotational": "1",
        "vda/queue/write_cache": "write back",
        "vda/queue/discard_max_bytes": "0",
    }
    files = tree(tmp_path, ROOT, devices)
    for name, sectors in (("vda", "1000"), ("loop0", "8"), ("sr0", "8"), ("vdb", "0"), ("nbd0", "0")):
        path = tmp_path / f"sys/block/{name}/size"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sectors)
    assert disks(files) == {"vda": 512_000}
    assert facts(files, place(files, "/", "254:1"), 500, 400) == {
        "disk.mount": "/",
        "disk.file_system": "ext4 on /dev/vda1",
        "disk.between": "nothing",
        "disk.space": "500 B, 400 B free",
        "disk.device": "vda1 on vda",
        "disk.all": "vda 512000 B",
        "disk.scheduler": "mq-deadline",
        "disk.rotational": "yes, as the host says",
        "disk.write_cache": "write back, as the host says",
        "disk.discard": "no",
    }


def test_this_machine(tmp_path: Path) -> None:
    assert here(Files(), tmp_path / "not/yet/there") == here(Files(), tmp_path)
    assert here(Files(), Path("/dev/shm")).memory  # noqa: S108  nothing is written there
    assert facts_of(Files(), tmp_path)["disk.space"].split()[0].isdigit()
