"""The ground-truth lab: real hypervisors, real faults, known answers.

Boots QEMU guests, a real Xen and containers, injects faults from outside, lets vpsbench measure inside
as a user would run it, and compares what it said with what was recorded from outside. vpsbench knows
nothing of the lab. ``python -m tests.lab --help`` says how to use it, docs/lab.md what it found.
"""
