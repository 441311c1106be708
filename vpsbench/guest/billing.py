"""Machines that bill for full load, or pay for it with credits, as far as DMI gives them away. Pure.

Amazon's Nitro machines write their instance type into DMI. Its T families are burstable: their price covers a
baseline. What goes beyond it on the average of 24 h depends on the mode:

- "unlimited", the default of T3, T3a and T4g: it is billed by the vCPU hour.
- "standard", the default of T2: the machine is throttled to the baseline.

Sources: the Amazon EC2 User Guide, "Key concepts for burstable performance instances" (the baselines, from
its credit table) and "Unlimited mode for burstable performance instances".

Of others DMI names at most the cloud, and not the type. They get only the warning that every long load gets.
Captured dmidecode outputs and cloud detectors in public repositories show these names:

- Amazon's Xen machines: "HVM domU".
- Alibaba: "Alibaba Cloud ECS". By its own documents its burstable types bill likewise in unlimited mode.
- Google: "Google Compute Engine".
- Oracle: the asset tag "OracleCloud.com".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_BURSTABLE: Final = re.compile(r"t\d\w*\.\w+")
_T3: Final = {
    "nano": 0.05, "micro": 0.1, "small": 0.2, "medium": 0.2, "large": 0.3, "xlarge": 0.4, "2xlarge": 0.4,
}  # fmt: skip
_BASELINES: Final = {  # by family and size, the share of each vCPU
    "t2": _T3 | {"xlarge": 0.225, "2xlarge": 0.17},
    "t3": _T3,
    "t3a": _T3,
    "t4g": _T3,
}


@dataclass(frozen=True, slots=True)
class Burstable:
    """An instance type whose price does not cover full load all the time.

    Args:
        kind: the instance type.
        baseline: the share of each vCPU that the price covers, on the average of a day; None: not known.
    """

    kind: str
    baseline: float | None

    @property
    def terms(self) -> str:
        """What full load costs, in words."""
        share = "a part" if self.baseline is None else f"{100 * self.baseline:g} %"
        return (
            f"burstable: the price of a {self.kind} covers {share} of each vCPU on the average of a day; "
            "more is billed by the vCPU hour in unlimited mode (the default from T3 on), "
            "and throttled in standard mode"
        )


def instance_type(vendor: str, product: str) -> str | None:
    """The instance type that DMI tells (``sys_vendor``, ``product_name``); None: it tells none."""
    return product if vendor == "Amazon EC2" and product else None


def burstable(kind: str) -> Burstable | None:
    """What is known of an instance type's credits; None: it has none, as far as known."""
    if not _BURSTABLE.fullmatch(kind):
        return None
    family, _, size = kind.partition(".")
    return Burstable(kind, _BASELINES.get(family, {}).get(size))
