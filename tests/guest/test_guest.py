from __future__ import annotations

import re
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from tests.places import FIXTURES
from vpsbench.guest import cpuid
from vpsbench.guest.files import Files
from vpsbench.guest.inspect import inspect
from vpsbench.guest.process import Process
from vpsbench.model import Answer, Capability, Guest

TREES = FIXTURES / "guests"
ROOT = Process(
    root=True,
    usable=(0, 1),
    physical=2**31,
    memlock=None,
    disk_free=20 * 2**30,
    disk_total=40 * 2**30,
    fio=Answer(value=True, because="fio-3.33"),
    io_uring=Answer(value=True, because="io_uring_setup answers EFAULT"),
    arch="x86_64",
    python="CPython 3.11.2",
)
USER = replace(ROOT, root=False, memlock=8 * 2**20, fio=Answer(value=False, because="fio is not installed"))
# tree: layers, and whether steal means anything
EXPECTED: dict[str, tuple[tuple[str, ...], bool | None]] = {
    "arm-kvm": (("kvm",), None),
    "aws-t3": (("kvm",), True),
    "bare-metal": (("bare-metal",), False),
    "bhyve": (("bhyve",), False),
    "docker-on-kvm": (("kvm", "docker"), True),
    "firecracker": (("firecracker",), True),
    "hyper-v": (("hyper-v",), False),
    "kvm": (("kvm",), True),
    "kvm-emulated": (("qemu-tcg",), False),
    "kvm-hyperv": (("kvm",), False),
    "kvm-no-root": (("kvm",), None),
    "lxc": (("bare-metal", "lxc"), None),
    "nspawn-on-kvm": (("kvm", "systemd-nspawn"), None),
    "openvz": (("bare-metal", "openvz"), False),
    "podman": (("bare-metal", "podman"), False),
    "unknown-vm": (("unknown",), None),
    "vmware": (("vmware",), True),
    "vmware-no-root": (("vmware",), None),
    "xen-dom0": (("xen-dom0",), True),
    "xen-hvm": (("xen-hvm",), True),
    "xen-old": (("xen",), True),
    "xen-old-hvm": (("xen-hvm",), True),
    "xen-pv": (("xen-pv",), True),
    "xen-pvh": (("xen-pvh",), True),
}


class Tree(Files):
    """A captured tree whose CPUID answers each read by itself, as the device does and no file can."""

    def data(self, name: str, offset: int, size: int) -> bytes | None:
        if name != "/dev/cpu/0/cpuid":
            return super().data(name, offset, size)
        for line in (self.text("/CPUID") or "").splitlines()[1:]:
            leaf, *registers = (int(word, 16) for word in line.split())
            if leaf == offset:
                return struct.pack("<4I", *registers)
        return bytes(size)  # an unused leaf of a hypervisor


def found(name: str, process: Process = ROOT) -> Guest:
    arch = "aarch64" if name.startswith("arm") else process.arch
    return inspect(Tree(TREES / name), replace(process, arch=arch))


def capability(guest: Guest, name: str) -> Capability:
    return next(c for c in guest.capabilities if c.name == name)


def written(root: Path, files: dict[str, str]) -> Files:
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Files(root)


def test_every_tree_is_expected() -> None:
    assert sorted(p.name for p in TREES.iterdir()) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_layers_rest_on_evidence_and_steal_on_a_reason(name: str) -> None:
    guest = found(name)
    kinds, steal = EXPECTED[name]
    assert tuple(layer.kind for layer in guest.layers) == kinds
    assert guest.steal_clock.value is steal
    assert guest.steal_clock.because
    for layer in guest.layers:
        assert layer.evidence
        assert all(re.match(r"/\S+: .", line) for line in layer.evidence)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_tree_says_where_it_is_from(name: str) -> None:
    assert re.match(
        "Captured on a real machine|Written from the public formats", (TREES / name / "ORIGIN").read_text()
    )


def test_nothing_there_is_unknown_and_never_an_error(tmp_path: Path) -> None:
    guest = inspect(Files(tmp_path), USER)
    assert [(layer.kind, layer.evidence) for layer in guest.layers] == [("unknown", ())]
    assert guest.steal_clock.value is None
    assert guest.limits.memory_total == USER.physical
    assert guest.limits.vcpus_online == len(USER.usable)
    assert (guest.hostname, guest.cpu_model) == ("unknown", "unknown")
    assert guest.facts == {}


@pytest.mark.parametrize("name", ["kvm", "firecracker", "lxc", "openvz", "xen-pv"])
def test_garbage_in_every_file_is_never_an_error(name: str, tmp_path: Path) -> None:
    for path in (p for p in (TREES / name).rglob("*") if p.is_file()):
        written(tmp_path, {str(path.relative_to(TREES / name)): "\x00 :: - 9 / \xff\n\n:"})
    guest = inspect(Files(tmp_path), ROOT)
    assert guest.layers
    assert guest.limits.memory_total == ROOT.physical


def test_hyper_v_in_front_of_kvm_is_kvm_and_both_are_shown() -> None:
    evidence = " ".join(found("kvm-hyperv").layers[0].evidence)
    assert "'KVMKVMKVM' at leaf 0x40000100" in evidence
    assert "'Microsoft Hv' at leaf 0x40000000" in evidence


def test_a_cpuid_without_the_hypervisor_bit_is_not_read_further(tmp_path: Path) -> None:
    device = tmp_path / "dev/cpu/0/cpuid"
    device.parent.mkdir(parents=True)
    device.write_bytes(bytes(1) + struct.pack("<4I", 0xB00F21, 0x20800, 0x7FFA3203, 0x178BFBFF))
    read = cpuid.read(Files(tmp_path))
    assert read == cpuid.Cpuid("/dev/cpu/0/cpuid", hypervisor=False, interfaces=())


def test_an_unknown_signature_is_named_and_yields_to_dmi(tmp_path: Path) -> None:
    class Strange(Tree):
        def data(self, name: str, offset: int, size: int) -> bytes | None:
            leaves = {1: struct.pack("<4I", 0, 0, 1 << 31, 0), 0x40000000: b"\x01\x00\x00\x40NewHyper2030"}
            return leaves.get(offset, bytes(size)) if name.endswith("cpuid") else None

    assert inspect(Strange(TREES / "bhyve"), ROOT).layers[0].kind == "bhyve"
    written(tmp_path, {"/dev/cpu/0/cpuid": ""})
    layer = inspect(Strange(tmp_path), ROOT).layers[0]
    assert layer.kind == "unknown"
    assert "'NewHyper2030' at leaf 0x40000000" in layer.evidence[0]


def test_a_hypervisor_unknown_by_name_is_never_bare_metal(tmp_path: Path) -> None:
    files = written(tmp_path, {"/proc/cpuinfo": "flags\t\t: fpu hypervisor sse\n"})
    assert inspect(files, ROOT).layers[0].kind == "unknown"


def test_a_docker_mark_left_in_an_image_is_no_container() -> None:
    guest = found("firecracker")
    assert [layer.kind for layer in guest.layers] == ["firecracker"]
    assert "/.dockerenv" in guest.facts["container.leftovers"]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("0::/system.slice/docker-0123.scope", "docker"),
        ("5:memory:/docker/0123", "docker"),
        ("0::/machine.slice/libpod-0123.scope", "podman"),
        ("0::/kubepods.slice/pod7", "container"),
        ("0::/lxc.payload.web/init.scope", "lxc"),
        ("0::/system.slice/docker.service", None),
        ("0::/user.slice", None),
    ],
)
def test_containers_by_their_cgroup(line: str, kind: str | None, tmp_path: Path) -> None:
    files = written(tmp_path, {"/proc/self/cgroup": line, "/proc/2/comm": "kthreadd"})
    assert [layer.kind for layer in inspect(files, ROOT).layers[1:]] == ([kind] if kind else [])


def test_lxcfs_that_is_only_offered_to_others_is_no_container(tmp_path: Path) -> None:
    line = "61 28 0:51 / /var/lib/lxcfs rw,nosuid - fuse.lxcfs lxcfs rw,allow_other\n"
    assert len(inspect(written(tmp_path, {"/proc/self/mountinfo": line}), ROOT).layers) == 1


def test_a_node_of_openvz_is_no_container(tmp_path: Path) -> None:
    files = written(tmp_path, {"/proc/vz/veinfo": "", "/proc/bc/resources": ""})
    assert len(inspect(files, ROOT).layers) == 1


def test_amazon_metal_is_bare_metal(tmp_path: Path) -> None:
    dmi = "/sys/class/dmi/id"
    files = written(
        tmp_path,
        {
            f"{dmi}/sys_vendor": "Amazon EC2",
            f"{dmi}/product_name": "c5.metal",
            "/proc/cpuinfo": "flags : fpu\n",
        },
    )
    assert inspect(files, ROOT).layers[0].kind == "bare-metal"


def test_facts_of_a_burstable_instance() -> None:
    facts = found("aws-t3").facts
    assert facts["instance_type"] == "t3.micro"
    assert "billed" in facts["burstable"]
    assert facts["threads"] == "0-1"
    assert facts["cpu.present"] == "0-1"
    assert "burstable" not in found("kvm").facts


def test_facts_of_the_balloon_and_the_host_s_promise() -> None:
    facts = found("kvm-hyperv").facts
    assert "bit 2: deflates" in facts["balloon"]
    assert "bit 5: free page reporting" in facts["balloon"]
    assert "bit 3" not in facts["balloon"]
    assert facts["kvm.realtime"].startswith("the host promises")
    assert found("kvm").facts["balloon"] == "virtio; none of bits 2, 3, 5"


def test_only_kernel_options_that_matter_are_kept(tmp_path: Path) -> None:
    cmdline = "root=/dev/vda1 psi=1 token=secret mitigations=off init=/x -- psi=0"
    files = written(tmp_path, {"/proc/cmdline": cmdline})
    assert inspect(files, ROOT).facts["kernel.options"] == "psi=1 mitigations=off"


def test_a_user_without_root_is_told_what_to_type() -> None:
    guest = found("kvm-no-root", USER)
    assert capability(guest, "fio").remedy == "sudo apt-get update && sudo apt-get install -y fio"
    assert capability(guest, "cpuid").remedy == "sudo modprobe cpuid"
    assert capability(guest, "steal_clock").remedy == "sudo modprobe cpuid"
    assert "8 MiB" in capability(guest, "mlock").because
    assert "update-grub" in capability(guest, "pressure").remedy
    assert not guest.root


@pytest.mark.parametrize(
    ("name", "command"),
    [("kvm", "apt-get update && apt-get install -y fio"), ("openvz", "dnf install -y fio")],
)
def test_root_needs_no_sudo(name: str, command: str) -> None:
    guest = found(name, replace(USER, root=True))
    assert capability(guest, "fio").remedy == command


def test_a_container_is_not_told_to_change_the_kernel() -> None:
    guest = found("lxc", USER)
    ksm = capability(guest, "own_ksm_off")
    assert not ksm.available
    assert "around the container" in ksm.because
    assert ksm.remedy == ""
    assert capability(guest, "cpuid").remedy == ""


def test_platform_s_own_counters_are_asked_for_on_that_platform_only() -> None:
    assert capability(found("xen-pv"), "xen_memory").available
    assert capability(found("openvz"), "beancounters").available
    names = {c.name for c in found("kvm").capabilities}
    assert names.isdisjoint({"xen_memory", "beancounters"})
    assert "cpuid" not in {c.name for c in found("arm-kvm").capabilities}


def test_capabilities_follow_what_is_there() -> None:
    kvm, hyper_v = found("kvm"), found("hyper-v")
    assert all(
        capability(kvm, n).available for n in ("rtc", "pressure", "schedstat", "hyp_interrupts", "balloon")
    )
    assert not capability(hyper_v, "hyp_interrupts").available  # there HYP means other things
    assert not capability(found("firecracker"), "rtc").available
    assert not capability(found("openvz"), "schedstat").available


def test_io_uring_switched_off_comes_with_the_switch(tmp_path: Path) -> None:
    files = written(tmp_path, {"/proc/sys/kernel/io_uring_disabled": "2\n"})
    refused = replace(USER, io_uring=Answer(value=False, because="io_uring_setup answers EPERM"))
    one = capability(inspect(files, refused), "io_uring")
    assert (one.available, one.remedy) == (False, "sudo sysctl kernel.io_uring_disabled=0")


def test_locking_memory_needs_the_capability_not_the_name_of_root(tmp_path: Path) -> None:
    files = written(tmp_path, {"/proc/self/status": "CapEff:\t0000000000004000\n"})
    assert capability(inspect(files, USER), "mlock").available
    files = written(tmp_path, {"/proc/self/status": "CapEff:\t00000000a80425fb\n"})
    assert not capability(inspect(files, replace(USER, root=True)), "mlock").available


def test_too_small_a_disk_is_said() -> None:
    full = replace(ROOT, disk_free=5 * 2**30, disk_total=40 * 2**30)
    one = capability(found("kvm", full), "disk_space")
    assert (one.available, "5120 MiB of 40960 MiB" in one.because) == (False, True)
