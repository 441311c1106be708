"""What the signs of the disk say, word for word: the one place where their sentences are asserted."""

from __future__ import annotations

import pytest

from tests.analyzer.signs.words import finding

SAID = {
    "disk_below_plan/fires_bandwidth": (
        "The disk delivered 49.9 MB a second (reads of 1 MiB) of the 200 MB a second promised, in"
        " 3.3 min of load. Even with an endless queue it would have been at most 57.4 MB a "
        "second, 63 % to 75 % short."
    ),
    "disk_below_plan/fires_beside_little_steal": (
        "The disk delivered 200 I/O a second (reads of 4 KiB) of the 3,000 I/O a second promised,"
        " in 4.0 min of load. Even with an endless queue and vCPUs that are never away it would "
        "have been at most 217 I/O a second, 83 % to 94 % short."
    ),
    "disk_below_plan/fires_steady_cap": (
        "The disk delivered 200 I/O a second (reads of 4 KiB) of the 3,000 I/O a second promised,"
        " in 4.0 min of load. Even with an endless queue it would have been at most 206 I/O a "
        "second, 84 % to 94 % short."
    ),
    "disk_below_plan/silent_disclosed_burst": (
        "The disk delivered 200 I/O a second (reads of 4 KiB) of the 3,000 I/O a second promised,"
        " in 4.0 min of load. The plan promises that speed only for a while."
    ),
    "disk_below_plan/silent_encrypted": (
        "The disk delivered 200 I/O a second (reads of 4 KiB) of the 3,000 I/O a second promised,"
        " in 4.0 min of load. What stands between it and us may take its time: dm-0: made by the "
        "device mapper (CRYPT) of 1 device(s)."
    ),
    "disk_below_plan/silent_far_away": (
        "The disk delivered 2,994 I/O a second (reads of 4 KiB) of the 5,000 I/O a second "
        "promised, in 4.0 min of load. With more than 32 I/Os under way it may have delivered "
        "more."
    ),
    "disk_below_plan/silent_faster_writes": (
        "The disk delivered 3,097 I/O a second (writes of 4 KiB) of the 3,000 I/O a second "
        "promised, in 60 s of load."
    ),
    "disk_below_plan/silent_not_promised": (
        "The plan names neither IOPS nor bandwidth of the disk, so there is nothing to fall short of."
    ),
    "disk_below_plan/silent_one_at_a_time": (
        "The disk delivered 200 I/O a second (reads of 4 KiB) of the 3,000 I/O a second promised,"
        " in 4.0 min of load. This guest lets us make no more than one I/O at a time."
    ),
    "disk_below_plan/silent_own_cpu": (
        "The disk delivered 200 I/O a second (reads of 4 KiB) of the 3,000 I/O a second promised,"
        " in 4.0 min of load. Our own program may have been the limit: it used 90 % of a vCPU."
    ),
    "disk_below_plan/silent_own_cpu_unknown": (
        "The disk delivered 200 I/O a second (reads of 4 KiB) of the 3,000 I/O a second promised,"
        " in 4.0 min of load. Our own program may have been the limit."
    ),
    "disk_below_plan/silent_own_programs": (
        "The disk delivered 200 I/O a second (reads of 4 KiB) of the 3,000 I/O a second promised,"
        " in 4.0 min of load. 50 % of its work was for other programs of this guest."
    ),
    "disk_below_plan/silent_stolen_vcpu": (
        "The disk delivered 1,597 I/O a second (reads of 4 KiB) of the 3,000 I/O a second "
        "promised, in 4.0 min of load. vCPUs may have been away for up to 50 % of the time, and "
        "it waited for them."
    ),
    "disk_below_plan/silent_too_short": (
        "The disk delivered 200 I/O a second (reads of 4 KiB) of the 3,000 I/O a second promised, in 30 s "
        "of load. That is too short, or too uneven, to prove that it falls short; 100 s of load would be "
        "enough."
    ),
    "disk_below_plan/silent_unknown_disk": (
        "The disk delivered 200 I/O a second (reads of 4 KiB) of the 3,000 I/O a second promised,"
        " in 4.0 min of load. This run did not note what stands between it and us, which may take"
        " its time."
    ),
    "disk_contention/fires_comes_and_goes": (
        "Something outside of this guest slows its disk down at times. Single reads of 4 KiB, a "
        "few each second, took 0.412 ms at the median; in 9.2 % of the time they took more than "
        "2.32 ms, three times what 99 % of them keep to in the calm parts of the run. The p99 of "
        "the worst ten minutes was 29 ms, 27.3 ms to 30.3 ms. It is a neighbour, or work of the "
        "host's own: which of them cannot be told."
    ),
    "disk_contention/fires_neighbour": (
        "Something outside of this guest slows its disk down at times. For 2.0 min most single "
        "reads of 4 KiB took more than 2 ms, at least 5 times what is usual in the calm parts of "
        "the run. The p99 of the worst ten minutes was 30.7 ms, 29.5 ms to 32.4 ms. It is a "
        "neighbour, or work of the host's own: which of them cannot be told."
    ),
    "disk_contention/silent_evenings": (
        "Single reads of 4 KiB, a few each second, took 0.453 ms at the median; in 0.41 % of the time they "
        "took more than 2.28 ms, three times what 99 % of them keep to in the calm parts of the run. The "
        "p99 of the worst ten minutes was 2.91 ms, 2.09 ms to 3.49 ms. A slowness that is there all the "
        "time, or at other hours, cannot be seen in this way. The hours of the day differ, and alike on "
        "each of 3 days: an hour's p99 was 2.39 ms between 14:00 and 20:00 UTC, and 0.791 ms between 06:00 "
        "and 12:00 UTC (geometric means)."
    ),
    "disk_contention/silent_one_event": (
        "Single reads of 4 KiB, a few each second, took 0.399 ms at the median; in 1.69 % of the "
        "time they took more than 2.43 ms, three times what 99 % of them keep to in the calm "
        "parts of the run. That is too uneven, or too seldom, to tell others from chance."
    ),
    "disk_contention/silent_short": (
        "Whether others slow the disk down cannot be told: only 198 of 199 sparse reads met no "
        "I/O of this guest's own."
    ),
    "disk_contention/silent_uncounted": (
        "Whether others slow the disk down cannot be told: this guest's own disk I/O is not "
        "counted here, so others' cannot be told from it."
    ),
    "fsync_ignored/silent_costs_nothing": (
        "A flush took 41.2 µs after nothing was written, 42.1 µs after 4 KiB, 47.9 µs after 1 "
        "MiB, 46.4 µs after 16 MiB (medians); write cache: write back, as the host says. Storage "
        "with a protected cache does that, and so does a host that ignores flushes; latency alone"
        " cannot tell which it is. What must survive a loss of power belongs in a backup "
        "elsewhere."
    ),
    "fsync_ignored/silent_network": (
        "A flush took 928 µs after nothing was written, 888 µs after 4 KiB, 1.03 ms after 1 MiB, "
        "969 µs after 16 MiB (medians); write cache: write back, as the host says. Each flush "
        "takes time, however little there is to flush, as on storage behind a network. Latency "
        "alone cannot tell whether the data are safe."
    ),
    "fsync_ignored/silent_too_few": ("Too few flushes were made to compare them."),
    "fsync_ignored/silent_volatile_cache": (
        "A flush took 61.8 µs after nothing was written, 841 µs after 4 KiB, 3.42 ms after 1 MiB,"
        " 21.1 ms after 16 MiB (medians); write cache: write back, as the host says. It took the "
        "longer the more was written, so nothing here suggests that flushes are ignored. Latency "
        "alone proves no more."
    ),
    "fsync_ignored/silent_write_through": (
        "A flush took 9.28 µs after nothing was written, 8.41 µs after 4 KiB, 10.3 µs after 1 "
        "MiB, 9.48 µs after 16 MiB (medians); write cache: write through, as the host says. The "
        "host says that nothing waits in a cache, so the guest sends no flushes. Whether that is "
        "true cannot be told from here."
    ),
    "missing_disk/fires_container": (
        "The container's file system has 15 GB (13.97 GiB) of the 20 GB (18.63 GiB) sold: 25 % is missing."
    ),
    "missing_disk/fires_half": (
        "The guest sees 40 GB (37.25 GiB) of disk, 80 GB (74.51 GiB) sold: 50 % is missing."
    ),
    "missing_disk/silent_all_there": (
        "The guest sees 85.9 GB (80 GiB) of disk, 80 GB (74.51 GiB) sold. The file system under "
        "test has 78 GB (72.64 GiB) of it."
    ),
    "missing_disk/silent_container_tables": (
        "The container's file system has 19 GB (17.7 GiB) of the 20 GB (18.63 GiB) sold; its own "
        "tables take some of it."
    ),
    "missing_disk/silent_not_promised": ("The plan names no size of the disk."),
    "missing_disk/silent_nothing_seen": ("This run did not see which disks there are."),
    "missing_disk/silent_two_disks": (
        "The guest sees 80 GB (74.51 GiB) of 2 disks, 80 GB (74.51 GiB) sold. The file system "
        "under test has 60 GB (55.88 GiB) of it."
    ),
    "disk_burst/silent_no_burst_job": (
        "No long job at full rate ran on the disk, so no throttle can be seen."
    ),
}
# Parts of sentences that both burst signs share (see the words of the CPU signs).
PARTS = {
    "disk_burst/fires_bandwidth": (
        "larger reads then came at the same B/s: bandwidth is capped, not operations"
    ),
    "disk_burst/fires_both_capped": (
        "larger reads then came at a lower rate, but at more B/s: operations are capped, and "
        "larger ones held back by something else as well, such as a cap on bandwidth"
    ),
    "disk_burst/fires_bucket_refills": (
        "larger reads then came at the same rate: operations are capped, not bandwidth"
    ),
    "disk_burst/fires_undecided_kind": (
        "larger reads then came neither at the same rate nor at the same B/s: what is capped is undecided"
    ),
    "disk_burst/fires_confirmed_twice": "It was so in 2 sessions hours apart.",
    "disk_burst/fires_bytes_after_layout": "11,892 reads",
    "disk_burst/silent_half_duty": (
        "The duty of 50 % shortens jobs, and a bucket refills in the rests: "
        "a run at full duty could show more."
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_what_a_sign_says(name: str) -> None:
    assert finding(name).said == SAID[name]


@pytest.mark.parametrize("name", PARTS)
def test_what_the_disks_burst_sign_adds(name: str) -> None:
    assert PARTS[name] in finding(name).said
