# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits of tests, and what they leave running, where there are no cgroups for them."""

import json
import re
import subprocess
import sys
from pathlib import Path

from behaviour import behaviour
from modules import module
from program import PTEST, run, shell, text

HOG = '[Test hog]\nExec=python3 -c "x = bytearray(400 << 20)"\n'
FINE = "[Test fine]\nExec=/bin/true\n"
SETSID = '(setsid sleep 300 </dev/null >/dev/null 2>&1 &); exit 0'


@behaviour
def limits_of_tests_are_refused_by_name_wherever_they_stand():
    for suite, name in (("[Suite]\nMemoryMax=64M\n" + FINE, "MemoryMax="),
                        (FINE + "TasksMax=20\n", "TasksMax="),
                        (FINE + "[Match *]\nCPUQuota=50%\n", "CPUQuota="),
                        (FINE + "Context=c\n[Context c]\nMemoryHigh=10M\n", "MemoryHigh="),
                        (FINE + "[Context c]\nSetUp=true\nMemoryMax=10M\n[Test t]\nExec=true\nContext=c\n", "MemoryMax=")):
        with run(suite=suite) as it:
            assert it.status == 2, (suite, it.status)
            assert name in it.stderr and "of tests" in it.stderr and "--allow-degraded" in it.stderr, it.stderr


@behaviour
def limit_of_memory_is_the_next_best_with_allow_degraded():
    suite = "[Suite]\nMemoryMax=100M\n" + HOG + FINE + HOG.replace("hog", "free") + "MemoryMax=infinity\n"
    with run(suite=suite, options=["--allow-degraded"]) as it:
        assert it.outcomes == {"hog": "fail", "fine": "pass", "free": "pass"}, it.outcomes
        assert "MemoryError" in text(it.results["hog"], "PTEST_STDERR"), it.results["hog"]
        assert "does not hold MemoryMax= of tests" in it.stdout, it.stdout
        it.assert_nothing_is_left()


@behaviour
def limit_of_a_test_of_a_module_is_its_own_in_the_process_that_it_shares():
    suite = (f"[Suite]\nFrom=module:{module('limits')}\nWorkers=1\n"
             "[Match *::hog]\nMemoryMax=100M\nPriority=2\n[Match *::other]\nMemoryMax=1G\nPriority=1\n")
    # AddressSanitizer takes terabytes of address space for itself, and dies where they are limited.
    sanitized = b"libasan.so" in Path(PTEST).read_bytes()
    for isolation in () if sanitized else ("none", "process"):
        with run(suite=suite, options=["--allow-degraded", f"--isolation={isolation}"]) as it:
            outcomes = {address.rpartition("::")[2]: outcome for address, outcome in it.outcomes.items()}
            assert outcomes == {"hog": "fail", "other": "pass", "unlimited": "pass"}, (it.outcomes, it.stdout)
            assert "Cannot allocate memory" in it.stdout, it.stdout
            # The reason is all that was on stderr: it is not printed twice.
            assert "stderr:" not in it.stdout and "Cannot allocate memory" in text(it.results["limits::hog"], "PTEST_STDERR"), it.stdout
            # Changing it is not the test's doing.
            assert not any("PTEST_DIRTY" in result for result in it.results.values()), it.results
    with run(suite=suite) as it:
        assert it.status == 2 and "MemoryMax= of tests" in it.stderr, it.stderr


@behaviour
def Leaks_says_what_a_leak_of_a_test_of_a_module_means():
    for isolation in ("none", "process"):
        for policy, outcome in (("fail", "fail"), ("mark", "pass"), ("ignore", "pass")):
            suite = f"[Suite]\nFrom=module:{module('leaks')}\nLeaks={policy}\n"
            with run(suite=suite, options=[f"--isolation={isolation}"]) as it:
                assert set(it.outcomes.values()) == {outcome}, (policy, it.outcomes, it.stdout)
                result, = it.results.values()
                assert ("leaky" in str(result.get("PTEST_MARK", ""))) == (policy != "ignore"), (policy, result)
                it.assert_nothing_is_left()


SEVERAL = """\
import os, socket, sys, time
for name in "first", "second", "third", "fourth":
    s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
    if os.fork() == 0:
        os.setsid()
        os.execlp("sleep", "sleep-" + name, "300")
    print(s.getsockname()[1], flush=True)
    s.close()
    time.sleep(0.02)
"""


@behaviour
def of_several_leaks_each_has_its_own_sockets_and_ages_are_as_of_one_moment():
    with run(suite=f"[Test several]\nExec={sys.executable} -c 'import os; exec(os.environ[\"SEVERAL\"])'\n",
             env={"SEVERAL": SEVERAL.replace("socket.socket()", "socket.socket(); s.set_inheritable(True)")}) as it:
        ports = text(it.results["several"], "PTEST_STDOUT").split()
        leaks = text(it.results["several"], "PTEST_LEAKS").splitlines()
        assert len(leaks) == len(ports) == 4, (leaks, ports, it.stdout, it.stderr)
        leaks = [next(leak for leak in leaks if f"sleep-{name} 300" in leak) for name in ("first", "second", "third", "fourth")]
        for port, leak in zip(ports, leaks):
            assert f"listens: tcp listening on 127.0.0.1:{port};" in leak, (ports, leaks)
        # In the order in which they were started the ages fall, however long it took to look at each.
        ages = [float(number) * (1000 if unit == "s" else 1) for number, unit in
                (re.search(r"\(([0-9.]+)(ms|s) old", leak).groups() for leak in leaks)]
        assert ages == sorted(ages, reverse=True), leaks
        it.assert_nothing_is_left()


@behaviour
def daemon_is_a_leak_and_Leaks_says_what_that_means():
    suite = (shell("marked", SETSID) + shell("failed", SETSID) + "Leaks=fail\n" +
             shell("ignored", SETSID) + "Leaks=ignore\n" + shell("tidy", "exit 0") + "Leaks=fail\n")
    with run(suite=suite) as it:
        assert it.outcomes == {"marked": "pass", "failed": "fail", "ignored": "pass", "tidy": "pass"}, it.outcomes
        assert text(it.results["marked"], "PTEST_MARK") == "leaky", it.results["marked"]
        assert "sleep 300" in text(it.results["marked"], "PTEST_LEAKS"), it.results["marked"]
        assert " old" in text(it.results["marked"], "PTEST_LEAKS"), it.results["marked"]
        assert "sleep 300" in it.reason("failed"), it.reason("failed")
        assert "PTEST_MARK" not in it.results["ignored"] and "PTEST_LEAKS" not in it.results["ignored"]
        it.assert_nothing_is_left()


@behaviour
def grace_for_leaks_can_be_longer():
    suite = shell("late", "(sleep 1) & exit 0") + "LeakGraceSec=1min\n" + shell("soon", "(sleep 30) & exit 0") + "LeakGraceSec=0\n"
    with run(suite=suite) as it:
        assert "PTEST_MARK" not in it.results["late"], it.results["late"]
        assert text(it.results["soon"], "PTEST_MARK") == "leaky", it.results["soon"]


@behaviour
def results_are_sorted_by_what_tests_needed():
    suite = (shell("quick", "exit 0") + shell("slow", "sleep 1") +
             '[Test busy]\nExec=python3 -c "x = bytearray(100 << 20)"\n')
    with run(suite=suite) as it:
        def order(key):
            answer = subprocess.run([PTEST, "results", f"--sort={key}", "--json", str(it.run_file)], check=True,
                                    stdout=subprocess.PIPE, text=True).stdout
            return [test["address"] for test in json.loads(answer)["tests"]]
        # On a machine that is busy itself, any of them may take the longest.
        took = {address: int(text(r, "PTEST_DURATION_USEC")) for address, r in it.results.items()}
        assert order("time") == sorted(took, key=took.get, reverse=True), (order("time"), took)
        assert order("memory")[0] == "busy", order("memory")
        assert order("cpu")[0] == "busy", order("cpu")
        wrong = subprocess.run([PTEST, "results", "--sort=colour", str(it.run_file)], check=False,
                               stderr=subprocess.PIPE, text=True)
        assert wrong.returncode == 2 and "time, cpu or memory" in wrong.stderr, wrong
