"""Calls that fail: some of those that faults.py tries, which takes every single one."""

import time

from suite import suite
import faults


def chosen(case, jobs):
    """Run all of them; what they tell, in short."""
    start = time.monotonic()
    for job, *arguments in jobs:
        job(case, *arguments)
    case.note = f"{len(jobs)} kinds in {time.monotonic() - start:.0f} s"


@suite.case("faults_of_memory_at_the_start", seconds=120, tags=["short"])
def memory_at_the_start(case):
    chosen(case, [(faults.sweep_start, "malloc", "ENOMEM", 11)])


@suite.case("faults_of_calls_at_the_start", seconds=120)
def calls_at_the_start(case):
    some = [("socket", "EMFILE", 2), ("bind", "EACCES", 2), ("listen", "EADDRINUSE", 1), ("connect", "EPERM", 2),
            ("setsockopt", "ENOMEM", 7), ("epoll_ctl", "ENOMEM", 2), ("epoll_create1", "EMFILE", 1),
            ("open", "EMFILE", 3), ("libcrypto", "ENOMEM", 9001)]
    chosen(case, [(faults.sweep_start, *one) for one in some])


@suite.case("faults_of_memory_in_a_transfer", seconds=180, tags=["short"])
def memory_in_a_transfer(case):
    chosen(case, [(faults.sweep_transfer, "malloc", "ENOMEM", 23)])


@suite.case("faults_of_calls_in_a_transfer", seconds=180)
def calls_in_a_transfer(case):
    some = [("socket", "EMFILE", 1), ("accept", "EPERM", 2), ("recvmmsg", "ENOMEM", 17), ("sendmmsg", "EPERM", 17),
            ("sendmsg", "ENOBUFS", 17), ("read", "EIO", 17), ("epoll_ctl", "ENOSPC", 9)]
    chosen(case, [(faults.sweep_transfer, *one) for one in some])


@suite.case("faults_of_memory_while_it_is_asked", seconds=120)
def memory_while_asked(case):
    chosen(case, [(faults.sweep_words, "malloc", "ENOMEM", 211)])


@suite.case("faults_that_last_burn_no_cpu", seconds=120)
def lasting(case):
    some = [("malloc", "ENOMEM"), ("socket", "EMFILE"), ("accept", "EMFILE"), ("accept", "EPERM"),
            ("recvmmsg", "ENOMEM"), ("sendmmsg", "ENOBUFS"), ("sendmmsg", "EPERM"), ("epoll_ctl", "ENOMEM")]
    chosen(case, [(faults.lasting, *one) for one in some])
