"""Another kind of machine than was sold, such as a container sold as a virtual machine."""

from __future__ import annotations

from typing import Final, NamedTuple

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
# A container in a machine may be the owner's, also where the machine does not tell its name. OpenVZ needs a
# kernel that only a seller runs.
SELLERS_ONLY: Final = {"openvz"}
SOLD: Final = {"openvz", "lxc"}


class _Answer(NamedTuple):
    """What is said of the kind of machine, and which of the sign's answers it is."""

    level: Level
    ground: str
    why: str


SHARES: Final = "that is a container, which shares its host's kernel"
OWN: Final = "the machine is what was sold, but this ran in a container on it, which may be the owner's"
AS_SOLD: Final = _Answer(Level.CLEAN, "as_sold", "that is what was sold")
UNKNOWN: Final = _Answer(Level.NOT_MEASURABLE, "unknown_kind", "which kind it is could not be told")


def look(record: Record) -> list[Finding]:
    """Compares the layers found with the plan."""
    plan, layers = record.run.plan, record.run.guest.layers
    kinds = [layer.kind for layer in layers]
    found = ", in it ".join(kinds) or "nothing known"
    sold = plan.virtualization if plan else None
    if sold is None:
        claim = f"No plan says which kind of machine was sold; found: {found}."
        return [_finding(record, Level.NOT_MEASURABLE, "nothing_promised", claim)]
    answer = judge(sold, kinds)
    claim = f"Sold as {sold}, found: {found}; {answer.why}."
    return [_finding(record, answer.level, answer.ground, claim)]


def judge(sold: str, kinds: list[str]) -> _Answer:
    """The answer for what was sold and the layers found, outermost first."""
    inside = [k for k in kinds if k in CONTAINERS]
    machine = next((k for k in kinds if k in MACHINES), None)
    if sold in CONTAINERS:
        return _sold_as_container(sold, machine, inside)
    if SELLERS_ONLY & set(inside):
        return _Answer(Level.STRONG, "sellers_container", SHARES)
    of_seller = bool(SOLD & set(inside))
    if DELIVERS[sold] & set(kinds):
        return _delivered(inside, of_seller=of_seller)
    if inside and machine in {None, "bare-metal"}:
        level = Level.STRONG if of_seller and machine is not None else Level.NOTICE
        return _Answer(level, "container_alone", f"{SHARES}, and no such machine was seen around it")
    return _another(sold, machine) if machine else UNKNOWN


def _another(sold: str, machine: str) -> _Answer:
    if sold == "kvm" and machine == "qemu-tcg":
        why = "the processor is emulated in software, far slower than KVM"
        return _Answer(Level.NOTICE, "emulated", why)
    return _Answer(Level.STRONG, "another_machine", "that is another kind of machine")


def _delivered(inside: list[str], *, of_seller: bool) -> _Answer:
    """The machine is there; a container on it may be the seller's or the owner's."""
    if not inside:
        return AS_SOLD
    return _Answer(Level.NOTICE if of_seller else Level.CLEAN, "container_on_it", OWN)


def _sold_as_container(sold: str, machine: str | None, inside: list[str]) -> _Answer:
    if DELIVERS[sold] & set(inside):
        return AS_SOLD
    if inside:
        return _Answer(Level.NOTICE, "another_container", "that is another kind of container")
    if machine:
        return _Answer(Level.CLEAN, "more_than_sold", "that shares less with others than what was sold")
    return UNKNOWN


def _finding(record: Record, level: Level, ground: str, claim: str) -> Finding:
    plan, layers = record.run.plan, record.run.guest.layers
    sold = plan.virtualization if plan else None
    evidence = "; ".join(f"{layer.kind}: {', '.join(layer.evidence)}" for layer in layers)
    return Finding(
        sign=SIGN.name,
        level=level,
        ground=ground,
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
