"""What the signs of the CPU, of the kind of machine and of the run itself say, word for word.

Their sentences are asserted here and nowhere else.
"""

from __future__ import annotations

import json

import pytest

from tests.analyzer.signs import cpu_words
from tests.analyzer.signs.test_signs import CASES
from tests.analyzer.signs.words import finding

SAID = cpu_words.SAID | {
    "clock/doubts_drift": (
        "The wall clock moved by 0.40 s against the time since boot: times of day are uncertain, durations "
        "are not."
    ),
    "clock/doubts_pause": (
        "The guest stood still for about 20 s without noticing: its battery clock jumped against its own."
    ),
    "clock/silent_good": "The clocks agreed: wall clock within 0.1 s, battery clock without a jump.",
    "clock/silent_no_rtc": (
        "The clocks agreed: wall clock within 0.1 s; without a battery clock, a pause of the whole guest is "
        "not seen here."
    ),
    "daily_rhythm/silent_evenings": (
        "The hours of the day differ, and alike on each of 3 days. Busy vCPUs lost 15 % of their time "
        "between 18:00 and 24:00 UTC, the worst quarter of the day, and 1.97 % between 08:00 and 14:00 UTC, "
        "the best (13 points apart). That breaks no promise; it says when to measure again."
    ),
    "daily_rhythm/silent_one_day": (
        "Each hour of the day was seen once, so no daily rhythm can be told; two full days would be enough."
        " Busy vCPUs lost most between 18:00 and 19:00 UTC, 22 %, and least between 16:00 and 17:00 UTC, "
        "1.97 %."
    ),
    "daily_rhythm/silent_short": (
        "Only two full days can tell a daily rhythm from chance; this run lasted 10 min."
    ),
    "daily_rhythm/silent_sparse": (
        "Busy vCPUs were watched in 18 % of the hours, too few to compare the hours of the day. That takes "
        "a turn of the CPU probe in each hour of two full days."
    ),
    "daily_rhythm/silent_steady": (
        "No daily rhythm over 2 days: the hours differ too little to matter. Busy vCPUs lost 5.16 % of "
        "their time between 22:00 and 04:00 UTC, the worst quarter of the day, and 4.83 % between 06:00 and "
        "12:00 UTC, the best (0.33 points apart)."
    ),
    "own_load/doubts_half": (
        "Other processes of this guest took 49 % of the vCPUs under test, which was taken out."
    ),
    "own_load/doubts_spoilt": (
        "Other processes of this guest took 81 % of the vCPUs under test, too much to judge the host."
    ),
    "own_load/doubts_swap": (
        "The guest itself swapped 3600 pages in the memory test: close programs and repeat."
    ),
    "own_load/silent_idle": "Other work of this guest took 0 % of the vCPUs under test.",
    "own_load/silent_nothing_measured": (
        "No vCPU was under test in this run, so the guest's own work is not known."
    ),
    "run_incomplete/doubts_failed_probe": (
        "Not all was measured: 1 of 2 turns gave nothing or not all. Probe disk, failed: fio ended with 1."
    ),
    "run_incomplete/doubts_interrupted": (
        "Not all was measured: the run was interrupted after 100 s of 4.0 h."
    ),
    "run_incomplete/doubts_nothing": "Not all was measured: no probe ran.",
    "run_incomplete/silent_whole": "Every turn of the profile fixture ran: 1 in 10 min.",
    "score_stability/doubts_one_of_two": (
        "pyperf calls 1 of 2 scores unstable. The standard deviation is 30 % of the mean (hashing on all "
        "vCPUs). The minimum is 70 % smaller than the mean (hashing on all vCPUs)."
    ),
    "score_stability/doubts_too_few": (
        "pyperf calls 4 of 4 scores unstable. The standard deviation is up to 38 % of the mean (float and "
        "hashing on all vCPUs, float on one vCPU). The maximum is up to 83 % greater than the mean (float "
        "and hashing on all vCPUs). Not enough samples to get a stable result (hashing on one vCPU)."
    ),
    "score_stability/silent_not_checked": (
        "This run did not keep pyperf's own checks, so it is not known whether the scores are stable."
    ),
    "score_stability/silent_steady": "pyperf has no objection to the 2 scores.",
    "virtualization_mismatch/fires_emulated": (
        "Sold as kvm, found: qemu-tcg; the processor is emulated in software, far slower than KVM."
    ),
    "virtualization_mismatch/fires_kvm_as_xen": "Sold as xen, found: kvm; that is another kind of machine.",
    "virtualization_mismatch/fires_lxc_as_kvm": (
        "Sold as kvm, found: bare-metal, in it lxc; that is a container, which shares its host's kernel, "
        "and no such machine was seen around it."
    ),
    "virtualization_mismatch/fires_lxc_in_kvm": (
        "Sold as kvm, found: kvm, in it lxc; the machine is what was sold, but this ran in a container on "
        "it, which may be the owner's."
    ),
    "virtualization_mismatch/fires_openvz_as_kvm": (
        "Sold as kvm, found: kvm, in it openvz; that is a container, which shares its host's kernel."
    ),
    "virtualization_mismatch/silent_container": (
        "Sold as container, found: bare-metal, in it lxc; that is what was sold."
    ),
    "virtualization_mismatch/silent_more_than_sold": (
        "Sold as lxc, found: kvm; that shares less with others than what was sold."
    ),
    "virtualization_mismatch/silent_no_plan": "No plan says which kind of machine was sold; found: openvz.",
    "virtualization_mismatch/silent_unknown": (
        "Sold as kvm, found: unknown; which kind it is could not be told."
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_what_a_sign_says(name: str) -> None:
    assert finding(name).said == SAID[name]


@pytest.mark.parametrize("name", SAID)
def test_a_sentence_has_forty_words_at_most(name: str) -> None:
    assert max(len(sentence.split()) for sentence in SAID[name].split(". ")) <= 40


@pytest.mark.parametrize("sign", sorted({name.partition("/")[0] for name in SAID}))
def test_each_answer_has_its_words_here(sign: str) -> None:
    cases = {
        f"{sign}/{file.stem}": json.loads(file.read_text()) for file in CASES if file.parent.name == sign
    }
    grounds = {name: case["expect"]["ground"] for name, case in cases.items()}
    assert {grounds[name] for name in SAID if name in grounds} == set(grounds.values())
