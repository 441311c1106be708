"""What the signs of memory say, word for word: the one place where their sentences are asserted."""

from __future__ import annotations

import pytest

from tests.analyzer.signs.words import finding

SAID = {
    "missing_memory/fires_half": (
        "The guest has only 980 MiB of the 2.00 GiB sold: 1.04 GiB (52 %) is missing."
    ),
    "missing_memory/fires_map_shows_less": (
        "The guest has only 768 MiB of the 1.00 GiB sold: 256 MiB (25 %) is missing. The "
        "machine's own map shows 768 MiB; its kernel keeps 30 MiB."
    ),
    "missing_memory/fires_gone_after_the_map": (
        "The guest has only 1.20 GiB of the 2.00 GiB sold: 819 MiB (40 %) is missing. The "
        "machine's own map shows 2.00 GiB; more of it is gone than a kernel keeps."
    ),
    "missing_memory/silent_all": ("The guest has 1.95 GiB, all of the 1.00 GiB sold."),
    "missing_memory/silent_map_shows_all": (
        "The guest has 973 MiB of the 1.00 GiB sold; a kernel keeps that much for itself. The "
        "machine's own map shows 1023 MiB; its kernel keeps 51 MiB."
    ),
    "missing_memory/silent_mem_option": (
        "The guest has only 980 MiB of the 2.00 GiB sold: 1.04 GiB (52 %) is missing. The guest's"
        " own kernel option mem=1G explains it, so nothing can be said about the host."
    ),
    "missing_memory/silent_no_plan": ("No plan names an amount of memory. The guest sees 980 MiB."),
    "missing_memory/silent_own_cgroup": (
        "The guest has 1.93 GiB of the 2.00 GiB sold; a kernel keeps that much for itself. A "
        "cgroup that this guest can see limits us to 512 MiB; that is usually the owner's own "
        "doing."
    ),
    "ballooned_memory/fires_for_a_while": (
        "The host took back 300 MiB of this guest's memory, beginning 10 s into this run, and "
        "gave it back after 20 s. Meanwhile the guest itself lacked none. 674 MiB was left."
    ),
    "ballooned_memory/fires_given_back_within": (
        "The host took back 270 MiB of this guest's memory, all of it before this run began, and "
        "gave it back 30 s into this run. 700 MiB was left."
    ),
    "ballooned_memory/fires_hyperv_under_pressure": (
        "The host took back 1.30 GiB of this guest's memory, beginning 20 s into this run, and "
        "gave none of it back. Meanwhile the guest itself was short of memory: its tasks waited "
        "12.0 s for it, and it swapped 0 MiB out. 2.51 GiB was left."
    ),
    "ballooned_memory/fires_vmware_hidden": (
        "The host took back 800 MiB of this guest's memory, beginning 20 s into this run, and "
        "gave none of it back. 1.13 GiB was left."
    ),
    "ballooned_memory/silent_driver_only": (
        "The host took back no memory: at most 0 % of 1.95 GiB moved. Watched: "
        "vm.balloon_inflate, memory.total."
    ),
    "ballooned_memory/silent_surplus_by_the_map": (
        "The host took back 100 MiB of this guest's memory, beginning 20 s into this run, and "
        "gave none of it back. What was left still meets the plan."
    ),
    "ballooned_memory/silent_xen_maximum": (
        "2.93 GiB has been in Xen's balloon since before this run. No plan says whether it had "
        "been sold: a guest may be given a larger maximum than was sold."
    ),
    "vanishing_memory/fires_in_a_busy_guest": (
        "4.84 % of the memory held was not there when it was touched again: in 4 of 4 rounds it "
        "took more than 9.7 µs to come back. The guest itself swapped nothing out meanwhile: the "
        "host had taken it."
    ),
    "vanishing_memory/fires_only_after_long": (
        "7.69 % of the memory held was not there when it was touched again: in 5 of 13 rounds it "
        "took more than 9.7 µs to come back. The guest itself swapped nothing out meanwhile: the "
        "host had taken it. That first showed 32 min after it was written, and not yet after 9.5 "
        "min."
    ),
    "vanishing_memory/fires_swapped_to_memory": (
        "29 % of the memory held was not there when it was touched again: in 4 of 4 rounds it "
        "took more than 4.1 µs to come back. The guest itself swapped nothing out meanwhile: the "
        "host had taken it. It was gone 60 s after it was written, at the latest."
    ),
    "vanishing_memory/fires_soon_before_the_end": (
        "19 % of the memory held was not there when it was touched again: in 2 of 15 rounds it "
        "took more than 9.7 µs to come back. The guest itself swapped nothing out meanwhile: the "
        "host had taken it. That first showed 7.5 min after it was written, and not yet after 7.0"
        " min."
    ),
    "vanishing_memory/silent_clean": (
        "When touched again, 0 % more of the memory held than of the control came back slowly (in"
        " more than 28 µs). 0 of 4 rounds were over 0.5 %. Pages that the host compressed, or "
        "swaps at other hours, are not excluded."
    ),
    "vanishing_memory/silent_one_round": (
        "When touched again, 0 % more of the memory held than of the control came back slowly (in"
        " more than 28 µs). 1 of 4 rounds were over 0.5 %, at most 16 %; half of those since the "
        "first would accuse. Pages that the host compressed, or swaps at other hours, are not "
        "excluded."
    ),
    "vanishing_memory/silent_given_back": (
        "Only one complete round of re-reading held memory (only 60 MiB were left available, "
        "under the floor of 64 MiB: all was given back); at least two are needed."
    ),
    "vanishing_memory/silent_killed_after_one_round": (
        "Only one complete round of re-reading held memory (killed by SIGKILL (it said nothing));"
        " at least two are needed."
    ),
    "vanishing_memory/silent_one_only": (
        "Only one complete round of re-reading held memory; at least two are needed."
    ),
    "vanishing_memory/silent_last_round": (
        "In the last round 20 % of the memory held took more than 28 µs to come back, and too "
        "little did in the rounds before to tell. Held for longer, it would show whether the host"
        " takes it away."
    ),
    "vanishing_memory/silent_too_few_touches": (
        "5.16 % more of the memory held than of the control took more than 28 µs to come back, "
        "but in too few touches to prove it. Held for longer, it would show."
    ),
    "merged_memory/fires_after_one_scan": (
        "The host keeps equal pages of this guest's memory only once: after 2.2 min 99 % of the duplicate "
        "pages were slow at their first write, and 0.12 % of the unique pages beside them. The medians were"
        " 4.1 µs and 0.3 µs. At a second write 0.15 % of the duplicate pages were slow."
    ),
    "merged_memory/silent_given_back": (
        "Whether the host merges equal pages cannot be told. Only 30 MiB were left available: all"
        " was given back."
    ),
    "merged_memory/silent_never": (
        "No merged pages were seen in memory left alone for up to 2.2 min: 0.24 % of duplicate pages and "
        "0.12 % of unique pages were slow at their first write. That does not clear the host. A large host "
        "needs hours to scan its memory, and many merge only when they run short of memory."
    ),
    "merged_memory/silent_own_kernel_merges": (
        "Whether the host merges equal pages cannot be told. The guest's own kernel merged pages meanwhile."
    ),
    "merged_memory/silent_too_few_pages": (
        "Whether the host merges equal pages cannot be told. No age had enough pages."
    ),
    "merged_memory/silent_unavailable": (
        "Not measured: the merge probe: unavailable: the guest's own kernel merges equal pages."
    ),
    "memory_corrupt/fires_one_bit": (
        "1 page of held memory had changed, of 90,000 verified (1 bit differs): the memory does "
        "not keep what is written to it."
    ),
    "memory_corrupt/fires_pages_lost": (
        "4 pages of held memory had changed, of 90,000 verified (65,536 bits differ): the memory "
        "does not keep what is written to it."
    ),
    "memory_corrupt/fires_read_wrong_once": (
        "1 page of held memory had changed, of 90,000 verified (all as written at a second look):"
        " the memory does not keep what is written to it."
    ),
    "memory_corrupt/silent_all_as_written": (
        "90,000 pages of held memory were verified, word by word: none had changed."
    ),
    "memory_guarantee/fires_cgroup_v2_met": (
        "The container's own cgroup limits it to 2.00 GiB of the 4.00 GiB sold. The limit was met"
        " 40 times in this run: more was refused or slowed down."
    ),
    "memory_guarantee/fires_for_a_while": (
        "The container's own cgroup limits it to 3.00 GiB of the 4.00 GiB sold."
    ),
    "memory_guarantee/fires_lxcfs_tells_more": (
        "This container is told that it has 4.00 GiB (/proc/meminfo, rewritten by lxcfs), but its"
        " own cgroup limits it to 2.00 GiB."
    ),
    "memory_guarantee/fires_oomguarpages": (
        "Only 512 MiB of the 1.00 GiB sold is guaranteed against being killed (oomguarpages); the"
        " rest is there only while others leave it free."
    ),
    "memory_guarantee/fires_openvz_guarantee": (
        "Only 256 MiB of the 1.00 GiB sold is guaranteed for allocation (vmguarpages); the rest "
        "is there only while others leave it free."
    ),
    "memory_guarantee/fires_openvz_refused": (
        "The host refused privvmpages 12 times, although less than allowed was in use."
    ),
    "memory_guarantee/fires_privvmpages": (
        "This container may use 512 MiB of the 1.00 GiB sold (privvmpages); more is refused."
    ),
    "memory_guarantee/fires_vmware_limit": (
        "VMware's host gives this machine at most 2.00 GiB of the 4.00 GiB sold."
    ),
    "memory_guarantee/silent_docker": (
        "This is no container of a kind that is sold, and nothing here says how much is guaranteed. A limit"
        " of 256 MiB on /sys/fs/cgroup is the owner's own."
    ),
    "memory_guarantee/silent_openvz_unreadable": ("No guarantee and no limit of the host's is visible."),
    "memory_guarantee/silent_owners_slice": (
        "What the host declares keeps the plan: /sys/fs/cgroup at 2.00 GiB. A limit of 256 MiB on"
        " /sys/fs/cgroup/system.slice/bench.service is the owner's own."
    ),
    "memory_guarantee/silent_vmware_limit": (
        "What the host declares keeps the plan: VMware's limit at 4.00 GiB."
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_what_a_sign_says(name: str) -> None:
    assert finding(name).said == SAID[name]
