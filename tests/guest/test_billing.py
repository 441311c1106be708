"""What an instance type says about the price of full load."""

import pytest

from vpsbench.guest.billing import Burstable, burstable, instance_type


@pytest.mark.parametrize(
    ("kind", "baseline"),
    [
        ("t2.micro", 0.1),
        ("t2.xlarge", 0.225),
        ("t3.nano", 0.05),
        ("t3.2xlarge", 0.4),
        ("t3a.large", 0.3),
        ("t4g.medium", 0.2),
        ("t9z.huge", None),  # a family or size of tomorrow
    ],
)
def test_burstable_types_and_what_their_price_covers(kind: str, baseline: float | None) -> None:
    assert burstable(kind) == Burstable(kind, baseline)


@pytest.mark.parametrize("kind", ["", "m5.large", "trn1.32xlarge", "c5.metal", "t3", "Virtual Machine"])
def test_other_types_are_not(kind: str) -> None:
    assert burstable(kind) is None


@pytest.mark.parametrize(
    ("vendor", "product", "kind"),
    [
        ("Amazon EC2", "t3.micro", "t3.micro"),
        ("Amazon EC2", "", None),
        ("Xen", "HVM domU", None),
        ("Alibaba Cloud", "Alibaba Cloud ECS", None),
        ("Google", "Google Compute Engine", None),
        ("Microsoft Corporation", "Virtual Machine", None),
    ],
)
def test_only_amazons_nitro_machines_tell_their_type(vendor: str, product: str, kind: str | None) -> None:
    assert instance_type(vendor, product) == kind


def test_the_terms_name_the_share_where_it_is_known() -> None:
    assert "t3.micro covers 10 % of each vCPU" in Burstable("t3.micro", 0.1).terms
    assert "covers a part of each vCPU" in Burstable("t9.huge", None).terms
