# SPDX-License-Identifier: LGPL-2.1-or-later
"""Contexts: who sets up and tears down what, when, and what comes of failures. Each suite writes a log of its order."""

import os
import signal
import xml.etree.ElementTree

from behaviour import behaviour, eventually
from program import process_is_gone, run, Run, shell, text

HEAD = "[Suite]\nTimeoutSec=30\n\n"


def quoted(script):
    return script.replace("\\", "\\\\").replace('"', '\\"')


def context(name, mode="whole", set_up="", tear_down="", more=""):
    """A [Context] whose fixture writes itself into the log, then runs what is given."""
    return (f"[Context {name}]\nMode={mode}\nWorkingDirectory=.\n"
            f'SetUp=/bin/sh -c "echo +{name} >>log; {quoted(set_up)}"\n'
            f'TearDown=/bin/sh -c "echo -{name} >>log; {quoted(tear_down)}"\n{more}\n')


def case(address, inside, script="", more=""):
    """A test that writes itself into the log."""
    inside = f"Context={inside}\n" if inside else ""
    return shell(address, f"echo {address} >>log; {script}", f"WorkingDirectory=.\n{inside}{more}")


def log(it):
    path = it.scratch / "log"
    return path.read_text().split() if path.exists() else []


def fixtures_failed(it):
    return [(text(r, "PTEST_CONTEXT"), text(r, "PTEST_FIXTURE"), text(r, "PTEST_REASON"))
            for r in it.records_of("FIXTURE_FAILED")]


def assert_good(it, status=0):
    it.assert_whole()
    assert it.status == status, it.status
    it.assert_nothing_is_left()


@behaviour
def a_whole_context_is_run_by_one_worker_around_its_tests_nested_ones_inside():
    suite = HEAD + context("a") + context("b", more="Context=a") + "".join(
        case(f"{c}{i}", c if c != "n" else "", "sleep 0.05") for i in range(3) for c in "abn")
    with run(suite=suite, options=["-j3"]) as it:
        assert_good(it)
        assert {text(it.results[t], "PTEST_SLOT") for t in it.results if t[0] in "ab"}.__len__() == 1
        order = [entry for entry in log(it) if entry[0] != "n"]
        assert order == ["+a", "a0", "+b", "b0", "b1", "b2", "-b", "a1", "a2", "-a"], order


@behaviour
def a_split_context_is_set_up_once_in_each_worker_that_runs_its_tests():
    suite = HEAD + context("s", "split") + "".join(case(f"t{i}", "s", "sleep 0.2") for i in range(6))
    with run(suite=suite, options=["-j3"]) as it:
        assert_good(it)
        workers = {text(record, "PTEST_SLOT") for record in it.results.values()}
        order = log(it)
        assert order.count("+s") == order.count("-s") == len(workers) > 1, order
        assert order[0] == "+s" and order[-1] == "-s", order


@behaviour
def a_shared_context_is_set_up_once_for_all_and_torn_down_after_its_last_test():
    suite = (HEAD + context("s", "shared", 'echo "DB=a b" >>"$PTEST_ENV"', 'test "$DB" = "a b"')
             + context("m", "shared", 'test "$DB" = "a b"; echo N=1 >>"$PTEST_ENV"', more="Context=s")
             + "".join(case(f"t{i}", "m", 'test "$DB$N" = "a b1"', "Priority=1") for i in range(6))
             + case("other", "", "sleep 1.5; echo end >>log"))
    with run(suite=suite, options=["-j3"]) as it:
        assert_good(it)
        order = [entry for entry in log(it) if entry != "other"]
        assert order[:2] == ["+s", "+m"] and order[8:] == ["-m", "-s", "end"], order


@behaviour
def a_shared_context_is_set_up_while_other_tests_run():
    # The one that comes first cannot end before.
    suite = (HEAD + case("first", "", "for i in $(seq 250); do grep -q +s log && exit; sleep 0.1; done; false")
             + context("s", "shared") + case("t", "s"))
    with run(suite=suite, options=["-j2"]) as it:
        assert_good(it)


@behaviour
def exports_reach_tests_nested_contexts_and_the_tear_down():
    suite = (HEAD + context("a", set_up='echo X=one >>"$PTEST_ENV"', tear_down='test "$X" = one',
                            more="Environment=FROM=context")
             + context("b", set_up='test "$X" = one; echo X=two >>"$PTEST_ENV"', tear_down='test "$X" = two',
                       more="Context=a")
             + case("t1", "a", 'test "$X,$FROM" = one,context') + case("t2", "b", 'test "$X,$FROM" = two,own',
                                                                      "Environment=FROM=own"))
    with run(suite=suite, options=["-j1"]) as it:
        assert_good(it)
        assert not fixtures_failed(it)


@behaviour
def what_a_set_up_leaves_running_is_no_leak_and_ends_with_the_tear_down():
    for mode in ("whole", "split", "shared"):
        up = 'sleep 500 & echo DAEMON=$! >>"$PTEST_ENV"; setsid sleep 501 & echo OTHER=$! >>"$PTEST_ENV"'
        check = "kill -0 $DAEMON && kill -0 $OTHER"
        suite = (HEAD + context("d", mode, up, check)
                 + case("t1", "d", check) + case("leaky", "d", f"sleep 502 & {check}") + case("t2", "d", check))
        with run(suite=suite, options=["-j1"]) as it:
            assert_good(it)
            assert not fixtures_failed(it), fixtures_failed(it)
            assert it.marks("leaky") == ["leaky"] and not it.marks("t1") and not it.marks("t2"), mode
            leaks = text(it.results["leaky"], "PTEST_LEAKS")
            assert "502" in leaks and "500" not in leaks and "501" not in leaks, leaks


@behaviour
def a_failed_set_up_leaves_its_tests_not_run_and_fails_the_run():
    for mode in ("whole", "split", "shared"):
        suite = (HEAD + context("bad", mode, "echo looking; echo no database >&2; exit 3")
                 + context("in", mode, more="Context=bad")
                 + case("t1", "bad") + case("t2", "in") + case("free", ""))
        with run(suite=suite, options=["-j1", "--junit=j.xml", "--tap=t.tap"]) as it:
            assert_good(it, 1)
            assert it.outcomes == {"t1": "not-run", "t2": "not-run", "free": "pass"}, it.outcomes
            assert it.reason("t2") == "the set-up of context bad failed: exit status 3: no database", it.reason("t2")
            assert fixtures_failed(it) == [("bad", "set-up", "exit status 3: no database")], fixtures_failed(it)
            # What was half set up is torn down.
            assert log(it).count("+bad") == log(it).count("-bad") == 1, log(it)
            assert "looking" in it.stdout and it.verdict == "failed"
            assert "looking" in (it.scratch / "t.tap").read_text()
            cases = xml.etree.ElementTree.parse(it.scratch / "j.xml").findall(".//testcase")
            assert [c.findtext("system-out") for c in cases if c.get("name") == "bad (set-up)"] == ["looking"]


@behaviour
def a_set_up_may_skip_its_tests():
    suite = HEAD + context("c", set_up="echo not on this machine; exit 77") + case("t", "c") + case("free", "")
    with run(suite=suite) as it:
        assert_good(it)
        assert it.outcomes == {"t": "skip", "free": "pass"} and it.reason("t") == "not on this machine", it.reason("t")
        assert "-c" not in log(it)


@behaviour
def a_failed_tear_down_fails_the_run_and_leaves_the_tests_as_they_were():
    suite = HEAD + context("c", tear_down="echo stuck; exit 4") + case("t", "c")
    with run(suite=suite, options=["--tap=t.tap"]) as it:
        assert_good(it, 1)
        assert it.outcomes == {"t": "pass"} and it.verdict == "failed"
        assert fixtures_failed(it) == [("c", "tear-down", "exit status 4: stuck")], fixtures_failed(it)
        assert "Bail out!" in (it.scratch / "t.tap").read_text()


@behaviour
def set_up_and_tear_down_have_limits_of_their_own():
    suite = (HEAD + context("up", set_up="sleep 400", more="SetUpTimeoutSec=300ms")
             + context("down", tear_down="sleep 401", more="TearDownTimeoutSec=300ms")
             + case("t1", "up") + case("t2", "down"))
    with run(suite=suite) as it:
        assert_good(it, 1)
        assert it.outcomes == {"t1": "not-run", "t2": "pass"}, it.outcomes
        assert sorted(f[:2] for f in fixtures_failed(it)) == [("down", "tear-down"), ("up", "set-up")]
        assert all("ran longer than 300ms" in f[2] for f in fixtures_failed(it)), fixtures_failed(it)


@behaviour
def what_is_exported_must_be_assignments():
    suite = HEAD + context("c", set_up='echo "not an assignment" >>"$PTEST_ENV"') + case("t", "c")
    with run(suite=suite) as it:
        assert_good(it, 1)
        assert "line 1" in it.reason("t") and "NAME=value" in it.reason("t"), it.reason("t")


@behaviour
def what_is_exported_is_never_waited_for():
    fifo = 'rm "$%s"; mkfifo "$%s"'
    suite = (HEAD + context("c", set_up=fifo % ("PTEST_ENV", "PTEST_ENV")) + case("t", "c")
             + f'[Test finds]\nExec=/bin/sh -c "{quoted(fifo % ("PTEST_FOUND", "PTEST_FOUND"))}"\nFoundExec=/bin/true\n')
    with run(suite=suite) as it:
        assert_good(it, 1)
        assert it.outcomes == {"t": "not-run", "finds": "error"}, it.outcomes
        for test in it.outcomes:
            assert "it is not a file any more" in it.reason(test), it.reason(test)


@behaviour
def a_worker_that_dies_in_a_whole_context_is_torn_down_by_another_and_the_rest_set_up_anew():
    suite = (HEAD + context("w", set_up='echo OWN=yes >>"$PTEST_ENV"', tear_down='test "$OWN" = yes')
             + case("t1", "w") + case("killer", "w", "kill -KILL $PPID; sleep 5") + case("t2", "w"))
    with run(suite=suite, options=["-j1"]) as it:
        assert_good(it, 1)
        assert it.outcomes == {"t1": "pass", "killer": "lost", "t2": "pass"}, it.outcomes
        assert log(it) == ["+w", "t1", "killer", "-w", "+w", "t2", "-w"], log(it)
        assert not fixtures_failed(it)


@behaviour
def a_worker_that_dies_in_a_split_context_is_torn_down_by_another():
    suite = (HEAD + context("s", "split") + case("killer", "s", "kill -KILL $PPID; sleep 5", "Priority=1")
             + "".join(case(f"t{i}", "s") for i in range(4)))
    with run(suite=suite, options=["-j2"]) as it:
        assert_good(it, 1)
        assert list(it.outcomes.values()).count("pass") == 4 and it.outcomes["killer"] == "lost", it.outcomes
        assert log(it).count("+s") == log(it).count("-s") >= 2, log(it)


@behaviour
def fail_fast_still_tears_down():
    for mode in ("whole", "split", "shared"):
        suite = HEAD + context("c", mode) + case("bad", "c", "exit 1", "Priority=1") + case("t", "c", "sleep 0.2")
        with run(suite=suite, options=["-j1", "--fail-fast"]) as it:
            assert_good(it, 1)
            assert it.outcomes["t"] == "not-run" and log(it)[-1] == "-c" and log(it).count("-c") == 1, log(it)


@behaviour
def a_fixture_that_fails_counts_as_a_failure_for_fail_fast():
    for set_up, tear_down, ran in (("false", "", 0), ("", "false", 1)):
        suite = (HEAD + context("c", "whole", set_up, tear_down) + case("t", "c")
                 + "".join(case(f"rest{i}", "", more="Priority=-1") for i in range(4)))
        with run(suite=suite, options=["-j1", "--fail-fast"]) as it:
            assert_good(it, 1)
            rest = [it.outcomes[f"rest{i}"] for i in range(4)]
            assert it.outcomes["t"] == ("pass" if ran else "not-run") and set(rest) == {"not-run"}, it.outcomes
            assert it.reason("rest0") == "not started after 1 failure", it.reason("rest0")
        with run(suite=suite, options=["-j1", "--fail-fast=2"]) as it:
            assert_good(it, 1)
            assert [it.outcomes[f"rest{i}"] for i in range(4)] == ["pass"] * 4, it.outcomes


def interrupt(mode, times):
    suite = HEAD + context("c", mode, "sleep 300 &") + case("long", "c", "sleep 2") + case("t", "c", "sleep 2")
    with Run(suite=suite, options=["-j1"]) as it:
        it.until(lambda: "long" in log(it), "the first test ran")
        for i in range(times):
            os.kill(it.pid, signal.SIGINT)
            it.until(lambda i=i: it.stderr.count("nterrupted:") + it.stderr.count("Stopping the running") > i,
                     "the interrupt was told")
        it.wait()
        assert_good(it, 5)
        assert log(it) == ["+c", "long", "-c"], (mode, times, log(it))
        assert it.outcomes["t"] == "not-run" and (it.outcomes["long"] == "pass") == (times == 1), it.outcomes


@behaviour
def the_first_interrupt_tears_down():
    for mode in ("whole", "split", "shared"):
        interrupt(mode, 1)


@behaviour
def the_second_interrupt_tears_down_too():
    for mode in ("whole", "split", "shared"):
        interrupt(mode, 2)


@behaviour
def a_shared_context_whose_process_dies_is_lost_to_its_tests_and_torn_down():
    suite = (HEAD + context("s", "shared", "sleep 300 &") + case("t1", "s", "sleep 2") + case("t2", "s"))
    with Run(suite=suite, options=["-j1"]) as it:
        it.until(lambda: "t1" in log(it), "the first test ran")
        # The test's own worker is the one with the lower slot: the other holds the fixture.
        holder = [pid for pid in it.workers() if b"--slot=2" in open(f"/proc/{pid}/cmdline", "rb").read()]
        os.kill(holder[0], signal.SIGKILL)
        eventually(lambda: process_is_gone(holder[0]), 10, "it died")
        it.wait()
        assert_good(it, 1)
        assert it.outcomes == {"t1": "pass", "t2": "not-run"}, it.outcomes
        assert log(it) == ["+s", "t1", "-s"], log(it)
        assert [f[:2] for f in fixtures_failed(it)] == [("s", "set-up")], fixtures_failed(it)


@behaviour
def mistakes_about_contexts_are_told_with_file_and_line():
    suite = (context("a", "split") + context("b", "shared", more="Context=a") + case("t", "b"))
    for text_of_suite, words in (
            (suite, ":7: [Context b] is shared and nested in a split one"),
            (case("t", "nowhere"), ":4: there is no [Context nowhere]"),
            ("[Context a]\nContext=b\n[Context b]\nContext=a\n" + case("t", "a"), ":1: [Context a] is nested in itself"),
            ("[Context a]\nMode=some\n" + case("t", "a"), ":2: Mode=some is not understood; write whole, split or shared"),
            ("[Context a]\nSetUp=./not-there\n" + case("t", "a"), ":2: the program")):
        with run(suite=text_of_suite) as it:
            assert it.status == 2 and words in it.stderr, it.stderr
