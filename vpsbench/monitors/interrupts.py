"""Interrupts that the hypervisor raised in the guest: the HYP line of /proc/interrupts (x86).

Format: a header with a ``CPUn`` for each online vCPU, then a line an interrupt with a count for each
(proc(5); the kernel's arch/x86/kernel/irq.c). What a HYP interrupt means depends on the hypervisor:

- KVM: a page that the host had swapped out is there again.
- Xen: any event.
- Hyper-V: any message.

The line is missing where the kernel has no such vector, as on bare metal and on ARM.
"""

from __future__ import annotations

import re
from typing import Final

from vpsbench.kernel_text.lines import Texts, first, named
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

HYP: Final = Metric(
    "interrupts.hyp", "1", Kind.COUNTER, "neither",
    "Hypervisor callbacks on a vCPU since boot; on KVM: pages that the host had swapped out.",
)  # fmt: skip

FILE: Final = "/proc/interrupts"
VCPU: Final = re.compile(r"CPU[0-9]+")


def parse(texts: Texts) -> list[Sample]:
    """HYP interrupts since boot of each vCPU."""
    header = first(texts, FILE)
    if not all(VCPU.fullmatch(word) for word in header.words):
        raise header.wrong("expected a header of CPU0, CPU1, …")
    return [
        Sample(HYP, line.value(column), (("vcpu", vcpu.removeprefix("CPU")),))
        for line in named(texts, FILE, ("HYP",)).values()
        for column, vcpu in enumerate(header.words, 1)
    ]


MONITOR = Monitor(
    name="interrupts",
    files=matching(FILE),
    metrics=(HYP,),
    parse=parse,
)
