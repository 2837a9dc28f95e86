# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests that are run again: retries, repeats, reruns; and orders and parts."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from behaviour import behaviour
from program import MESSAGE_IDS, PTEST, Run, read_export, shell, tests, text


class Recorded:
    """A run file that may end anywhere."""

    def __init__(self, path):
        self.path = path
        try:
            self.records = read_export(path)
        except ValueError:
            self.records = []

    def of(self, kind):
        return [r for r in self.records if text(r, "MESSAGE_ID") == MESSAGE_IDS[kind]]

    @property
    def began(self):
        return bool(self.of("RUN_STARTED"))

    @property
    def started(self):
        return self.of("RUN_STARTED")[0]

    @property
    def id(self):
        return text(self.started, "PTEST_RUN_ID")

    @property
    def results(self):
        found = {}
        for record in self.of("TEST_FINISHED"):
            address = text(record, "PTEST_TEST")
            assert address not in found, f"{address} was reported twice in {self.path}"
            found[address] = record
        return found

    @property
    def outcomes(self):
        return {address: text(r, "PTEST_OUTCOME") for address, r in self.results.items()}

    @property
    def attempts(self):
        return Counter(text(r, "PTEST_TEST") for r in self.of("ATTEMPT_FINISHED"))

    @property
    def verdict(self):
        return text(self.of("RUN_FINISHED")[0], "PTEST_VERDICT")

    def assert_whole(self):
        planned = int(text(self.started, "PTEST_PLANNED"))
        planned += sum(int(text(r, "PTEST_FOUND", "0")) for r in self.of("TESTS_FOUND"))
        finished = self.of("RUN_FINISHED")
        assert len(finished) == 1, len(finished)
        assert planned == int(text(finished[0], "PTEST_PLANNED")) == len(self.results), (planned, len(self.results))
        counts = finished[0].get("PTEST_COUNT", [])
        counts = dict(c.decode().split("=") for c in (counts if isinstance(counts, list) else [counts]))
        for outcome, count in Counter(self.outcomes.values()).items():
            assert counts.pop(outcome) == str(count), (outcome, counts)


class Place:
    """Where a suite is run several times. Each of its tests notes its name when it begins."""

    def __init__(self):
        self.scratch = Path(tempfile.mkdtemp(prefix="pt."))
        self.made = []

    def __enter__(self):
        return self

    def __exit__(self, *what):
        for it in self.made[:-1]:
            for pid in it.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            it.process.wait()
        if self.made:
            self.made[-1].__exit__(*what)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def noting(self, name, script="true", more=""):
        return shell(name, f"echo {name} >> {self.scratch}/ran; {script}", more)

    def noting_many(self, count, script="true", more=""):
        return "".join(self.noting(f"t{i:02}", script, more) for i in range(1, count + 1))

    def passes_from(self, n, name, more=""):
        """A test that passes when it is run for the n-th time."""
        return self.noting(name, f"test $(grep -cx {name} {self.scratch}/ran) -ge {n}", more)

    @property
    def ran(self):
        """How often each test ran."""
        path = self.scratch / "ran"
        return Counter(path.read_text().split()) if path.exists() else Counter()

    @property
    def order(self):
        return (self.scratch / "ran").read_text().split()

    def forget(self):
        (self.scratch / "ran").unlink(missing_ok=True)

    def start(self, suite, *options, alone=False, **kwargs):
        """alone: without the name of the suite"""
        path = self.scratch / "it.suite"
        if suite is not None:
            path.write_text(suite)
        it = Run(*([] if alone else [path]), options=options, scratch=self.scratch, **kwargs)
        self.made.append(it)
        return it

    def run(self, suite, *options, status=None, **kwargs):
        it = self.start(suite, *options, **kwargs).wait()
        assert status is None or it.status == status, (it.status, it.stdout, it.stderr)
        return it

    @property
    def all(self):
        """Its runs, in the order in which they began; without those that have no begin."""
        runs = [Recorded(path) for path in (self.scratch / "state" / "runs").glob("*.export*")]
        return sorted((r for r in runs if r.began), key=lambda r: int(text(r.started, "PTEST_TIME_USEC")))

    @property
    def last(self):
        return self.all[-1]


# ---- Retries and repeats ----


@behaviour
def test_that_passes_at_last_is_flaky():
    with Place() as at:
        it = at.run(at.passes_from(3, "wobbly") + tests(3), "--retries=2", status=0)
        last = at.last
        record = last.results["wobbly"]
        assert text(record, "PTEST_OUTCOME") == "pass" and record["PTEST_MARK"] == b"flaky", record
        assert text(record, "PTEST_ATTEMPT") == text(record, "PTEST_ATTEMPTS") == "3", record
        assert [text(r, "PTEST_ATTEMPT") for r in last.of("ATTEMPT_FINISHED")] == ["1", "2"]
        assert {text(r, "PTEST_OUTCOME") for r in last.of("ATTEMPT_FINISHED")} == {"fail"}
        assert "1 flaky" in it.stdout and "4 passed" in it.stdout, it.stdout
        last.assert_whole()


@behaviour
def flaky_test_fails_the_run_if_that_is_wanted():
    with Place() as at:
        it = at.run(at.passes_from(2, "wobbly"), "--retries=2", "--flaky=fail", status=1)
        assert at.last.verdict == "failed" and at.last.outcomes == {"wobbly": "pass"}
        assert "1 test was flaky" in it.stdout, it.stdout
        at.forget()
        at.run(None, "--retries=2", "--flaky=pass", status=0)


@behaviour
def suite_says_which_tests_are_tried_again_and_the_option_stands_above_it():
    with Place() as at:
        suite = ("[Suite]\nRetries=1\n[Context c]\nRetries=2\n[Match hopeless]\nRetries=0\n" + at.passes_from(2, "second") +
                 at.passes_from(3, "third", "Context=c\n") + at.noting("own", "exit 1", "Retries=3\n") +
                 at.noting("hopeless", "exit 1", "Context=c\n"))
        at.run(suite, status=1)
        assert at.ran == {"second": 2, "third": 3, "own": 4, "hopeless": 1}, at.ran
        assert at.last.outcomes == {"second": "pass", "third": "pass", "own": "fail", "hopeless": "fail"}
        at.last.assert_whole()
        for option, times in (("--retries=0", 1), ("--retries=2", 3), ("--repeat=2", 2)):
            at.forget()
            at.run(None, option, "-k", "own", "-k", "hopeless", status=1)
            assert at.ran == {"own": times, "hopeless": times}, (option, at.ran)


@behaviour
def flaky_test_fails_the_run_if_the_suite_says_so_of_it():
    with Place() as at:
        suite = "[Suite]\nRetries=1\n" + at.passes_from(2, "may") + at.passes_from(2, "must-not", "Flaky=fail\n")
        it = at.run(suite, status=1)
        assert at.last.verdict == "failed" and "1 test was flaky" in it.stdout and "2 flaky" in it.stdout, it.stdout
        for options, status in ((["-k", "may"], 0), (["--flaky=pass"], 0), (["-k", "may", "--flaky=fail"], 1)):
            at.forget()
            at.run(None, *options, status=status)


def finder_of_flaky(at):
    """A test that finds another one, which passes the second time and may not be flaky."""
    (at.scratch / "find").write_text("echo found > $PTEST_FOUND\n")
    return (f"[Test finder]\nExec=/bin/sh {at.scratch}/find\nFlaky=fail\nPriority=1\nFoundExec=/bin/sh -c "
            f"\"echo found >> {at.scratch}/ran; test $(grep -cx found {at.scratch}/ran) -ge 2\"\n")


@behaviour
def attempts_at_tests_that_were_found_are_taken_over():
    with Place() as at:
        suite = f"[Suite]\nRetries=2\n{finder_of_flaky(at)}" + at.noting("long", f"test -e {at.scratch}/go || sleep 1000")
        it = at.start(suite, "-j1")
        it.until(lambda: at.ran["long"], "the long one ran")
        it.until(lambda: at.last.attempts["finder::found"], "the attempt before it is recorded")
        it.process.kill()
        it.process.wait()
        (at.scratch / "go").touch()
        it = at.run(None, "-j1", "--resume", status=1)
        assert at.ran == {"found": 2, "long": 2} and "1 test was flaky" in it.stdout, (at.ran, it.stdout)
        record = at.last.results["finder::found"]
        assert text(record, "PTEST_ATTEMPT") == "2" and record["PTEST_MARK"] == b"flaky", record
        assert [text(r, "PTEST_ATTEMPT") for r in at.last.of("ATTEMPT_FINISHED")] == ["1"]
        at.last.assert_whole()


@behaviour
def flaky_test_that_fails_the_run_is_run_again_with_what_failed():
    with Place() as at:
        at.run(at.passes_from(2, "must-not", "Flaky=fail\n") + at.passes_from(2, "may"), "--retries=1", status=1)
        at.run(None, "--rerun=failed", status=0)
        assert at.ran == {"must-not": 3, "may": 2}, at.ran


@behaviour
def flaky_tests_that_were_found_are_taken_over_with_what_that_means():
    with Place() as at:
        suite = f"[Suite]\nRetries=1\n{finder_of_flaky(at)}" + at.noting(
            "long", f"test $(grep -cx long {at.scratch}/ran) -ge 2 || exit 1; test -e {at.scratch}/go || sleep 1000")
        it = at.start(suite, "-j1")
        it.until(lambda: at.ran["long"] == 2, "the long one ran again, behind what was found")
        it.until(lambda: "finder::found" in at.last.outcomes and at.last.attempts["long"], "that is recorded")
        it.process.kill()
        it.process.wait()
        (at.scratch / "go").touch()
        it = at.run(None, "-j1", "--resume", "--flaky=pass", status=0)
        assert at.ran == {"found": 2, "long": 3} and "2 flaky" in it.stdout, (at.ran, it.stdout)
        first = at.all[0].id
        it = at.run(None, "-j1", f"--resume={first}", status=1)
        assert at.ran["found"] == 2 and "1 test was flaky" in it.stdout and "2 flaky" in it.stdout, (at.ran, it.stdout)


@behaviour
def retries_are_for_all_bad_outcomes_and_for_no_skip():
    bad = {"fails": ("exit 1", ""), "crashes": ("kill -SEGV $$", ""), "hangs": ("sleep 100", "TimeoutSec=300ms\nGraceSec=100ms\n"),
           "passes-unexpectedly": ("true", "ShouldFail=yes\n"), "gives-up": ("exit 99", "")}
    with Place() as at:
        suite = "".join(at.noting(name, *what) for name, what in bad.items()) + at.noting("skips", "exit 77")
        at.run(suite, "--retries=1", "--stuck-report=no", status=1)
        assert at.ran == {**dict.fromkeys(bad, 2), "skips": 1}, at.ran
        assert at.last.attempts == dict.fromkeys(bad, 1), at.last.attempts
        assert at.last.outcomes["skips"] == "skip", at.last.outcomes
        at.last.assert_whole()


@behaviour
def retried_tests_go_behind_the_others():
    with Place() as at:
        at.run(at.passes_from(2, "a") + at.noting_many(5), "--retries=1", "-j1", status=0)
        assert at.order == ["a", "t01", "t02", "t03", "t04", "t05", "a"], at.order


@behaviour
def retried_test_of_a_whole_context_stays_in_it():
    with Place() as at:
        context = (f'[Context c]\nSetUp=/bin/sh -c "echo up >> {at.scratch}/ran"\n'
                   f'TearDown=/bin/sh -c "echo down >> {at.scratch}/ran"\n')
        at.run(context + at.passes_from(2, "a", "Context=c\n") + at.noting("b", more="Context=c\n") + at.noting("z"),
               "--retries=1", "-j1", status=0)
        inner = at.order[at.order.index("up"):at.order.index("down") + 1]
        assert inner == ["up", "a", "b", "a", "down"] and sorted(at.order) == sorted([*inner, "z"]), at.order


@behaviour
def first_bad_repeat_is_the_outcome():
    with Place() as at:
        # Bad when it runs for the second time only.
        second = at.noting("second", f"test $(grep -cx second {at.scratch}/ran) -ne 2")
        at.run(second + at.noting("good"), "--repeat=4", status=1)
        assert at.ran == {"second": 4, "good": 4}, at.ran
        record = at.last.results["second"]
        assert text(record, "PTEST_OUTCOME") == "fail" and text(record, "PTEST_ATTEMPT") == "2", record
        assert text(record, "PTEST_ATTEMPTS") == "4" and record["PTEST_MARK"] == b"flaky", record
        told = [text(r, "PTEST_ATTEMPT") for r in at.last.of("ATTEMPT_FINISHED") if text(r, "PTEST_TEST") == "second"]
        assert told == ["1", "3", "4"], told
        assert at.last.outcomes["good"] == "pass" and at.last.attempts["good"] == 3
        at.last.assert_whole()


@behaviour
def runs_go_on_until_one_fails():
    with Place() as at:
        it = at.run(at.noting("a", f"test $(grep -cx a {at.scratch}/ran) -lt 3"), "--until-fail=10", status=1)
        assert at.ran == {"a": 3} and len(at.all) == 3, at.ran
        assert [r.verdict for r in at.all] == ["passed", "passed", "failed"]
        assert "Run 3 did not pass" in it.stderr, it.stderr
        at.forget()
        at.run(at.noting("a"), "--until-fail=2", status=0)
        assert at.ran == {"a": 2}, at.ran


# ---- Reruns ----


def mixed(at):
    """One of each kind, and one that is left because of a limit of failures."""
    return (at.noting("good", more="Priority=3\n") + at.noting("skips", "exit 77", "Priority=3\n") +
            at.noting("bad", "exit 1", "Priority=2\n") + at.noting("left"))


@behaviour
def rerun_of_a_damaged_run_runs_what_is_not_known():
    with Place() as at:
        at.run(at.noting_many(3), status=0)
        path = at.last.path
        subprocess.run(["zstd", "-dq", "--rm", path], check=True)
        path = path.with_suffix("")
        data = path.read_bytes()
        assert data.count(b"PTEST_TEST=t02\n") == 1
        path.write_bytes(data.replace(b"PTEST_TEST=t02\n", b"PTEST_TEST=t99\n"))
        for what, expected in (("failed", {}), ("outstanding", {"t02": 1}), ("not-passed", {"t02": 1})):
            at.forget()
            it = at.run(None, f"--rerun={what}", status=0)
            assert "left out" in it.stderr and at.ran == expected, (what, it.stderr, at.ran)
            for more in at.all[1:]:
                more.path.unlink()


@behaviour
def rerun_chooses_by_what_is_recorded():
    for what, expected in (("failed", {"bad"}), ("not-passed", {"bad", "skips", "left"}), ("outstanding", {"left"})):
        with Place() as at:
            at.run(mixed(at), "-j1", "--fail-fast", status=1)
            first = at.last
            assert first.outcomes == {"good": "pass", "skips": "skip", "bad": "fail", "left": "not-run"}
            at.forget()
            at.run(None, f"--rerun={what}")
            assert set(at.ran) == expected == set(at.last.outcomes), (what, at.ran)
            assert text(at.last.started, "PTEST_RERUN_OF") == first.id
            at.last.assert_whole()


def finder(at):
    """A test that finds three others, which note that they ran; the second one of them may have to wait."""
    (at.scratch / "find").write_text(f"echo finder >> {at.scratch}/ran; printf 'one\\ntwo\\nthree\\n' > $PTEST_FOUND\n")
    (at.scratch / "found").write_text(f"echo $1 >> {at.scratch}/ran\ntest $1 != two || test -e {at.scratch}/go || sleep 1000\n")
    return f"[Test finder]\nExec=/bin/sh {at.scratch}/find\nFoundExec=/bin/sh {at.scratch}/found\n"


def kill_in(at, name, suite, *options, recorded=0):
    """A run that is killed when a test has begun, and so many others are recorded: a test may begin before that is so."""
    before = len(at.all)
    it = at.start(suite, "-j1", *options)
    it.until(lambda: at.ran[name], "it ran")
    it.until(lambda: len(at.all) > before and len(at.last.results) >= recorded, "the others are recorded")
    it.process.kill()
    it.process.wait()
    at.forget()


@behaviour
def rerun_of_a_part_that_died_stays_in_that_part():
    long = "test -e {}/go || sleep 1000"
    for what in ("outstanding", "not-passed"):
        with Place() as at:
            suite = (at.noting("a-done", more="Priority=1\n") + at.noting("a-long", long.format(at.scratch)) +
                     at.noting("a-left", more="Priority=-1\n") + at.noting("b"))
            kill_in(at, "a-long", suite, "-k", "a-*", "--shuffle=3", recorded=1)
            (at.scratch / "go").touch()
            at.run(None, f"--rerun={what}", status=0)
            assert at.ran == {"a-long": 1, "a-left": 1}, (what, at.ran)


@behaviour
def rerun_of_a_shard_that_died_stays_in_that_shard():
    with Place() as at:
        suite = (at.noting_many(9, f"test -e {at.scratch}/go || sleep 1000") + "[Context c]\n" +
                 "".join(at.noting(f"c{i}", more="Context=c\n") for i in range(3)))
        (at.scratch / "go").touch()
        at.run(suite, "--shard=2/3", status=0)
        part = set(at.ran)
        assert part and len(part) < 12, part
        (at.scratch / "go").unlink()
        at.forget()
        kill_in(at, min(name for name in part if name.startswith("t")), None, "--shard=2/3", "-k", "t*")
        (at.scratch / "go").touch()
        at.run(None, "--rerun=outstanding", status=0)
        assert set(at.ran) == {name for name in part if name.startswith("t")}, (part, at.ran)


@behaviour
def rerun_of_a_rerun_that_died_stays_in_that_rerun():
    with Place() as at:
        suite = (at.noting("good", more="Priority=2\n") + at.noting("bad1", "exit 1", "Priority=1\n") +
                 at.noting("bad2", f"test -e {at.scratch}/hang && sleep 1000; test -e {at.scratch}/go") +
                 at.noting("bad3", f"test -e {at.scratch}/go", "Priority=-1\n"))
        at.run(suite, "-j1", status=1)
        (at.scratch / "hang").touch()
        at.forget()
        kill_in(at, "bad2", None, "--rerun=failed", recorded=1)
        (at.scratch / "hang").unlink()
        (at.scratch / "go").touch()
        at.run(None, "--rerun=outstanding", status=0)
        assert at.ran == {"bad2": 1, "bad3": 1}, at.ran


@behaviour
def rerun_finds_again_what_was_found_and_left():
    with Place() as at:
        kill_in(at, "two", finder(at))
        (at.scratch / "go").touch()
        at.run(None, "-j1", "--rerun=outstanding", status=0)
        assert at.ran["two"] == at.ran["three"] == 1, at.ran


@behaviour
def rerun_of_a_named_run():
    with Place() as at:
        at.run(at.passes_from(2, "a") + at.passes_from(3, "b"), status=1)
        first = at.last.id
        at.run(None, status=1)
        at.forget()
        at.run(at.noting("a") + at.noting("b"), f"--rerun=failed:{first[:8]}", status=0)
        assert at.ran == {"a": 1, "b": 1} and text(at.last.started, "PTEST_RERUN_OF") == first


@behaviour
def nothing_to_run_again_is_no_failure_and_no_run():
    with Place() as at:
        at.run(tests(3), status=0)
        it = at.run(None, "--rerun=failed", status=0)
        assert "Nothing to run again" in it.stdout and len(at.all) == 1, it.stdout


@behaviour
def tests_that_vanished_are_named():
    with Place() as at:
        at.run(at.noting("gone", "exit 1") + at.noting("stays", "exit 1"), status=1)
        it = at.run(at.noting("stays"), "--rerun", status=0)
        assert "gone" in it.stderr and at.last.outcomes == {"stays": "pass"}, it.stderr
        at.run(at.noting("gone", "exit 1"), status=1)
        it = at.run(at.noting("stays"), "--rerun", status=4)
        assert "gone" in it.stderr, it.stderr


@behaviour
def rerun_without_an_earlier_run_is_wrong_use():
    with Place() as at:
        it = at.run(tests(1), "--rerun", status=2)
        assert "no run of it is recorded" in it.stderr, it.stderr


@behaviour
def context_whose_tear_down_failed_is_run_again():
    with Place() as at:
        context = f'[Context c]\nTearDown=/bin/sh -c "test -e {at.scratch}/mended"\n'
        suite = context + at.noting("in", more="Context=c\n") + at.noting("out")
        at.run(suite, status=1)
        at.forget()
        (at.scratch / "mended").touch()
        at.run(None, "--rerun=failed", status=0)
        assert at.ran == {"in": 1}, at.ran


# ---- Order and parts ----


@behaviour
def seed_repeats_an_order():
    with Place() as at:
        it = at.run(at.noting_many(20), "--shuffle", "-j1", status=0)
        first, seed = at.order, text(at.last.started, "PTEST_SEED")
        assert f"seed {seed}" in it.stdout, it.stdout
        at.forget()
        at.run(None, f"--shuffle={seed}", "-j1", status=0)
        assert at.order == first and text(at.last.started, "PTEST_SEED") == seed
        at.forget()
        at.run(None, f"--shuffle={int(seed) + 1}", "-j1", status=0)
        assert at.order != first and sorted(at.order) == sorted(first)


@behaviour
def shuffled_tests_keep_priorities_and_contexts():
    with Place() as at:
        suite = ("[Context c]\n" + "".join(at.noting(f"c{i}", more="Context=c\n") for i in range(6)) +
                 "".join(at.noting(f"high{i}", more="Priority=5\n") for i in range(4)) + at.noting_many(8))
        for seed in range(4):
            at.forget()
            at.run(suite, f"--shuffle={seed}", "-j1", status=0)
            order = at.order
            assert all(name.startswith("high") for name in order[:4]), order
            inside = [i for i, name in enumerate(order) if name.startswith("c")]
            assert inside == list(range(inside[0], inside[0] + 6)), order


@behaviour
def parts_are_the_suite_each_test_once():
    with Place() as at:
        suite = at.noting_many(12) + "[Context c]\n" + "".join(at.noting(f"c{i}", more="Context=c\n") for i in range(5))
        at.run(suite, status=0)
        for how in ("hash", "duration", f"duration:{at.last.id}"):
            at.forget()
            inside = set()
            for i in (1, 2, 3):
                it = at.run(None, f"--shard={i}/3", f"--shard-by={how}", "--allow-no-tests", status=0)
                assert text(at.last.started, "PTEST_SHARD") == f"{i}/3" and f"part {i}/3" in it.stdout, it.stdout
                inside |= {i for name in at.last.outcomes if name.startswith("c")}
            assert len(inside) == 1 and set(at.ran.values()) == {1} and len(at.ran) == 17, (how, at.ran)


@behaviour
def a_part_without_tests_says_that_it_is_the_part():
    with Place() as at:
        suite = at.noting("one")
        for options, reason in (((), "no test is in part {}"),
                                (("-k", "one"), "no test that matches -k one is in part {}"),
                                (("-k", "two"), "no test matches -k two")):
            runs = [at.run(suite, f"--shard={part}", *options) for part in ("1/2", "2/2")]
            empty = [i for i, it in enumerate(runs, 1) if it.status == 4]
            assert len(empty) == (2 if "two" in options else 1), [it.stdout for it in runs]
            for i in empty:
                assert f"({reason.format(f'{i}/2')})" in runs[i - 1].stdout, runs[i - 1].stdout


@behaviour
def wrong_use_says_what_would_be_right():
    for option, hint in (("--shard=4/3", "1/N to N/N"), ("--shard=0/3", "1/N"), ("--shard=2", "1/N"),
                         ("--retries=-1", "0 to 100"), ("--retries=1000", "0 to 100"), ("--repeat=0", "1 to 10000"),
                         ("--rerun=foo", "outstanding"), ("--rerun=failed:", "outstanding"), ("--resume=", "auto"),
                         ("--shuffle=x", "a number"), ("--flaky=maybe", "pass or fail"), ("--until-fail=0", "from 1"),
                         ("--shard-by=size", "duration"), ("--shard-by=duration", "--shard=I/N")):
        with Place() as at:
            it = at.run(tests(1), option, status=2)
            assert hint in it.stderr and not (at.scratch / "state" / "runs").exists(), (option, it.stderr)
    with Place() as at:
        it = at.run(tests(1), "--retries=2", "--repeat=2", status=2)
        assert "contradict" in it.stderr, it.stderr


def lose_results(at, *addresses):
    """Of the only run, as if the disk had been full when they were to be recorded."""
    [path] = (at.scratch / "state" / "runs").glob("*.zst")
    data = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout
    kind = f"MESSAGE_ID={MESSAGE_IDS['TEST_FINISHED']}\n".encode()
    entries = [entry for entry in data.split(b"\n\n") if kind not in entry + b"\n"
               or not any(f"PTEST_TEST={address}\n".encode() in entry for address in addresses)]
    assert len(entries) == data.count(b"\n\n") + 1 - len(addresses)
    path.with_suffix("").write_bytes(b"\n\n".join(entries))
    path.unlink()


@behaviour
def results_that_were_not_recorded_are_told_and_run_again():
    for option, ran in (("--resume", {"t0001", "t0003"}), ("--rerun=outstanding", {"t0001", "t0003"}),
                        ("--rerun=not-passed", {"t0001", "t0003", "bad"}), ("--rerun=failed", {"bad"})):
        with Place() as at:
            suite = "".join(at.noting(f"t000{i}", "true") for i in range(1, 5)) + at.noting("bad", "exit 1")
            at.run(suite, status=1)
            lose_results(at, "t0001", "t0003")
            at.forget()
            done = subprocess.run([PTEST, "results", at.last.path], capture_output=True, text=True, check=True)
            assert "2 of the 5 results that the run counted are not there" in done.stderr, done
            it = at.run(suite, option)
            assert set(at.ran) == ran and "2 of the 5 results" in it.stderr, (option, at.ran, it.stderr)
