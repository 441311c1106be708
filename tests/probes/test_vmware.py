"""What VMware's host says: its command's text, and hosts that say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.sign_records import build
from tests.probes.collected import Collected
from vpsbench.probes import Request, Unavailable
from vpsbench.probes import vmware as probe
from vpsbench.probes.vmware import BALLOONED, COMMAND, LIMIT, RESERVED, SWAPPED, Options, missing, parse, run

# The example of VMware's Guest SDK documentation, with an unlimited guest.
RESOURCES = """\
vm.cpu.reserved = 4798
vm.cpu.limit = 11995
vm.cpu.contention.mem = 1488848
guest.mem.reserved = 204800
guest.mem.limit = -1
guest.mem.mapped = 1810144
guest.mem.swapped = 3236
guest.mem.ballooned = 27104
guest.mem.swapIn = 3416
ovhd.mem.swapped = 0
"""


def tool(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = folder / COMMAND[0]
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_amounts_are_in_bytes_and_no_limit_is_no_amount() -> None:
    assert parse(RESOURCES) == {
        BALLOONED: 27104 * 1024, SWAPPED: 3236 * 1024, RESERVED: 204800 * 1024
    }  # fmt: skip
    assert parse("guest.mem.limit = 1536000") == {LIMIT: 1536000 * 1024}
    assert parse("Error: no stats\nguest.mem.ballooned = many") == {}


def test_the_host_is_asked_and_its_answer_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "said").write_text(RESOURCES)
    tool(tmp_path, monkeypatch, f'[ "$*" = "{" ".join(COMMAND[1:])}" ] && cat {tmp_path / "said"}')
    emit = Collected()
    run(Request(0.1, Options(), 0, "", (0,), 1), emit)
    assert emit.values(BALLOONED) == [27104 * 1024]
    assert emit.raws == {"resources": RESOURCES}
    assert emit.told() <= set(probe.PROBE.metrics)


@pytest.mark.parametrize(
    ("script", "why"),
    [("echo 'Error: no'; exit 69", "Error: no"), ("echo vm.cpu.limit = 1", "the host tells nothing")],
)
def test_a_host_that_does_not_tell_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    tool(tmp_path, monkeypatch, script)
    with pytest.raises(Unavailable, match=why):
        run(Request(0.1, Options(), 0, "", (0,), 1), Collected())


def test_only_vmwares_guests_with_the_tool_can_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = build({"guest": {"layers": ["vmware"]}}).run.guest
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "open-vm-tools" in (missing(guest) or "")
    tool(tmp_path, monkeypatch, "true")
    assert missing(guest) is None
    assert "no guest of theirs" in (missing(build({}).run.guest) or "")


def test_asking_all_the_time_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 s"):
        Options(every=0.1)
