"""What the signs of the promise "cpu" say on their fixtures, word for word."""

SAID = {
    "cpu_burst/fires_bucket_refills": (
        "Each vCPU delivered 100 % of its time for 40 s, then 30 % of its time to the end of the load (70 % "
        "less). It is as if a burst allowance of 28 s of full speed (27.8 to 28) was used up, and rests "
        "refill it as they refill such an allowance."
    ),
    "cpu_burst/fires_nothing_comes_back": (
        "Each vCPU delivered 100 % of its time for 40 s, then 30 % of its time to the end of the load (70 % "
        "less). It is as if a burst allowance of 28 s of full speed (27.8 to 28) was used up, which the "
        "rests did not confirm."
    ),
    "cpu_burst/fires_throttled": (
        "Each vCPU delivered 100 % of its time for 40 s, then 20 % of its time to the end of the load (80 % "
        "less). It is as if a burst allowance of 32 s of full speed (31.2 to 32.5) was used up, which no "
        "rest has confirmed."
    ),
    "cpu_burst/silent_capped": (
        "Each vCPU delivered 50 % of its time and was not throttled for good within 2.5 min of full load. A "
        "burst allowance larger than 74.9 s of full speed, or a throttle by less than 20 %, cannot be "
        "excluded."
    ),
    "cpu_burst/silent_disclosed": (
        "Each vCPU delivered 100 % of its time for 40 s, then 20 % of its time to the end of the load (80 % "
        "less). It is as if a burst allowance of 31.9 s of full speed (31.2 to 32.6) was used up, which no "
        "rest has confirmed. The plan discloses such a burst."
    ),
    "cpu_burst/silent_neighbour_left": (
        "Each vCPU delivered 100 % of its time for 40 s, then 30 % of its time to the end of the load (70 % "
        "less). It is as if a burst allowance of 28 s of full speed (27.8 to 28) was used up. But rests did "
        "not confirm it: after 10, 20 and 40 s more came back than such an allowance takes back, so a "
        "neighbour may have come and gone."
    ),
    "cpu_burst/silent_own_quota": (
        "Each vCPU delivered 100 % of its time for 40 s, then 20 % of its time to the end of the load (80 % "
        "less). It is as if a burst allowance of 31.9 s of full speed (31.2 to 32.6) was used up, which no "
        "rest has confirmed. But a CPU quota of 40 % of one vCPU is set on a cgroup that is visible from in "
        "here. That explains it, so nothing can be said about the host."
    ),
    "cpu_burst/silent_short": (
        "Each vCPU was under full load for 10 s without a pause, too short to see a throttle: at least 15 s "
        "are needed."
    ),
    "cpu_burst/silent_single_only": (
        "The vCPUs were never all loaded together in this run, so no throttle can be seen."
    ),
    "cpu_quota/fires_after_a_free_hour": (
        "At full load busy vCPUs get 40 % of each 100 ms, as under a CPU quota. In one load of up to 60 s "
        "gaps end on that grid, and each period loses about the same. It is not always on: one load lost "
        "nothing. No sweep of duty cycles was made."
    ),
    "cpu_quota/fires_below_disclosed": (
        "At full load busy vCPUs get 50 % of each 100 ms, as under a CPU quota. In one load of up to 60 s "
        "gaps end on that grid, and each period loses about the same. No sweep of duty cycles was made. The "
        "plan promises 70 % of each vCPU."
    ),
    "cpu_quota/fires_half": (
        "At full load busy vCPUs get 50 % of each 100 ms, as under a CPU quota. In 2 loads of up to 60 s "
        "gaps end on that grid, and each period loses about the same. A loop that demanded 10 %, 30 %, 60 "
        "%, 100 % of the time lost 0.2 %, 0.3 %, 17 %, 50 % of that."
    ),
    "cpu_quota/fires_two_vcpus": (
        "At full load busy vCPUs get 60 % of each 100 ms, as under a CPU quota. In one load of up to 60 s "
        "gaps end on that grid, and each period loses about the same. Together the 2 vCPUs got 1.20 vCPUs' "
        "time (vCPU 0: 62 %, vCPU 1: 58 %); one that works alone gets 99 %, so the quota is for all "
        "together. No sweep of duty cycles was made."
    ),
    "cpu_quota/silent_cron": (
        "In 2 of 2 full loads vCPUs lost time, on average 35 %, but irregularly as from contention. No "
        "quota with a period of 2 ms to 2 s was seen at work throughout. Shorter and longer periods are not "
        "excluded, nor is a quota that works only part of a minute."
    ),
    "cpu_quota/silent_disclosed_burst": (
        "At full load busy vCPUs get 50 % of each 100 ms, as under a CPU quota. In one load of up to 60 s "
        "gaps end on that grid, and each period loses about the same. No sweep of duty cycles was made. The "
        "plan says that full speed lasts only for a while."
    ),
    "cpu_quota/silent_disclosed_turns": (
        "At full load busy vCPUs get 50 % of each 20 ms, as under a CPU quota. In one load of up to 60 s "
        "gaps end on that grid, and each period loses about the same. Together the 2 vCPUs got 1.00 vCPUs' "
        "time (vCPU 0: 49 %, vCPU 1: 51 %). No sweep of duty cycles was made. The plan discloses a cap of "
        "50 % of each vCPU, which is kept."
    ),
    "cpu_quota/silent_lockstep": (
        "Gaps came regularly, every 31.67 ms, but with the same period and share in only 0 of 2 loads that "
        "lost time: too unsteady to be called a quota."
    ),
    "cpu_quota/silent_low_duty_loses_too": (
        "At full load busy vCPUs get 50 % of each 100 ms, as under a CPU quota. In 2 loads of up to 60 s "
        "gaps end on that grid, and each period loses about the same. A loop that demanded 10 %, 30 %, 60 "
        "%, 100 % of the time lost 50 %, 50 %, 50 %, 50 % of that. Below full load that is not what a quota "
        "takes: rather, a neighbour works by a clock."
    ),
    "cpu_quota/silent_no_loss": (
        "No cap below 99.6 % of a vCPU was met at full load, in the first minute of one load."
    ),
    "cpu_quota/silent_old_record": (
        "Telling a quota from contention takes 10 s of full load with each gap kept by itself; this run has "
        "none."
    ),
    "cpu_quota/silent_own_competitors": (
        "In the only full load vCPUs lost time, on average 30 %, but irregularly as from contention. No "
        "quota with a period of 2 ms to 2 s was seen at work throughout. Shorter and longer periods are not "
        "excluded, nor is a quota that works only part of a minute. But other programs of this guest took "
        "49 % of the vCPUs' time. What a quota took of theirs leaves no gaps that can be seen, so it cannot "
        "be told whether there is one."
    ),
    "cpu_quota/silent_own_quota": (
        "At full load busy vCPUs get 50 % of each 100 ms, as under a CPU quota. In one load of up to 60 s "
        "gaps end on that grid, and each period loses about the same. No sweep of duty cycles was made. But "
        "a CPU quota of 50 % of one vCPU is set on a cgroup that is visible from in here. That explains it, "
        "so nothing can be said about the host."
    ),
    "cpu_quota/silent_stopped_together_alone_unknown": (
        "Gaps came regularly, every 20 ms, and left 50 %, as a CPU quota does, but so do threads that take "
        "turns on a core. Busy threads that alternate by the host's tick would look the same, so it is not "
        "called a quota."
    ),
    "hidden_steal/fires_besides_reported": (
        "In 15 min of full load busy vCPUs lost 30 % of the time to something outside this guest that no "
        "counter shows (the guest's steal counter showed 30 %): more than 1 % is proven."
    ),
    "hidden_steal/fires_without_clock": (
        "In 2.5 min of full load busy vCPUs lost 30 % of the time to something outside this guest that no "
        "counter shows (no steal counter here could show it): more than 1 % is proven."
    ),
    "hidden_steal/silent_cap_kept": (
        "In 2.5 min of full load 51 % of the vCPUs' time was lost unseen (the guest's steal counter showed "
        "0 %), within the 52 % allowed. If it goes on as in the 2.5 min measured, a mean loss above 60 % "
        "over a longer time is excluded."
    ),
    "hidden_steal/silent_own_quota": (
        "Busy vCPUs lost 50 % of their time, but a CPU quota of 100 % of one vCPU is set on a cgroup that "
        "is visible from in here. That explains it, so nothing can be said about the host."
    ),
    "hidden_steal/silent_quota_in_container": (
        "Busy vCPUs lost 75 % of their time, but a CPU quota of 50 % of one vCPU is set on a cgroup that is "
        "visible from in here. That explains it, so nothing can be said about the host. This is a container "
        "(lxc): ask who set that limit, as the plan names none."
    ),
    "hidden_steal/silent_slow_swings": (
        "Busy vCPUs lost 1.03 % of their time unseen in 4.0 min of measuring, and 2.86 % in the worst tenth"
        " of it: too short or too uneven to judge against 1 %. About 3.3 h of measuring would be enough."
    ),
    "hidden_steal/silent_throttled": (
        "Busy vCPUs lost 50 % of their time, but a cgroup that is visible from in here was throttled for "
        "75.0 s. That explains it, so nothing can be said about the host."
    ),
    "missing_vcpu/fires_fewer_than_sold": "The guest has 2 of the 4 vCPUs sold.",
    "missing_vcpu/fires_one_core_for_two": (
        "The 2 vCPUs together delivered the time of 1.00 vCPUs in 2.5 min, though each alone lost only 0.5 "
        "% of its time: they are not all there at the same time."
    ),
    "missing_vcpu/silent_all_there": (
        "The 2 vCPUs together delivered the time of 1.98 vCPUs in 2.5 min: at most 25 % of each was missing."
    ),
    "missing_vcpu/silent_each_loses_alone_too": (
        "The 2 vCPUs together delivered the time of 1.00 vCPUs in 2.5 min, and each alone lost 48 % of its "
        "time, too: others take it, not the vCPUs from each other."
    ),
    "missing_vcpu/silent_kernel_option": (
        "The guest has 2 of the 4 vCPUs sold, but that is the guest's own doing (its own kernel option "
        "maxcpus=2), so nothing can be said about the host."
    ),
    "missing_vcpu/silent_never_alone": (
        "The 2 vCPUs together delivered the time of 1.00 vCPUs in 2.5 min, but none was loaded alone, so it "
        "is not known whether they share cores."
    ),
    "missing_vcpu/silent_one_vcpu": (
        "1 vCPU sold, and there; only one was under test, so they cannot take time from each other."
    ),
    "missing_vcpu/silent_own_quota": (
        "The 2 vCPUs together delivered the time of 1.00 vCPUs in 2.5 min, but a CPU quota of 100 % of one "
        "vCPU is set on a cgroup that is visible from in here. That explains it, so nothing can be said "
        "about the host."
    ),
    "missing_vcpu/silent_switched_off": (
        "The guest has 2 of the 4 vCPUs sold, but that is the guest's own doing (4 are there, but switched "
        "off), so nothing can be said about the host."
    ),
    "reported_steal/fires_dedicated": (
        "In 10 min of full load steal took 3 % of the time of busy vCPUs, more than the 1 % allowed: the "
        "host gave that time to others."
    ),
    "reported_steal/fires_xen": (
        "In 2.5 min of full load steal took 45 % of the time of busy vCPUs, more than the 5 % allowed: the "
        "host gave that time to others (30 % over the whole run, idle times included)."
    ),
    "reported_steal/silent_cap_kept": (
        "In 2.5 min of full load steal took 41 % of the vCPUs' time, within the 43 % allowed. If it goes on"
        " as in the 2.5 min measured, a mean loss above 51 % over a longer time is excluded."
    ),
    "reported_steal/silent_clock_unknown": (
        "Steal cannot be read here (CPUID is for root). Measured without it, busy vCPUs lost 0.1 % of their "
        "time in all."
    ),
    "reported_steal/silent_own_quota": (
        "Steal took 50 % of busy vCPUs' time, but a CPU quota of 100 % of one vCPU is set on a cgroup that "
        "is visible from in here. That explains it, so nothing can be said about the host."
    ),
    "slow_vcpu/fires_siblings": (
        "With all 2 vCPUs busy each did 58 % or more of the work per second of CPU time that it does alone,"
        " as threads of one core do, or vCPUs that share its cache. A vCPU's work per second of CPU time "
        "varied by 3.48 % in the middle nine tenths of readings. Whole cores were promised."
    ),
    "slow_vcpu/silent_lower_clock": (
        "With all 2 vCPUs busy each did 90 % or more of the work per second of CPU time that it does alone."
        " A vCPU's work per second of CPU time varied by 3.48 % in the middle nine tenths of readings."
    ),
    "slow_vcpu/silent_never_alone": (
        "Not each vCPU was loaded alone in this run, so it is not known whether vCPUs share cores. A vCPU's"
        " work per second of CPU time varied by 3.48 % in the middle nine tenths of readings."
    ),
    "slow_vcpu/silent_one_vcpu": (
        "With one vCPU under test there is no other to share a core with. A vCPU's work per second of CPU "
        "time varied by 3 % in the middle nine tenths of readings."
    ),
    "slow_vcpu/silent_siblings_of_a_common_plan": (
        "With all 2 vCPUs busy each did 58 % or more of the work per second of CPU time that it does alone,"
        " as threads of one core do, or vCPUs that share its cache. A vCPU's work per second of CPU time "
        "varied by 3.48 % in the middle nine tenths of readings. No plan promises whole cores."
    ),
}
