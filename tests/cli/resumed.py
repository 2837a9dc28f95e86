# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs that go on with one that was interrupted or died."""

import os
import random
import signal
import time

from again import Place, finder, kill_in
from behaviour import behaviour
from modules import module
from program import shell, tests, text

# Of SIGKILL at random moments; the whole proof is PTEST_KILLS=200.
KILLS = int(os.environ.get("PTEST_KILLS", "25"))


def slow(at):
    """Long enough to be killed in: passes, failures, a whole context and one that is set up once."""
    made = ('[Context whole]\nSetUp=/bin/true\nTearDown=/bin/true\n'
            '[Context shared]\nMode=shared\nSetUp=/bin/true\nTearDown=/bin/true\n')
    for i in range(8):
        made += at.noting(f"plain{i}", f"sleep 0.0{i}")
        made += at.noting(f"bad{i}", f"sleep 0.0{i}; exit 1") if i < 3 else ""
        made += at.noting(f"whole{i}", "sleep 0.01", "Context=whole\n")
        made += at.noting(f"shared{i}", "sleep 0.01", "Context=shared\n")
    return made, 27


def kill_at(it, seconds):
    """False: it had come to its end before."""
    time.sleep(seconds)
    ended = it.process.poll() is not None
    it.process.kill()
    it.process.wait()
    return not ended


def check_resumed(at, planned, killed):
    """What is in the run that went on to the end, against what was recorded when others were killed."""
    last = at.last
    last.assert_whole()
    assert len(last.results) == planned, len(last.results)
    bad = {name for name in last.outcomes if name.startswith("bad")}
    assert {name for name, outcome in last.outcomes.items() if outcome == "fail"} == bad
    assert set(last.outcomes.values()) == {"pass", "fail"}, last.outcomes
    finished = {}
    for before in killed:
        for name, record in before.results.items():
            finished.setdefault(name, text(record, "PTEST_CARRIED_FROM") or before.id)
    for name, record in last.results.items():
        carried = text(record, "PTEST_CARRIED_FROM")
        assert carried == finished.get(name, ""), (name, carried, finished.get(name))
        # Once, and once more for each run that was killed while it ran.
        assert at.ran[name] <= 1 + len(killed), (name, at.ran[name])
        if name in finished:
            first = next(i for i, before in enumerate(killed) if name in before.results)
            assert at.ran[name] <= 1 + first, (name, at.ran[name], "run again after it was recorded")


def kill_and_resume(seconds, rng):
    """One run that is killed; perhaps the one that goes on with it, too; and the one that comes to the end."""
    with Place() as at:
        suite, planned = slow(at)
        it = at.start(suite, "-j3")
        if not kill_at(it, rng.uniform(0, seconds)):
            return 0
        deaths = 1
        if rng.random() < 0.3:
            deaths += kill_at(at.start(None, "-j3", "--resume=auto"), rng.uniform(0, seconds))
        killed = [r for r in at.all if not r.of("RUN_FINISHED")]
        if len(at.all) > len(killed):
            return deaths
        at.run(None, "-j3", "--resume=auto", status=1)
        check_resumed(at, planned, killed)
        if killed:
            assert text(at.last.started, "PTEST_RESUMES") == killed[-1].id
        return deaths


@behaviour(seconds=600)
def SIGKILL_at_random_moments_loses_no_test_and_runs_none_that_passed_again():
    seed = int(os.environ.get("PTEST_KILLS_SEED") or time.time_ns() % 1000000)
    print(f"# PTEST_KILLS_SEED={seed}")
    rng = random.Random(seed)
    with Place() as at:
        suite, _ = slow(at)
        begin = time.monotonic()
        at.run(suite, "-j3", status=1)
        seconds = time.monotonic() - begin
    deaths = tries = 0
    while deaths < KILLS:
        tries += 1
        assert tries < 3 * KILLS + 10, f"{deaths} kills in {tries} runs"
        deaths += kill_and_resume(seconds, rng)
    print(f"# {deaths} kills")


@behaviour
def interrupted_run_is_resumed_with_what_was_left():
    with Place() as at:
        suite = at.noting_many(4) + "".join(at.noting(f"long{i}", f"until test -e {at.scratch}/go; do sleep 0.05; done")
                                            for i in (1, 2)) + at.noting("late", more="Priority=-1\n")
        it = at.start(suite, "-j2")
        it.until(lambda: at.ran["long1"] and at.ran["long2"], "both ran")
        os.kill(it.pid, signal.SIGTERM)
        it.wait()
        assert it.status == 5, it.status
        (at.scratch / "go").touch()
        it = at.run(None, "--resume", status=0)
        assert at.ran == {**{f"t{i:02}": 1 for i in range(1, 5)}, "long1": 2, "long2": 2, "late": 1}, at.ran
        at.last.assert_whole()
        assert "carried over from run" in it.stdout and "7 passed" in it.stdout, it.stdout


@behaviour
def resume_alone_goes_on_with_the_command_of_the_last_run():
    with Place() as at:
        it = at.start(at.noting_many(3) + at.noting("long", f"test -e {at.scratch}/go || sleep 1000") + shell("it's", "true"),
                      "-j1", "-k", "t0*", "-k", "long", "-k", "it's")
        it.until(lambda: at.ran["long"], "it ran")
        it.until(lambda: len(at.last.results) >= 3, "those before it are recorded")
        it.process.kill()
        it.process.wait()
        (at.scratch / "go").touch()
        at.run(None, "--resume", alone=True, cwd="/", status=0)
        assert set(at.last.outcomes) == {"t01", "t02", "t03", "long", "it's"}, at.last.outcomes
        assert at.ran["t01"] == 1 and at.ran["long"] == 2, at.ran
        at.last.assert_whole()
        it = at.run(None, "--resume", alone=True, status=0)
        assert "Nothing to go on with" in it.stdout and len(at.all) == 2, it.stdout


@behaviour
def resume_of_a_part_without_its_options_says_that_all_is_run():
    with Place() as at:
        suite = at.noting("a-long", f"test -e {at.scratch}/go || sleep 1000", "Priority=1\n") + at.noting("b")
        kill_in(at, "a-long", suite, "-k", "a-*", "--shard=1/1")
        (at.scratch / "go").touch()
        first = at.last.id
        it = at.run(None, f"--resume={first}", status=0)
        assert "was of a part of it only (-k 'a-*', --shard 1/1)" in it.stderr and at.ran == {"a-long": 1, "b": 1}, it.stderr
        at.forget()
        for more in (["-k", "a-*", "--shard=1/1", at.scratch / "it.suite"], []):
            it = at.run(None, f"--resume={first}", *more, alone=True, status=0)
            assert not it.stderr and set(at.ran) == {"a-long"}, (it.stderr, at.ran)


@behaviour
def resume_of_what_has_no_run_or_is_going_on_is_wrong_use():
    with Place() as at:
        it = at.run(tests(1), "--resume", status=2)
        assert "no run of it is recorded" in it.stderr, it.stderr
        it = at.run(None, "--resume", alone=True, status=2)
        assert "no run is recorded" in it.stderr, it.stderr
        going = at.start(at.noting("long", "sleep 1000"))
        going.until(lambda: at.ran["long"], "it ran")
        it = at.run(None, "--resume", status=2)
        assert "still going on" in it.stderr, it.stderr


@behaviour
def auto_begins_anew_where_no_run_died():
    with Place() as at:
        at.run(at.noting("a") + at.noting("b", "exit 1"), "--resume=auto", status=1)
        at.run(None, "--resume=auto", status=1)
        assert at.ran == {"a": 2, "b": 2} and "PTEST_RESUMES" not in at.last.started, at.ran


@behaviour
def auto_gives_up_when_runs_die_without_a_result():
    with Place() as at:
        suite = at.noting("kills-all", "sleep 1000")
        for _ in range(3):
            it = at.start(suite, "--resume=auto")
            before = at.ran["kills-all"]
            it.until(lambda: at.ran["kills-all"] > before, "it ran")  # pylint: disable=cell-var-from-loop
            it.process.kill()
            it.process.wait()
        it = at.run(None, "--resume=auto", status=3)
        assert "died without a result" in it.stderr, it.stderr


@behaviour
def attempts_before_a_kill_count_after_it():
    with Place() as at:
        suite = at.passes_from(3, "wobbly", "Priority=1\n") + at.noting(
            "long", f"test -e {at.scratch}/go || sleep 1000")
        it = at.start(suite, "-j1", "--retries=2")
        it.until(lambda: at.ran["long"], "the long one ran")
        it.until(lambda: at.last.attempts["wobbly"], "the attempt before it is recorded")
        it.process.kill()
        it.process.wait()
        (at.scratch / "go").touch()
        at.run(None, "-j1", "--retries=2", "--resume", status=0)
        last = at.last
        assert text(last.results["wobbly"], "PTEST_ATTEMPT") == "3" and at.ran["wobbly"] == 3, at.ran
        assert last.results["wobbly"]["PTEST_MARK"] == b"flaky"
        assert [text(r, "PTEST_ATTEMPT") for r in last.of("ATTEMPT_FINISHED")] == ["1", "2"]
        last.assert_whole()


@behaviour
def found_tests_are_taken_over_and_what_is_left_of_them_is_found_again():
    with Place() as at:
        it = at.start(finder(at), "-j1")
        it.until(lambda: at.ran["two"], "the second one ran")
        it.until(lambda: len(at.last.results) == 2, "finder and first one are recorded")
        it.process.kill()
        it.process.wait()
        (at.scratch / "go").touch()
        at.run(None, "-j1", "--resume", status=0)
        assert at.ran == {"finder": 2, "one": 1, "two": 2, "three": 1}, at.ran
        assert set(at.last.outcomes.values()) == {"pass"} and len(at.last.outcomes) == 4, at.last.outcomes
        at.last.assert_whole()


@behaviour
def found_tests_that_are_all_done_are_taken_over_with_their_finder():
    with Place() as at:
        it = at.start(finder(at) + at.noting("long", f"test -e {at.scratch}/go2 || sleep 1000", "Priority=-1"), "-j1")
        (at.scratch / "go").touch()
        it.until(lambda: at.ran["long"], "the long one ran")
        it.until(lambda: len(at.last.results) == 4, "those before it are recorded")
        it.process.kill()
        it.process.wait()
        for number in (1, 2):
            # The second time it is killed again, and nothing is lost by that.
            if number == 1:
                it = at.start(None, "-j1", "--resume")
                it.until(lambda: at.ran["long"] == 2, "the long one ran again")
                it.process.kill()
                it.process.wait()
                continue
            (at.scratch / "go2").touch()
            at.run(None, "-j1", "--resume", status=0)
        assert at.ran == {"finder": 1, "one": 1, "two": 1, "three": 1, "long": 3}, at.ran
        assert set(at.last.outcomes.values()) == {"pass"} and len(at.last.outcomes) == 5, at.last.outcomes
        at.last.assert_whole()


@behaviour
def retry_that_an_interrupt_has_cut_is_made_by_the_resumed_run():
    with Place() as at:
        suite = at.passes_from(2, "wobbly", "Priority=1\n") + at.noting("long", f"test -e {at.scratch}/go || sleep 1000")
        it = at.start(suite, "-j1", "--retries=1")
        it.until(lambda: at.ran["long"], "the long one ran")
        os.kill(it.pid, signal.SIGTERM)
        it.wait()
        assert it.status == 5 and at.last.outcomes["wobbly"] == "fail", at.last.outcomes
        (at.scratch / "go").touch()
        at.run(None, "-j1", "--retries=1", "--resume", status=0)
        assert at.ran["wobbly"] == 2 and at.last.results["wobbly"]["PTEST_MARK"] == b"flaky", at.ran
        at.last.assert_whole()


@behaviour
def results_that_come_in_batches_are_not_lost_by_a_SIGKILL():
    """Tests in the worker's process: what was recorded is not run again, and what was not is."""
    rng = random.Random(1)
    for n in range(6):
        with Place() as at:
            suite = f"[Suite]\nFrom=module:{module('notes')}\nIsolation=none\nEnvironment=NOTES={at.scratch}/ran\n"
            it = at.start(suite, "-j2")
            it.until(lambda: len(at.ran) > 10 * n, "so many ran")  # pylint: disable=cell-var-from-loop
            if not kill_at(it, rng.uniform(0, 0.03)):
                continue
            before = at.last.results
            at.run(None, "-j2", "--resume", status=0)
            last = at.last
            last.assert_whole()
            assert len(last.results) == 120 and set(last.outcomes.values()) == {"pass"}, last.outcomes
            for name, record in last.results.items():
                assert ("PTEST_CARRIED_FROM" in record) == (name in before), name
                times = at.ran[name.rpartition("::")[2]]
                assert times == 1 if name in before else 1 <= times <= 2, (name, times)
