# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests that bring forth tests, and workers that are spent: no test is lost, none is run twice, the totals agree."""

import os
import xml.etree.ElementTree
from pathlib import Path

from behaviour import behaviour
from broken_workers import broken, fake_worker
from program import run, text

FINDER = "[Test finder]\nExec=/bin/true\nFoundExec=/bin/echo\n"
LISTER = "Exec=/bin/sh -c 'echo \"$LINES\" >\"$PTEST_FOUND\"; exit $STATUS'\nFoundExec=/bin/echo found:\n"
LINES = {"LINES": 'one\ntwo a b\n"three four" "x y"', "STATUS": "0"}


def found_by(it):
    return {text(r, "PTEST_TEST"): int(text(r, "PTEST_FOUND", "0")) for r in it.records_of("TESTS_FOUND")}


def fake(mode, suite=FINDER, options=("-j2",), once=None):
    env = {"PTEST_WORKER": fake_worker(), "FAKE_WORKER": mode}
    if once:
        env["FAKE_WORKER_ONCE"] = once
    return run(suite="[Suite]\nTimeoutSec=5\nGraceSec=0\nStopSec=1\n" + suite, env=env, options=list(options))


@behaviour
def lines_that_a_program_writes_are_tests():
    with run(suite="[Test lister]\n" + LISTER, env=LINES,
             options=["--verbose", "--tap=it.tap", "--junit=it.xml"]) as it:
        assert it.status == 0, it.stdout
        it.assert_whole()
        assert sorted(it.outcomes) == ["lister", "lister::one", "lister::three four[x y]", "lister::two[a b]"], it.outcomes
        assert text(it.results["lister::two[a b]"], "PTEST_STDOUT") == "found: two a b\n"
        assert text(it.results["lister::three four[x y]"], "PTEST_STDOUT") == "found: three four x y\n"
        assert found_by(it) == {"lister": 3}, found_by(it)
        assert "+3 found by lister" in it.stdout and "3 of the tests were found" in it.stdout, it.stdout
        tap = (it.scratch / "it.tap").read_text().splitlines()
        assert "1..4" in tap and sum(line.startswith("ok ") for line in tap) == 4, tap
        assert tap.index("1..4") > max(i for i, line in enumerate(tap) if line.startswith("ok ")), tap
        suites = xml.etree.ElementTree.parse(it.scratch / "it.xml").getroot()
        assert suites.get("tests") == "4" and len(list(suites.iter("testcase"))) == 4, suites.attrib


@behaviour
def what_is_excluded_is_not_run_when_it_is_found():
    with run(suite="[Test lister]\n" + LISTER, env=LINES, options=["-k", "!*two*"]) as it:
        assert it.status == 0, it.stdout
        it.assert_whole()
        assert sorted(it.outcomes) == ["lister", "lister::one", "lister::three four[x y]"], it.outcomes


@behaviour
def found_tests_are_not_run_after_an_early_failure():
    with run(suite="[Test lister]\n" + LISTER, env={**LINES, "STATUS": "1"}, options=["--fail-fast", "-j1"]) as it:
        assert it.status == 1, it.stdout
        it.assert_whole()
        assert sorted(it.outcomes.values()) == ["fail", "not-run", "not-run", "not-run"], it.outcomes
        assert all("not started after" in it.reason(a) for a, o in it.outcomes.items() if o == "not-run")


@behaviour
def found_tests_run_in_the_context_of_their_finder():
    suite = (
        "[Context c]\nSetUp=/bin/sh -c 'echo up >>$OUT'\nTearDown=/bin/sh -c 'echo down >>$OUT'\n"
        "[Test lister]\nContext=c\nExec=/bin/sh -c 'echo lister >>$OUT; printf \"1\\n2\\n\" >$PTEST_FOUND'\n"
        "FoundExec=/bin/sh -c 'echo test >>$OUT'\n")
    for mode in ("whole", "split", "shared"):
        log = f"/tmp/pt-growth.{os.getpid()}"
        try:
            with run(suite=suite.replace("[Context c]", f"[Context c]\nMode={mode}"), env={"OUT": log},
                     options=["-j1"]) as it:
                assert it.status == 0, it.stdout
                it.assert_whole()
                assert Path(log).read_text().split() == ["up", "lister", "test", "test", "down"], (mode, Path(log).read_text())
        finally:
            Path(log).unlink(missing_ok=True)


@behaviour
def what_cannot_become_a_test_makes_its_finder_an_error():
    with fake("found-bad") as it:
        assert it.status == 1, it.stdout
        it.assert_whole()
        assert it.outcomes == {"finder": "error"}, it.outcomes
        assert "makes no valid address" in it.reason("finder"), it.reason("finder")


@behaviour
def tests_that_are_found_again_are_there_once():
    with fake("found-twice") as it:
        assert it.status == 0, it.stdout
        it.assert_whole()
        assert sorted(it.outcomes) == ["finder", "finder::f1[an argument]", "finder::f2[an argument]"], it.outcomes
        records = it.records_of("TESTS_FOUND")
        assert sum(int(text(r, "PTEST_DUPLICATES", "0")) for r in records) == 4, records


@behaviour
def twenty_thousand_tests_that_are_found_all_have_an_outcome():
    with fake("found-flood") as it:
        assert it.status == 0, it.stdout
        it.assert_whole()
        assert len(it.outcomes) == 20001, len(it.outcomes)


@behaviour
def tests_found_for_what_is_not_held_cost_their_worker():
    for mode in ("found-other", "found-late"):
        once = f"/tmp/pt-once.{os.getpid()}.{mode}"
        try:
            with fake(mode, once=once, options=["-j1"]) as it:
                it.assert_whole()
                assert set(it.outcomes) == {"finder"}, it.outcomes
                stopped = [text(r, "PTEST_WHY") for r in it.records_of("WORKER_STOPPED")]
                assert any("what it was not at" in why for why in stopped), (mode, stopped)
                it.assert_nothing_is_left()
        finally:
            Path(once).unlink(missing_ok=True)


@behaviour
def found_by_a_test_that_finds_none_costs_its_worker():
    once = f"/tmp/pt-once.{os.getpid()}.none"
    try:
        with fake("found-late", suite="[Test t]\nExec=/bin/true\n[Test u]\nExec=/bin/true\n", once=once,
                  options=["-j1"]) as it:
            it.assert_whole()
            assert set(it.outcomes.values()) <= {"pass", "error"}, it.outcomes
    finally:
        Path(once).unlink(missing_ok=True)


@behaviour
def spent_workers_are_replaced_one_at_a_time():
    for mode in ("spent", "spent-lies", "spent-exit"):
        with broken(mode, count=12) as it:
            assert it.status == 0 and set(it.outcomes.values()) == {"pass"}, (mode, it.outcomes)
            it.assert_whole()
            # One test each, and never two of one place at a time.
            assert len(it.records_of("WORKER_STARTED")) >= 12, mode
            running = set()
            for record in it.records:
                slot = text(record, "PTEST_SLOT")
                if record in it.records_of("WORKER_STARTED"):
                    assert slot not in running, mode
                    running.add(slot)
                elif record in it.records_of("WORKER_STOPPED"):
                    running.discard(slot)  # not there: one that was not needed any more before it had said that it is
            it.assert_nothing_is_left()


@behaviour
def spent_worker_tears_down_what_it_has_set_up():
    suite = "[Context c]\nMode=split\nSetUp=/bin/true\nTearDown=/bin/true\n" + "".join(
        f"[Test t{i}]\nContext=c\nExec=/bin/true\n" for i in range(6))
    with fake("spent", suite=suite) as it:
        assert it.status == 0 and set(it.outcomes.values()) == {"pass"}, it.stdout
        it.assert_whole()
        assert not it.records_of("FIXTURE_FAILED"), it.records_of("FIXTURE_FAILED")
        it.assert_nothing_is_left()
