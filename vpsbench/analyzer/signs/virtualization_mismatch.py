"""Another kind of machine than was sold, such as a container sold as a virtual machine."""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer.signs import Sign, one_if
from vpsbench.model import Alternative, Finding, Level, Record

# What was sold -> the kinds of layers that deliver it.
DELIVERS: Final = {
    "kvm": {"kvm", "firecracker", "qemu"},
    "xen": {"xen", "xen-pv", "xen-hvm", "xen-pvh", "xen-dom0"},
    "vmware": {"vmware"},
    "hyper-v": {"hyper-v"},
    "openvz": {"openvz"},
    "lxc": {"lxc"},
    "container": {"openvz", "lxc", "systemd-nspawn", "podman", "docker", "container"},
    "bare-metal": {"bare-metal", "xen-dom0"},
}
CONTAINERS: Final = DELIVERS["container"]
MACHINES: Final = (
    set().union(*DELIVERS.values(), {"qemu-tcg", "bhyve", "virtualbox", "parallels", "uml"}) - CONTAINERS
)
# A container inside a machine, or inside one that does not tell its name, may be its owner's; OpenVZ needs a
# kernel that only a seller runs.
SELLERS_ONLY: Final = {"openvz"}
SOLD: Final = {"openvz", "lxc"}


def look(record: Record) -> list[Finding]:
    """Compares the layers found with the plan."""
    plan, layers = record.run.plan, record.run.guest.layers
    kinds = [layer.kind for layer in layers]
    found = ", in it ".join(kinds) or "nothing known"
    sold = plan.virtualization if plan else None
    if sold is None:
        return [
            _finding(
                record, Level.NOT_MEASURABLE, f"No plan says which kind of machine was sold; found: {found}."
            )
        ]
    level, why = judge(sold, kinds)
    return [_finding(record, level, f"Sold as {sold}, found: {found}; {why}.")]


def judge(sold: str, kinds: list[str]) -> tuple[Level, str]:
    """The level, and why, for what was sold and the layers found, outermost first."""
    inside = [k for k in kinds if k in CONTAINERS]
    if sold in CONTAINERS:
        return _sold_as_container(sold, kinds, inside)
    delivered = bool(DELIVERS[sold] & set(kinds))
    machine = next((k for k in kinds if k in MACHINES), None)
    alone = bool(inside) and machine in {None, "bare-metal"}
    of_seller = bool(SOLD & set(inside))
    emulated = sold == "kvm" and machine == "qemu-tcg"
    shared = "that is a container, which shares its host's kernel"
    own = "the machine is what was sold, but this ran in a container on it, which may be the owner's"
    rules = (
        (bool(SELLERS_ONLY & set(inside)), Level.STRONG, shared),
        (delivered and of_seller, Level.NOTICE, own),
        (delivered, Level.CLEAN, own if inside else "that is what was sold"),
        (
            alone and of_seller and machine is not None,
            Level.STRONG,
            f"{shared}, and no such machine was seen around it",
        ),
        (alone, Level.NOTICE, f"{shared}, and no such machine was seen around it"),
        (machine is None, Level.NOT_MEASURABLE, "which kind it is could not be told"),
        (emulated, Level.NOTICE, "the processor is emulated in software, far slower than KVM"),
        (True, Level.STRONG, "that is another kind of machine"),
    )
    return next((level, why) for met, level, why in rules if met)


def _sold_as_container(sold: str, kinds: list[str], inside: list[str]) -> tuple[Level, str]:
    if DELIVERS[sold] & set(inside):
        return Level.CLEAN, "that is what was sold"
    if inside:
        return Level.NOTICE, "that is another kind of container"
    if any(k in MACHINES for k in kinds):
        return Level.CLEAN, "that shares less with others than what was sold"
    return Level.NOT_MEASURABLE, "which kind it is could not be told"


def _finding(record: Record, level: Level, claim: str) -> Finding:
    plan, layers = record.run.plan, record.run.guest.layers
    sold = plan.virtualization if plan else None
    evidence = "; ".join(f"{layer.kind}: {', '.join(layer.evidence)}" for layer in layers)
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=claim,
        promised=sold,
        alternatives=(
            Alternative(
                "a hypervisor that shows itself as another one",
                ruled_out=None,
                because=evidence or "no evidence was found",
            ),
        ),
    )


SIGN = Sign(
    name="virtualization_mismatch",
    question="Is this the kind of machine that was sold?",
    promise="virtualization",
    needs=(),
    look=look,
    claims=one_if(lambda plan: plan.virtualization),
    decides=("virtualization",),
)
